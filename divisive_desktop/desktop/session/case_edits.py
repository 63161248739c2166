"""What the analyst says about cases: a part of the workspace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from divisive_desktop.desktop.session.case import Case, Review

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case_model import CaseModel
    from divisive_desktop.desktop.session.casebook_service import CasebookService


class CaseEdits:
    """Mixed into ``Session``."""

    book: CasebookService
    cases: CaseModel
    current: Case | None

    def set_label(self, label: int | None, cases: Sequence[Case] = ()) -> None:
        """The analyst's class for cases (the current one when none are given); None takes the label back."""
        given = cases or ([self.current] if self.current is not None else [])
        wanted = [c for c in given if c.error is None and c.label != label]
        if not wanted or not self.casebook.writable:
            return
        self.ensure_listed(wanted)
        for case in wanted:
            case.label = label
            self._tell(case)
        self.casebook.label(wanted, label)
        if self.current in wanted:
            self.update_features()

    def set_review(self, review: Review, cases: Sequence[Case] = ()) -> None:
        """How far the analyst is with cases (the current one when none are given)."""
        given = cases or ([self.current] if self.current is not None else [])
        wanted = [c for c in given if c.review is not review]
        if not wanted or not self.casebook.writable:
            return
        self.ensure_listed(wanted)
        for case in wanted:
            case.review = review
            self.cases.changed(case)
        self.casebook.review(wanted, review)

    def set_notes(self, case: Case, text: str) -> None:
        if self.casebook.writable and text != case.notes:
            self.ensure_listed([case])
            case.notes = text
            self.cases.changed(case)
            self.casebook.notes(case, text)

    def change_tags(self, cases: Iterable[Case], add: Iterable[str], remove: Iterable[str]) -> None:
        """Put tags on cases and take others off."""
        wanted, gone, given = set(add), set(remove), list(cases)
        if not self.casebook.writable:
            return
        self.ensure_listed(given)
        changed = []
        for case in given:
            tags = tuple(sorted((set(case.tags) - gone) | wanted))
            if tags != case.tags:
                case.tags = tags
                self.cases.changed(case)
                changed.append(case)
        self.casebook.tags(changed)
