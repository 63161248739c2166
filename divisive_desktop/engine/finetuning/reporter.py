"""What a fine-tuning tells on its way, and how it is held or stopped: progress, epochs, notices, Pause, Cancel."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import psutil
import torch

from divisive_desktop.engine.finetuning.clock import Clock
from divisive_desktop.engine.finetuning.estimate import Stages
from divisive_desktop.engine.finetuning.messages import EpochDone, Notice
from divisive_desktop.engine.registry import Channel
from divisive_desktop.errors import CancelledError

_EVERY_S = 0.1
_paused: set[str] = set()
_running: set[str] = set()
_state = threading.Lock()


def set_paused(key: str, paused: bool) -> bool:
    """Hold a run, or let it go on; whether there is such a run."""
    with _state:
        there = key in _running
        if paused and there:
            _paused.add(key)
        else:
            _paused.discard(key)
        return there


class RunReporter:
    """One run's voice and ear; a context manager around the run.

    Parameters
    ----------
    channel : Channel
        Where to.
    key : str
        What `set_paused` calls the run.
    method : str
        For epochs.
    share : (float, float)
        Where this run's progress begins, and its share of the whole, 0..1.
    label : str
        Put before texts where several methods are compared.
    """

    def __init__(
        self, channel: Channel, key: str, method: str, share: tuple[float, float] = (0.0, 1.0), label: str = ""
    ) -> None:
        self.channel, self.key, self.method, self.share, self.label = channel, key, method, share, label
        self.notices: list[Notice] = []
        self.device = torch.device("cpu")
        """Where the run computes now."""
        self.epochs = 0
        """Of the run; set with ``plan``."""
        self._clock = Clock({})
        self._told = 0.0
        self._epochs_told = 0

    def __enter__(self) -> RunReporter:
        with _state:
            _running.add(self.key)
        return self

    def __exit__(self, *exc: object) -> None:
        with _state:
            _running.discard(self.key)
            _paused.discard(self.key)

    def plan(self, stages: Stages, epochs: int) -> None:
        """What lies ahead."""
        self._clock, self.epochs = Clock(stages), epochs

    def plan_again(self, stages: Stages, epochs: int) -> None:
        """What lies ahead of a second attempt; its epochs are counted on from those that were told."""
        self.plan(stages, self._epochs_told + epochs)

    # ---- hold and stop ----------------------------------------------------------------------------------

    def cancelled(self) -> bool:
        """Whether to stop; holds here while the run is paused."""
        if self.key in _paused:
            began = time.monotonic()
            self._say_paused(True)
            while self.key in _paused and not self.channel.cancelled():
                time.sleep(0.05)
            self._clock.hold(time.monotonic() - began)
            self._say_paused(False)
        return self.channel.cancelled()

    def check(self) -> None:
        """Raises ``CancelledError`` when the user has cancelled."""
        if self.cancelled():
            raise CancelledError

    # ---- tell -------------------------------------------------------------------------------------------

    def at(self, stage: str, done: float, text: str, *, force: bool = False) -> None:
        """So many units of a stage are done."""
        fraction, left = self._clock.at(stage, done)
        now = time.monotonic()
        if not force and now - self._told < _EVERY_S:
            return
        self._told = now
        self._send(fraction, text, left, {"stage": stage, "paused": False})

    def part_of(self, stage: str, share: float, text: str) -> None:
        """A share (0..1) of a stage is done."""
        self.at(stage, self._clock.units(stage) * share, text)

    def finish(self, stage: str) -> None:
        """A stage is over."""
        self._clock.finish(stage)

    def notice(self, code: str, text: str) -> None:
        """Something that the user should know; once."""
        if all(n.text != text for n in self.notices):
            self.notices.append(Notice(code, text))
            self.channel.partial(0, self.notices[-1], None)

    def epoch(self, figures: Mapping[str, float]) -> None:
        """The next epoch's figures."""
        self._epochs_told += 1
        self.channel.partial(self._epochs_told, self.epoch_done(self._epochs_told - 1, figures), None)

    def epoch_done(self, index: int, h: Mapping[str, float]) -> EpochDone:
        """Figures of the epoch ``index``, from 0."""
        return EpochDone(
            index + 1, self.epochs, h["loss"], h["classification"], h["saliency"], h["val_auroc"], h["val_energy"],
            h["val_loss"], h["val_agreement"], self.label or self.method,
        )

    def _say_paused(self, paused: bool) -> None:
        text = "Paused" if paused else "Going on"
        stage = "paused" if paused else "training"
        self._send(self._clock.fraction, text, None, {"stage": stage, "paused": paused})

    def _send(self, fraction: float, text: str, left: float | None, more: dict[str, Any]) -> None:
        begin, share = self.share
        details = {**more, "device": self.device.type, "memory_mb": memory_mb(self.device), "method": self.label}
        text = f"{self.label}: {text}" if self.label else text
        if self.channel.details is not None:
            self.channel.details(begin + share * fraction, text, left, details)
        else:
            self.channel.progress(begin + share * fraction, text, left)


def memory_mb(device: torch.device) -> float:
    """Memory in use: of the graphics card by this process, or of this process."""
    if device.type == "cuda":
        return float(torch.cuda.memory_allocated(device)) / 1e6
    return float(psutil.Process().memory_info().rss) / 1e6
