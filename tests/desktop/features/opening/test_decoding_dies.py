"""A file that ends its decoder ends nothing else: the window says so, and what the analyst did is there."""

from __future__ import annotations

import multiprocessing
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt

from divisive_desktop.imaging.apart import PROCESSES
from tests.desktop.pages import Page
from tests.desktop.pages.waiting import until


def slow_png(path: Path, width: int, height: int) -> Path:
    """Takes a while to decode and next to no room."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(1)
    row = b"\0" + bytes(3 * width)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


def decoders() -> set[int | None]:
    """Numbers of the processes that decode, or wait for it."""
    return {process.pid for process in multiprocessing.active_children() if process.name == "divisive-apart"}


def test_a_decoder_that_dies_leaves_the_window_and_its_work(
    page: Page, pictures: Callable[[int], Path], tmp_path: Path
) -> None:
    with page.loading():
        page.drop(pictures(1))
    page.worklist.key(Qt.Key.Key_1)
    assert page.current.label == 1
    page.wait_idle()
    PROCESSES.close()
    PROCESSES.warm()
    page.drop(slow_png(tmp_path / "slow.png", 12_000, 12_000))
    until(lambda: len(page.cases) == 2 and decoders() - set(PROCESSES.pids()), "the decoder to begin")
    slow = list(page.cases)[-1]

    def killed() -> bool:
        for process in multiprocessing.active_children():
            if process.name == "divisive-apart":
                process.kill()
        return slow.error is not None

    until(killed, "the window to notice")
    assert slow.error is not None
    assert "slow.png" in slow.error.message
    assert "(PNG, exit code -9)" in slow.error.message
    page.key(Qt.Key.Key_PageDown)
    assert page.current is slow
    with page.loading():
        page.key(Qt.Key.Key_PageUp)
    assert page.current.label == 1
    page.wait_idle()
