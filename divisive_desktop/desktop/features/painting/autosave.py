"""Every stroke reaches the store within a second, without a Save button and without holding up the brush."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from divisive_desktop.desktop.features.painting.mask_store import MaskStore
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.errors import UserFacingError
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.snapshot import Snapshot

DELAY_MS = 150
"""Strokes that follow one another this closely are written together."""


class Saver(QObject):
    """Writes masks in the background, one write at a time, the newest state of each image last.

    Signals
    -------
    stateChanged(str)
        ``saved``, ``saving`` or ``failed``.
    failed(UserFacingError)
        What the user must read: strokes are not safe.
    """

    stateChanged = Signal(str)
    failed = Signal(UserFacingError)

    def __init__(self, runner: Runner, store: MaskStore, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner, self.store = runner, store
        self._waiting: dict[tuple[str, int], _Job] = {}
        self._running: _Job | None = None
        self._state = "saved"
        self.problem = ""
        """Why the last write failed, and what can be done, while the state is ``failed``."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY_MS)
        self._timer.timeout.connect(self._start)

    @property
    def state(self) -> str:
        return self._state

    def save(self, record: ImageRecord, mask: Mask, tool: str, seconds: float = 0.0) -> None:
        """Keep the mask as it is now, soon; so much work went into it since it was kept the last time."""
        job = _Job(record, mask, tool, seconds)
        waiting = self._waiting.get(job.key)
        if waiting is not None:
            job.seconds += waiting.seconds
        self._waiting[job.key] = job
        self._set_state("saving")
        if self._running is None and not self._timer.isActive():
            self._timer.start()

    def flush(self, record: ImageRecord | None = None) -> None:
        """Take snapshots now of what waits: its mask may be let go. Starts writing at once."""
        for job in self._waiting.values():
            job.freeze()
        if self._running is None and self._waiting:
            self._timer.stop()
            self._start()

    def finish(self) -> None:
        """Write what waits, here and now (the window closes). The runner has been closed by then."""
        self._timer.stop()
        jobs = [self._running] if self._running is not None else []
        jobs += list(self._waiting.values())
        self._waiting.clear()
        self._running = None
        for job in jobs:
            job.freeze()
            job.write(self.store)

    def pending(self, record: ImageRecord) -> Snapshot | None:
        """The state of an image's mask that isn't written yet, None when the store has the last one."""
        key = record.sha256, record.frame
        job = self._waiting.get(key)
        if job is None and self._running is not None and self._running.key == key:
            job = self._running
        if job is None:
            return None
        job.freeze()
        step = record.correction.since(job.record.correction)
        if job.frozen is None or not step.moves:
            return job.frozen
        return Mask.from_snapshot(job.frozen).corrected(step).snapshot()

    def idle(self) -> bool:
        """Nothing waits or runs."""
        return self._running is None and not self._waiting

    def _start(self) -> None:
        if self._running is not None or not self._waiting:
            return
        job = self._running = self._waiting.pop(next(iter(self._waiting)))
        job.freeze()
        self._runner.run(lambda _: job.write(self.store), self._written, self._not_written, priority=30)

    def _written(self, _: object) -> None:
        self._running = None
        if self._waiting:
            self._start()
        else:
            self._set_state("saved")

    def _not_written(self, error: UserFacingError) -> None:
        job, self._running = self._running, None
        if job is not None:
            # With the next stroke, or at closing, it is tried again.
            newer = self._waiting.setdefault(job.key, job)
            if newer is not job:
                newer.seconds += job.seconds
        self.problem = f"{error.message} {error.remedy}"
        self._set_state("failed")
        self.failed.emit(error)

    def _set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self.stateChanged.emit(state)


class _Job:
    """One mask to be written; its snapshot is taken as late as possible."""

    def __init__(self, record: ImageRecord, mask: Mask, tool: str, seconds: float) -> None:
        self.record, self.tool = record, tool
        self.seconds = seconds
        """Of work that aren't written yet."""
        self._snapshot = mask.snapshot
        self.frozen: Snapshot | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.record.sha256, self.record.frame

    def freeze(self) -> None:
        """On the GUI thread: nothing paints meanwhile."""
        if self.frozen is None:
            self.frozen = self._snapshot()

    def write(self, store: MaskStore) -> None:
        """On any thread."""
        assert self.frozen is not None
        store.save(self.record, self.frozen, self.tool)
        if self.seconds > 0:
            store.spent(self.record, self.seconds)
            self.seconds = 0.0
