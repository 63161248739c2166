"""What the analyst mends about pictures: written into the casebook first, then shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.current import Current
from divisive_desktop.desktop.session.importing import import_images
from divisive_desktop.imaging.correction import Correction

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook, CaseRow


class Corrections(QObject):
    """Turning, mirroring, inverting. While nothing can be kept, nothing is changed.

    Parameters
    ----------
    ensure_listed : callable
        Puts frames that were only looked at into the list and the casebook.

    Signals
    -------
    changed(Case)
        The case's picture is corrected otherwise now; what was made of it before doesn't hold any more.
    """

    changed = Signal(Case)

    def __init__(
        self,
        casebook: CasebookService,
        cases: CaseModel,
        current: Current,
        ensure_listed: Callable[[Iterable[Case]], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._casebook, self._cases, self._current = casebook, cases, current
        self._ensure_listed = ensure_listed

    def apply(self, case: Case, step: Correction) -> None:
        """Correct a case's picture in this way, on top of what was corrected before; the inverse takes it back."""
        if not self._casebook.writable or case.error is not None or not step:
            return
        self._ensure_listed([case])
        correction, record = case.correction.then(step), self._current.record
        size = None
        if case is self._current.case and record is not None:
            size = record.correction.inverse().size(record.width, record.height)

        def write(book: Casebook) -> tuple[list[tuple[Case, CaseRow]], CaseRow | None]:
            new = import_images(book, [case])
            if case.id is None:
                return new, None
            book.corrections.set(case.id, correction, size)
            return new, book.cases.get(case.id)

        def written(found: tuple[list[tuple[Case, CaseRow]], CaseRow | None]) -> None:
            new, row = found
            if new:
                self._casebook.imported.emit(new)
            if row is not None:
                case.take_correction(Correction.parse(row.correction))
                case.update_verdict(row)
                self._cases.changed(case)
                self.changed.emit(case)

        self._casebook.write(write, written)
