"""Thumbnails: from the casebook where it has them, else from the file; made only for rows that are seen."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from divisive_desktop.desktop.session import opening
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
from divisive_desktop.errors import UserFacingError


class Thumbnails(QObject):
    """Answers the worklist's wish for pictures."""

    def __init__(self, runner: Runner, book: CasebookService, cases: CaseModel, parent: QObject) -> None:
        super().__init__(parent)
        self._runner, self._book, self._cases = runner, book, cases
        cases.thumbnailWanted.connect(self._make)

    def _make(self, case: Case) -> None:
        def done(made: tuple[QImage, bytes | None]) -> None:
            case.thumbnail, png = made
            if png is not None:
                self._book.keep_thumbnail(case, png)
            self._cases.changed(case)

        def failed(error: UserFacingError) -> None:
            case.error = error
            self._cases.changed(case)

        def work(_: BackgroundTask) -> tuple[QImage, bytes | None]:
            stored = self._book.thumbnail(case)
            if stored is not None:
                return QImage.fromData(stored), None
            image = opening.thumbnail_of(case, self._book.source(case))
            return image, opening.png_of(image)

        self._runner.run(work, done, failed)
