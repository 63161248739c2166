"""Which region of the mask is painted on: the active one."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.region import PALETTE, Region


class RegionChoice(QObject):
    """The active region of the mask that is being painted.

    Signals
    -------
    changed()
        Another region is active, or one was made or shown to be painted on.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._mask: Mask | None = None
        self._active: int | None = None

    def set_mask(self, mask: Mask | None) -> None:
        """Another mask is painted; its topmost region is active. Says nothing: who opens a mask says so."""
        self._mask, self._active = mask, None
        self.settle()

    def settle(self) -> None:
        """Where the active region went, the topmost one is active."""
        if self._mask is not None and self._active not in self._mask:
            self._active = self._mask.regions[-1].id if self._mask.regions else None

    @property
    def active(self) -> Region | None:
        """The region that tools paint on; None while there is none."""
        mask, active = self._mask, self._active
        return mask.region(active) if mask is not None and active is not None and active in mask else None

    def set_active(self, region: int) -> None:
        """Paint on this region from now on."""
        if self._mask is not None and region in self._mask and region != self._active:
            self._active = region
            self.changed.emit()

    @property
    def colour(self) -> str:
        """Of what will be painted next, ``#rrggbb``."""
        return self.active.colour if self.active is not None else PALETTE[0]

    def paintable(self) -> Region:
        """The active region, made now if there is none; shown, so that nobody paints unseen.

        Raises
        ------
        MaskError
            It is locked.
        """
        mask = self._mask
        assert mask is not None
        if self.active is None:
            self.set_active(mask.add().id)
        region = self.active
        assert region is not None
        if region.locked:
            raise MaskError(
                f"The region “{region.name}” is locked.", "Unlock it in the region list, or choose another one."
            )
        if not region.visible:
            region = mask.change(region.id, visible=True)
            self.changed.emit()
        return region
