"""Draws the mask's regions over the image, each in its colour, following the brush."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPainter

from divisive_desktop.desktop.features.painting.paint_tool import draw_hint
from divisive_desktop.desktop.features.painting.preview import Preview
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.viewer.layers import MaskLayer
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.geometry import Box
from divisive_desktop.masks.region import Region


class RegionsLayer:
    """One viewer layer for all regions of the session's mask.

    Parameters
    ----------
    session : PaintSession
    state : ViewState
        What the panes paint.
    """

    def __init__(self, session: PaintSession, state: ViewState) -> None:
        self._session, self._state = session, state
        self._layers: dict[int, MaskLayer] = {}
        self._drawn: dict[int, tuple[Region, float]] = {}
        self.shown = True
        self.preview: Preview | None = None
        """Shows one region as it would be."""
        session.opened.connect(self._start)
        session.regionsChanged.connect(state.notify)
        session.settingsChanged.connect(lambda _: state.notify())
        session.painted.connect(self._refresh)
        session.edits.busyChanged.connect(lambda _: state.notify())

    def set_shown(self, shown: bool) -> None:
        """Show or hide the mask as a whole."""
        self.shown = shown
        self._state.notify()

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        mask = self._session.mask
        if mask is None or not self.shown:
            return
        outcome = self.preview.outcome if self.preview is not None else None
        for region in mask.regions:
            if outcome is not None and outcome.region == region.id:
                outcome.paint_layer(painter, kind, transform)
            elif region.visible and mask.bounds(region.id, exact=False) is not None:
                self._layer(region).paint_layer(painter, kind, transform)
        if self._session.edits.busy and kind is self._state.lead:
            draw_hint(painter, "Working…", transform)

    def _layer(self, region: Region) -> MaskLayer:
        """The region's layer, in its present colour."""
        wanted = (region, self._session.settings.opacity)
        if region.id not in self._layers:
            mask = self._session.mask
            assert mask is not None
            within = mask.bounds(region.id, exact=False) or (0, 0, 1, 1)
            self._layers[region.id] = MaskLayer(mask.pixels(region.id), _colour(*wanted), within=within)
            self._drawn[region.id] = wanted
        elif self._drawn[region.id] != wanted:
            self._layers[region.id].set_colour(_colour(*wanted))
            self._drawn[region.id] = wanted
        return self._layers[region.id]

    def _start(self) -> None:
        self._layers.clear()
        self._drawn.clear()
        self._state.notify()

    def _refresh(self, box: Box) -> None:
        mask = self._session.mask
        for gone in [i for i in self._layers if mask is None or i not in mask]:
            del self._layers[gone], self._drawn[gone]
        for layer in self._layers.values():
            layer.refresh(box)
        self._state.notify()


def _colour(region: Region, opacity: float) -> QColor:
    colour = QColor(region.colour)
    colour.setAlphaF(opacity)
    return colour
