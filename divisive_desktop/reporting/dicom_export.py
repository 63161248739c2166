"""A report case into DICOM objects of the radiograph's study: sealed, never over an existing file."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian

from divisive_desktop import RESEARCH_USE
from divisive_desktop.errors import ReportError, UserFacingError, in_words
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet, important_features
from divisive_desktop.explanation.picture import overlay
from divisive_desktop.explanation.scope import ASKED_ANYWAY
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.reporting.content import CaseContent, Report
from divisive_desktop.reporting.deid import Deidentifier, hide_faces
from divisive_desktop.reporting.dicom_map import parametric_map
from divisive_desktop.reporting.dicom_objects import CODES, SCHEME, encapsulated_pdf, secondary_capture, segmentation
from divisive_desktop.reporting.dicom_source import DicomSource, read_source
from divisive_desktop.reporting.dicom_sr import structured_report
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.seal import placeholder, seal

PRIVATE_GROUP, PRIVATE_CREATOR = 0x0055, "DIVISIVE DESKTOP"
_CONTENT, _STATEMENT, _SEAL = 1, 2, 3
"""Elements of the private block: report.json (bytes, UTF-8), the research-use statement, the seal. The seal is the last
token in the file: the report that an Encapsulated PDF encloses keeps its own and can be checked when taken out."""
TITLE = f"Divisive Desktop report. {RESEARCH_USE}."
"""Of the enclosed document."""


@dataclass(frozen=True)
class DicomCase:
    """What the objects are made from besides the report's content."""

    record: ImageRecord
    analysis: Analysis
    features: FeatureSet
    label: int | None = None
    mask: npt.NDArray[np.float32] | None = None
    faces: tuple[Box, ...] = ()
    """Parts of the picture to be made unrecognisable: x, y, width, height in image pixels. The radiograph itself isn't
    copied then."""


def dicom_objects(
    report: Report,
    made_from: DicomCase,
    deidentifier: Deidentifier | None = None,
    write: Callable[[Report], bytes] = write_pdf,
) -> dict[str, Dataset]:
    """The objects of a report on one case, by name: sr, seg (where there is something), pm, sc, pdf.

    When the report is de-identified, ``image`` is the radiograph itself without its identity: the others refer to it.

    Raises
    ------
    ReportError
        The original isn't a single-frame DICOM file, or not the one that was analysed.
    """
    (case,) = report.cases
    if made_from.record.sha256 != made_from.analysis.sha256:
        raise ReportError(
            f"{made_from.record.path.name} has changed since it was analysed, so no report was written.",
            "Restore the original file, or import the changed one as a new case and analyse it.",
        )
    in_file = as_in_file(made_from)
    source = read_source(in_file.record, (deidentifier or Deidentifier()) if report.deidentified else None)
    analysis, features = in_file.analysis, in_file.features
    true_class = analysis.true_class(made_from.label)
    names = (case.classes[true_class], case.classes[1 - true_class])
    objects: dict[str, Dataset] = {}
    seg = segmentation(source, analysis, features, names, in_file.mask)
    if seg is not None:
        objects["seg"] = seg
    _, held = case.statement.held_true(analysis.predicted, made_from.label)
    objects["pm"] = parametric_map(source, analysis, true_class, held)
    grey = render(hide_faces(made_from.record, made_from.faces))
    drawn = overlay(grey, made_from.analysis, made_from.features, case.statement, made_from.label)
    objects["sc"] = secondary_capture(source, analysis, drawn)
    objects["pdf"] = encapsulated_pdf(source, analysis.model, seal(write(report)), TITLE)
    for name, made in objects.items():
        finish(made, source, report, name)
    # Last: it names the others as evidence, in the study that they have now.
    objects = {"sr": structured_report(source, analysis, features, case, objects, report.language), **objects}
    finish(objects["sr"], source, report, "sr")
    if source.image is not None and not made_from.faces:
        objects["image"] = source.image
    content = report.to_json().encode()
    for made in objects.values():
        add_content(made, content)
    return objects


def add_content(made: Dataset, content: bytes) -> None:
    """Put the machine-readable content, the research-use statement and the place of the seal into an object."""
    block = made.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(_CONTENT, "OB", content + b" " * (len(content) % 2))
    block.add_new(_STATEMENT, "LO", RESEARCH_USE)
    block.add_new(_SEAL, "LT", placeholder())


def as_in_file(case: DicomCase) -> DicomCase:
    """The same case turned back: objects that refer to the radiograph's pixels must fit them.

    Greys play no part in it; what was mended is said in the Structured Report and on the Secondary Capture.
    """
    step = case.record.correction.inverse()
    if not case.record.correction:
        return case
    record = corrected(case.record, step)
    analysis = replace(analysis_in_file(case.analysis), spacing=record.spacing)
    true_class = analysis.true_class(case.label)
    features = important_features(
        analysis.divergence(true_class), analysis.image_size, analysis.region, spacing=record.spacing
    )
    mask = None if case.mask is None else step.pixels(case.mask)
    return replace(case, record=record, analysis=analysis, features=features, mask=mask)


def analysis_in_file(analysis: Analysis) -> Analysis:
    """An analysis whose maps and places are those of the file's own pixels; spacing stays as it is."""
    correction = Correction.parse(analysis.correction)
    if not correction:
        return analysis
    step = correction.inverse()
    return replace(
        analysis,
        cams=np.stack([step.pixels(cells) for cells in analysis.cams]),
        region=step.box(analysis.region, *analysis.image_size),
        image_size=step.size(*analysis.image_size),
    )


def export_dicom(
    report: Report,
    made_from: DicomCase,
    folder: Path,
    stem: str,
    *,
    key: Ed25519PrivateKey | None = None,
    deidentifier: Deidentifier | None = None,
    write: Callable[[Report], bytes] = write_pdf,
) -> list[Path]:
    """Write the objects of one case of a report as ``stem-sr.dcm``, ``stem-seg.dcm`` and so on.

    Parameters
    ----------
    report : Report
        With the one case that ``made_from`` belongs to.
    deidentifier : Deidentifier, optional
        Shared by the cases of one export, so that a patient stays one patient. Default: one of its own.
    write : callable
        Makes the PDF that is enclosed.

    Raises
    ------
    ReportError
        As `dicom_objects`, or the folder can't be written to; then none of the files is left.
    """
    from divisive_desktop.reporting.export import write_new

    try:
        made = dicom_objects(report, made_from, deidentifier, write)
        files = {name: seal(_file(dataset), key) for name, dataset in made.items()}
    except (UserFacingError, MemoryError):
        raise
    except Exception as e:  # forged and damaged files find every hole in the libraries
        raise ReportError(
            f"{made_from.record.path.name} can't be made into DICOM objects: its header contradicts itself "
            f"({in_words(e)}).",
            "Ask for the file again, or choose PDF, HTML, JSON or CSV.",
        ) from e
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ReportError(f"The folder {folder} can't be made: {in_words(e)}.", "Choose another folder.") from e
    written: list[Path] = []
    try:
        for name, data in files.items():
            written.append(write_new(folder, f"{stem}-{name}", "dcm", data))
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def one_case(report: Report, case: CaseContent) -> Report:
    """The same report on one of its cases only: DICOM objects belong to one study."""
    several = len(report.cases) > 1
    return replace(report, cases=(case,), first_number=1, total=1, conclusion="" if several else report.conclusion)


def embedded_content(data: bytes) -> bytes | None:
    """``report.json`` from the bytes of an exported DICOM file; None where there is none."""
    try:
        dataset = dcmread(io.BytesIO(data), specific_tags=[(PRIVATE_GROUP, e) for e in (0x10, 0x1000 + _CONTENT)])
        return bytes(dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR)[_CONTENT].value).rstrip(b" ")
    except (InvalidDicomError, KeyError, EOFError, ValueError, TypeError, AttributeError, OSError):
        return None


def finish(made: Dataset, source: DicomSource, report: Report, name: str) -> None:
    """Patient and study as the source has them, time of the report, and how identity was removed."""
    asked_anyway = bool((report.cases[0].analysis.get("scope") or {}).get("asked_anyway"))
    for element in source.header:
        if element.keyword not in ("PatientOrientation", "Laterality", "BodyPartExamined"):
            made[element.tag] = element
    # Everything else that the objects say in words is Unicode.
    made.SpecificCharacterSet = "ISO_IR 192"
    if name in ("seg", "pm", "sc"):
        made.ImageComments = RESEARCH_USE + (f". {ASKED_ANYWAY.capitalize()}" if asked_anyway else "")
    if name in ("pm", "sc"):
        made.Laterality = source.header.Laterality
    if name in ("seg", "pm"):
        # Without a position in the patient, rows and columns are told apart by the radiograph's own directions.
        made.PatientOrientation = source.header.get("PatientOrientation")
    if name in ("seg", "pm", "sr"):
        scheme = Dataset()
        scheme.CodingSchemeDesignator, scheme.CodingSchemeName = SCHEME, f"Divisive Desktop ({len(CODES)} concepts)"
        scheme.CodingSchemeResponsibleOrganization = "Divisive Desktop"
        made.CodingSchemeIdentificationSequence = [scheme]
    created = _created(report, made)
    made.InstanceCreationDate = made.SeriesDate = made.ContentDate = created.strftime("%Y%m%d")
    made.InstanceCreationTime = made.SeriesTime = made.ContentTime = created.strftime("%H%M%S")
    if name == "sc":
        made.DateOfSecondaryCapture, made.TimeOfSecondaryCapture = made.ContentDate, made.ContentTime
    mark = f" ({ASKED_ANYWAY})" if asked_anyway else ""
    made.SeriesDescription = f"Divisive Desktop: {_DESCRIPTIONS[name]}{mark}"
    if source.deidentifier is not None:
        source.deidentifier.state(made)


def _created(report: Report, made: Dataset) -> datetime:
    """When the report was made, in the time zone that the object's other times are in."""
    created = datetime.strptime(report.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    offset = str(made.get("TimezoneOffsetFromUTC") or "")
    if not offset and made.get("StudyTime"):
        return created.astimezone()  # the study's zone isn't stated; the place where it is read is the best guess
    try:
        there = datetime.strptime(offset or "+0000", "%z").tzinfo
    except ValueError:
        there = UTC
        offset = ""
    made.TimezoneOffsetFromUTC = offset or "+0000"
    return created.astimezone(there)


_DESCRIPTIONS = {
    "sr": "measurements", "seg": "regions", "pm": "class activation", "sc": "overlay", "pdf": "report",
}  # fmt: skip


def _file(made: Dataset) -> bytes:
    meta = getattr(made, "file_meta", None) or FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    meta.TransferSyntaxUID = meta.get("TransferSyntaxUID") or ExplicitVRLittleEndian
    made.file_meta = meta
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
