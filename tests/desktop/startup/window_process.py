"""Run by test_single_instance.py: the window; prints what is in its worklist, and ends when a file of this name is."""

import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from divisive_desktop.desktop import application as app
from tests.desktop.pages import Page

if __name__ == "__main__":
    last, files = sys.argv[1], [Path(f) for f in sys.argv[2:]]
    application = app.application()
    seen: set[str] = set()

    def look() -> None:
        page = Page.shown()
        if page is not None:
            names = set(page.case_names)
            for name in sorted(names - seen):
                print("opened", name, flush=True)
            seen.update(names)
            if last in names:
                page.close()

    timer = QTimer(interval=100)
    timer.timeout.connect(look)
    timer.start()
    sys.exit(app.run(files))
