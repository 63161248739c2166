"""One edit of the mask as a step to undo, either here and now or in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import cv2
import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QTimer, Signal

from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.errors import MaskError
from divisive_desktop.geometry import Box
from divisive_desktop.masks.agreement import Agreement, LiveAgreement
from divisive_desktop.masks.history import History
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Stamp

AT_ONCE = 2**22
"""An edit that may touch more pixels than this takes longer than a frame of the screen: it runs in the background."""
_BAND = 2**21
"""So many pixels are drawn anew at a time, so that the window can answer in between."""

Operation = Callable[[Mask], Iterable[Box | None]]
"""Changes the mask within an open step and returns the boxes that it changed."""
Pictured = Callable[[Box], npt.NDArray[np.uint8]]
"""Gives a part of the picture as displayed: (h, w) grey or (h, w, 3) RGB. Any thread may call it."""


class Edit:
    """Changes a mask within the step that is open, and closes it. Whoever comes first runs it, and only once.

    While it runs in the background nothing else may change the mask.
    """

    def __init__(self, mask: Mask, history: History, operation: Operation, live: LiveAgreement | None) -> None:
        self.name = history.open_name
        self.live = live
        self.agreement: Agreement | None = None
        """With ``live``, after the edit."""
        self.boxes: tuple[Box, ...] = ()
        """Where the mask may have changed."""
        self.changed = False
        self.error: BaseException | None = None
        self._mask, self._history, self._operation = mask, history, operation
        self._begun = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> None:
        """Do it, unless that has begun elsewhere."""
        if not self._begun.acquire(blocking=False):
            return
        try:
            self._run()
        finally:
            self._ended.set()

    def settle(self) -> None:
        """Come back when it is done: run it here if nobody has begun."""
        self.run()
        self._ended.wait()

    def _run(self) -> None:
        weights = {region.id: region.weight for region in self._mask.regions}
        try:
            self.boxes = tuple(box for box in self._operation(self._mask) if box is not None)
            if self._history.is_open:  # undo and redo aren't steps themselves
                self.changed = self._history.end()
            else:
                self.changed = True
        except BaseException as error:  # noqa: BLE001 - handed to the GUI thread, which tells or raises it
            self.error = error
            if self._history.is_open:
                change = self._history.cancel()
                self.boxes = change.boxes if change is not None else ()
        if self.live is not None:
            for box in self.boxes:
                self.live.mark(box)
            changed = any(weights.get(r.id, r.weight) != r.weight for r in self._mask.regions)
            self.agreement = self.live.reset(self._mask) if changed else self.live.update(self._mask, None)

    @property
    def refusal(self) -> MaskError | None:
        """What the user must be told; None when it went well. Anything else that went wrong is raised."""
        if self.error is None or isinstance(self.error, MaskError):
            return self.error
        raise self.error


class EditRunner(QObject):
    """Runs edits: small ones at once, large ones in the background, one at a time.

    Signals
    -------
    busyChanged(bool)
        A large edit began or ended in the background: nothing can be painted meanwhile.
    drawn(tuple)
        The mask may have changed inside this box.
    ended(Edit)
        It is over, and everything that it changed was drawn.
    """

    busyChanged = Signal(bool)
    drawn = Signal(tuple)
    ended = Signal(Edit)

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._edit: Edit | None = None
        self._bands: list[Box] = []

    @property
    def busy(self) -> bool:
        """Something is being done to the mask in the background."""
        return self._edit is not None

    def start(self, edit: Edit, pixels: float) -> None:
        """Run an edit that touches so many ``pixels``."""
        if pixels <= AT_ONCE:
            edit.run()
            self._finish(edit)
        else:
            self._edit = edit
            self.busyChanged.emit(True)
            take_in = lambda _: self._take_in(edit)  # noqa: E731 - cancelled at closing, it is settled there
            self._runner.run(lambda _: edit.run(), take_in, take_in, priority=50)

    def settle(self) -> None:
        """Come back when nothing is being done to the mask any more."""
        edit = self._edit
        if edit is not None:
            edit.settle()
            self._bands.clear()
            self._finish(edit)

    def _take_in(self, edit: Edit) -> None:
        """The background is done: draw what changed bit by bit, so that the window can answer in between."""
        if edit is self._edit:
            self._bands = banded(edit.boxes)
            self._next_band(edit)

    def _next_band(self, edit: Edit) -> None:
        if edit is not self._edit:
            return
        if self._bands:
            self.drawn.emit(self._bands.pop())
            QTimer.singleShot(0, self, lambda: self._next_band(edit))
        else:
            self._edit = None
            self.ended.emit(edit)
            self.busyChanged.emit(False)

    def _finish(self, edit: Edit) -> None:
        """Draw everything now."""
        was_busy, self._edit = self.busy, None
        for box in edit.boxes:
            self.drawn.emit(box)
        self.ended.emit(edit)
        if was_busy:
            self.busyChanged.emit(False)


def banded(boxes: Iterable[Box]) -> list[Box]:
    """The boxes, cut across where they are large."""
    bands = []
    for x, y, w, h in boxes:
        step = max(256, _BAND // w)
        bands += [(x, top, w, min(step, y + h - top)) for top in range(y, y + h, step)]
    return bands


def within_levels(stamp: Stamp, pictured: Pictured, low: int, high: int) -> Stamp:
    """The part of a stamp whose displayed grey lies in a range."""
    grey = pictured(stamp.box)
    if grey.ndim == 3:
        grey = np.asarray(cv2.cvtColor(grey, cv2.COLOR_RGB2GRAY), np.uint8)
    inside = cv2.bitwise_and(stamp.coverage, cv2.inRange(grey, (low,), (high,)))
    return Stamp(stamp.box, np.asarray(inside, np.uint8))


def area(box: Box | None) -> int:
    """Pixels in a box."""
    return box[2] * box[3] if box is not None else 0
