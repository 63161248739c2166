"""What the analyst says about cases: shown at once, kept in the casebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.current import Current


class CaseEdits(QObject):
    """Labels, review states, notes and tags. While nothing can be kept, nothing is changed.

    Parameters
    ----------
    ensure_listed : callable
        Puts frames that were only looked at into the list and the casebook.

    Signals
    -------
    labelled(list)
        Every ``Case`` whose label is another one now.
    reviewed(list)
        Every ``Case`` whose review state is another one now.
    """

    labelled = Signal(list)
    reviewed = Signal(list)

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

    def set_label(self, label: int | None, cases: Sequence[Case] = ()) -> None:
        """The analyst's class for cases (the current one when none are given); None takes the label back."""
        wanted = [c for c in cases or self._looked_at() if c.error is None and c.label != label]
        if not wanted or not self._casebook.writable:
            return
        self._ensure_listed(wanted)
        for case in wanted:
            case.label = label
            self._cases.changed(case)
        self._casebook.act(wanted, lambda book, ids: book.cases.set_label(ids, label))
        self.labelled.emit(wanted)

    def set_review(self, review: Review, cases: Sequence[Case] = ()) -> None:
        """How far the analyst is with cases (the current one when none are given)."""
        wanted = [c for c in cases or self._looked_at() if c.review is not review]
        if not wanted or not self._casebook.writable:
            return
        self._ensure_listed(wanted)
        for case in wanted:
            case.review = review
            self._cases.changed(case)
        self._casebook.act(wanted, lambda book, ids: book.cases.set_review(ids, review.stored))
        self.reviewed.emit(wanted)

    def set_notes(self, case: Case, text: str) -> None:
        """The analyst's notes on a case."""
        if self._casebook.writable and text != case.notes:
            self._ensure_listed([case])
            case.notes = text
            self._cases.changed(case)
            self._casebook.act([case], lambda book, ids: book.cases.set_notes(ids[0], text))

    def change_tags(self, cases: Iterable[Case], add: Iterable[str], remove: Iterable[str]) -> None:
        """Put tags on cases and take others off."""
        wanted, gone, given = set(add), set(remove), list(cases)
        if not self._casebook.writable:
            return
        self._ensure_listed(given)
        changed: dict[tuple[str, ...], list[Case]] = {}
        for case in given:
            tags = tuple(sorted((set(case.tags) - gone) | wanted))
            if tags != case.tags:
                case.tags = tags
                self._cases.changed(case)
                changed.setdefault(tags, []).append(case)
        for tags, same in changed.items():
            self._keep_tags(same, tags)

    def _keep_tags(self, cases: Sequence[Case], tags: tuple[str, ...]) -> None:
        self._casebook.act(cases, lambda book, ids: book.cases.set_tags(ids, tags))

    def _looked_at(self) -> Sequence[Case]:
        return [self._current.case] if self._current.case is not None else []
