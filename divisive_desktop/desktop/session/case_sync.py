"""Keeps the worklist's cases and the casebook in step: what was opened, taken in, moved, altered or recorded since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.casebook_service import CasebookService, OpenedCasebook
from divisive_desktop.desktop.session.gc_pause import gc_paused

if TYPE_CHECKING:
    from divisive_desktop.casebook import CaseRow


class CaseSync(QObject):
    """The cases of one window.

    Signals
    -------
    known(Case)
        The casebook said something new about it.
    merged(list)
        Pairs of cases that turned out to be the same image: the one that went, the one that stayed.
    """

    known = Signal(Case)
    merged = Signal(list)

    def __init__(self, book: CasebookService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cases = CaseModel(self)
        self.by_id: dict[int, Case] = {}
        """The cases that are in the casebook, by their id there."""
        self._doubtful: set[int] = set()
        """Their files weren't as imported when the casebook was closed."""
        self._book = book
        book.opened.connect(self._opened)
        book.imported.connect(self._imported)
        book.checked.connect(self._checked)
        book.rowsChanged.connect(self._rows_changed)

    def add(self, cases: Sequence[Case]) -> list[Case]:
        """List cases and take them into the casebook; returns, for each one given, the case in the list."""
        listed = self.cases.add(cases)
        self._book.add([c for c in listed if c.id is None and c.error is None])
        return listed

    def remove(self, cases: Iterable[Case]) -> None:
        """Take cases off the list and into the casebook's trash."""
        gone = list(cases)
        for case in gone:
            case.removed = True
            self.by_id.pop(case.id or 0, None)
        self.cases.remove(gone)
        self._book.write(lambda book: book.trash.put([case.id for case in gone if case.id is not None]))

    def clear(self) -> None:
        """Another casebook follows."""
        self.cases.remove(list(self.cases))
        self.by_id.clear()

    def bind(self, case: Case, row: CaseRow) -> Case:
        """A case is in the casebook; the same image under another name is listed once. Returns the one that stays."""
        self._imported([(case, row)])
        return self.by_id.get(row.id, case)

    def add_version(self, case: Case) -> Case:
        """The file of a case was altered: its bytes as they are now become a case of their own, beside the old one."""
        self.cases.supersede(case)
        return self.add([Case(case.path, case.frame)])[0]

    # -- news from the casebook -----------------------------------------------------------------------------

    def _opened(self, found: OpenedCasebook) -> None:
        with gc_paused():
            self._list(found)
        self.cases.add([Case(path, frame) for path, frame in found.waiting if path.exists()])
        self._book.add([c for c in self.cases if c.id is None and c.error is None])

    def _list(self, found: OpenedCasebook) -> None:
        newest = {case.key: case.id for case in found.cases}
        for case in found.cases:
            if newest[case.key] != case.id:  # its file was altered, and the new version taken in later
                case.superseded = case.sha256 or ""
        listed = self.cases.add(found.cases)
        for mine, stored in zip(listed, found.cases, strict=True):
            if mine is not stored:  # opened before the casebook was
                mine.merge_case(stored)
                self.cases.changed(mine)
            self.by_id[stored.id or 0] = mine
        self._doubtful = {case.id or 0 for case in found.cases if case.file_state != "ok"}

    def _imported(self, new: Sequence[tuple[Case, CaseRow]]) -> None:
        pairs, adopted = [], []
        for case, row in new:
            if case.removed:
                continue
            other = self.by_id.get(row.id)
            if other is not None and other is not case and other in self.cases:
                case.removed = True
                pairs.append((case, other))
                continue
            self.by_id[row.id] = case
            _adopt(case, row)
            adopted.append(case)
        self.cases.remove([gone for gone, _ in pairs])
        for case in adopted:
            self.cases.changed(case)
            self.known.emit(case)
        if pairs:
            self.merged.emit(pairs)

    def _checked(self, bad: Sequence[tuple[int, str]]) -> None:
        states = dict(bad)
        for number in {*states, *self._doubtful}:  # what opening a file found out meanwhile stands
            case = self.by_id.get(number)
            if case is not None and case.file_state != states.get(number, "ok"):
                case.file_state = states.get(number, "ok")
                self.cases.changed(case)
        self._doubtful.clear()

    def _rows_changed(self, rows: Sequence[CaseRow]) -> None:
        """Painting, training and others recorded something. What is said in this window is on the screen already."""
        for row in rows:
            case = self.by_id.get(row.id)
            if case is None:
                continue
            before = case.analysed, case.regions, case.energy, case.seconds, case.verdict
            case.refresh_from(row)
            if case.analysis is None:
                case.update_verdict(row)
            if before != (case.analysed, case.regions, case.energy, case.seconds, case.verdict):
                self.cases.changed(case)


def _adopt(case: Case, row: CaseRow) -> None:
    """An analysis of other bytes than those that were taken in is of another version of the file: it doesn't count."""
    if case.analysis is not None and case.analysis.sha256 != row.sha256:
        case.analysis, case.file_state = None, "altered"
    case.merge_row(row)
