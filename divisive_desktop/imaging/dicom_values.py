"""What the attributes of a DICOM data set say about its pixels: value transforms, spacing, orientation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.datadict import dictionary_description

from divisive_desktop.imaging.record import Calibration, ModalityTransform, Spacing, Voi, VoiKind

PROJECTION = frozenset({"CR", "DX", "MG", "IO", "PX", "RG", "XA", "RF", "DG"})
"""Modalities whose pictures are projections: a millimetre on the detector isn't one in the patient."""

_FUNCTIONS: dict[str, VoiKind] = {"LINEAR": "linear", "LINEAR_EXACT": "linear_exact", "SIGMOID": "sigmoid"}


_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")


def number(value: Any) -> float | None:
    """A finite float, or None for what isn't one (empty, text, not a number); a decimal comma counts as a point."""
    if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip("\0 ")):
        value = value.replace(",", ".")
    try:
        result = float(value.strip("\0 ") if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def numbers(value: Any) -> list[float]:
    """The finite numbers of an element with one, several or no values."""
    if value is None or isinstance(value, (str, bytes)):
        items = [] if value is None else [value]
    else:
        items = list(value) if hasattr(value, "__iter__") else [value]
    return [found for found in map(number, items) if found is not None]


def _each(value: Any) -> list[float | None]:
    """Every value of an element in its place, None for what isn't a finite number; nothing for an empty one."""
    if value is None or value == "":
        return []
    items = [value] if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__") else list(value)
    return [number(item) for item in items]


def odd_spacing(dataset: Dataset, frame: int) -> list[str]:
    """What to tell of sizes of a pixel that can't be: millimetres aren't taken from them."""
    notes = []
    measures = functional_group(dataset, "PixelMeasuresSequence", frame)
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        for place in (measures, dataset) if measures is not dataset and keyword == "PixelSpacing" else (dataset,):
            value = place.get(keyword)
            if value in (None, "") or _pair(value) is not None:
                continue
            said = ", ".join(text[:16] for text in texts(value)[:4])
            notes.append(f"{dictionary_description(keyword)} is {said}, which can't be the size of a pixel: left out.")
    if notes and spacing(dataset, frame) is None:
        notes.append("No millimetres are shown.")
    return notes


def odd_numbers(dataset: Dataset, keywords: Iterable[str]) -> list[str]:
    """What to tell of attributes whose values aren't numbers as DICOM writes them."""
    notes = []
    for keyword in keywords:
        for text in texts(dataset.get(keyword)):
            if text.strip("\0 ") == "":
                continue
            name = dictionary_description(keyword)
            if number(text) is None:
                notes.append(f"{name} is no number ('{text[:32]}') and was left out.")
            elif "," in text:
                notes.append(f"{name} has a decimal comma ('{text[:32]}') and was read as {number(text):g}.")
    return list(dict.fromkeys(notes))


def texts(value: Any) -> list[str]:
    """The values of an element as text."""
    if value is None:
        return []
    items = [value] if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__") else list(value)
    return [str(item).strip() for item in items]


def functional_group(dataset: Dataset, sequence: str, frame: int) -> Dataset:
    """Item that holds an attribute for one frame of a multi-frame object (PS3.3 C.7.6.16), else the data set."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in [*per_frame[frame : frame + 1], *shared[:1]]:
        item = group.get(sequence)
        if item:
            first: Dataset = item[0]
            return first
    return dataset


def lookup_table(
    item: Dataset, little_endian: bool, signed_input: bool
) -> tuple[npt.NDArray[np.float32], int, int] | None:
    """Table, first mapped value and bits per entry of a LUT item (PS3.3 C.11.1.1), or None when it is unusable."""
    descriptor = numbers(item.get("LUTDescriptor"))
    data = item.get("LUTData")
    if len(descriptor) != 3 or data is None:
        return None
    entries, first, bits = (int(value) for value in descriptor)
    entries = entries % 65536 or 65536
    if signed_input and first > 32767:  # the descriptor's VR is ambiguous: SS when the input is signed
        first -= 65536
    if isinstance(data, bytes):
        wide = len(data) >= 2 * entries
        table = np.frombuffer(data, ("<u2" if little_endian else ">u2") if wide else np.uint8)
    else:
        table = np.asarray(numbers(data))
    if not 1 <= bits <= 16 or table.size < entries:
        return None
    return table[:entries].astype(np.float32) % 65536, first, bits


def modality_transform(
    dataset: Dataset, frame: int, little_endian: bool, signed: bool, notes: list[str]
) -> ModalityTransform:
    """Modality LUT, else rescale slope and intercept, else identity (PS3.3 C.11.1)."""
    for item in dataset.get("ModalityLUTSequence") or []:
        found = lookup_table(item, little_endian, signed)
        if found is None:
            notes.append("The modality lookup table is damaged and was left out.")
            continue
        table, first, _bits = found
        return ModalityTransform(lut=table, lut_first=first, type=str(item.get("ModalityLUTType", "")))
    group = functional_group(dataset, "PixelValueTransformationSequence", frame)
    slope, intercept = number(group.get("RescaleSlope")), number(group.get("RescaleIntercept"))
    if slope == 0:
        notes.append("Rescale Slope is 0, which would erase the picture; it was taken as 1.")
        slope = 1.0
    return ModalityTransform(
        slope=1.0 if slope is None else slope, intercept=intercept or 0.0, type=str(group.get("RescaleType") or "")
    )


def voi_choices(dataset: Dataset, frame: int, little_endian: bool, signed: bool, notes: list[str]) -> list[Voi]:
    """VOI LUTs, then windows of the file with their explanations (PS3.3 C.11.2); the standard prefers neither."""
    choices: list[Voi] = []
    for index, item in enumerate(dataset.get("VOILUTSequence") or [], 1):
        found = lookup_table(item, little_endian, signed)
        if found is None:
            notes.append(f"VOI lookup table {index} is damaged and was left out.")
            continue
        table, first, bits = found
        top = float(2**bits - 1)
        if table.max() > top:
            notes.append(f"VOI lookup table {index} holds values above its {bits} bits; its own maximum is white.")
            top = float(table.max())
        name = str(item.get("LUTExplanation") or "") or f"VOI LUT {index}"
        choices.append(Voi("lut", explanation=name, lut=table, lut_first=first, lut_range=(0.0, top)))
    group = functional_group(dataset, "FrameVOILUTSequence", frame)
    centers, widths = (_each(group.get(word)) for word in ("WindowCenter", "WindowWidth"))
    names = texts(group.get("WindowCenterWidthExplanation"))
    stated = str(group.get("VOILUTFunction") or "LINEAR").strip().upper()
    if stated not in _FUNCTIONS:
        notes.append(f"The VOI LUT function '{stated}' is unknown; LINEAR was used.")
    kind = _FUNCTIONS.get(stated, "linear")
    if len(centers) != len(widths) and (centers or widths):
        notes.append(f"The file has {len(centers)} window centres and {len(widths)} widths; pairs were taken.")
    for index, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if center is None or width is None:
            notes.append(f"Window {index + 1} has a centre or a width that is no number, and was left out.")
            continue
        if width <= 0:
            notes.append(f"Window {index + 1} has the width {width:g} and was left out.")
            continue
        name = names[index] if index < len(names) and names[index] else f"Window {index + 1}"
        # LINEAR is defined for widths from 1 up; some writers use it for fractions.
        exact = kind == "linear" and width < 1
        choices.append(Voi("linear_exact" if exact else kind, center, width, name))
    return choices


def padding_range(dataset: Dataset, signed: bool) -> tuple[float, float] | None:
    """Stored values that are padding: Pixel Padding Value up to Pixel Padding Range Limit (PS3.3 C.7.5.1.1.2)."""
    value = number(dataset.get("PixelPaddingValue"))
    if value is None:
        return None
    limit = number(dataset.get("PixelPaddingRangeLimit"))
    ends = [value, value if limit is None else limit]
    if signed:  # ambiguous VR: implicit files come as unsigned
        ends = [end - 65536 if end > 32767 else end for end in ends]
    return min(ends), max(ends)


def spacing(dataset: Dataset, frame: int) -> Spacing | None:
    """Pixel spacing and what its millimetre means (PS3.3 10.7.1.3)."""
    measures = functional_group(dataset, "PixelMeasuresSequence", frame)
    patient = _pair(measures.get("PixelSpacing") or dataset.get("PixelSpacing"))
    detector = _pair(dataset.get("ImagerPixelSpacing"))
    projection = str(dataset.get("Modality") or "") in PROJECTION
    calibrated = bool(dataset.get("PixelSpacingCalibrationType"))
    calibration: Calibration
    if patient is not None:
        differs = detector is not None and not np.allclose(patient, detector, rtol=1e-3)
        if calibrated or differs:
            calibration = "calibrated"
        elif detector is not None:
            calibration = "detector"
        else:
            calibration = "unknown" if projection else "patient"
        return Spacing(*patient, calibration=calibration, source="PixelSpacing")
    if detector is not None:
        return Spacing(*detector, calibration="detector", source="ImagerPixelSpacing")
    scanned = _pair(dataset.get("NominalScannedPixelSpacing"))
    if scanned is not None:
        return Spacing(*scanned, calibration="detector", source="NominalScannedPixelSpacing")
    return None


def pixel_aspect(dataset: Dataset, found: Spacing | None) -> float:
    """Height of a pixel over its width: from the spacing, else Pixel Aspect Ratio (vertical, horizontal)."""
    if found is not None:
        return found.row_mm / found.column_mm
    ratio = _pair(dataset.get("PixelAspectRatio"))
    return ratio[0] / ratio[1] if ratio else 1.0


def orientation(dataset: Dataset, frame: int) -> tuple[str, str] | None:
    """Where rows and columns point to in the patient, as letters, e.g. ('L', 'F')."""
    stated = [text.upper() for text in texts(dataset.get("PatientOrientation"))]
    if len(stated) == 2 and all(stated):
        return stated[0], stated[1]
    plane = functional_group(dataset, "PlaneOrientationSequence", frame)
    cosines = numbers(plane.get("ImageOrientationPatient"))
    if len(cosines) != 6:
        return None
    letters = _letters(cosines[:3]), _letters(cosines[3:])
    return letters if all(letters) else None


def _letters(direction: list[float]) -> str:
    """Main directions of a vector in the patient, strongest first (PS3.3 C.7.6.2.1.1)."""
    names = (("R", "L"), ("A", "P"), ("F", "H"))
    parts = [(abs(x), names[axis][x > 0]) for axis, x in enumerate(direction)]
    return "".join(letter for size, letter in sorted(parts, reverse=True) if size > 0.1)


def _pair(value: Any) -> tuple[float, float] | None:
    found = numbers(value)
    return (found[0], found[1]) if len(found) == 2 and found[0] > 0 and found[1] > 0 else None
