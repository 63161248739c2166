"""Results on their way between two processes: small things in a pipe, pixels through a block of shared memory.

The block is kept from one result to the next: memory that was used before is several times as quick as new memory.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop.processes.block import Block
from divisive_desktop.processes.messages import unpickled

KEPT_BYTES = 96 << 20
"""A larger block is given back at once."""
_SMALL = 1 << 16
"""Bytes of an array up to which it goes through the pipe with the rest."""
_ALIGNED = 64


@dataclass(frozen=True)
class Parcel:
    """A result without its large arrays, and where those are."""

    content: bytes
    """Pickled, protocol 5."""
    lengths: tuple[int, ...]
    """Bytes of each array, in the order in which they lie in the block."""
    new_block: int
    """Bytes of the block, which follows behind the parcel; 0 where it is the one that was sent before, or none."""


class Outbox:
    """The end that sends.

    Parameters
    ----------
    connection : Connection
        On which parcels and blocks go.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._block: Block | None = None
        self._sent = False

    def pack(self, result: object) -> Parcel:
        """Put a result's arrays into the block. What was in it before must have been unpacked.

        Raises
        ------
        MemoryError, OSError
            There is no room for them.
        """
        large: list[memoryview] = []

        def stays(buffer: pickle.PickleBuffer) -> bool:
            view = buffer.raw()
            if view.nbytes < _SMALL:
                return True
            large.append(view)
            return False

        content = pickle.dumps(result, protocol=5, buffer_callback=stays)
        lengths = tuple(view.nbytes for view in large)
        if not large:
            return Parcel(content, (), 0)
        block = self._with_room(sum(map(_room, lengths)))
        at = 0
        for view in large:
            _bytes_of(block, view.nbytes, at)[:] = np.frombuffer(view, np.uint8)
            at += _room(view.nbytes)
        return Parcel(content, lengths, 0 if self._sent else block.size)

    def send(self, answer: object) -> None:
        """Send a parcel that was just packed, or something small.

        Raises
        ------
        OSError
            The other end is gone.
        """
        self._connection.send(answer)
        if isinstance(answer, Parcel) and answer.new_block and self._block is not None:
            self._block.send(self._connection)
            self._sent = True

    def _with_room(self, size: int) -> Block:
        block = self._block
        if block is not None and (block.size < size or block.size > KEPT_BYTES):
            self._block = None
            block.close()
        if self._block is None:
            self._block, self._sent = Block.make(size), False
        return self._block


class Inbox:
    """The end that receives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._block: Block | None = None

    def take(self, parcel: Parcel) -> None:
        """Receive the block that follows behind a parcel.

        Raises
        ------
        EOFError, OSError
            The other end is gone.
        """
        if parcel.new_block:
            self.close()
            self._block = Block.receive(self._connection, parcel.new_block)

    def unpack(self, parcel: Parcel) -> Any:
        """The result, with arrays of its own."""
        if not parcel.lengths:
            return unpickled(parcel.content)
        block = self._block
        assert block is not None  # `take` was called
        buffers, at = [], 0
        for length in parcel.lengths:
            buffers.append(_bytes_of(block, length, at).copy())
            at += _room(length)
        if block.size > KEPT_BYTES:
            self.close()
        return unpickled(parcel.content, buffers)

    def close(self) -> None:
        """Give the memory back."""
        block, self._block = self._block, None
        if block is not None:
            block.close()


def _bytes_of(block: Block, length: int, at: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(block.buffer, np.uint8, length, at)


def _room(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED
