"""Run by test_instance.py: the real window; prints what is in its worklist, and ends when a file of this name is."""

import sys
from pathlib import Path

from PySide6.QtCore import QTimer

from divisive_desktop.desktop import application as app
from divisive_desktop.desktop.window import MainWindow

if __name__ == "__main__":
    last, files = sys.argv[1], [Path(f) for f in sys.argv[2:]]
    application = app.application()
    seen: set[str] = set()

    def look() -> None:
        for window in application.topLevelWidgets():
            if isinstance(window, MainWindow) and window.isVisible():
                names = {case.name for case in window.session.cases}
                for name in sorted(names - seen):
                    print("opened", name, flush=True)
                seen.update(names)
                if last in names:
                    window.close()

    timer = QTimer(interval=100)
    timer.timeout.connect(look)
    timer.start()
    sys.exit(app.run(files))
