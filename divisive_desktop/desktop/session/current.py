"""What is looked at, for the parts of the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.imaging.record import ImageRecord


@dataclass(slots=True)
class Current:
    """The case that is looked at, and its decoded image. One object: ``Session`` writes it, its parts read it."""

    case: Case | None = None
    record: ImageRecord | None = None
    """None while the image is on its way."""
