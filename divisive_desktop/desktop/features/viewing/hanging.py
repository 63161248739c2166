"""Hanging layouts: each kind of question is opened with the panes that the analyst chose for it last."""

from __future__ import annotations

from PySide6.QtCore import QObject

from divisive_desktop.desktop.shell.services import ViewerServices
from divisive_desktop.desktop.viewer import LAYOUTS


class HangingLayouts(QObject):
    """Keeps the layout of the panes per question."""

    def __init__(self, services: ViewerServices) -> None:
        super().__init__(services.window)
        self._session, self._settings, self._viewer = services.session, services.settings, services.viewer
        self._question = ""
        self._session.recordReady.connect(lambda *_: self.apply())
        self._session.questions.modelsChanged.connect(self.apply)

    def choose(self, name: str) -> None:
        """Show these panes, now and for the next image with the same question. A double click isn't kept."""
        self._viewer.set_layout(name)
        if self._question:
            self._settings.set_layout_for(self._question, name)

    def apply(self) -> None:
        """Show the current image with the panes that were chosen for its question."""
        record = self._session.record
        if record is None:
            return
        task = self._session.questions.task(self._session.current)
        question = task.id if task is not None else record.kind
        if question == self._question:
            return
        self._question = question
        kept = self._settings.layout_for(question)
        if kept in LAYOUTS:
            self._viewer.set_layout(kept)
