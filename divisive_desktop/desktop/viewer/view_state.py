"""What is on stage: everything that the panes paint, in one place that all of them share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter

from divisive_desktop.desktop.viewer.greys import GreyRenderer
from divisive_desktop.desktop.viewer.maps import MapReading, MapSource, PaneKind
from divisive_desktop.desktop.viewer.measuring import Measurement
from divisive_desktop.desktop.viewer.view import SharedView, Transform
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import Calibration, ImageRecord, Voi

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer.tools import Tool

Value = float | tuple[float, ...]


class Layer(Protocol):
    """Something drawn over the image by another part of the window: a mask, a crop box, detected faces."""

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        """Draw in a pane, in its logical pixels (``transform.to_widget`` maps from image coordinates)."""


@dataclass(frozen=True)
class ProbeReading:
    """All that is known about the pixel under the pointer."""

    x: int
    y: int
    """Column and row, from 0."""
    stored: Value
    modality: Value
    unit: str
    """Unit of the modality value (Rescale Type), '' if not stated."""
    displayed: Value
    """Grey level or RGB on the screen, 0..255, as ``imaging.display`` gives it."""
    mm: tuple[float, float] | None
    """Position of the pixel's centre from the image's top-left corner, millimetres; None without spacing."""
    calibration: Calibration
    """What those millimetres refer to."""
    maps: MapReading | None
    """Raw map values, None without an analysis or outside the region it covers."""


class ViewState(QObject):
    """Shared state of the panes. Whoever changes a field emits ``changed`` afterwards (`touch`)."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.view = SharedView(self)
        self.renderer = GreyRenderer()
        self.record: ImageRecord | None = None
        self.voi: Voi | None = None
        self.invert = False
        self.maps: MapSource | None = None
        self.features: FeatureSet | None = None
        self.selected: int | None = None
        self.opacity = 0.55
        self.overlay_shown = True
        self.wipe: float | None = None
        """Where in the pane's width the overlay begins (0..1); None: everywhere."""
        self.cell_grid = False
        self.crosshair = False
        self.pointer: tuple[float, float] | None = None
        self.pointer_pane: PaneKind | None = None
        self.lead = PaneKind.IMAGE
        """The pane that carries the texts that are the same for all panes."""
        self.annotations = True
        self.identity_visible = False
        self.waiting_text = "Not analysed yet"
        self.measurements: list[Measurement] = []
        self.chosen: int | None = None
        """Index of the measurement that was touched last."""
        self.graphics: list[Layer] = []
        """What the file itself draws over its pixels."""
        self.layers: list[Layer] = []
        self.tool_for: Callable[[object, object], Tool | None] = lambda _button, _modifiers: None
        self.painters: list[Layer] = []
        self.view.changed.connect(self.changed)

    def touch(self) -> None:
        self.changed.emit()

    def probe(self, x: float, y: float) -> ProbeReading | None:
        """Read the pixel at an image position; None outside the image."""
        record = self.record
        if record is None or self.voi is None or not (0 <= x < record.width and 0 <= y < record.height):
            return None
        column, row = int(x), int(y)
        one = record.stored[row : row + 1, column : column + 1]
        spacing = record.spacing
        return ProbeReading(
            column,
            row,
            _value(one),
            _value(record.modality(one)),
            record.modality.type,
            _value(render(record, self.voi, self.invert, (column, row, 1, 1))),
            ((column + 0.5) * spacing.column_mm, (row + 0.5) * spacing.row_mm) if spacing else None,
            spacing.calibration if spacing else "unknown",
            self.maps.read(x, y) if self.maps else None,
        )


def _value(pixel: object) -> Value:
    import numpy as np

    values = np.asarray(pixel).reshape(-1)
    return values[0].item() if len(values) == 1 else tuple(v.item() for v in values)
