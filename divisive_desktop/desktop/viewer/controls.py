"""How the picture is shown: greys, zoom and maps. The part of the viewer that knows nothing of panes."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from divisive_desktop.desktop.viewer.layers import MaskLayer, overlay_layer, shutter_layer
from divisive_desktop.desktop.viewer.maps import Interpolation, ScaleMode
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.desktop.viewer.windowing import as_window
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.display import auto_voi, full_range_voi
from divisive_desktop.imaging.record import ImageRecord, Voi

_BLINK_MS = 500


class DisplayControls(QWidget):
    """Holds the `ViewState` and changes it; every change is told by a signal."""

    voiChanged = Signal(object, bool)
    """The `Voi` in force and whether greys are inverted by the user."""
    displayChanged = Signal()
    """Opacity, scale, interpolation, grid, crosshair or overlay mode changed."""
    viewChanged = Signal()
    """Zoom or position changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stage = ViewState(self)
        self.stage.view.changed.connect(self.viewChanged)
        self._interpolation: Interpolation = "smooth"
        self._scale_mode: ScaleMode = "shared"
        self._luts_used = True
        self._graphics: dict[str, MaskLayer | None] = {"overlays": None, "shutter": None}
        self._graphics_shown = {"overlays": True, "shutter": True}
        self._blink = QTimer(self, interval=_BLINK_MS)
        self._blink.timeout.connect(lambda: self._show_overlay(not self.stage.overlay_shown))

    # -- greys ----------------------------------------------------------------------------------------------

    @property
    def presets(self) -> tuple[Voi, ...]:
        """The record's windows and LUTs (unless switched off), 'Auto' and 'Full range' among them."""
        choices = self.stage.record.voi if self.stage.record is not None else ()
        return choices if self._luts_used else tuple(voi for voi in choices if voi.kind != "lut")

    def first_voi(self) -> Voi | None:
        """What a record is shown with at first."""
        record = self.stage.record
        if record is None:
            return None
        return self.presets[0] if self.presets else full_range_voi(record)

    @property
    def luts_used(self) -> bool:
        return self._luts_used

    def set_luts_used(self, used: bool) -> None:
        """Offer the file's VOI lookup tables. On at first; off for files whose tables are broken."""
        if used == self._luts_used:
            return
        self._luts_used = used
        first, voi = self.first_voi(), self.stage.voi
        if first is not None and voi is not None and (used or voi.kind == "lut"):
            self.set_voi(first)
        self._display_changed()

    @property
    def sigmoid(self) -> bool:
        return self.stage.voi is not None and self.stage.voi.kind == "sigmoid"

    def set_sigmoid(self, on: bool) -> None:
        """The window in force as an S-curve (PS3.3 C.11.2.1.3.1) of the same centre and width, or straight again."""
        record, voi = self.stage.record, self.stage.voi
        if record is None or voi is None or record.is_colour or on == self.sigmoid:
            return
        window = as_window(voi)
        straight = "linear" if window.width >= 1 else "linear_exact"
        self.set_voi(replace(window, kind="sigmoid" if on else straight, lut=None, explanation=""))

    @property
    def voi(self) -> Voi | None:
        return self.stage.voi

    @property
    def invert(self) -> bool:
        return self.stage.invert

    def set_voi(self, voi: Voi) -> None:
        if self.stage.record is not None:
            self.stage.voi = voi
            self.stage.touch()
            self.voiChanged.emit(voi, self.stage.invert)

    def set_invert(self, invert: bool) -> None:
        if self.stage.record is not None and self.stage.voi is not None:
            self.stage.invert = invert
            self.stage.touch()
            self.voiChanged.emit(self.stage.voi, invert)

    def preset(self, digit: int) -> None:
        """Key 1 is the record's first choice, 2 its second …; 0 is 'Auto'. A digit without a choice does nothing."""
        record = self.stage.record
        if record is None:
            return
        if digit == 0:
            self.set_voi(full_range_voi(record) if record.is_colour else auto_voi(record))
        elif digit <= len(self.presets):
            self.set_voi(self.presets[digit - 1])

    def next_preset(self) -> None:
        """The choice after the one in force; the first one after a drag."""
        choices = self.presets
        if choices:
            at = next((i for i, v in enumerate(choices) if v is self.stage.voi), -1)
            self.set_voi(choices[(at + 1) % len(choices)])

    def auto_window(self, region: Box | None = None) -> None:
        """Window by percentiles of the whole image or of one region (x, y, width, height in image pixels)."""
        if self.stage.record is not None and not self.stage.record.is_colour:
            self.set_voi(auto_voi(self.stage.record, region))

    def reset(self) -> None:
        """First VOI, not inverted, fitted."""
        if self.stage.record is not None:
            self.stage.invert = False
            first = self.first_voi()
            assert first is not None
            self.set_voi(first)
            self.fit()

    # -- view -----------------------------------------------------------------------------------------------

    @property
    def zoom(self) -> float:
        """Screen pixels per image pixel."""
        return self.stage.view.zoom

    def fit(self) -> None:
        self.stage.view.fit()

    def one_to_one(self) -> None:
        """One image pixel on one screen pixel, around the pointer or the centre."""
        self.stage.view.set_zoom(1.0, self.stage.pointer)

    def zoom_by(self, factor: float) -> None:
        self.stage.view.zoom_by(factor, self.stage.pointer)

    def focus_box(self, box: Box) -> None:
        """Bring a box (x, y, width, height in image pixels) close, in all panes."""
        self.stage.view.focus(*box)

    # -- maps -----------------------------------------------------------------------------------------------

    @property
    def opacity(self) -> float:
        return self.stage.opacity

    def set_opacity(self, opacity: float) -> None:
        """Strength of the maps over the image, 0..1."""
        self.stage.opacity = round(min(max(opacity, 0.0), 1.0), 3)
        self._display_changed()

    @property
    def scale_mode(self) -> ScaleMode:
        return self._scale_mode

    def set_scale_mode(self, mode: ScaleMode) -> None:
        """``shared``: one raw scale for the pair, magnitudes compare. ``per-map``: each map fills the colours."""
        self._scale_mode = mode
        self._pass_map_options()
        self._display_changed()

    @property
    def interpolation(self) -> Interpolation:
        return self._interpolation

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """How maps are enlarged: ``smooth`` (bilinear) or ``nearest`` (the CAM's own cells)."""
        self._interpolation = interpolation
        self._pass_map_options()
        self._display_changed()

    @property
    def plain_cells(self) -> bool:
        return self._interpolation == "nearest"

    def set_plain_cells(self, plain: bool) -> None:
        """`set_interpolation` as a switch."""
        self.set_interpolation("nearest" if plain else "smooth")

    @property
    def image_smoothing(self) -> bool:
        return self.stage.renderer.smooth_enlarged

    def set_image_smoothing(self, smooth: bool) -> None:
        """Interpolate the image above 1:1. Off at first: a pixel is shown as it is."""
        self.stage.renderer.smooth_enlarged = smooth
        self._display_changed()

    @property
    def cell_grid(self) -> bool:
        return self.stage.cell_grid

    def set_cell_grid(self, shown: bool) -> None:
        """Show the borders of the CAM's cells."""
        self.stage.cell_grid = shown
        self._display_changed()

    @property
    def crosshair(self) -> bool:
        return self.stage.crosshair

    def set_crosshair(self, shown: bool) -> None:
        """Lines through the pointer across all panes (off: a small cross in the other panes)."""
        self.stage.crosshair = shown
        self._display_changed()

    @property
    def annotations(self) -> bool:
        return self.stage.annotations

    def set_annotations(self, shown: bool) -> None:
        """Show the text in the corners."""
        self.stage.annotations = shown
        self._display_changed()

    def set_identity_visible(self, visible: bool) -> None:
        """Show what identifies the patient in the corners. Off at first."""
        self.stage.identity_visible = visible
        self._display_changed()

    @property
    def overlay_shown(self) -> bool:
        return self.stage.overlay_shown

    def set_overlay_shown(self, shown: bool) -> None:
        """Swap between the image with and without its map. Ends blinking."""
        self._blink.stop()
        self._show_overlay(shown)

    @property
    def blinking(self) -> bool:
        return self._blink.isActive()

    def set_blink(self, on: bool) -> None:
        """Show and hide the maps twice a second."""
        if on:
            self._blink.start()
        else:
            self._blink.stop()
        self._show_overlay(not on or not self.stage.overlay_shown)

    @property
    def wiping(self) -> bool:
        return self.stage.wipe is not None

    def set_wipe(self, on: bool) -> None:
        """A line that the mouse drags: image at its left, map at its right."""
        self.stage.wipe = 0.5 if on else None
        self._display_changed()

    # -- what the file draws over its pixels ----------------------------------------------------------------

    @property
    def has_overlays(self) -> bool:
        """The file holds overlay planes (60xx)."""
        return self._graphics["overlays"] is not None

    @property
    def has_shutter(self) -> bool:
        """The file holds a display shutter."""
        return self._graphics["shutter"] is not None

    @property
    def overlays_shown(self) -> bool:
        return self._graphics_shown["overlays"]

    def set_overlays_shown(self, shown: bool) -> None:
        """Show the file's overlay planes. On at first."""
        self._show_graphics("overlays", shown)

    @property
    def shutter_shown(self) -> bool:
        return self._graphics_shown["shutter"]

    def set_shutter_shown(self, shown: bool) -> None:
        """Cover what the file's display shutter covers. On at first."""
        self._show_graphics("shutter", shown)

    # -- inside ---------------------------------------------------------------------------------------------

    def _show_overlay(self, shown: bool) -> None:
        self.stage.overlay_shown = shown
        self._display_changed()

    def _pass_map_options(self) -> None:
        if self.stage.maps is not None:
            self.stage.maps.interpolation = self._interpolation
            self.stage.maps.scale_mode = self._scale_mode

    def _display_changed(self) -> None:
        self.stage.touch()
        self.displayChanged.emit()

    def _set_graphics(self, record: ImageRecord | None) -> None:
        for name, make in (("shutter", shutter_layer), ("overlays", overlay_layer)):
            self._graphics[name] = make(record) if record is not None else None
        self._arrange_graphics()

    def _show_graphics(self, name: str, shown: bool) -> None:
        self._graphics_shown[name] = shown
        self._arrange_graphics()
        self._display_changed()

    def _arrange_graphics(self) -> None:
        # Below everything that is added with `Viewer.add_layer`, the shutter first.
        shown = [self._graphics[name] for name in ("shutter", "overlays") if self._graphics_shown[name]]
        self.stage.graphics = [layer for layer in shown if layer is not None]
