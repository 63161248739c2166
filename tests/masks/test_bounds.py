"""Forged masks: what they announce is checked before it is added up, allocated or unpacked."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.files import read_mask
from divisive_desktop.masks.formats import rle
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import polygon

MB = 1 << 20


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fails when the block takes more memory than this on the way (NumPy's counts)."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def coco(segmentation: object, width: object = 64, height: object = 64, times: int = 1) -> dict[str, object]:
    one = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation}
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": width, "height": height}],
        "annotations": [one] * times,
        "categories": [{"id": 1, "name": "x"}],
    }


def refused(tmp_path: Path, data: bytes | dict[str, object], name: str = "mask.json", most: int = 64 * MB) -> str:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    with at_most(most), pytest.raises(MaskError) as caught:
        read_mask(path)
    assert caught.value.remedy
    return caught.value.message


def test_run_lengths_whose_sum_wraps_round_do_not_kill_the_process(tmp_path: Path) -> None:
    path = tmp_path / "mask.json"
    path.write_text(json.dumps(coco({"size": [64, 64], "counts": [2**62] * 4 + [4096]})))
    code = (
        "import sys; from pathlib import Path\n"
        "from divisive_desktop.errors import MaskError\n"
        "from divisive_desktop.masks.files import read_mask\n"
        "try: read_mask(Path(sys.argv[1]))\n"
        "except MaskError as e: print(e)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.returncode  # -11 where NumPy wrote past its memory
    assert "run lengths" in done.stdout


@pytest.mark.parametrize(
    "counts",
    [[2**62] * 4 + [4096], [-1, 4097], [2**64 + 4096], [4096.0], ["4096"], [None], [0] * 5000, [], [4097], [True] * 10],
)
def test_run_lengths_are_whole_not_negative_and_fill_the_size(counts: list[object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        rle.decode(counts, 64, 64)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("size", [10**9, 10**400, -5, 0, 1e18, "many", None, 2**40], ids=lambda size: str(size)[:12])
def test_forged_sizes(tmp_path: Path, size: object) -> None:
    refused(tmp_path, coco([[0, 0, 9, 0, 9, 9]], size, 64))
    refused(tmp_path, {"shapes": [], "imageWidth": size, "imageHeight": 64})


def test_a_thousand_full_regions_of_a_large_picture(tmp_path: Path) -> None:
    assert "regions" in refused(tmp_path, coco([[0, 0, 9, 0, 9, 9]], 16000, 15999, times=20))
    assert "regions" in refused(tmp_path, coco([[0, 0, 9, 0, 9, 9]], times=1200))


def test_a_polygon_that_runs_up_and_down_half_a_million_times(tmp_path: Path) -> None:
    zigzag = [value for i in range(100_000) for value in (i % 60, 60 * (i % 2))]
    refused(tmp_path, coco([zigzag]), most=128 * MB)
    with pytest.raises(ValueError, match="up and down"):
        polygon(np.array(zigzag, float).reshape(-1, 2), (64, 64))


@pytest.mark.parametrize("far", [1e300, float("inf"), float("nan"), -1e12])
def test_a_polygon_that_lies_nowhere(far: float) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        polygon([(0, 0), (far, 5), (9, 9)], (64, 64))


@pytest.mark.parametrize("depth", [50_000, 500_000])
def test_deep_json(tmp_path: Path, depth: int) -> None:
    refused(tmp_path, b'{"images":' + b"[" * depth + b"]" * depth + b"}")
    refused(tmp_path, b'{"shapes":' + b"[" * depth + b"]" * depth + b"}")


def npy(shape: tuple[int, ...], dtype: str, data: bytes) -> bytes:
    head = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + data


@pytest.mark.parametrize("shape", [(30_000, 30_000), (10**12, 10**12), (-4, 4), (2**63, 2)])
def test_arrays_that_announce_more_than_they_hold(tmp_path: Path, shape: tuple[int, ...]) -> None:
    refused(tmp_path, npy(shape, "<f8", bytes(64)), "mask.npy")


def test_an_array_whose_header_is_nested(tmp_path: Path) -> None:
    head = b"(" * 9000
    refused(tmp_path, b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head, "mask.npy")


def nifti(shape: tuple[int, ...], pixels: bytes) -> bytes:
    nibabel = pytest.importorskip("nibabel")
    small = nibabel.Nifti1Image(np.zeros((2, 2, 1), np.uint8), np.eye(4)).to_bytes()
    dim = [len(shape), *shape, *[1] * (7 - len(shape))]
    return bytes(small[:40]) + struct.pack("<8h", *dim) + bytes(small[56:352]) + pixels


def test_nifti_that_announces_more_than_it_holds_or_than_is_opened(tmp_path: Path) -> None:
    refused(tmp_path, nifti((15000, 15000, 1), bytes(100)), "mask.nii", most=8 * MB)
    refused(tmp_path, gzip.compress(nifti((32000, 32000, 1), bytes(1000))), "mask.nii.gz", most=8 * MB)
    refused(tmp_path, nifti((-5, 9, 1), bytes(1000)), "mask.nii", most=8 * MB)


def test_a_packed_nifti_is_unpacked_only_as_far_as_its_header_says(tmp_path: Path) -> None:
    bomb = gzip.compress(nifti((8, 8, 1), bytes(400 * MB)), 1)
    (tmp_path / "mask.nii.gz").write_bytes(bomb)
    with at_most(16 * MB):
        assert read_mask(tmp_path / "mask.nii.gz").size == (8, 8)


def test_a_saved_mask_whose_pixels_unpack_without_end() -> None:
    mask = Mask.from_array(np.ones((32, 32), bool))
    snapshot = mask.snapshot()
    blob = snapshot.to_blob()
    length = struct.unpack_from("<8s32sI", blob)[2]
    settings = json.loads(blob[44 : 44 + length])
    bomb = zlib.compress(bytes(200 * MB), 1)
    settings["regions"][0]["bytes"] = len(bomb)
    for size in ([32, 32], [10**9, 10**9], [0, 5]):
        text = json.dumps({**settings, "size": size}).encode()
        body = text + bomb
        forged = struct.pack("<8s32sI", blob[:8], hashlib.sha256(body).digest(), len(text)) + body
        with at_most(16 * MB), pytest.raises(MaskError):
            Mask.from_blob(forged)


def test_a_mask_never_starts_an_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow hands EPS to Ghostscript, whatever the file is called."""
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n(owned) print\n%%EOF\n"
    refused(tmp_path, eps, "innocent.png")
    shape = {"label": "x", "shape_type": "mask", "points": [[0, 0], [9, 9]], "mask": base64.b64encode(eps).decode()}
    refused(tmp_path, {"shapes": [shape], "imageWidth": 64, "imageHeight": 64})


def test_a_picture_bomb_in_a_labelme_file(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    shape = {"label": "x", "shape_type": "mask", "points": [[0, 0], [9, 9]],
             "mask": base64.b64encode(buffer.getvalue()).decode()}  # fmt: skip
    refused(tmp_path, {"shapes": [shape], "imageWidth": 64, "imageHeight": 64})


def test_anything_at_all_is_a_mask_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a.png", "a.nii", "a.nii.gz", "a.json", "a.npy", "a.dcm"):
        for start in (b"", b"{", b"\x93NUMPY\1\0", bytes(128) + b"DICM", b"\x1f\x8b\x08", b"\x89PNG\r\n\x1a\n"):
            (tmp_path / name).write_bytes(start + rng.bytes(600))
            with pytest.raises(MaskError):
                read_mask(tmp_path / name)
