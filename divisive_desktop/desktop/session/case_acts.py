"""Acts on cases, in the words of the casebook: a part of its service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from divisive_desktop.desktop.session.case import Case, Review

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.explanation.analysis import Analysis


class CaseActs:
    """Mixed into ``CasebookService``, which brings each act to the writer's thread."""

    _act: Callable[[Iterable[Case], Callable[[Casebook, list[int]], Any]], None]
    write: Callable[..., None]

    def label(self, cases: Iterable[Case], value: int | None) -> None:
        self._act(cases, lambda book, ids: book.cases.set_label(ids, value))

    def review(self, cases: Iterable[Case], state: Review) -> None:
        self._act(cases, lambda book, ids: book.cases.set_review(ids, state.stored))

    def tags(self, cases: Iterable[Case]) -> None:
        """Keep the tags that the cases have now."""
        by_tags: dict[tuple[str, ...], list[Case]] = {}
        for case in cases:
            by_tags.setdefault(case.tags, []).append(case)
        for tags, same in by_tags.items():
            self._act(same, lambda book, ids, tags=tags: book.cases.set_tags(ids, tags))

    def notes(self, case: Case, text: str) -> None:
        self._act([case], lambda book, ids: book.cases.set_notes(ids[0], text))

    def measurements(self, case: Case, items: Sequence[Mapping[str, Any]]) -> None:
        self._act([case], lambda book, ids: book.measurements.save(ids[0], items))

    def task(self, case: Case, task: str) -> None:
        self._act([case], lambda book, ids: book.cases.set_task(ids, task))

    def analysis(self, case: Case, analysis: Analysis) -> None:
        self._act([case], lambda book, ids: book.analyses.add(ids[0], analysis))

    def trash(self, cases: Iterable[Case]) -> None:
        """Into the trash, from where opening the same image again brings a case back."""
        self.write(lambda book, c=list(cases): book.trash.put([case.id for case in c if case.id is not None]))

    def empty_trash(self, done: Callable[[Any], None]) -> None:
        """``done`` receives how many cases were deleted for good."""
        self.write(lambda book: book.trash.empty(), done)

    def check(self, case: Case) -> None:
        """Look at a case's file again, and keep what became of it."""
        if case.id is not None:
            self.write(lambda book, number=case.id: book.originals.check([number]))
