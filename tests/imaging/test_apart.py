"""The window's way of opening files: the same pictures, and no file ends the window."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from divisive_desktop.errors import DamagedImageError, ImageTooLargeError, UserFacingError
from divisive_desktop.imaging import apart
from divisive_desktop.imaging.apart import codec, done_apart, open_image_apart
from divisive_desktop.imaging.opening import open_image
from tests.conftest import dicom_sample

COMPRESSED = {
    "JPEG2000.dcm": "JPEG 2000", "MR_small_RLE.dcm": "RLE", "SC_rgb_jpeg_gdcm.dcm": "JPEG Lossless",
    "emri_small_jpeg_ls_lossless.dcm": "JPEG-LS",
}  # fmt: skip


@pytest.mark.parametrize("name", [*COMPRESSED, "RG1_UNCR.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"])
def test_the_record_is_the_same(name: str) -> None:
    path = dicom_sample(name)
    here, there = open_image(path), open_image_apart(path)
    assert np.array_equal(here.stored, there.stored)
    assert (here.sha256, here.decoder, here.voi[0].kind, here.notes, here.header) == (
        there.sha256, there.decoder, there.voi[0].kind, there.notes, there.header
    )  # fmt: skip


@pytest.mark.parametrize("name", COMPRESSED)
def test_native_decoders_are_known(name: str) -> None:
    assert COMPRESSED[name] in codec(dicom_sample(name))


def test_uncompressed_dicom_stays_here() -> None:
    assert codec(dicom_sample("RG1_UNCR.dcm")) == ""
    assert codec(dicom_sample("image_dfl.dcm")) == ""


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WebP", "BMP", "GIF"])
def test_photographs_go_apart(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"
    Image.effect_noise((60, 40), 50).convert("RGB").save(path, kind)
    assert codec(path) == kind
    here, there = open_image(path), open_image_apart(path)
    assert np.array_equal(here.stored, there.stored)


@pytest.mark.parametrize("bytes_", [b"", b"text", b"\x89PNG\r\n\x1a\nrubbish", b"II*\0", bytes(128) + b"DICMrubbish"])
def test_errors_are_the_same(tmp_path: Path, bytes_: bytes) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(bytes_)
    with pytest.raises(UserFacingError) as here:
        open_image(path)
    with pytest.raises(UserFacingError) as there:
        open_image_apart(path)
    assert (type(here.value), here.value.message) == (type(there.value), there.value.message)


def test_the_limit_for_large_pictures_is_known_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", "9999")
    with pytest.raises(ImageTooLargeError):
        open_image_apart(tmp_path / "a.png")


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_decoder_that_ends_its_process_is_named_with_the_file(number: int) -> None:
    path = dicom_sample("JPEG2000.dcm")
    with pytest.raises(DamagedImageError) as caught:
        done_apart(path, signal.raise_signal, number)
    assert "JPEG2000.dcm" in caught.value.message
    assert "JPEG 2000" in caught.value.message
    assert np.array_equal(open_image_apart(path).stored, open_image(path).stored)


def test_a_decoder_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(apart, "PATIENCE_S", 1.0)
    with pytest.raises(DamagedImageError, match=r"a\.png .*\(PNG\)"):
        done_apart(tmp_path / "a.png", time.sleep, 60)


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "pipe.dcm")
    with pytest.raises(UserFacingError, match="regular"):
        open_image_apart(tmp_path / "pipe.dcm")
