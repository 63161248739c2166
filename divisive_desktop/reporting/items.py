"""What a report is about, as a command line names it: ``IMAGE``, analysed on the spot, or ``CASEBOOK#ID``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from divisive_desktop.casebook import SUFFIX, Casebook
from divisive_desktop.errors import CasebookError, ReportError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet, important_features
from divisive_desktop.geometry import Box
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.masks.agreement import LiveAgreement
from divisive_desktop.masks.files import read_mask_file
from divisive_desktop.masks.matching import same_picture
from divisive_desktop.reporting.build import build_case
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.deid import hide_faces
from divisive_desktop.reporting.dicom_export import DicomCase
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.sources import before_after, card_of, casebook_case

FindFaces = Callable[[ImageRecord], Sequence[Box]]
_CASE = re.compile(r"(.*)#([0-9]+)", re.DOTALL)


@dataclass(frozen=True)
class Item:
    """One argument of ``divisive-desktop report``."""

    path: Path
    """An image, or the folder of a casebook."""
    case: int | None = None
    """Number of a case in that casebook; None: an image."""

    def __str__(self) -> str:
        return str(self.path) if self.case is None else f"{self.path}#{self.case}"


@dataclass(frozen=True)
class ReportCase:
    """One case that a report can be written about; nothing is opened before it is asked for."""

    name: str
    """For messages."""
    content: Callable[[int, bool], CaseContent]
    """Given the longest side of the pictures and whether they are lossless."""
    dicom: Callable[[], DicomCase]
    """What DICOM objects are made from."""


def parse_item(text: str) -> Item:
    """Read an argument: ``CASEBOOK#ID`` (``#ID``: the user's own casebook), or the path of an image.

    A file whose name looks like that is still a file.

    Raises
    ------
    ReportError
        A casebook without the number of a case, or a number without a casebook.
    """
    path = Path(text)
    if path.is_file():
        return Item(path)
    remedy = "Write it as CASEBOOK#ID, for instance Knees.casebook#12; #12 is case 12 of your own casebook."
    match = _CASE.fullmatch(text)
    if match is None:
        if path.suffix == SUFFIX or (path / "casebook.sqlite").exists():
            raise ReportError(f"{text} is a casebook: which of its cases?", remedy)
        return Item(path)  # opened later, where what is wrong with it is said
    named = Path(match[1]) if match[1] else Casebook.default_path()
    for folder in (named, named.with_name(named.name + SUFFIX)):
        if (folder / "casebook.sqlite").is_file():
            return Item(folder, int(match[2]))
    raise ReportError(f"There is no casebook at {named}.", remedy)


def image_case(
    path: Path,
    analyse: Callable[[ImageRecord], Analysis],
    options: Options,
    *,
    frame: int = 0,
    correction: Correction = UNCORRECTED,
    label: int | None = None,
    mask_file: Path | None = None,
    conclusion: str = "",
    faces: FindFaces | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> ReportCase:
    """An image that is in no casebook.

    Parameters
    ----------
    analyse : callable
        Given the opened image; called once.
    correction : Correction
        What is mended about the picture first; a mask file is of the corrected one.
    mask_file : Path, optional
        Saliency mask of the image, in any format that can be imported.
    faces : callable, optional
        Finds what is to be made unrecognisable in the pictures.
    say : callable
        Told once what was left out of the mask or is odd about it.
    """
    made: list[Analysis] = []
    told: list[bool] = []

    def parts() -> tuple[ImageRecord, Analysis, FeatureSet, npt.NDArray[np.float32] | None, dict[str, object]]:
        record = open_image(path, frame, correction)
        analysis = made[0] if made else analyse(record)
        made[:] = [analysis]
        found = _features(record, analysis, label)
        if mask_file is None:
            return record, analysis, found, None, {}
        reading = read_mask_file(mask_file, (record.width, record.height), image_name=path.name)
        painted, notes = reading.mask, list(reading.notes)
        if reading.picture and not same_picture(reading.picture, (path.name, record.sha256[:12])):
            notes.append(f"It says that it was drawn on {reading.picture}.")
        if notes and not told:
            told.append(True)
            say(f"{mask_file.name}: {' '.join(notes)}")
        divergence = analysis.divergence(analysis.true_class(label))
        agreement = asdict(LiveAgreement(divergence, analysis.region, found).reset(painted))
        return record, analysis, found, painted.union(), agreement

    def content(side: int, lossless: bool) -> CaseContent:
        record, analysis, found, mask, agreement = parts()
        shown = hide_faces(record, faces(record)) if faces is not None else record
        card = card_of(analysis.model, options.language)
        return build_case(
            shown, analysis, found, card, options, label=label, mask=mask, agreement=agreement,
            before_after=before_after(analysis, card, (), options.language), conclusion=conclusion,
            analyst=options.analyst, side=side, lossless=lossless,
        )  # fmt: skip

    def dicom() -> DicomCase:
        record, analysis, found, mask, _ = parts()
        return DicomCase(record, analysis, found, label, mask, tuple(faces(record)) if faces is not None else ())

    return ReportCase(str(path), content, dicom)


def kept_case(
    book: Casebook,
    case_id: int,
    options: Options,
    *,
    conclusion: str | None = None,
    faces: FindFaces | None = None,
) -> ReportCase:
    """A case of an open casebook, with the stored analysis, label, mask, notes and audit extract.

    Parameters
    ----------
    conclusion : str, optional
        None: the case's notes.

    Raises
    ------
    CasebookError
        There is no such case.
    """
    row = book.cases.get(case_id)
    begun = row.analysis  # what is analysed anew meanwhile, maybe by another version, is for another report
    if row.trashed is not None:
        raise CasebookError(f"Case {case_id} is in the trash.", "Restore it in the window first.")

    def content(side: int, lossless: bool) -> CaseContent:
        return casebook_case(
            book, case_id, options, analysis_id=begun, conclusion=conclusion, side=side, lossless=lossless,
            change=lambda record: hide_faces(record, faces(record)) if faces is not None else record,
        )  # fmt: skip

    def dicom() -> DicomCase:
        row = book.cases.get(case_id)
        number = row.analysis if begun is None else begun
        if number is None:
            raise ReportError(f"{row.name} has not been analysed yet.", "Analyse it, then report on it.")
        analysis = book.analyses.load(number)
        record = open_image(book.originals.path(case_id), row.frame, Correction.parse(analysis.correction))
        painted = book.masks.load(case_id, record.correction) if row.regions else None
        return DicomCase(
            record, analysis, _features(record, analysis, row.label), row.label,
            painted.union() if painted is not None else None, tuple(faces(record)) if faces is not None else (),
        )  # fmt: skip

    return ReportCase(f"{book.path.name}#{case_id}", content, dicom)


def _features(record: ImageRecord, analysis: Analysis, label: int | None) -> FeatureSet:
    true_class = analysis.true_class(label)
    return important_features(
        analysis.divergence(true_class), analysis.image_size, analysis.region, spacing=record.spacing
    )
