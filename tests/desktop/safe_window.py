"""Run by test_safe_mode.py: the real window in safe mode; says what it works with, changes a setting, and ends."""

import json
import os
import sys

from PySide6.QtCore import QTimer

from divisive_desktop import privacy
from divisive_desktop.desktop import application as app
from divisive_desktop.desktop.window import MainWindow

if __name__ == "__main__":
    application = app.application()

    def look() -> None:
        for window in application.topLevelWidgets():
            if isinstance(window, MainWindow) and window.isVisible() and window.runner.engine is not None:
                timer.stop()
                found = {
                    "theme": window.settings.theme,
                    "identity": [window.identity_visible, privacy.identity_shown()],
                    "device": window.runner.engine.device,
                    "gpus": os.environ["CUDA_VISIBLE_DEVICES"],
                    "message": [m.text for m in window.messages.messages()],
                }
                print(json.dumps(found), flush=True)
                window.settings.theme = "light"
                window.close()

    timer = QTimer(interval=100)
    timer.timeout.connect(look)
    timer.start()
    sys.exit(app.run(safe=True))
