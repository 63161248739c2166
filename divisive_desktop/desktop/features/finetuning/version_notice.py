"""Says above the picture that another model version answers from now on, and takes that back when it isn't so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from divisive_desktop.desktop.session.questions import version_name

if TYPE_CHECKING:
    from divisive_desktop.desktop.shell.services import Services

KEY = "in use "
"""The messages' keys begin so; the task follows. One question has one version in use, and so at most one message."""


class VersionNotice(QObject):
    """Watches which versions are in use, whoever changed that: a run that was kept, the list of versions, the box
    beside the verdict."""

    def __init__(self, services: Services, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._services, self._session = services, services.session
        self._known: dict[str, str] | None = None
        self._session.questions.modelsChanged.connect(self._compare)
        if self._session.questions.in_use:
            self._compare()

    def _compare(self) -> None:
        now = {task: version_name(card) for task, card in self._session.questions.in_use.items()}
        before, self._known = self._known, now
        if before is None:  # the window has only just begun
            return
        for task in {**before, **now}:
            if task not in now:
                self._services.messages.dismiss(KEY + task)
            elif task in before and before[task] != now[task]:
                self._tell(task, now[task])

    def _tell(self, task: str, version: str) -> None:
        case = self._session.current
        asked = case.verdict.task if case is not None and case.verdict is not None else None
        self._services.messages.show(
            KEY + task, "info", f"{version} is in use from now on.",
            "Cases keep the answers of other versions; a sign in the list marks them.",
            ("Analyse this case", lambda: self._services.actions["analyse"].trigger()) if asked == task else None,
        )  # fmt: skip
