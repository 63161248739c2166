"""Work shared between a processor's cores: one thread for each, and in each thread torch computes with one core.

Several images side by side beat all cores on one image: nobody waits for the slowest core at the end of every layer.
On a busy machine, where such waits are busy ones, that is several times as fast; the sums in a convolution don't
depend on the number of cores either.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")

MOST = 8
"""Threads at most: each holds the maps of an image or of a part of a batch."""
_AHEAD = 2
"""Items per thread that are under way or wait to be taken."""


def usable_cores(device: str | torch.device = "cpu") -> int:
    """How many threads are worth having: torch's own number on a processor, those that feed a graphics card else."""
    if torch.device(device).type == "cpu":
        return max(1, min(MOST, torch.get_num_threads()))
    return max(1, min(MOST, os.cpu_count() or 1))


class Cores:
    """Threads that each compute with one core; a context manager.

    Parameters
    ----------
    count : int
        With 1 the work is done by the caller's own thread, on all of its cores.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ThreadPoolExecutor | None = None
        if count > 1:
            usual = torch.get_num_threads()
            self._pool = ThreadPoolExecutor(count, "cores")
            ready = threading.Barrier(count)

            def begin(_: int) -> None:
                torch.get_num_threads()  # a thread's first such call takes on the process's number: have it behind us
                torch.set_num_threads(1)
                ready.wait()

            list(self._pool.map(begin, range(count)))
            # The number is a thread's own once it has computed, but also what later threads begin with.
            torch.set_num_threads(usual)

    def map(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Results in the order of the items; a few are worked on ahead. What raises ends it.

        The items are taken one by one in the caller's own thread: whether to go on can be asked there.
        """
        if self._pool is None:
            yield from map(work, items)
            return
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(self._pool.submit(work, item))
                if len(waiting) >= _AHEAD * self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def run(self, work: Callable[[], R]) -> R:
        """Do one thing with one core."""
        return work() if self._pool is None else self._pool.submit(work).result()

    def __enter__(self) -> Cores:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
