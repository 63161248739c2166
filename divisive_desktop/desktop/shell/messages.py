"""Messages above the picture: what went wrong and what to do, without stopping anyone's work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import plain

SHOWN_AT_ONCE = 3
MessageButton = tuple[str, Callable[[], object]]
"""Text and what a click does."""
_CASE = "case "
"""What the keys of messages about a case begin with."""
RemedyFinder = Callable[[Case | None, UserFacingError], MessageButton | None]
"""A button for an error that the program can help with, None where it can't."""


class Message(QFrame):
    """One message: icon, what happened, what to do, buttons if any, and a cross."""

    def __init__(
        self, severity: str, text: str, remedy: str, buttons: Sequence[MessageButton], close: Callable[[], None]
    ) -> None:
        super().__init__()
        self.setProperty("severity", severity)
        text, remedy = plain(text, lines=True), plain(remedy, lines=True)
        self.text, self.remedy, self._severity = text, remedy, severity
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID // 2, GRID // 2, GRID // 2)
        row.setSpacing(GRID)
        self._icon = QLabel()
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        self._words = QLabel(f"<b>{_html(text)}</b> {_html(remedy)}")
        self._words.setWordWrap(True)
        self._words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(self._words, 1)
        for label, run in buttons:
            button = QPushButton(label)
            button.clicked.connect(lambda _=False, run=run: _close_and_run(close, run))
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._cross = QToolButton()
        self._cross.setToolTip("Dismiss")
        self._cross.setAccessibleName("Dismiss message")
        self._cross.clicked.connect(close)
        row.addWidget(self._cross, 0, Qt.AlignmentFlag.AlignTop)
        self.setAccessibleName(f"{text} {remedy}")
        self.recolour()

    def recolour(self) -> None:
        """Draw the icons in the colours of the scheme in force."""
        self._icon.setPixmap(icons.pixmap(self._severity, 20, theme.colour(self._severity), self.devicePixelRatioF()))
        self._cross.setIcon(icons.icon("cancel"))


class MessageBar(QWidget):
    """A stack of messages; the newest on top, a few at once, the others counted."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: dict[str, Message] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(1)
        self._more = QLabel()
        theme.set_role(self._more, "muted")
        self._more.setContentsMargins(GRID * 4, 2, GRID, 2)
        self._column.addWidget(self._more)
        self._refresh()

    def post(self, key: str, severity: str, text: str, remedy: str = "", *buttons: MessageButton | None) -> None:
        """Show a message; one with the same key is replaced.

        Parameters
        ----------
        key : str
            What the message is about (a path, ``engine``).
        severity : {'error', 'warning', 'info'}
        buttons : (text, callable), optional
            At the right; each closes the message.
        """
        self.dismiss(key)
        message = Message(severity, text, remedy, [b for b in buttons if b is not None], lambda: self.dismiss(key))
        self._messages[key] = message
        self._column.insertWidget(0, message)
        self._refresh()

    def dismiss(self, key: str) -> None:
        message = self._messages.pop(key, None)
        if message is not None:
            self._column.removeWidget(message)
            message.hide()
            message.deleteLater()
            self._refresh()

    def clear(self) -> None:
        for key in list(self._messages):
            self.dismiss(key)

    def messages(self) -> list[Message]:
        """Newest first."""
        return list(self._messages.values())[::-1]

    @property
    def subjects(self) -> list[str]:
        """What the messages are about: their keys."""
        return list(self._messages)

    def recolour(self) -> None:
        for message in self._messages.values():
            message.recolour()

    def _refresh(self) -> None:
        newest = self.messages()
        for i, message in enumerate(newest):
            message.setVisible(i < SHOWN_AT_ONCE)
        hidden = len(newest) - SHOWN_AT_ONCE
        self._more.setText(f"and {hidden} more")
        self._more.setVisible(hidden > 0)
        self.setVisible(bool(newest))


class Messages:
    """What features tell the user; the bar shows it.

    Other features say which errors they can help with (:meth:`add_remedy`): their button stands beside the error.
    """

    def __init__(self) -> None:
        self.bar = MessageBar()
        self._finders: list[RemedyFinder] = []

    def add_remedy(self, finder: RemedyFinder) -> None:
        """Ask ``finder`` for a button whenever an error is shown."""
        self._finders.append(finder)

    def remedy(self, case: Case | None, error: UserFacingError) -> MessageButton | None:
        """A button for an error that something can be done about here."""
        return next((found for finder in self._finders if (found := finder(case, error)) is not None), None)

    def show(self, key: str, severity: str, text: str, remedy: str = "", *buttons: MessageButton | None) -> None:
        """Post a message; one with the same key is replaced. See :meth:`MessageBar.post`."""
        self.bar.post(key, severity, redaction.redacted(text), redaction.redacted(remedy), *buttons)

    def show_error(self, error: UserFacingError, case: Case | None = None) -> None:
        """Tell the user about an error; a case's name stands before it."""
        shown = case.redacted(error) if case is not None else error
        text = shown.message if case is None or case.name in shown.message else f"{case.name}: {shown.message}"
        key = _about(case) if case is not None else error.message
        self.show(key, "error", text, shown.remedy, self.remedy(case, error))

    def dismiss(self, key: str) -> None:
        self.bar.dismiss(key)

    def dismiss_case(self, case: Case) -> None:
        """What was wrong with a case isn't any more."""
        self.bar.dismiss(_about(case))

    def keep_cases(self, listed: Iterable[Case]) -> None:
        """What was wrong with cases that aren't in the list any more is of no interest."""
        kept = {_about(case) for case in listed}
        for key in self.bar.subjects:
            if key.startswith(_CASE) and key not in kept:
                self.bar.dismiss(key)

    def clear(self) -> None:
        self.bar.clear()


def _about(case: Case) -> str:
    return f"{_CASE}{case.path}"


def _close_and_run(close: Callable[[], None], run: Callable[[], object]) -> None:
    close()
    run()


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
