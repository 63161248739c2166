"""What a file draws over its own pixels: overlay planes and a display shutter."""

from __future__ import annotations

from divisive_desktop.desktop.viewer.layers import MaskLayer, overlay_layer, shutter_layer
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.imaging.record import ImageRecord


class FileGraphics:
    """Below everything that is added with `Viewer.add_layer`, the shutter first."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self._shutter: MaskLayer | None = None
        self._overlays: MaskLayer | None = None
        self.overlays_shown = True
        self.shutter_shown = True

    def set_record(self, record: ImageRecord | None) -> None:
        """Draw what this record holds; the panes are told by whoever shows it."""
        self._shutter = shutter_layer(record) if record is not None else None
        self._overlays = overlay_layer(record) if record is not None else None
        self._arrange()

    def set_overlays_shown(self, shown: bool) -> None:
        """Show the file's overlay planes (60xx). On at first."""
        self.overlays_shown = shown
        self._arrange()
        self._state.display_changed()

    def set_shutter_shown(self, shown: bool) -> None:
        """Cover what the file's display shutter covers. On at first."""
        self.shutter_shown = shown
        self._arrange()
        self._state.display_changed()

    def _arrange(self) -> None:
        parts = ((self._shutter, self.shutter_shown), (self._overlays, self.overlays_shown))
        self._state.graphics = tuple(layer for layer, shown in parts if shown and layer is not None)
