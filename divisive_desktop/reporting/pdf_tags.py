"""Tags for a PDF, so that a screen reader knows headings, text and pictures, and skips what only decorates.

FPDF tags pictures alone. The tree here is flat: one element a block, in reading order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from fpdf import FPDF
from fpdf.structure_tree import StructElem, StructureTreeBuilder

Tag = Literal["H1", "H2", "P", "Caption"]


class _Tree(StructureTreeBuilder):
    """Numbers the pieces of a page without counting all pieces of the document each time."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: Counter[int] = Counter()

    def add_marked_content(self, page_number: int, *args: Any, **kwargs: Any) -> tuple[StructElem, int]:
        if kwargs.get("mcid") is not None:
            self._pieces[page_number] += 1
        return super().add_marked_content(page_number, *args, **kwargs)

    def next_mcid_for_page(self, page_number: int) -> int:
        return self._pieces[page_number]


class TaggedPDF(FPDF):
    """A document whose content is tagged with `tagged`, or said to be decoration with `decoration`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.struct_builder = _Tree()
        self._tag: Tag | None = None
        self._decorating = False

    @contextmanager
    def tagged(self, tag: Tag) -> Iterator[None]:
        """What is written meanwhile is one block; on every page that it reaches it is a piece of its own."""
        assert self._tag is None, "blocks don't nest"
        self._tag = tag
        self._begin()
        try:
            yield
        finally:
            self._end()
            self._tag = None

    @contextmanager
    def decoration(self) -> Iterator[None]:
        """What is drawn meanwhile says nothing; a rule inside a block interrupts it."""
        if self._decorating:
            yield
            return
        if self._tag is not None:
            self._end()
        self._decorating = True
        self._out("/Artifact BMC")
        try:
            yield
        finally:
            self._out("EMC")
            self._decorating = False
            if self._tag is not None:
                self._begin()

    def add_page(self, *args: Any, **kwargs: Any) -> None:
        """As in FPDF; a block that is being written ends with the page and goes on after the new one's head."""
        tag, self._tag = self._tag, None  # else head and foot, which decorate, would end the block once more
        if tag is not None:
            self._end()
        super().add_page(*args, **kwargs)
        self._tag = tag
        if tag is not None:
            self._begin()

    def _begin(self) -> None:
        number = self.struct_builder.next_mcid_for_page(self.page)
        self._add_marked_content(struct_type=f"/{self._tag}", mcid=number)
        self._out(f"/{self._tag} <</MCID {number}>> BDC")

    def _end(self) -> None:
        self._out("EMC")
