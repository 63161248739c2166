"""Whether what a DICOM object shows is what its sealed content says: it is made once more and compared, all of it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    ParametricMapStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    generate_uid,
)

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.picture import overlay
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.reporting.build import mask_sha256
from divisive_desktop.reporting.content import Report
from divisive_desktop.reporting.deid import Deidentifier
from divisive_desktop.reporting.dicom_export import TITLE, add_content, analysis_in_file, finish
from divisive_desktop.reporting.dicom_map import parametric_map
from divisive_desktop.reporting.dicom_objects import SERIES, encapsulated_pdf, secondary_capture, segmentation
from divisive_desktop.reporting.dicom_source import PATIENT_AND_STUDY, DicomSource, header_of, read_source
from divisive_desktop.reporting.dicom_sr import structured_report
from divisive_desktop.reporting.finding import Finding
from divisive_desktop.reporting.options import Dates
from divisive_desktop.reporting.pictures import differing
from divisive_desktop.reporting.reread import features_of, reread, reread_analysis
from divisive_desktop.reporting.visible import page_shows_content

_POINTS, _NUMBERS, _CELLS = 1.5, 1e-4, 1e-3
_EDGE = 1e-3
"""Share of a segment's pixels that may lie on the other side of its edge: maps are written with seven digits."""
_KINDS = {
    ComprehensiveSRStorage: "sr", SegmentationStorage: "seg", ParametricMapStorage: "pm",
    SecondaryCaptureImageStorage: "sc", EncapsulatedPDFStorage: "pdf",
}  # fmt: skip
_OWN = (SegmentationStorage, ParametricMapStorage)
"""SOP classes of the report's own objects that the measurements name as evidence beside the radiograph."""
_STAMPS = ("InstanceCreation{}", "Series{}", "Content{}", "{}OfSecondaryCapture")
_ANONYMOUS = {"PatientName": "ANON^", "PatientID": "ANON-"}
_MASK = "analyst-mask"
_DATES: Mapping[str, Dates] = {"REMOVED": "remove", "MODIFIED": "shift", "UNMODIFIED": "keep"}


def object_shows_content(
    data: bytes, content: Mapping[str, Any], *, same_maker: bool, record: ImageRecord | None = None
) -> list[Finding]:
    """Compare an exported DICOM object with its content.

    Parameters
    ----------
    data : bytes
        The file.
    same_maker : bool
        This very program made it; the words of another one may differ.
    record : ImageRecord, optional
        The radiograph: with it the patient, the study, pictures and the de-identified copy are compared, too.

    Raises
    ------
    LookupError, TypeError, ValueError, AttributeError
        The object lacks what it needs.
    """
    made = dcmread(io.BytesIO(data))
    try:
        comparison = _Comparison(made, content, record)
        differences = list(comparison.differences())
    except (LookupError, TypeError, ValueError, AttributeError):
        raise
    except Exception as e:  # the libraries raise anything on forged objects
        raise ValueError(f"the object can't be made again ({type(e).__name__})") from e
    if any(data[:128]):
        differences.append("there are bytes before the object's beginning")
    findings = []
    if not differences and (comparison.kind != "image" or record is not None):
        findings.append(Finding("holds", comparison.whole))
    said = "; ".join(differences[:3])
    if differences and same_maker:
        findings.append(Finding("broken", f"The object says otherwise than its sealed content: {said}."))
    elif differences:
        findings.append(
            Finding("unknown", f"Another version of the program made this object; this one would write otherwise: "
                    f"{said}.")
        )  # fmt: skip
    if comparison.kind == "pdf":
        pdf = bytes(made.EncapsulatedDocument)[: int(made.get("EncapsulatedDocumentLength") or 0) or None]
        findings += page_shows_content(pdf, content, same_maker=same_maker, record=record) or [
            Finding("broken", "The document that the object encloses is no report.")
        ]
    return [*findings, *(Finding("unknown", f"Not compared: {what}.") for what in comparison.left_out)]


@dataclass
class _Comparison:
    """An object beside the one that its content makes."""

    made: Dataset
    content: Mapping[str, Any]
    record: ImageRecord | None
    left_out: list[str] = field(default_factory=list)
    """What is compared with nothing, in words."""
    uids: dict[str, str] = field(default_factory=dict)
    """Of the object made again -> of this one: each has UIDs of its own, but uses them in the same places."""

    def __post_init__(self) -> None:
        self.kind = _KINDS.get(self.made.SOPClassUID, "image")
        if self.kind == "sc" and self.made.get("SeriesNumber") != SERIES["sc"]:
            self.kind = "image"  # a radiograph that is itself a secondary capture
        self.report: Report = reread(self.content)
        (self.case,), (self.raw,) = self.report.cases, self.content["cases"]
        self.shown: Analysis = reread_analysis(self.raw)
        self.analysis = analysis_in_file(self.shown)

    @property
    def whole(self) -> str:
        """What is said where nothing differs."""
        if self.kind == "image":
            return "The radiograph's copy is what de-identifying the original gives."
        what = {
            "sr": "every text, number, code and outline", "seg": "every region, label and comment",
            "pm": "every map, label and comment", "sc": "every attribute and the picture" if self.record is not None
            else "every attribute", "pdf": "every attribute",
        }[self.kind]  # fmt: skip
        return f"{what[0].upper()}{what[1:]} of the object is what its sealed content gives."

    def differences(self) -> Iterator[str]:
        """What is otherwise, in words."""
        if self.kind == "image":
            yield from self._image()
            return
        source = self._source()
        if self.record is None or not self.report.deidentified:
            known = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
            self.uids |= {str(uid): str(uid) for k in known if (uid := source.neutral.get(k)) is not None}
        again = self._again(source)
        finish(again, source, self.report, self.kind)
        add_content(again, self.content_bytes())
        yield from self._standing()
        yield from self._differing(self.made, again, "")

    def content_bytes(self) -> bytes:
        """The machine-readable content as it stands in the object: it is what everything else is compared with."""
        return bytes(self.made.private_block(0x0055, "DIVISIVE DESKTOP")[1].value)

    # ---- the radiograph ------------------------------------------------------------------------------

    def _deidentifier(self) -> Deidentifier | None:
        if not self.report.deidentified:
            return None
        return Deidentifier(_DATES.get(str(self.made.get("LongitudinalTemporalInformationModified")), "remove"))

    def _source(self) -> DicomSource:
        """The radiograph as far as it is known: from the original, otherwise from what the object says of it."""
        if self.report.deidentified or self.record is None:
            new = "are new in a de-identified report" if self.report.deidentified else "the original would tell"
            self.left_out.append(f"which radiograph the object refers to, by its UIDs ({new})")
        if self.record is not None:
            source = read_source(_in_file(self.record), self._deidentifier())
            return replace(source, image=None)
        names = ("name and number of the patient" if self.report.deidentified else "patient and study")
        self.left_out.append(f"{names} ({', '.join(PATIENT_AND_STUDY)}) with the original's header, which isn't here")
        neutral = Dataset()
        for keyword in PATIENT_AND_STUDY:
            setattr(neutral, keyword, None)
        for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
            if keyword in self.made:
                setattr(neutral, keyword, self.made[keyword].value)
        image = self.case.image
        neutral.SpecificCharacterSet = "ISO_IR 192"
        neutral.SOPClassUID, neutral.SOPInstanceUID = self._referred()
        neutral.StudyInstanceUID = self.made.StudyInstanceUID
        neutral.SeriesInstanceUID = self._series()
        neutral.Columns, neutral.Rows = self.analysis.image_size
        if image.header.get("Modality"):
            neutral.Modality = image.header["Modality"]
        if self.made.get("LossyImageCompression") == "01" or image.lossy:
            neutral.LossyImageCompression = "01"
        elif "LossyImageCompression" in self.made:
            neutral.LossyImageCompression = "00"
        if "FrameOfReferenceUID" in self.made and self.kind == "seg":
            neutral.FrameOfReferenceUID = self.made.FrameOfReferenceUID
        if image.spacing is not None:
            row, column = (round(float(image.spacing[name]), 6) for name in ("row_mm", "column_mm"))
            turned = self.analysis.image_size != self.shown.image_size
            neutral.PixelSpacing = [column, row] if turned else [row, column]
        burned = image.burned_in or None
        if not self.report.deidentified and self.kind in ("sc", "pdf"):
            burned = None if self.made.get("BurnedInAnnotation") == "NO" else "YES"
            self.left_out.append("whether text is burned into the radiograph's pixels")
        header = header_of(self.made)
        if self.kind == "pm":
            header.PatientOrientation = self.made.get("PatientOrientation")
        return DicomSource(header, neutral, None, self._deidentifier(), burned)

    def _referred(self) -> tuple[str, str]:
        """SOP class and instance of the one radiograph that the object refers to."""
        found = {
            (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
            for item in _items(self.made) if "ReferencedSOPInstanceUID" in item
        }  # fmt: skip
        ((kind, instance),) = [pair for pair in found if pair[0] not in _OWN]
        return kind, instance

    def _series(self) -> str:
        found = {
            str(item.SeriesInstanceUID)
            for item in _items(self.made)
            if "SeriesInstanceUID" in item and any(
                str(one.get("ReferencedSOPClassUID")) not in _OWN
                for name in ("ReferencedSOPSequence", "ReferencedInstanceSequence") for one in item.get(name) or ()
            )
        }  # fmt: skip
        return next(iter(found), str(generate_uid()))  # an object that doesn't name it has no use for it

    # ---- made again ----------------------------------------------------------------------------------

    def _again(self, source: DicomSource) -> Dataset:
        make: dict[str, Callable[[DicomSource], Dataset | None]] = {
            "sr": self._measurements, "seg": self._segments, "pm": self._maps, "sc": self._capture,
            "pdf": lambda s: encapsulated_pdf(s, self.analysis.model, b"", TITLE),
        }  # fmt: skip
        again = make[self.kind](source)
        if again is None:
            raise ValueError("there is nothing that such an object would show")
        return again

    def _measurements(self, source: DicomSource) -> Dataset:
        others = {}
        for item in _items(self.made):
            for one in item.get("ReferencedSOPSequence") or ():
                if one.ReferencedSOPClassUID not in _OWN or "SeriesInstanceUID" not in item:
                    continue
                other = deepcopy(source.neutral)
                other.SOPClassUID, other.SOPInstanceUID = one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID
                other.SeriesInstanceUID = item.SeriesInstanceUID
                others[_KINDS[one.ReferencedSOPClassUID]] = other
        features = features_of(self.analysis, self.case.true_class)
        return structured_report(source, self.analysis, features, self.case, others, self.report.language)

    def _segments(self, source: DicomSource) -> Dataset | None:
        case, t = self.case, self.case.true_class
        mask = self._painted()
        names = case.classes[t], case.classes[1 - t]
        return segmentation(source, self.analysis, features_of(self.analysis, t), names, mask)

    def _painted(self) -> npt.NDArray[np.float32] | None:
        """The mask as the object has it: what it is is told by its hash, everything about it is compared."""
        if self.case.mask is None or self.made.SegmentSequence[-1].get("TrackingID") != _MASK:
            return None
        last = cast(npt.NDArray[np.float32], _frames(self.made)[-1].astype(np.float32))
        step = Correction.parse(self.shown.correction)
        held = mask_sha256(step.pixels(last))
        stated = self.case.mask.segment_sha256
        if not stated and held != self.case.mask.sha256:
            self.left_out.append("the analyst's mask, of which an older report holds no hash as a segment")
        elif stated and held != stated:
            raise ValueError("the analyst's mask is another")
        return last

    def _maps(self, source: DicomSource) -> Dataset:
        return parametric_map(source, self.analysis, self.case.true_class, self.case.statement.held_true(
            self.analysis.predicted, self._label)[1])  # fmt: skip

    def _capture(self, source: DicomSource) -> Dataset:
        if self.record is None:
            self.left_out.append("the picture in the object (give the image with --original)")
            drawn = self.made.pixel_array
        else:
            features = features_of(self.shown, self.case.true_class)
            drawn = overlay(render(self.record), self.shown, features, self.case.statement, self._label)
        return secondary_capture(source, self.analysis, drawn)

    @property
    def _label(self) -> int | None:
        return self.case.true_class if self.case.true_class_source == "label" else None

    # ---- compared ------------------------------------------------------------------------------------

    def _standing(self) -> Iterator[str]:
        """Name and number of a patient without a name are of this program's making."""
        if not self.report.deidentified:
            return
        for keyword, beginning in _ANONYMOUS.items():
            value = str(self.made.get(keyword) or "")
            if value and not (value.startswith(beginning) and len(value) == 15 and value[5:].isalnum()):
                yield f"{keyword} isn't one of a de-identified report"

    def _image(self) -> Iterator[str]:
        if self.record is None:
            self.left_out.append("the radiograph in the object with the original (give it with --original)")
            yield from self._standing()
            return
        source = read_source(_in_file(self.record), self._deidentifier() or Deidentifier())
        again = source.image
        if again is None:
            raise ValueError("the object is no copy of the original")
        add_content(again, self.content_bytes())
        yield from self._standing()
        if self.made.get("LongitudinalTemporalInformationModified") == "MODIFIED":
            self.left_out.append("dates, which were moved by a number of days that nobody keeps")
        yield from self._differing(self.made, again, "")

    def _differing(self, one: Dataset, two: Dataset, where: str) -> Iterator[str]:
        """Where two data sets differ, in words."""
        for tag in sorted({*one.keys(), *two.keys()}):
            a, b = _element(one, tag), _element(two, tag)
            name = keyword_for_tag(tag) or str(tag)
            if where == "" and name in ("EncapsulatedDocument", "EncapsulatedDocumentLength"):
                continue  # compared as pages
            if where == "" and tag.group % 2 and tag.element & 0xFF == 3:
                continue  # the seal, checked before anything
            place = f"{where}{name}"
            if a is None or b is None:
                yield f"{place} is {'missing' if a is None else 'more than it says'}"
            elif b.VR == "SQ":
                if len(a.value or ()) != len(b.value or ()):
                    yield f"{place} has {len(a.value or ())} parts instead of {len(b.value or ())}"
                for first, second in zip(a.value or (), b.value or (), strict=False):
                    yield from self._differing(first, second, f"{_label(first) or place}, ")
            elif not self._same(name, a, b):
                yield f"{place}: “{_shown(a.value)}” instead of “{_shown(b.value)}”"

    def _same(self, name: str, a: Any, b: Any) -> bool:
        if name == "PixelData":  # as bytes or words, which a library leaves open until it writes
            return self._same_pixels(b.value)
        if a.VR != b.VR:
            return False
        if a.VR == "UI":
            return self._same_uids(_many(a.value), _many(b.value))
        if name == "FloatPixelData":
            held, wanted = np.frombuffer(a.value, "<f4"), np.frombuffer(b.value, "<f4")
            near = _CELLS * max(1.0, float(np.abs(wanted).max()))
            return held.size == wanted.size and bool(np.allclose(held, wanted, atol=near))
        if a.VR in ("DS", "FL", "FD", "IS"):
            tolerance = _POINTS if name == "GraphicData" else _NUMBERS
            return _near([float(v) for v in _many(a.value)], [float(v) for v in _many(b.value)], tolerance)
        if isinstance(a.value, bytes) or isinstance(b.value, bytes):
            return bytes(a.value or b"").rstrip(b"\0 ") == bytes(b.value or b"").rstrip(b"\0 ")
        if name in _ANONYMOUS and self.report.deidentified:
            return bool(a.value) == bool(b.value)  # its form is checked apart
        if name == "ContributionDateTime":
            return bool(a.value) == bool(b.value)  # the second in which the library was at work
        if a.VR in ("DA", "TM", "DT") and self._moved(name, a, b):
            return True
        # DICOM pads with spaces, so a text that was cut before one loses it in a file.
        return [str(v).rstrip() for v in _many(a.value)] == [str(v).rstrip() for v in _many(b.value)]

    def _moved(self, name: str, a: Any, b: Any) -> bool:
        """Whether a date may differ: moved with the patient's others, or written in another place's time."""
        if self.made.get("LongitudinalTemporalInformationModified") == "MODIFIED" and self.record is not None:
            stamps = {stamp.format(what) for stamp in _STAMPS for what in ("Date", "Time")}
            if name not in stamps:
                return bool(a.value) == bool(b.value)
        if self.made.get("TimezoneOffsetFromUTC"):
            return False
        for stamp in _STAMPS:
            if name in (stamp.format("Date"), stamp.format("Time")):
                held = f"{self.made.get(stamp.format('Date'))}{str(self.made.get(stamp.format('Time')))[:6]}"
                made = datetime.strptime(self.report.created, "%Y-%m-%dT%H:%M:%SZ")
                apart = datetime.strptime(held, "%Y%m%d%H%M%S") - made
                return abs(apart) <= timedelta(hours=14) and apart % timedelta(minutes=15) == timedelta(0)
        return False

    def _same_uids(self, held: list[Any], wanted: list[Any]) -> bool:
        """DICOM's own are the same; others are new in every object, and each stands for one."""
        if len(held) != len(wanted):
            return False
        for a, b in zip(map(str, held), map(str, wanted), strict=True):
            if b.startswith("1.2.840.10008.") or a.startswith("1.2.840.10008."):
                if a != b:
                    return False
            elif self.uids.setdefault(b, a) != a:
                return False
        return len(set(self.uids.values())) == len(self.uids)

    def _same_pixels(self, wanted: bytes) -> bool:
        held = bytes(self.made.PixelData)
        if len(held) != len(wanted):
            return False
        if self.kind == "seg":
            a, b = _frames(self.made), _frames(self.made, wanted)
            apart = (a != b).reshape(len(a), -1).sum(axis=1)
            return bool((apart <= 4 + _EDGE * b.reshape(len(b), -1).sum(axis=1)).all())
        if self.kind == "sc":
            shape = int(self.made.Rows), int(self.made.Columns), 3
            size = int(np.prod(shape))
            one, two = (np.frombuffer(data[:size], np.uint8).reshape(shape) for data in (held, wanted))
            return not differing(one, two)
        return hashlib.sha256(held).digest() == hashlib.sha256(wanted).digest()


def _element(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    found = dataset[tag] if tag in dataset.keys() else None  # noqa: SIM118 - `in` a Dataset reads a keyword
    return found if isinstance(found, DataElement) else None


def _in_file(record: ImageRecord) -> ImageRecord:
    """The record as its file has it: objects fit the file's own pixels."""
    from divisive_desktop.imaging.corrected import corrected

    return corrected(record, record.correction.inverse()) if record.correction else record


def _frames(made: Dataset, data: bytes | None = None) -> npt.NDArray[np.uint8]:
    """The binary frames of a segmentation, uint8 (frames, rows, columns)."""
    shape = int(made.NumberOfFrames), int(made.Rows), int(made.Columns)
    size = int(np.prod([int(n) for n in shape], dtype=object))
    raw = bytes(made.PixelData) if data is None else data
    if size > 8 * len(raw):
        raise ValueError("there are fewer pixels than the frames have")
    return np.unpackbits(np.frombuffer(raw, np.uint8), count=size, bitorder="little").reshape(shape)


def _items(dataset: Dataset) -> Iterator[Dataset]:
    """Every item of a data set at any depth."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value or ():
                yield item
                yield from _items(item)


def _label(node: Dataset) -> str:
    """What an item is called, where it has a name for people."""
    if "ConceptNameCodeSequence" in node and node.ConceptNameCodeSequence:
        return str(node.ConceptNameCodeSequence[0].get("CodeMeaning", ""))
    return str(node.get("SegmentLabel") or node.get("FrameLabel") or "")


def _many(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if hasattr(value, "__iter__") and not isinstance(value, (str, bytes)) and not hasattr(
        value, "family_name") else [value]  # fmt: skip


def _near(one: list[float], two: list[float], tolerance: float) -> bool:
    return len(one) == len(two) and all(
        abs(a - b) <= tolerance * max(1.0, abs(b) if tolerance < 1 else 1.0) for a, b in zip(one, two, strict=True)
    )


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return ", ".join(str(v)[:80] for v in _many(value)[:2])
