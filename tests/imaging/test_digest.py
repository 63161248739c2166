"""The hash is that of the very bytes that were decoded, and no thread outlives an error."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.errors import DamagedImageError, ImageError, UnreadableFileError
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.digest import Digest


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5_000_001])
def test_it_is_the_hash_of_the_whole_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(np.random.default_rng(size).bytes(size))
    with BoundedReader(path) as source, Digest(path, source) as digest:
        assert digest.result() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_that_is_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(3_000_000))
    with BoundedReader(path) as source:
        path.rename(tmp_path / "old")
        path.write_bytes(b"\1" * 3_000_000)
        with Digest(path, source) as digest, pytest.raises(UnreadableFileError, match="changed while"):
            digest.result()


def test_a_large_radiograph_and_photograph_carry_it(rg1: Path, tmp_path: Path) -> None:
    from PIL import Image

    assert open_image(rg1).sha256 == hashlib.sha256(rg1.read_bytes()).hexdigest()
    noise = np.random.default_rng(0).integers(0, 255, (700, 900, 3), np.uint8)
    Image.fromarray(noise).save(path := tmp_path / "noise.png")
    assert path.stat().st_size > 1 << 20
    assert open_image(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_no_thread_is_left_by_a_file_that_cannot_be_decoded(rg1: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(rg1.read_bytes()[:5_000_000])
    before = threading.active_count()
    with pytest.raises(ImageError):
        open_image(broken)
    with pytest.raises(DamagedImageError):
        open_image(rg1, frame=7)
    assert threading.active_count() == before
