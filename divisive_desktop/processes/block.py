"""Memory that two processes share. It has no name and goes with the last one that holds it, however that one ends."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection

if sys.platform == "win32":  # where a named block goes with its last handle
    from multiprocessing.shared_memory import SharedMemory

    class Block:
        """A block of shared memory; ``buffer`` are its bytes, ``size`` their number."""

        def __init__(self, memory: SharedMemory) -> None:
            self._memory = memory
            self.buffer, self.size = memory.buf, memory.size

        @classmethod
        def make(cls, size: int) -> Block:
            return cls(SharedMemory(create=True, size=size))

        @classmethod
        def receive(cls, connection: Connection, size: int) -> Block:
            return cls(SharedMemory(connection.recv()))

        def send(self, connection: Connection) -> None:
            connection.send(self._memory.name)

        def close(self) -> None:
            self._memory.close()

else:
    import contextlib
    import errno
    import fcntl
    import mmap
    import os
    import tempfile
    from multiprocessing.reduction import recv_handle, send_handle

    class Block:
        """A block of shared memory; ``buffer`` are its bytes, ``size`` their number.

        It is a file without a name, whose descriptor goes through the (Unix) socket of the connection. Blocks with
        names were left behind where both ends were killed, and multiprocessing's tracker warned of them.
        """

        def __init__(self, descriptor: int, size: int) -> None:
            self._descriptor: int | None = descriptor
            self.size = size
            try:
                self.buffer = mmap.mmap(descriptor, size)
            except BaseException:
                self._forget_descriptor()
                raise

        @classmethod
        def make(cls, size: int) -> Block:
            """A new one.

            Raises
            ------
            OSError
                There is no room for it.
            """
            descriptor = _nameless()
            try:
                os.ftruncate(descriptor, size)
                _fix_length(descriptor, size)
            except OSError:
                os.close(descriptor)
                raise
            return cls(descriptor, size)

        @classmethod
        def receive(cls, connection: Connection, size: int) -> Block:
            """What the other end sends now.

            Raises
            ------
            EOFError, OSError
                The other end is gone, there is no room, or what it sent is shorter than it says.
            """
            try:
                descriptor = recv_handle(connection)
            except RuntimeError as e:  # cut off
                raise EOFError from e
            try:
                _fix_length(descriptor, size)
            except OSError:
                os.close(descriptor)
                raise
            block = cls(descriptor, size)
            block._forget_descriptor()
            return block

        def send(self, connection: Connection) -> None:
            """Let the other end have it, too; once."""
            assert self._descriptor is not None
            send_handle(connection, self._descriptor, None)  # the process's number is asked for on Windows only
            self._forget_descriptor()

        def close(self) -> None:
            """Let go of it."""
            self._forget_descriptor()
            with contextlib.suppress(BufferError):  # still read somewhere: it goes with the last reader
                self.buffer.close()

        def _forget_descriptor(self) -> None:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _fix_length(descriptor: int, size: int) -> None:
        """See that nobody can make the memory shorter: reading what was cut off would end this process (SIGBUS).

        Only Linux has such seals. Elsewhere a child that somebody else has taken over could still do it.

        Raises
        ------
        OSError
            It is shorter than ``size`` already, or can't be sealed: nothing of ours.
        """
        if hasattr(os, "memfd_create") and hasattr(fcntl, "F_ADD_SEALS"):
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        if os.fstat(descriptor).st_size < size:
            raise OSError(errno.EINVAL, "a block of memory is shorter than it was said to be")

    def _nameless() -> int:
        """The descriptor of a file that nobody can find."""
        if hasattr(os, "memfd_create"):  # Linux: in memory; elsewhere the system's cache of files will do
            return os.memfd_create("divisive", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
