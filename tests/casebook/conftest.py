"""A casebook, files to put in, and ways to make life hard for it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.casebook import Casebook


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Eight different PNG photographs, 40 x 30."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(1)
    paths = [folder / f"face {i}.png" for i in range(8)]
    for path in paths:
        assert cv2.imwrite(str(path), rng.integers(0, 255, (30, 40, 3), np.uint8))
    return paths


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Casebook]:
    casebook = Casebook.create(tmp_path / "my.casebook")
    yield casebook
    casebook.close()


@pytest.fixture
def in_child() -> Callable[[Callable[[], object]], None]:
    """Runs a function in a forked process of its own; fails with its traceback. For limits and other users' rights."""

    def run(function: Callable[[], object]) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                function()
                os._exit(0)
            except BaseException:  # noqa: BLE001  # goes to the parent, which fails the test
                os.write(writer, traceback.format_exc().encode())
                os._exit(1)
        os.close(writer)
        with open(reader, "rb") as f:
            text = f.read().decode()
        assert os.waitpid(pid, 0)[1] == 0, text

    return run
