"""Which function answers which request, and how it tells what happens on the way. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from divisive_desktop.errors import CancelledError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.engine.worker import Worker


@dataclass(frozen=True)
class Channel:
    """How a request tells what happens: three callables, so that the same code serves a pipe and a console."""

    progress: Callable[[float, str, float | None], None] = lambda fraction, text, remaining: None
    """fraction 0..1, text, seconds left or None."""
    partial: Callable[[int, Any, UserFacingError | None], None] = lambda index, value, error: None
    cancelled: Callable[[], bool] = lambda: False
    details: Callable[[float, str, float | None, dict[str, Any]], None] | None = None
    """As ``progress``, with a picture of the state for those who want more (training curves)."""

    def check(self) -> None:
        """Raises ``CancelledError`` when the user has cancelled."""
        if self.cancelled():
            raise CancelledError


Handler = Callable[["Worker", Any, Channel], Any]
HANDLERS: dict[type, Handler] = {}
"""Request class -> what answers it. Filled by `handles` as the modules of the answers are loaded, see `dispatch`."""


def handles(request: type) -> Callable[[Handler], Handler]:
    """Registers the decorated function as the answer to a request class."""

    def register(function: Handler) -> Handler:
        HANDLERS[request] = function
        return function

    return register
