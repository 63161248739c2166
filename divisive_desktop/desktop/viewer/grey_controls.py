"""Which greys: the record's presets, its lookup tables, and windows made from the image or a region."""

from __future__ import annotations

from dataclasses import replace

from divisive_desktop.desktop.viewer.measuring import Region
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.desktop.viewer.windowing import as_window
from divisive_desktop.imaging.display import auto_voi, full_range_voi
from divisive_desktop.imaging.record import Voi, VoiKind


class GreyControls:
    """Chooses the VOI of the record that is shown."""

    def __init__(self, state: ViewState) -> None:
        self._state = state
        self.luts_used = True
        """The file's VOI lookup tables are offered."""

    @property
    def presets(self) -> tuple[Voi, ...]:
        """The record's windows and LUTs (unless switched off), 'Auto' and 'Full range' among them."""
        choices = self._state.record.voi if self._state.record is not None else ()
        return choices if self.luts_used else tuple(voi for voi in choices if voi.kind != "lut")

    def first_voi(self) -> Voi | None:
        """What a record is shown with at first."""
        record = self._state.record
        if record is None:
            return None
        return self.presets[0] if self.presets else full_range_voi(record)

    def set_luts_used(self, used: bool) -> None:
        """Offer the file's VOI lookup tables. On at first; off for files whose tables are broken."""
        if used == self.luts_used:
            return
        self.luts_used = used
        first, voi = self.first_voi(), self._state.voi
        if first is not None and voi is not None and (used or voi.kind == "lut"):
            self._state.set_voi(first)
        self._state.display_changed()

    @property
    def sigmoid(self) -> bool:
        return self._state.voi is not None and self._state.voi.kind == "sigmoid"

    def set_sigmoid(self, on: bool) -> None:
        """The window in force as an S-curve (PS3.3 C.11.2.1.3.1) of the same centre and width, or straight again."""
        record, voi = self._state.record, self._state.voi
        if record is None or voi is None or record.is_colour or on == self.sigmoid:
            return
        window = as_window(voi)
        kind: VoiKind = "sigmoid" if on else "linear" if window.width >= 1 else "linear_exact"
        self._state.set_voi(replace(window, kind=kind, lut=None, explanation=""))

    def preset(self, digit: int) -> None:
        """Key 1 is the record's first choice, 2 its second …; 0 is 'Auto'. A digit without a choice does nothing."""
        record = self._state.record
        if record is None:
            return
        if digit == 0:
            self._state.set_voi(full_range_voi(record) if record.is_colour else auto_voi(record))
        elif digit <= len(self.presets):
            self._state.set_voi(self.presets[digit - 1])

    def next_preset(self) -> None:
        """The choice after the one in force; the first one after a drag."""
        choices = self.presets
        if choices:
            at = next((i for i, v in enumerate(choices) if v is self._state.voi), -1)
            self._state.set_voi(choices[(at + 1) % len(choices)])

    def window_from_region(self) -> None:
        """'Auto' from the values inside the last region that was drawn."""
        record = self._state.record
        for measurement in reversed(self._state.measurements):
            if record is not None and isinstance(measurement, Region):
                box = measurement.box(record)
                if box is not None and not record.is_colour:
                    self._state.set_voi(auto_voi(record, box))
                return
