"""Overlay planes and shutters against pydicom and against counting by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.graphics import Overlay, Shutter

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def with_overlay(path: Path, plane: np.ndarray, origin: tuple[int, int] = (1, 1), **more: Any) -> Path:
    dataset = dcmread(path)
    dataset.add_new(0x60000010, "US", plane.shape[-2])
    dataset.add_new(0x60000011, "US", plane.shape[-1])
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", list(origin))
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60001500, "LO", "Marker")
    packed = np.packbits(plane.reshape(-1), bitorder="little").tobytes()
    dataset.add_new(0x60003000, "OW", packed + b"\0" * (len(packed) % 2))
    for tag, (vr, value) in more.items():
        dataset.add_new(int(tag, 16), vr, value)
    dataset.save_as(path)
    return path


def test_overlays_of_a_real_file_agree_with_pydicom(sample: Callable[[str], Path]) -> None:
    path = sample("MR-SIEMENS-DICOM-WithOverlays.dcm")
    image = open_image(path)
    wanted = dcmread(path).overlay_array(0x6000).astype(bool)
    assert image.overlays[0].group == 0x6000
    assert (image.overlays[0].mask(*wanted.shape) == wanted).all()
    assert wanted.any()


def test_an_overlay_is_placed_by_its_origin_and_cut_to_the_image(make_dicom: Callable[..., Path]) -> None:
    plane = np.ones((3, 5), np.uint8)
    image = open_image(with_overlay(make_dicom(RAMP), plane, origin=(15, 3)))
    mask = image.overlays[0].mask(16, 16)
    assert mask[14:, 2:7].all()
    assert mask.sum() == 10
    assert image.overlays[0].name == "Marker"
    assert not Overlay(0x6002, "roi", 2, 2, (-9, -9), b"\x0f").mask(4, 4).any()
    assert Overlay(0x6002, "roi", 2, 2, (0, 0), b"\x0f").name == "Overlay 2"


def test_every_frame_has_its_own_plane(make_dicom: Callable[..., Path]) -> None:
    planes = np.zeros((3, 3, 5), np.uint8)
    planes[0, 0, 0] = planes[1, 1, 1] = planes[2, 2, 2] = 1
    path = make_dicom(np.zeros((16, 16), np.uint16), NumberOfFrames=3, PixelData=b"\0" * 16 * 16 * 2 * 3)
    with_overlay(path, planes, **{"60000015": ("IS", 3), "60000051": ("US", 1)})
    for frame in range(3):
        mask = open_image(path, frame=frame).overlays[0].mask(16, 16)
        assert np.argwhere(mask).tolist() == [[frame, frame]]


def test_an_overlay_in_unused_pixel_bits(make_dicom: Callable[..., Path]) -> None:
    drawn = np.eye(16, dtype=np.uint16)
    path = make_dicom(RAMP | drawn << 12, BitsStored=12, HighBit=11)
    dataset = dcmread(path)
    dataset.add_new(0x60000050, "SS", [1, 1])
    for tag, value in ((0x10, 16), (0x11, 16), (0x100, 16), (0x102, 12)):
        dataset.add_new(0x60000000 + tag, "US", value)
    dataset.save_as(path)
    image = open_image(path)
    assert (image.overlays[0].mask(16, 16) == drawn.astype(bool)).all()
    assert (image.stored == RAMP).all()


def test_a_damaged_overlay_is_left_out_and_said(make_dicom: Callable[..., Path]) -> None:
    path = with_overlay(make_dicom(RAMP), np.ones((3, 3), np.uint8), **{"60000010": ("US", 5000)})
    image = open_image(path)
    assert image.overlays == ()
    assert any("6000" in note for note in image.notes)


def test_shutters(make_dicom: Callable[..., Path]) -> None:
    path = make_dicom(
        RAMP,
        ShutterShape=["RECTANGULAR", "CIRCULAR"],
        ShutterLeftVerticalEdge=3,
        ShutterRightVerticalEdge=14,
        ShutterUpperHorizontalEdge=2,
        ShutterLowerHorizontalEdge=15,
        CenterOfCircularShutter=[8, 8],
        RadiusOfCircularShutter=5,
    )
    shutter = open_image(path).shutter
    assert shutter is not None
    seen = shutter.visible(16, 16)
    y, x = np.mgrid[1:17, 1:17]
    assert (seen == ((x >= 3) & (x <= 14) & (y >= 2) & (y <= 15) & ((x - 8) ** 2 + (y - 8) ** 2 <= 25))).all()
    assert open_image(make_dicom(RAMP)).shutter is None


def test_a_polygon_and_a_circle_on_oblong_pixels() -> None:
    triangle = Shutter(polygon=((1, 1), (1, 10), (10, 1))).visible(10, 10)
    assert triangle[0, 0]
    assert triangle[1, 7]
    assert not triangle[8, 8]
    tall = Shutter(circle=(51, 51, 40)).visible(101, 101, pixel_aspect=2.0)
    assert tall.any(axis=1).sum() == pytest.approx(41, abs=2)
    assert tall.any(axis=0).sum() == 81
