"""What an opened image is: pixels as stored, how they become values and greys, and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.imaging.graphics import Overlay, Shutter

Calibration = Literal["patient", "detector", "calibrated", "unknown"]
"""What a millimetre means: in the patient (PixelSpacing corrected with a calibration object or CT-like geometry),
at the detector (ImagerPixelSpacing), calibrated by fiducial/geometry (PixelSpacingCalibrationType), or not known."""

VoiKind = Literal["linear", "linear_exact", "sigmoid", "lut", "identity"]


@dataclass(frozen=True)
class Spacing:
    """Distance between pixel centres in millimetres, and what that millimetre refers to (DICOM PS3.3 10.7)."""

    row_mm: float
    column_mm: float
    calibration: Calibration
    source: str
    """DICOM attribute that the figures come from, for instance ``ImagerPixelSpacing``."""

    def __post_init__(self) -> None:
        if not (self.row_mm > 0 and self.column_mm > 0):
            raise ValueError("pixel spacing must be positive")


@dataclass(frozen=True)
class ModalityTransform:
    """Stored value -> modality value (DICOM PS3.3 C.11.1): a lookup table, or slope and intercept."""

    slope: float = 1.0
    intercept: float = 0.0
    lut: npt.NDArray[np.float32] | None = None
    lut_first: int = 0
    """Stored value that the first LUT entry maps; values outside the table take its first or last entry."""
    type: str = ""
    """Rescale Type or Modality LUT Type: the unit of the modality values, '' if not stated."""

    def __call__(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Modality values, float32, same shape."""
        if self.lut is not None:
            index = np.clip(stored.astype(np.int64) - self.lut_first, 0, len(self.lut) - 1)
            return self.lut[index]
        values = stored.astype(np.float32)
        if self.slope != 1.0:
            values *= np.float32(self.slope)
        if self.intercept != 0.0:
            values += np.float32(self.intercept)
        return values


@dataclass(frozen=True)
class Voi:
    """One way of choosing the values of interest (DICOM PS3.3 C.11.2); acts on modality values.

    ``linear``, ``linear_exact`` and ``sigmoid`` use centre and width; ``lut`` uses the table; ``identity``
    passes 8-bit photographs through.
    """

    kind: VoiKind
    center: float = 0.0
    width: float = 1.0
    explanation: str = ""
    """From the file (Window Center & Width Explanation, LUT Explanation), or ours: 'Auto', 'Full range'."""
    lut: npt.NDArray[np.float32] | None = None
    lut_first: float = 0.0
    lut_range: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest output the LUT's bits can hold; mapped to black and white."""

    def __post_init__(self) -> None:
        if self.kind == "lut" and self.lut is None:
            raise ValueError("a LUT transform needs its table")
        if self.kind in ("linear", "sigmoid") and not self.width > 0:
            raise ValueError("window width must be positive")


@dataclass(frozen=True)
class ImageRecord:
    """Pixels and provenance of one frame.

    ``stored`` is (rows, columns) for grey images of any integer type, or (rows, columns, 3) uint8/uint16 RGB.
    It is what the decoder gave after EXIF orientation, palette, YBR and CMYK were resolved, never windowed.
    """

    path: Path
    sha256: str
    """SHA-256 of the file's bytes, lower-case hex."""
    kind: Literal["radiograph", "photograph"]
    stored: npt.NDArray[Any]
    photometric: str
    """DICOM Photometric Interpretation of ``stored``; photographs: MONOCHROME2 or RGB."""
    modality: ModalityTransform = ModalityTransform()
    voi: tuple[Voi, ...] = ()
    """Choices in order of preference; the first one is shown at opening. Never empty after ``open_image``."""
    spacing: Spacing | None = None
    pixel_aspect: float = 1.0
    """Height of a pixel over its width (rows spacing / columns spacing)."""
    frame: int = 0
    frames: int = 1
    padding: tuple[float, float] | None = None
    """Range of stored values that is padding (PixelPaddingValue, PixelPaddingRangeLimit)."""
    orientation: tuple[str, str] | None = None
    """Patient Orientation: direction of rows (left to right) and of columns (top to bottom), e.g. ('L', 'F')."""
    transfer_syntax: str = ""
    decoder: str = ""
    """Library that decoded the pixels, with version."""
    bits_stored: int = 8
    lossy: bool = False
    notes: tuple[str, ...] = ()
    """Warnings for the user: what was repaired or assumed in reading this file."""
    overlays: tuple[Overlay, ...] = ()
    """Overlay planes of this frame; ``overlay.mask(record.height, record.width)`` draws one."""
    shutter: Shutter | None = None
    """``shutter.visible(record.height, record.width, record.pixel_aspect)`` is what may be seen."""
    header: Mapping[str, str] = field(default_factory=dict)
    """The handful of attributes that overlays show: keyword -> text. Patient-identifying keys included."""
    correction: Correction = UNCORRECTED
    """What the analyst mended: everything above but ``path``, ``sha256`` and ``header`` is of the corrected picture."""

    def __post_init__(self) -> None:
        if self.stored.ndim not in (2, 3) or (self.stored.ndim == 3 and self.stored.shape[2] != 3):
            raise ValueError(f"pixels must be (rows, columns) or (rows, columns, 3), got {self.stored.shape}")
        if 0 in self.stored.shape:
            raise ValueError("an image record can't be empty")

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.stored.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.stored.shape[1])

    @property
    def is_colour(self) -> bool:
        return self.stored.ndim == 3

    @property
    def laterality(self) -> str:
        """Side of the body: 'R', 'L', 'B' (both), 'U' (unpaired), or '' when the file doesn't say."""
        return self.header.get("ImageLaterality") or self.header.get("Laterality") or ""

    @property
    def kind_is_guessed(self) -> bool:
        """A grey picture that is no DICOM and has no camera data: a radiograph, or a photograph without colours."""
        return self.kind == "radiograph" and not self.transfer_syntax

    @property
    def inverted(self) -> bool:
        """True when high values are shown dark (MONOCHROME1)."""
        return self.photometric == "MONOCHROME1"

    @cached_property
    def pixels(self) -> npt.NDArray[np.float32]:
        """Modality values, float32, shape of ``stored``; not inverted, not windowed."""
        return self.modality(self.stored)
