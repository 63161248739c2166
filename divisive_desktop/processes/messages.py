"""What comes out of a pipe from another process of the program: one of the messages that are expected, or nothing.

A process that decodes what strangers made may be taken over by it, and a dying one may leave half a message. So a
message has a largest size, and reading it makes data only: classes of the program, arrays and plain values; no
function is called that a message names.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Any, TypeVar, overload

T = TypeVar("T")

MOST_BYTES = 1 << 30
"""Of one message: the pages of a long report's preview have some 100 MB."""

_OWN = "divisive_desktop."
_PLAIN: dict[str, frozenset[str]] = {
    "builtins": frozenset({"set", "frozenset", "slice", "complex", "bytearray", "range"}),
    "collections": frozenset({"OrderedDict", "deque", "Counter"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "pathlib": frozenset({"Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"}),
    "uuid": frozenset({"UUID", "SafeUUID"}),
    "numpy": frozenset({"ndarray", "dtype"}),
    "_codecs": frozenset({"encode"}),  # how NumPy writes bytes
}
_NUMPY = frozenset({"_reconstruct", "scalar", "_frombuffer"})


class BadMessageError(Exception):
    """What came is no message that was expected."""


@overload
def receive(connection: Connection, kinds: type[T]) -> T: ...
@overload
def receive(connection: Connection, kinds: tuple[type, ...]) -> Any: ...
def receive(connection: Connection, kinds: type[Any] | tuple[type, ...]) -> Any:
    """Wait for a message of one of these classes.

    Raises
    ------
    EOFError, OSError
        The other end is gone.
    BadMessageError
        It sent something else. Nothing more can be read from it.
    """
    try:
        data = connection.recv_bytes(MOST_BYTES)
    except (MemoryError, OverflowError, ValueError) as e:
        raise BadMessageError(f"a length that can't be ({e})") from e
    message = unpickled(data)
    if not isinstance(message, kinds):
        raise BadMessageError(f"a {type(message).__name__}, which isn't expected")
    return message


def unpickled(data: bytes, buffers: Iterable[Any] = ()) -> Any:
    """The value that these bytes hold; ``buffers`` as in ``pickle.loads``.

    Raises
    ------
    BadMessageError
        They hold none, or one that isn't data.
    """
    try:
        return _Reader(io.BytesIO(data), buffers=buffers).load()
    except MemoryError:
        raise
    except Exception as e:  # damaged bytes raise anything
        raise BadMessageError(f"bytes that are no message ({type(e).__name__}: {str(e)[:200]})") from e


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """A class of the program's own, or one that holds data."""
        if module.startswith(_OWN):
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__.startswith(_OWN):  # not what the module has imported
                return found
        elif name in _PLAIN.get(module, ()) or (module.startswith("numpy.") and name in _NUMPY):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a message")
