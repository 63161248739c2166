"""The process that makes reports: what is asked of it, the client that starts it, the worker in it."""
