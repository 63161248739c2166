"""What is told above the picture, and the questions that are asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton

from tests.desktop.pages.hand import LEFT
from tests.desktop.pages.waiting import until

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.desktop.shell.messages import Message, MessageBar
    from divisive_desktop.errors import UserFacingError
    from tests.desktop.pages.window import Page


class MessagesPage(Sequence["Message"]):
    """The messages, the newest first; each has a ``text`` and a ``remedy``."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def bar(self) -> MessageBar:
        return self._page.window.services.messages.bar

    @overload
    def __getitem__(self, at: int) -> Message: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Message]: ...
    def __getitem__(self, at: int | slice) -> Message | Sequence[Message]:
        return self.bar.messages()[at]

    def __len__(self) -> int:
        return len(self.bar.messages())

    @property
    def texts(self) -> list[str]:
        """What happened, without what to do about it."""
        return [message.text for message in self]

    @property
    def newest(self) -> str:
        """The newest message with its remedy, nothing where there is none."""
        return f"{self[0].text} {self[0].remedy}" if self else ""

    @property
    def visible(self) -> bool:
        """Whether there is a bar at all."""
        return self.bar.isVisible()

    @property
    def words(self) -> str:
        """Everything that is written in the bar."""
        return " ".join(label.text() for label in self.bar.findChildren(QLabel))

    @property
    def buttons(self) -> list[str]:
        """What stands on the buttons of all messages."""
        return [button.text() for button in self.bar.findChildren(QPushButton)]

    def find(self, words: str) -> Message | None:
        """The newest message with these words in its text, None where there is none."""
        return next((message for message in self if words in message.text), None)

    def press(self, text: str = "", message: Message | None = None) -> None:
        """Click a button of a message, of the newest one if none is named; its first button without a text."""
        buttons = (message or self[0]).findChildren(QPushButton)
        QTest.mouseClick(next(b for b in buttons if text in ("", b.text())), LEFT)

    def clear(self) -> None:
        """Dismiss them all."""
        self.bar.clear()

    def post(self, key: str, severity: str, text: str, remedy: str = "") -> None:
        """Have the window tell something."""
        self._page.window.services.messages.show(key, severity, text, remedy)

    def post_error(self, error: UserFacingError, case: Case | None = None) -> None:
        """Have the window tell of an error."""
        self._page.window.services.messages.show_error(error, case)

    def answer(self, text: str) -> str:
        """Click a button of the question that is asked; returns the question."""

        def asked() -> list[QMessageBox]:
            return [box for box in self._page.find_all(QMessageBox) if box.isVisible()]

        until(asked, "a question")
        box = asked()[0]
        words = f"{box.text()} {box.informativeText()}"
        QTest.mouseClick(next(b for b in box.buttons() if b.text() == text), LEFT)
        return words
