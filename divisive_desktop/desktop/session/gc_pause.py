"""Python's search for cyclic garbage holds up every thread: a tenth of a second where 10,000 cases are in memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """What is made inside stays: no search while it is made, and later searches pass it over.

    It is still freed when nothing refers to it any more; only cycles among what is there now aren't looked for until
    the `thaw`.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def thaw() -> None:
    """Search everything once: what stayed for good may be done with now, a casebook that was closed and its cases.

    To be called in the window's thread, for what is freed may belong to it, and where a moment's pause is no matter.
    """
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
