"""Shared memory: nobody at the other end can take it away under the reader."""

from __future__ import annotations

import os
import sys
from multiprocessing import Pipe
from multiprocessing.reduction import send_handle

import pytest

from divisive_desktop.processes.block import Block

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has seals")
SIZE = 1 << 16


def sent(descriptor: int, size: int) -> Block:
    """What the window makes of memory that a child sends it."""
    ours, theirs = Pipe()
    with ours, theirs:
        send_handle(theirs, descriptor, None)
        return Block.receive(ours, size)


def test_it_holds_what_was_written() -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        made = Block.make(SIZE)
        made.send(theirs)
        received = Block.receive(ours, SIZE)
        made.buffer[:4] = b"abcd"
        assert received.buffer[:4] == b"abcd"
        made.close()
        received.close()


def test_nobody_can_make_it_shorter_afterwards() -> None:
    """The reader would be ended by SIGBUS."""
    descriptor = os.memfd_create("theirs", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, SIZE)
    received = sent(descriptor, SIZE)
    with pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)
    assert received.buffer[SIZE - 1] == 0
    received.close()
    os.close(descriptor)


@pytest.mark.parametrize("kind", ["short", "without seals", "a file", "a pipe"])
def test_what_could_be_cut_is_refused(kind: str, tmp_path: object) -> None:
    before = len(os.listdir("/proc/self/fd"))
    other = -1
    if kind == "a file":
        descriptor = os.open(f"{tmp_path}/block", os.O_RDWR | os.O_CREAT)
        os.ftruncate(descriptor, SIZE)
    elif kind == "a pipe":
        descriptor, other = os.pipe()
    else:
        descriptor = os.memfd_create("theirs", os.MFD_ALLOW_SEALING if kind == "short" else 0)
        os.ftruncate(descriptor, SIZE - 1 if kind == "short" else SIZE)
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the kernel
        sent(descriptor, SIZE)
    for open_one in (descriptor, other):
        if open_one >= 0:
            os.close(open_one)
    assert len(os.listdir("/proc/self/fd")) == before
