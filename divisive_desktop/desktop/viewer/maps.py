"""CAMs on the screen: which map a pane shows, on which raw scale, and its colours at the screen's resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

import numpy as np
import numpy.typing as npt

from divisive_desktop.desktop.viewer.pyramid import sample_positions, visible_rect
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.explanation import colours as colormaps
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.maps import normalise, own_range, shared_range, symmetric_range
from divisive_desktop.explanation.statement import Held, pair_in_words
from divisive_desktop.geometry import Box

ScaleMode = Literal["shared", "per-map"]
Interpolation = Literal["smooth", "nearest"]
Steps = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]
"""For every sample along an axis: the cell before, the cell after, and the share of the latter."""


class PaneKind(Enum):
    """What a pane shows."""

    IMAGE = "image"
    TRUE = "true"
    FALSE = "false"
    FEATURES = "features"


@dataclass(frozen=True)
class MapReading:
    """Raw values of the maps at one image position, in logit units."""

    true: float
    false: float
    divergence: float
    """Exactly ``true - false``."""
    cell: tuple[int, int]
    """Row and column of the CAM cell that the position lies in."""


@dataclass(frozen=True)
class ScreenMap:
    """A map for the screen: entries of a colour table, and where the top-left pixel goes."""

    index: npt.NDArray[np.uint8]
    """(h, w) in device pixels."""
    table: npt.NDArray[np.uint32]
    """(256,) ARGB, not premultiplied."""
    left: int
    top: int


class MapSource:
    """The CAM pair of one analysis, seen with one class held true."""

    def __init__(self, analysis: Analysis, true_class: int, held: Held) -> None:
        if true_class not in (0, 1):
            raise ValueError("the true class is 0 or 1")
        self.analysis = analysis
        self.true_class = true_class
        self.held = held
        self.interpolation: Interpolation = "smooth"
        self.scale_mode: ScaleMode = "shared"
        true, false = analysis.cams[true_class], analysis.cams[1 - true_class]
        self._maps = {
            PaneKind.TRUE: true,
            PaneKind.FALSE: false,
            PaneKind.FEATURES: analysis.divergence(true_class),
        }

    @property
    def region(self) -> Box:
        return self.analysis.region

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of CAM cells."""
        return int(self.analysis.cams.shape[1]), int(self.analysis.cams.shape[2])

    def limits(self, kind: PaneKind) -> tuple[float, float]:
        """Raw values at the two ends of the colour bar."""
        if kind is PaneKind.FEATURES:
            return symmetric_range(self._maps[kind])
        if self.scale_mode == "shared":
            return shared_range(self._maps[PaneKind.TRUE], self._maps[PaneKind.FALSE])
        return own_range(self._maps[kind])

    def class_name(self, kind: PaneKind) -> str:
        which = self.true_class if kind is PaneKind.TRUE else 1 - self.true_class
        return self.analysis.model.classes[which]

    def title(self, kind: PaneKind) -> str:
        """'True class: abnormal (label)', 'Predicted class: …' or 'Nearer class: …', and what the other is called."""
        if kind is PaneKind.FEATURES:
            return "Important features"
        pair = pair_in_words(self.analysis.model.classes, self.true_class, self.held)
        return ": ".join(pair[kind is PaneKind.FALSE])

    def detail(self, kind: PaneKind) -> str:
        """The muted text at the right of a pane's title."""
        if kind is PaneKind.FEATURES:
            return "D = true − false" if self.held == "label" else f"D = {self.held} − other"
        which = self.true_class if kind is PaneKind.TRUE else 1 - self.true_class
        return f"logit {self.analysis.logits[which]:+.2f}".replace("-", "−")

    def read(self, x: float, y: float) -> MapReading | None:
        """Raw values at an image position as they are shown (bilinear, or the cell's own); None outside."""
        x0, y0, width, height = self.region
        if not (x0 <= x < x0 + width and y0 <= y < y0 + height):
            return None
        rows, columns = self.grid
        u, v = np.array([(x - x0) / width * columns]), np.array([(y - y0) / height * rows])
        (top, bottom, down), (left, right, along) = self._steps(v, rows), self._steps(u, columns)

        def value(kind: PaneKind) -> float:
            cells = self._maps[kind].astype(np.float64)
            upper = cells[top, left] + (cells[top, right] - cells[top, left]) * along
            lower = cells[bottom, left] + (cells[bottom, right] - cells[bottom, left]) * along
            return float((upper + (lower - upper) * down).item())

        true, false = value(PaneKind.TRUE), value(PaneKind.FALSE)
        return MapReading(true, false, true - false, (int(v[0]), int(u[0])))

    def screen_map(self, kind: PaneKind, transform: Transform) -> ScreenMap | None:
        """The coloured map for a pane; None when the region is out of sight."""
        x0, y0, width, height = self.region
        corner = transform.to_device(x0, y0)
        shifted = replace(transform, offset_x=corner[0], offset_y=corner[1])
        left, top, right, bottom = visible_rect(shifted, width, height)
        if right <= left or bottom <= top:
            return None
        rows, columns = self.grid
        u = sample_positions(left, right, transform.scale_x, corner[0]) / width * columns
        v = sample_positions(top, bottom, transform.scale_y, corner[1]) / height * rows
        low, high = self.limits(kind)
        # Scaling the few cells to table entries before enlarging is the same as after, and free.
        entries = normalise(self._maps[kind], (low, high)) * np.float32(colormaps.TABLE - 1)
        colours = colormaps.diverging() if kind is PaneKind.FEATURES else colormaps.sequential()
        table = colormaps.argb_table(colours, colormaps.alpha(low, high))
        return ScreenMap(_enlarge(entries, self._steps(v, rows), self._steps(u, columns)), table, left, top)

    def _steps(self, positions: npt.NDArray[np.float64], cells: int) -> Steps:
        """How to read a map along one axis at positions given in cells (centres at .5), borders repeated."""
        if self.interpolation == "nearest":
            low = np.clip(np.floor(positions).astype(np.intp), 0, cells - 1)
            return low, low, np.zeros(len(positions), np.float32)
        at = np.clip(positions - 0.5, 0.0, cells - 1.0)
        low = np.floor(at).astype(np.intp)
        return low, np.minimum(low + 1, cells - 1), (at - low).astype(np.float32)


def _enlarge(cells: npt.NDArray[np.float32], rows: Steps, columns: Steps) -> npt.NDArray[np.uint8]:
    """Bilinear surface of ``cells``, rounded.

    Exact at every magnification (OpenCV's warps step by 1/32 of a cell) and without BLAS, whose threads wait for
    each other on a busy machine: rows are blended as a whole, columns in runs that share the same two cells.
    """
    low, high, share = rows
    blended = np.ascontiguousarray((cells[low] + (cells[high] - cells[low]) * share[:, None]).T)
    low, high, share = columns
    out = np.empty((blended.shape[1], len(low)), np.float32)
    starts = np.flatnonzero(np.diff(low)) + 1
    for start, stop in zip((0, *starts), (*starts, len(low)), strict=True):
        left, right = blended[low[start]][:, None], blended[high[start]][:, None]
        part = out[:, start:stop]
        np.multiply(right - left, share[start:stop], out=part)
        part += left
    out += np.float32(0.5)
    return out.astype(np.uint8)
