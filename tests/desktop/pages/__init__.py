"""The main window as a person meets it: what can be done in it, and what it then shows.

Tests say ``page.verdict.text`` and ``page.trigger("export-json")``; only this package knows which object of the program
stands behind that. When something moves in the program, it is followed here, and no test changes.

Modules
-------
window
    `Page`: the window as a whole, its cases, its messages, and the way to its parts.
inspector
    The verdict, what is said about the picture, and the panels on the file.
worklist
    The list of cases: selecting, searching, narrowing.
painting
    Palette, strokes, and what is kept of them.
tools
    Fine-tuning, reports, and the part of a picture that is analysed.
messages
    What is told, and the questions that are asked.
start
    `Start`, for tests that begin the program more than once.
hand
    A mouse and a pen on a pane, in the picture's own coordinates.
waiting
    Waiting for what is meant, never for a time.
"""

from tests.desktop.pages.hand import Hand
from tests.desktop.pages.painting import PaintPage
from tests.desktop.pages.start import Start
from tests.desktop.pages.waiting import ENGINE_MS, MS, until
from tests.desktop.pages.window import Page

__all__ = ["ENGINE_MS", "MS", "Hand", "Page", "PaintPage", "Start", "until"]
