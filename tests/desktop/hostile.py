"""Text that is no text, and what is wrong with a window that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from PySide6.QtCore import QModelIndex
from PySide6.QtGui import QAction, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QProgressBar,
    QStatusBar,
    QTableView,
    QTabWidget,
    QTextEdit,
    QTreeView,
    QWidget,
)

MARK = "evil"
HOSTILE = f"{MARK}<b>bold<img src=x>&lt;i&gt;\u202egnp\x1b[2K\x07"
"""As the name of a file may be."""
LINES = f"{HOSTILE}\nholds   Signed by Dr. Alice\r{MARK}&File\u2028<a href='file:///etc/passwd'>x</a>"
LONG = f"{HOSTILE} " + "W" * 10_000
WIDEST = 2_500
"""Pixels that a part of a window may ask for; a screen has more."""
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069]")


def complaints(widget: QWidget) -> Iterator[str]:
    """What is wrong with what a window shows."""
    for part in (widget, *widget.findChildren(QWidget)):
        named = f"{type(part).__name__} {part.objectName()} in {type(part.parent()).__name__}"
        for what, text, could_be_rich in texts(part):
            if MARK not in text:
                continue
            short = text if len(text) < 300 else f"{text[:300]}…"
            if _UNSAFE.search(text):
                yield f"{named}: {what} {short!r} has control characters"
            # Labels that are rich on purpose have escaped it.
            if could_be_rich and re.search("<(img|a href)", text) and Qt.mightBeRichText(text):
                yield f"{named}: {what} {short!r} is taken for HTML"
        if part.isVisible() and part.minimumSizeHint().width() > WIDEST:
            yield f"{named}: wants to be {part.minimumSizeHint().width()} pixels wide"


def texts(part: QWidget) -> Iterator[tuple[str, str, bool]]:
    """What a widget shows: where, the text, and whether Qt looks for HTML in it."""
    yield "tool tip", part.toolTip(), True
    yield "status tip", part.statusTip(), False
    yield "title", part.windowTitle(), False
    yield "what is this", part.whatsThis(), True
    match part:
        case QLabel():
            yield "text", part.text(), part.textFormat() != Qt.TextFormat.PlainText
        case QAbstractButton():
            yield "text", part.text(), False
        case QGroupBox() | QMenu():
            yield "title", part.title(), False
        case QComboBox():
            for row in range(part.count()):
                yield "choice", part.itemText(row), False
                yield "choice's tool tip", str(part.itemData(row, Qt.ItemDataRole.ToolTipRole) or ""), True
        case QTabWidget():
            for tab in range(part.count()):
                yield "tab", part.tabText(tab), False
                yield "tab's tool tip", part.tabToolTip(tab), True
        case QLineEdit():
            if part.isReadOnly():  # what is edited must stay what it is
                yield "field", part.text(), False
            yield "place holder", part.placeholderText(), False
        case QPlainTextEdit():
            yield "place holder", part.placeholderText(), False
        case QTextEdit():
            yield "place holder", part.placeholderText(), False
        case QProgressBar():
            yield "format", part.format(), False
        case QStatusBar():
            yield "message", part.currentMessage(), False
        case QAbstractItemView() if not isinstance(part, QHeaderView):
            for what, text in items(part):
                yield f"item's {what}", text, what == "tool tip"
    for action in part.findChildren(QAction):
        yield "action", action.text(), False
        yield "action's tool tip", action.toolTip(), True
        yield "action's status tip", action.statusTip(), False


def items(view: QAbstractItemView) -> Iterator[tuple[str, str]]:
    model = view.model()
    if model is None:
        return

    def walk(parent: QModelIndex) -> Iterator[tuple[str, str]]:
        for row in range(min(model.rowCount(parent), 300)):
            for column in range(model.columnCount(parent)):
                index = model.index(row, column, parent)
                yield "text", str(index.data(Qt.ItemDataRole.DisplayRole) or "")
                yield "tool tip", str(index.data(Qt.ItemDataRole.ToolTipRole) or "")
                if column == 0 and model.rowCount(index):
                    yield from walk(index)

    yield from walk(QModelIndex())
    for column in range(min(model.columnCount(QModelIndex()), 50) if isinstance(view, QTableView | QTreeView) else 0):
        yield "heading", str(model.headerData(column, Qt.Orientation.Horizontal) or "")


def shown_is_text() -> None:
    found = [said for window in QApplication.topLevelWidgets() for said in complaints(window)]
    assert not found, "\n".join(sorted(set(found)))
