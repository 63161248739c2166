"""Run by test_ending.py: a window in which somebody paints, stroke after stroke, and types notes, until it is ended.

Says ``stroke DIGEST`` after each stroke, before it can have been saved, and ``typed`` when notes stand in their window.
"""

import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest

from divisive_desktop.desktop import application as app
from divisive_desktop.desktop.features.casebooks.notes_dialog import NotesDialog
from tests.desktop.pages import Page

if __name__ == "__main__":
    application = app.application()
    strokes: list[str] = []

    def act() -> None:
        page = Page.shown()
        if page is None or not page.viewer_there or not page.paint.there or not page.paint.ready:
            return
        dialog = page.find(NotesDialog)
        if dialog is None:
            page.trigger("notes")
            page.paint.take("brush")
            return
        if len(strokes) == 2:
            QTest.keyClicks(dialog.text, "half a senten")
            print("typed", flush=True)
        page.paint.dab(5 + 7 * len(strokes) % 50, 5 + 3 * len(strokes) % 30)
        strokes.append(page.paint.mask.digest())
        print("stroke", strokes[-1], flush=True)

    timer = QTimer(interval=40)
    timer.timeout.connect(act)
    timer.start()
    code = app.run([Path(name) for name in sys.argv[1:]])
    print("ended", flush=True)
    sys.exit(code)
