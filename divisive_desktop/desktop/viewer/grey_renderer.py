"""The greys on the screen: the visible part of a record through ``imaging.display``.

From 1:1 on upwards a screen pixel shows exactly the grey that ``imaging.display`` gives for that image pixel. Below,
stored values are averaged first and the average goes through the same display pipeline.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from divisive_desktop.desktop.viewer.pyramid import PANE_SIZES, Array, Patch, Pyramid
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord, Voi


class GreyRenderer:
    """Keeps one record's pyramid and the last pictures; one instance serves all linked panes."""

    def __init__(self) -> None:
        self._record: ImageRecord | None = None
        self._pyramid: Pyramid | None = None
        self._levels: dict[int, ImageRecord] = {}
        self._patches: dict[tuple[object, ...], Patch | None] = {}
        self._voi: Voi | None = None
        self.smooth_enlarged = False
        """Interpolate between pixels above 1:1. Off: the pixels are shown as they are."""

    def set_record(self, record: ImageRecord | None) -> None:
        self._record = record
        self._pyramid = Pyramid(record.stored) if record is not None else None
        self._levels = {}
        self._patches, self._voi = {}, None

    def patch(self, transform: Transform, voi: Voi, invert: bool) -> Patch | None:
        """The visible part of the image in a pane; None when nothing is visible."""
        if self._pyramid is None:
            return None
        key = (transform, invert, self.smooth_enlarged)
        # A Voi may hold a table, and tables have no plain ==; it is frozen, so identity is enough.
        if voi is not self._voi or len(self._patches) > PANE_SIZES:
            self._patches, self._voi = {}, voi
        if key not in self._patches:

            def convert(number: int, level: Array, box: Box) -> npt.NDArray[np.uint8]:
                return render(self._level(number, level), voi, invert, box)

            self._patches[key] = self._pyramid.patch(transform, convert, self.smooth_enlarged)
        return self._patches[key]

    def _level(self, number: int, level: Array) -> ImageRecord:
        assert self._record is not None
        if number not in self._levels:
            self._levels[number] = replace(self._record, stored=level)
        return self._levels[number]
