"""Where masks are kept. The session speaks to this interface; calls come from background threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks.agreement import Agreement
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.snapshot import Snapshot

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook


class MaskStore(Protocol):
    """Keeps one mask per image. Every method may be called from any thread, and is durable when it returns."""

    def load(self, record: ImageRecord) -> Mask | None:
        """The mask of an image, None when there never was one."""

    def save(self, record: ImageRecord, snapshot: Snapshot, tool: str) -> None:
        """Keep a mask; ``tool``: what was done, for the audit chain."""

    def spent(self, record: ImageRecord, seconds: float) -> None:
        """So much more work went into a mask."""

    def finished(self, record: ImageRecord, blind: bool) -> None:
        """The mask was declared done; ``blind``: the model's opinion was hidden until now."""

    def agreed(self, record: ImageRecord, agreement: Agreement) -> None:
        """How well the model's divergence matches the mask as it was left."""

    def close(self) -> None:
        """Let go of files and locks."""


class CasebookStore:
    """Masks in a casebook. An image becomes a case with its first stroke, not by being looked at.

    Parameters
    ----------
    get : callable
        Gives the casebook in use; called on a background thread, each time it is needed.
    """

    def __init__(self, get: Callable[[], Casebook]) -> None:
        self._book = get

    def load(self, record: ImageRecord) -> Mask | None:
        book = self._book()
        case = book.cases.find(record.sha256, record.frame)
        return None if case is None else book.masks.load(case, record.correction)

    def save(self, record: ImageRecord, snapshot: Snapshot, tool: str) -> None:
        book, case = self._case(record)
        book.masks.save(case, snapshot, tool=tool, drawn_on=record.correction)

    def spent(self, record: ImageRecord, seconds: float) -> None:
        book, case = self._case(record)
        book.cases.add_time(case, round(seconds, 2))

    def finished(self, record: ImageRecord, blind: bool) -> None:
        book, case = self._case(record)
        book.audit.record("mask finished", case=case, blind=blind)

    def agreed(self, record: ImageRecord, agreement: Agreement) -> None:
        book, case = self._case(record)
        analysis = book.cases.get(case).analysis
        if analysis is not None:
            book.analyses.set_agreement(
                analysis, energy=agreement.energy, iou=agreement.iou, pointing=agreement.pointing
            )

    def close(self) -> None:
        """The casebook is its owner's to close."""

    def _case(self, record: ImageRecord) -> tuple[Casebook, int]:
        book = self._book()
        known = book.cases.find(record.sha256, record.frame)
        return book, book.cases.add(record) if known is None else known
