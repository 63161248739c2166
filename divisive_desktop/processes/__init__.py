"""Child processes: how each of them begins, and work that is done apart because it may end its process."""
