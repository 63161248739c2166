"""The regions of the mask that is being painted: a part of the session."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from PySide6.QtCore import SignalInstance

from divisive_desktop.desktop.features.painting.edits import area
from divisive_desktop.errors import MaskError
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.region import PALETTE, Region


class Regions:
    """Mixed into ``PaintSession``, which makes each change a step to undo and keeps it."""

    mask: Mask | None
    _active: int | None
    regionsChanged: SignalInstance
    step: Callable[[str], AbstractContextManager[None]]
    edit: Callable[..., None]
    _store: Callable[[str], None]
    _look_again: Callable[[], None]

    @property
    def free(self) -> bool:
        raise NotImplementedError

    @property
    def active(self) -> Region | None:
        """The region that tools paint on; None while there is none."""
        if self.mask is None or self._active is None or self._active not in self.mask:
            return None
        return self.mask.region(self._active)

    def colour(self) -> str:
        """Of what will be painted next, ``#rrggbb``."""
        return self.active.colour if self.active is not None else PALETTE[0]

    def set_active(self, region: int) -> None:
        if self.mask is not None and region in self.mask and region != self._active:
            self._active = region
            self.regionsChanged.emit()

    def add_region(self, name: str = "") -> None:
        """A new region on top, active from now on."""
        if self.mask is None or not self.free:
            return
        with self.step("Add region"):
            self._active = self.mask.add(name).id
        self.regionsChanged.emit()

    def change_region(self, region: int, **changes: Any) -> None:
        """Name, colour, visible, locked or weight of a region. Display settings aren't steps to undo."""
        if self.mask is None or not self.free or region not in self.mask:
            return
        if changes.keys() & {"name", "weight"}:
            with self.step("Rename region" if "name" in changes else "Change weight"):
                self.mask.change(region, **changes)
        else:
            self.mask.change(region, **changes)
            self._store("region")
        self.regionsChanged.emit()
        if "weight" in changes:
            self._look_again()

    def remove_region(self, region: int) -> None:
        if self.mask is not None and region in self.mask:
            self.edit("Remove region", lambda mask: mask.remove(region), area(self.mask.bounds(region, exact=False)))

    def paintable(self) -> Region:
        """The active region, made now if there is none; shown, so that nobody paints unseen."""
        assert self.mask is not None
        if self.active is None:
            self._active = self.mask.add().id
            self.regionsChanged.emit()
        region = self.active
        assert region is not None
        if region.locked:
            raise MaskError(
                f"The region “{region.name}” is locked.", "Unlock it in the region list, or choose another one."
            )
        if not region.visible:
            region = self.mask.change(region.id, visible=True)
            self.regionsChanged.emit()
        return region
