"""Run by test_safe_mode.py: the real window in safe mode; says what it works with, changes a setting, and ends."""

import json
import os
import sys

from PySide6.QtCore import QTimer

from divisive_desktop import privacy
from divisive_desktop.desktop import application as app
from tests.desktop.pages import Page

if __name__ == "__main__":
    application = app.application()

    def look() -> None:
        page = Page.shown()
        if page is not None and page.runner.engine is not None:
            timer.stop()
            found = {
                "theme": page.settings.theme,
                "identity": [page.identity_shown, privacy.identity_shown()],
                "device": page.runner.engine.device,
                "gpus": os.environ["CUDA_VISIBLE_DEVICES"],
                "message": page.messages.texts,
            }
            print(json.dumps(found), flush=True)
            page.settings.theme = "light"
            page.close()

    timer = QTimer(interval=100)
    timer.timeout.connect(look)
    timer.start()
    sys.exit(app.run(safe=True))
