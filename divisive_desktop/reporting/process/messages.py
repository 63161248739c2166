"""What passes between the window and the process that makes reports. Light: the window imports it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from divisive_desktop.imaging.correction import Correction

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.reporting.options import Options

Page = npt.NDArray[np.uint8]
"""uint8 (rows, columns, 3), RGB."""
Failure = tuple[str, str, str]
"""Name of a case, what is wrong, what to do."""


@dataclass(frozen=True)
class Source:
    """A case that a report is wanted on, as the window knows it."""

    name: str
    path: Path
    frame: int = 0
    id: int | None = None
    """In the casebook; None: it is in none, and ``analysis`` is what there is."""
    analysis: Analysis | None = None
    label: int | None = None


@dataclass(frozen=True)
class Look:
    """Make the first pages as they would be printed now. Answer: `Preview`, or None when it was stopped."""

    options: Options


@dataclass(frozen=True)
class Write:
    """Write the files. Answer: `Written`."""

    options: Options


@dataclass(frozen=True)
class FacesWanted:
    """Where are the faces in this picture? The window answers with a sequence of boxes, or None: stopped."""

    path: str
    frame: int
    correction: Correction
    """The boxes are of the corrected picture."""


@dataclass(frozen=True)
class Progressed:
    """How far writing is."""

    fraction: float
    what: str
    left_s: float | None


@dataclass(frozen=True)
class Failed:
    """The end of a request that could not be met."""

    kind: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Preview:
    """Pages to look at."""

    pages: tuple[Page, ...]
    cases: int
    """Of how many cases these are the pages."""
    burned_in: str
    """What to look for in the pixels before they leave; '' where the file excludes it."""
    failures: tuple[Failure, ...]
    fingerprint: str
    """Of the key that the report would be signed with; '' where there is none yet or none is wanted."""
    unsigned: str = ""
    """Why it can't be signed, although that is wanted."""


@dataclass(frozen=True)
class WrittenReport:
    """What came of writing a report."""

    files: tuple[Path, ...]
    failures: tuple[Failure, ...]
    """The cases that are not in it."""
    reported: tuple[int, ...]
    """Ids of the cases that are, for the casebook's record."""
    without_dicom: int = 0
    """Cases that are in the other files, but that no DICOM object could be written about."""
