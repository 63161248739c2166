"""What the viewer shows and how: everything that the panes paint, in one place that all of them share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter

from divisive_desktop.desktop.viewer.grey_renderer import GreyRenderer
from divisive_desktop.desktop.viewer.maps import Interpolation, MapReading, MapSource, PaneKind, ScaleMode
from divisive_desktop.desktop.viewer.measuring import Measurement
from divisive_desktop.desktop.viewer.view import SharedView, Transform
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import Calibration, ImageRecord, Voi

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
    """Shared state of the panes. Whoever changes a field calls `notify` afterwards; the setters do so themselves."""

    changed = Signal()
    """Something that the panes paint."""
    voiChanged = Signal(Voi, bool)
    """The window in force, and whether greys are inverted by the user."""
    displayChanged = Signal()
    """How the picture is shown: opacity, scale, interpolation, what is drawn over it."""
    measured = Signal()
    """A measurement was made, changed or deleted by the user."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.view = SharedView(self)
        self.renderer = GreyRenderer()
        self.record: ImageRecord | None = None
        self.voi: Voi | None = None
        self.invert = False
        self.maps: MapSource | None = None
        self.scale_mode: ScaleMode = "shared"
        self.interpolation: Interpolation = "smooth"
        self.features: FeatureSet | None = None
        self.region = "map region"
        """What one of them is called."""
        self.selected: int | None = None
        """Rank of the feature that is drawn stronger than the others."""
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
        self.measurements: tuple[Measurement, ...] = ()
        self.chosen: int | None = None
        """Index of the measurement that was touched last."""
        self.graphics: tuple[Layer, ...] = ()
        """What the file itself draws over its pixels."""
        self.layers: list[Layer] = []
        self.painters: tuple[Layer, ...] = ()
        """What draws over everything else: the active tool."""
        self.view.changed.connect(self.changed)

    def notify(self) -> None:
        """Tell that a field has changed."""
        self.changed.emit()

    def display_changed(self) -> None:
        """Tell that a field has changed that says how the picture is shown."""
        self.changed.emit()
        self.displayChanged.emit()

    # -- greys and view -------------------------------------------------------------------------------------

    def set_voi(self, voi: Voi) -> None:
        if self.record is not None:
            self.voi = voi
            self.notify()
            self.voiChanged.emit(voi, self.invert)

    def set_invert(self, invert: bool) -> None:
        if self.record is not None and self.voi is not None:
            self.invert = invert
            self.notify()
            self.voiChanged.emit(self.voi, invert)

    def one_to_one(self) -> None:
        """One image pixel on one screen pixel, around the pointer or the centre."""
        self.view.set_zoom(1.0, self.pointer)

    def zoom_by(self, factor: float) -> None:
        """Zoom around the pointer or the centre."""
        self.view.zoom_by(factor, self.pointer)

    # -- maps and what is drawn over the image --------------------------------------------------------------

    def set_maps(self, maps: MapSource | None) -> None:
        """Show these maps, with the scale and interpolation in force."""
        self.maps = maps
        if maps is not None:
            maps.scale_mode, maps.interpolation = self.scale_mode, self.interpolation

    def set_opacity(self, opacity: float) -> None:
        """Strength of the maps over the image, 0..1."""
        self.opacity = round(min(max(opacity, 0.0), 1.0), 3)
        self.display_changed()

    def set_scale_mode(self, mode: ScaleMode) -> None:
        """``shared``: one raw scale for the pair, magnitudes compare. ``per-map``: each map fills the colours."""
        self.scale_mode = mode
        self.set_maps(self.maps)
        self.display_changed()

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """How maps are enlarged: ``smooth`` (bilinear) or ``nearest`` (the CAM's own cells)."""
        self.interpolation = interpolation
        self.set_maps(self.maps)
        self.display_changed()

    def set_image_smoothing(self, smooth: bool) -> None:
        """Interpolate the image above 1:1. Off at first: a pixel is shown as it is."""
        self.renderer.smooth_enlarged = smooth
        self.display_changed()

    def set_cell_grid(self, shown: bool) -> None:
        """Show the borders of the CAM's cells."""
        self.cell_grid = shown
        self.display_changed()

    def set_crosshair(self, shown: bool) -> None:
        """Lines through the pointer across all panes (off: a small cross in the other panes)."""
        self.crosshair = shown
        self.display_changed()

    def set_annotations(self, shown: bool) -> None:
        """Show the text in the corners."""
        self.annotations = shown
        self.display_changed()

    def set_identity_visible(self, visible: bool) -> None:
        """Show what identifies the patient in the corners. Off at first."""
        self.identity_visible = visible
        self.display_changed()

    def set_wipe(self, on: bool) -> None:
        """A line that the mouse drags: image at its left, map at its right."""
        self.wipe = 0.5 if on else None
        self.display_changed()

    # -- measurements ---------------------------------------------------------------------------------------

    def set_measurements(self, measurements: Iterable[Measurement]) -> None:
        """Show measurements kept with a case."""
        self.measurements = tuple(measurements)
        self.chosen = None
        self.notify()

    def delete_measurement(self, index: int | None = None) -> None:
        """Delete one, by default the one touched last."""
        index = self.chosen if index is None else index
        if self.measurements:
            self.drop_measurement(len(self.measurements) - 1 if index is None else index)
            self.notify()
            self.measured.emit()

    def drop_measurement(self, index: int) -> None:
        """Take one out of the list, and tell nobody: it was never finished."""
        self.measurements = (*self.measurements[:index], *self.measurements[index + 1 :])
        self.chosen = None

    # -- reading --------------------------------------------------------------------------------------------

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


def _value(pixel: npt.NDArray[Any]) -> Value:
    values = np.asarray(pixel).reshape(-1)
    return values[0].item() if len(values) == 1 else tuple(v.item() for v in values)
