from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.casebook.storage.lock import LOCK, Holder, Lock
from divisive_desktop.errors import CasebookReadOnlyError


def test_the_second_window_reads_and_is_told_who_writes(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    with Casebook.open(book.path) as second:
        assert second.read_only is not None
        assert second.holder is not None
        assert second.holder.pid == os.getpid()
        assert second.holder.host in second.read_only
        with pytest.raises(CasebookReadOnlyError):
            second.cases.set_label(case, 1)
        book.cases.set_label(case, 0)
        assert second.cases.get(case).label == 0, "the reader must see what the writer saves"
    book.close()
    with Casebook.open(book.path) as third:
        assert third.read_only is None


def test_another_process_is_told_too(
    book: Casebook, photos: list[Path], in_child: Callable[[Callable[[], object]], None]
) -> None:
    book.cases.add(photos[0])
    parent = os.getpid()

    def other() -> None:
        with Casebook.open(book.path) as second:
            assert second.holder is not None
            assert second.holder.pid == parent
            assert second.cases.count() == 1

    in_child(other)


def test_a_killed_holder_is_not_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "x.casebook"
    Casebook.create(path).close()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        Casebook.open(path)
        os.write(writer, b"x")
        signal.pause()
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    with Casebook.open(path) as blocked:
        assert blocked.holder is not None
        assert blocked.holder.pid == pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert json.loads((path / LOCK).read_text())["pid"] == pid, "its description is still there"
    with Casebook.open(path) as free:
        assert free.read_only is None


def other_machine(path: Path) -> None:
    holder = Holder("ann", "another-pc", 7, "another start", "1", "2026-01-01T00:00:00+00:00")
    (path / LOCK).write_text(json.dumps(asdict(holder)))


def test_a_holder_on_another_machine_counts_until_the_user_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "x.casebook"
    Casebook.create(path).close()
    other_machine(path)
    with Casebook.open(path) as book:
        assert book.holder is not None
        assert str(book.holder).startswith("ann on another-pc")
    with Casebook.open(path, take_over=True) as book:
        assert book.read_only is None


def test_taking_over_never_takes_from_a_living_process_here(book: Casebook) -> None:
    with Casebook.open(book.path, take_over=True) as second:
        assert second.read_only is not None


def test_a_holder_from_before_the_restart_or_with_a_reused_process_number_is_gone() -> None:
    me = Holder.me()
    assert not me.is_gone()
    before = Holder(me.user, socket.gethostname(), me.pid, "another start", me.started, me.since)
    reused = Holder(me.user, socket.gethostname(), me.pid, me.boot, "12345", me.since)
    elsewhere = Holder(me.user, "another-pc", me.pid, "another start", "12345", me.since)
    assert before.is_gone()
    assert reused.is_gone()
    assert not elsewhere.is_gone(), "it can't be known from here"


def test_a_half_written_lock_file_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_bytes(b'{"user": "ann", "ho')
    lock = Lock(tmp_path)
    assert lock.acquire() is None
    lock.release()


@pytest.fixture
def starting_child() -> Iterator[Callable[[], int]]:
    """Makes children that have every open file of this process, as one has that isn't its program yet."""
    made = []

    def start() -> int:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        made.append(pid)
        return pid

    yield start
    for pid in made:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_child_that_is_being_started_keeps_no_lock(tmp_path: Path, starting_child: Callable[[], int]) -> None:
    lock = Lock(tmp_path)
    assert lock.acquire() is None
    starting_child()
    lock.release()
    assert Lock(tmp_path).acquire() is None, "its release counts for the child as well"


def test_the_child_of_a_killed_holder_is_waited_for(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        assert Lock(tmp_path).acquire() is None
        child = os.fork()
        if child == 0:
            signal.pause()
        os.write(writer, child.to_bytes(8, "big"))
        signal.pause()
    child = int.from_bytes(os.read(reader, 8), "big")
    os.close(reader)
    os.close(writer)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    becomes_its_program = threading.Timer(0.2, os.kill, (child, signal.SIGKILL))
    becomes_its_program.start()
    try:
        lock = Lock(tmp_path)
        assert lock.acquire() is None
        lock.release()
    finally:
        becomes_its_program.join()
