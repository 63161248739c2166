"""What a data set says about the form of its pixels, completed and spelt as other readers take it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from pydicom import Dataset
from pydicom.encaps import parse_basic_offsets, parse_fragments
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from divisive_desktop.errors import DamagedImageError
from divisive_desktop.imaging.codestream import read_codestream
from divisive_desktop.imaging.dicom_values import functional_group, number, odd_numbers
from divisive_desktop.imaging.limits import check_size

_PHOTOMETRIC = {
    re.sub(r"[^A-Z0-9]", "", name): name
    for name in (
        "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT",
        "YBR_PARTIAL_420", "YBR_PARTIAL_422", "XYB",
    )
}  # fmt: skip
_OF_A_CODEC = ("YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "YBR_PARTIAL_422", "XYB")
_NUMBERS = (
    "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "PixelAspectRatio", "PixelPaddingValue", "PixelPaddingRangeLimit",
)  # fmt: skip
_GROUPS = {
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth"),
    "PixelMeasuresSequence": ("PixelSpacing",),
}
_ITEM = b"\xfe\xff\x00\xe0"


def complete(path: Path, dataset: Dataset, syntax: UID, keyword: str, limit: int, notes: list[str]) -> int:
    """Make the description of the pixels whole, in place.

    Parameters
    ----------
    path : Path
        For messages.
    dataset : Dataset
        Changed: what is missing, empty or misspelt is set to what other readers assume.
    syntax : UID
        Transfer syntax.
    keyword : str
        PixelData, FloatPixelData or DoubleFloatPixelData.
    limit : int
        Largest number of pixels of a frame.
    notes : list of str
        Added to: everything that was assumed.

    Returns
    -------
    int
        Number of frames, at least 1.

    Raises
    ------
    DamagedImageError
        Nobody could tell the size or the depth of the picture.
    ImageTooLargeError
        A frame has more pixels than the limit.
    """
    rows, columns = (number(dataset.get(word)) for word in ("Rows", "Columns"))
    if not rows or not columns or rows < 0 or columns < 0:
        raise DamagedImageError(
            f"{path.name} doesn't say how many rows and columns its picture has.",
            "The file is damaged: ask for it again.",
        )
    check_size(path.name, int(columns), int(rows), limit)
    dataset.Rows, dataset.Columns = int(rows), int(columns)
    frames = number(dataset.get("NumberOfFrames"))
    if "NumberOfFrames" in dataset and (frames is None or frames < 1):
        notes.append("The number of frames is missing or wrong; 1 was assumed.")
        dataset.NumberOfFrames = 1
    count = int(frames) if frames and frames >= 1 else 1
    _complete_colour(dataset, notes)
    if keyword == "PixelData":
        _complete_bits(path, dataset, syntax, count, notes)
        _count_samples(dataset, syntax, count, notes)
    _complete_layout(dataset, syntax, keyword, count, notes)
    _check_colour(path, dataset, syntax)
    if _is_packed(syntax):
        _check_offsets(dataset, count, notes)
    notes.extend(odd_numbers(dataset, _NUMBERS))
    for sequence, keywords in _GROUPS.items():
        group = functional_group(dataset, sequence, 0)
        if group is not dataset:
            notes.extend(odd_numbers(group, keywords))
    _contradictions(dataset, notes)
    return count


def _is_packed(syntax: UID) -> bool:
    """Whether pixels come in pieces with an item header each; pydicom's own answer raises for unknown syntaxes."""
    return syntax not in (
        ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian
    )  # fmt: skip


def _complete_colour(dataset: Dataset, notes: list[str]) -> None:
    written = str(dataset.get("PhotometricInterpretation") or "")
    stated = written.strip()
    known = _PHOTOMETRIC.get(re.sub(r"[^A-Z0-9]", "", stated.upper()), "")
    samples = number(dataset.get("SamplesPerPixel"))
    if not samples or samples < 1:
        samples = 1 if not known or known.startswith(("MONO", "PALETTE")) else 3
        notes.append(f"Samples per Pixel is missing; {samples:g} was assumed.")
    dataset.SamplesPerPixel = int(samples)
    if not known:
        known = "MONOCHROME2" if samples == 1 else "RGB"
        said = f"'{stated}' is unknown" if stated else "is missing"
        notes.append(f"Photometric Interpretation {said}; {known} was assumed.")
    elif known != stated:
        notes.append(f"Photometric Interpretation '{stated}' was read as {known}.")
    if known != written:
        dataset.PhotometricInterpretation = known


def _complete_bits(path: Path, dataset: Dataset, syntax: UID, frames: int, notes: list[str]) -> None:
    """Bits Allocated, Bits Stored, High Bit and Pixel Representation, whole and not contradicting each other."""
    allocated, stored, high, sign = (
        number(dataset.get(word)) for word in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")
    )
    if not allocated or allocated < 1:
        allocated = _guess_allocated(dataset, syntax, frames, stored)
        if not allocated:
            raise DamagedImageError(
                f"{path.name} doesn't say how many bits its pixels have (Bits Allocated).",
                "The file is damaged: ask for it again.",
            )
        notes.append(f"Bits Allocated is missing; {allocated:g} was assumed.")
    if not stored or not 1 <= stored <= allocated:
        said = "is missing" if not stored else f"is {stored:g}, more than Bits Allocated"
        # High Bit is their highest, and they nearly always begin at bit 0.
        stored = high + 1 if high is not None and 0 <= high < allocated else allocated
        notes.append(f"Bits Stored {said}; {stored:g} was assumed.")
    if high is None or not stored - 1 <= high < allocated:
        if high is not None:
            notes.append(f"High Bit {high:g} doesn't fit {stored:g} bits of {allocated:g}; {stored - 1:g} was assumed.")
        high = stored - 1
    if sign not in (0, 1):
        notes.append("Pixel Representation is missing; unsigned was assumed.")
        sign = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = int(allocated), int(stored), int(high)
    dataset.PixelRepresentation = int(sign)


def _guess_allocated(dataset: Dataset, syntax: UID, frames: int, stored: float | None) -> int:
    """From the length of the pixels, or what their codestream says; 0 when nobody knows."""
    data = dataset.PixelData or b""
    if _is_packed(syntax):
        stream = read_codestream(_first_piece(data))
        bits = stream.precision if stream is not None else stored or 0
    else:
        samples = int(dataset.Rows) * int(dataset.Columns) * int(dataset.SamplesPerPixel) * frames
        bits = 8 * len(data) // samples
    return next((size for size in (8, 16, 32) if 0 < bits <= size), 0)


def _count_samples(dataset: Dataset, syntax: UID, frames: int, notes: list[str]) -> None:
    """Where Samples per Pixel and Photometric Interpretation contradict each other, the pixels themselves decide."""
    photometric, samples = str(dataset.PhotometricInterpretation), int(dataset.SamplesPerPixel)
    grey = photometric.startswith(("MONOCHROME", "PALETTE"))
    if grey == (samples == 1):
        return
    data = dataset.PixelData or b""
    if _is_packed(syntax):
        stream = read_codestream(_first_piece(data))
        held = stream.samples if stream is not None else 0
    else:
        held = len(data) // (int(dataset.Rows) * int(dataset.Columns) * frames * (int(dataset.BitsAllocated) // 8 or 1))
    if held not in (1, 3):
        return
    dataset.SamplesPerPixel = held
    if grey != (held == 1):
        dataset.PhotometricInterpretation = "MONOCHROME2" if held == 1 else "RGB"
    notes.append(
        f"Samples per Pixel {samples} and {photometric} contradict each other; the pixels have {held} and were read as "
        f"{dataset.PhotometricInterpretation}."
    )


def _first_piece(data: bytes) -> bytes:
    """The beginning of the first compressed piece."""
    at = data.find(_ITEM, 8)
    return data[at + 8 : at + 8 + 65536]


def _complete_layout(dataset: Dataset, syntax: UID, keyword: str, frames: int, notes: list[str]) -> None:
    if int(dataset.SamplesPerPixel) == 1:
        return
    if number(dataset.get("PlanarConfiguration")) not in (0, 1):
        if not _is_packed(syntax):  # a codestream knows it itself
            notes.append("Planar Configuration is missing; colours pixel by pixel were assumed.")
        dataset.PlanarConfiguration = 0
    if dataset.PhotometricInterpretation == "YBR_FULL_422" and not _is_packed(syntax) and keyword == "PixelData":
        whole = int(dataset.Rows) * int(dataset.Columns) * 3 * frames * int(dataset.BitsAllocated) // 8
        if len(dataset.PixelData or b"") >= whole:
            notes.append("The colours are labelled YBR_FULL_422 but stored at full size: read as YBR_FULL.")
            dataset.PhotometricInterpretation = "YBR_FULL"
        elif dataset.PlanarConfiguration != 0:
            notes.append("YBR_FULL_422 has no colour planes (PS3.3 C.7.6.3.1.2): it was read pixel by pixel.")
            dataset.PlanarConfiguration = 0


def _check_colour(path: Path, dataset: Dataset, syntax: UID) -> None:
    """Refuse colours that nobody converts to RGB: those of a codec, where the pixels don't come from it."""
    stated = str(dataset.PhotometricInterpretation)
    converted = syntax in JPEG2000TransferSyntaxes or syntax in (JPEGBaseline8Bit, JPEGExtended12Bit)
    if converted or stated not in _OF_A_CODEC or int(dataset.SamplesPerPixel) == 1:
        return
    raise DamagedImageError(
        f"{path.name} says that its colours are {stated}, which pixels stored as {syntax.name} can't be.",
        "Ask for the file again as RGB or YBR_FULL: the program that wrote or converted it labels its colours wrongly.",
    )


def _check_offsets(dataset: Dataset, frames: int, notes: list[str]) -> None:
    """Take out a table of offsets that doesn't fit the fragments: without one, readers count them."""
    data = dataset.get("PixelData") or b""
    try:
        # A table whose length no number of offsets has is wrong, too.
        odd = data[:4] == _ITEM and int.from_bytes(data[4:8], "little") % 4
        offsets = [-1] if odd else parse_basic_offsets(data)
        if not offsets and "ExtendedOffsetTable" not in dataset:
            return
        table = 8 + int.from_bytes(data[4:8], "little")
        _, starts = parse_fragments(data[table:])
        extended = dataset.get("ExtendedOffsetTable")
        if isinstance(extended, bytes):
            offsets = [int.from_bytes(extended[at : at + 8], "little") for at in range(0, len(extended) // 8 * 8, 8)]
    except Exception:  # noqa: BLE001  pydicom raises anything on damaged items; decoding says what is wrong
        return
    ascending = all(a < b for a, b in pairwise(offsets))
    if len(offsets) == frames and offsets[0] == 0 and ascending and set(offsets) <= set(starts):
        return
    notes.append("The table of frame offsets doesn't fit the compressed pieces; the pieces were counted instead.")
    for word in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if word in dataset:
            del dataset[word]
    dataset["PixelData"].value = _ITEM + bytes(4) + data[table:]


def _contradictions(dataset: Dataset, notes: list[str]) -> None:
    shape = str(dataset.get("PresentationLUTShape") or "").strip().upper()
    photometric = dataset.PhotometricInterpretation
    if (shape, photometric) in {("INVERSE", "MONOCHROME2"), ("IDENTITY", "MONOCHROME1")}:
        notes.append(
            f"Presentation LUT Shape {shape} contradicts {photometric}, which was followed: other viewers may show the "
            "picture inverted."
        )
