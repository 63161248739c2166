"""``python -m divisive_desktop``: the command line; without arguments, the window."""

import multiprocessing

from divisive_desktop.cli.entry import main

if __name__ == "__main__":
    multiprocessing.freeze_support()  # a frozen child process starts here too
    main()
