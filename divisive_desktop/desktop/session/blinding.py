"""Blind mode: while a mask is being painted, the model's opinion on the case is hidden, so that it can't lead the hand.

What it hides is kept in ``Case.hidden``: whoever shows what a model says about a case asks that.
"""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.current import Current


class Blinding(QObject):
    """Says of which cases the model's opinion is hidden.

    Signals
    -------
    changed(list)
        Blind mode was switched, or a case was revealed or hidden: every ``Case`` whose ``hidden`` is another now.
    """

    changed = Signal(list)

    def __init__(self, cases: CaseModel, current: Current, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cases, self._current = cases, current
        self._on = False
        self._revealed: set[tuple[str, int, str]] = set()
        """Keys of the cases whose mask was said to be done since blind mode is on."""
        cases.hides = self.hides

    @property
    def on(self) -> bool:
        """Whether the model's opinion is hidden on cases whose mask isn't done."""
        return self._on

    def set_on(self, on: bool) -> None:
        """Switch blind mode; when it is switched off, no case counts as revealed any more."""
        if on == self._on:
            return
        self._on = on
        if not on:
            self._revealed.clear()
        cases = list(self._cases)
        if self._current.case is not None and self._current.case not in self._cases:
            cases.append(self._current.case)  # a frame that is only looked at
        switched = self._mark(cases)
        self._cases.all_changed()
        self.changed.emit(switched)

    def reveal(self, case: Case) -> None:
        """The case's mask is done: the model's opinion may be seen."""
        self._revealed.add(case.key)
        self.update([case])

    def hides(self, case: Case) -> bool:
        """Whether the model's opinion on a case is to be hidden now."""
        return self._on and case.key not in self._revealed and case.review is not Review.DONE

    def update(self, cases: Iterable[Case]) -> None:
        """Something was said about cases, or they are looked at: hide or show the model's opinion on them."""
        switched = self._mark(cases)
        for case in switched:
            self._cases.changed(case)
        if switched:
            self.changed.emit(switched)

    def _mark(self, cases: Iterable[Case]) -> list[Case]:
        hides = self._cases.hides
        switched = [case for case in cases if case.hidden != hides(case)]
        for case in switched:
            case.hidden = not case.hidden
        return switched
