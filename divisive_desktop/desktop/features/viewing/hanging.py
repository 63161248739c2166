"""Hanging layouts: each kind of question is opened with the panes that the analyst chose for it last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from divisive_desktop.desktop.window import MainWindow


class HangingLayouts(QObject):
    """Keeps the layout per task; made once the viewer is there."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._question = ""
        window.session.recordReady.connect(self.hang)
        window.session.modelsChanged.connect(self.hang)

    def choose(self, name: str) -> None:
        """Show these panes, now and for the next image with the same question. A double click isn't kept."""
        viewer = self._window.viewer
        if viewer is not None:
            viewer.set_layout(name)
            if self._question:
                self._window.settings.set_layout_for(self._question, name)

    def hang(self, *_: Any) -> None:
        """Show the current image with the panes that were chosen for its question."""
        from divisive_desktop.desktop.viewer import LAYOUTS  # not at the top: the window shows before it is loaded

        window = self._window
        record = window.session.record
        if record is None or window.viewer is None:
            return
        task = window.session.task(window.session.current)
        question = task.id if task is not None else record.kind
        if question == self._question:
            return
        self._question = question
        kept = window.settings.layout_for(question)
        if kept in LAYOUTS:
            window.viewer.set_layout(kept)
