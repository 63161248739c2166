"""Generated DICOM and TIFF variants against second readers: DCMTK's dcm2pnm and dcml2pnm, and tifffile.

A run takes seconds. ``DIVISIVE_DIFFERENTIAL=1000 pytest --timeout 3600 tests/imaging/test_differential.py`` looks
longer, and in other places each time.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.display import render
from tests.imaging.variants import write

EXAMPLES = int(os.environ.get("DIVISIVE_DIFFERENTIAL", "15"))
"""For each transfer syntax and type of sample: Hypothesis alone would try some of them hardly ever."""
bounded = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 15, suppress_health_check=list(HealthCheck)
)
DCMTK_READS = (
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEGLSLossless,
    DeflatedExplicitVRLittleEndian,
)  # fmt: skip
SPELLINGS = {
    "MONOCHROME2": ["MONOCHROME2", "monochrome2", "Monochrome2 "],
    "MONOCHROME1": ["MONOCHROME1", "monochrome1", "MONOCHROME1 "],
}


def greys(path: Path, syntax: UID, *options: str, window: tuple[str, ...] = ("+Wi", "1")) -> npt.NDArray[np.uint8]:
    """What DCMTK shows."""
    tool = "dcml2pnm" if syntax == JPEGLSLossless else "dcm2pnm"
    done = subprocess.run([tool, *options, *window, str(path)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    with Image.open(io.BytesIO(done.stdout), formats=("PPM",)) as picture:
        return np.asarray(picture)


@st.composite
def dicom_variants(draw: st.DrawFn) -> dict[str, Any]:
    """Bits of a small picture and what its file says of them."""
    allocated = draw(st.sampled_from([8, 16]))
    stored = draw(st.integers(4, allocated))
    high = draw(st.integers(stored - 1, allocated - 1))
    photometric = draw(st.sampled_from(sorted(SPELLINGS)))
    signed = draw(st.booleans())
    slope = draw(st.sampled_from([None, 1, 2, -1, -2]))
    intercept = draw(st.sampled_from([-1024, -3, 0, 100]))
    lowest, span = (-(2 ** (stored - 1)) if signed else 0), 2**stored
    center = (lowest + span * draw(st.floats(0.2, 0.8))) * (slope or 1) + (intercept if slope else 0)
    width = max(2.0, span * abs(slope or 1) * draw(st.floats(0.2, 1.2)))
    return {
        "shape": (draw(st.integers(8, 40)), draw(st.integers(8, 40))),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "allocated": allocated, "stored": stored, "high": high, "signed": signed,
        "photometric": draw(st.sampled_from(SPELLINGS[photometric])),
        "slope": slope, "intercept": intercept, "window": (round(center), round(width)),
        "rubbish": draw(st.booleans()),
        "overlay": draw(st.sampled_from(["none", "bits", "data OB", "data OW"])),
        "dropped": draw(st.sampled_from([None, None, "HighBit", "SamplesPerPixel"])),
        # The other two contradict what DCMTK then follows, and are told in a note.
        "shape of presentation": draw(st.sampled_from([None, None, "consistent"])),
        "behind": draw(st.sampled_from([b"", b"\1\2\3\4"])),
    }  # fmt: skip


def build(path: Path, v: dict[str, Any]) -> tuple[Path, npt.NDArray[np.bool_] | None]:
    """The file, and what its overlay draws."""
    random = np.random.default_rng(v["seed"])
    kind = np.uint8 if v["allocated"] == 8 else np.uint16
    rows, columns = v["shape"]
    y, x = np.mgrid[:rows, :columns]
    ramp = (x * 37 + y * 91 + random.integers(0, 3, (rows, columns))) % (2 ** v["stored"])
    lowest = v["high"] + 1 - v["stored"]
    free = [b for b in range(v["allocated"]) if not lowest <= b <= v["high"]]
    if v["dropped"] == "HighBit" and lowest:
        v = {**v, "dropped": None}
    bits = ramp << lowest
    if v["rubbish"]:
        bits |= random.integers(0, 2 ** v["allocated"], bits.shape) & sum(1 << b for b in free)
    drawn = None
    position = free[int(random.integers(len(free)))] if free else 0
    kind_of_overlay = v["overlay"] if free or v["overlay"] != "bits" else "none"
    if kind_of_overlay != "none":
        drawn = random.integers(0, 2, bits.shape).astype(bool)
        if kind_of_overlay == "bits":
            bits = bits & ~(1 << position) | drawn.astype(int) << position
    attributes: dict[str, Any] = {
        "BitsStored": v["stored"], "HighBit": v["high"], "PixelRepresentation": int(v["signed"]),
        "PhotometricInterpretation": v["photometric"],
        "WindowCenter": v["window"][0], "WindowWidth": v["window"][1],
    }  # fmt: skip
    if v["shape of presentation"]:
        white = v["photometric"].strip().upper() == "MONOCHROME1"
        attributes["PresentationLUTShape"] = "INVERSE" if white else "IDENTITY"
    if v["slope"] is not None:
        attributes |= {"RescaleSlope": v["slope"], "RescaleIntercept": v["intercept"]}
    try:
        write(path, bits.astype(kind), v["syntax"], **attributes)
    except RuntimeError as e:  # pyjpegls makes room for the picture; noise in a tiny one grows beyond that
        assume("buffer is too small" not in str(e))
        raise
    dataset = dcmread(path)
    if drawn is not None:
        _add_overlay(dataset, drawn, kind_of_overlay, position, v)
    needed = {RLELossless: {"SamplesPerPixel"}, JPEGLSLossless: {"SamplesPerPixel", "HighBit"}}  # by DCMTK
    if v["dropped"] in needed.get(v["syntax"], ()):
        v = {**v, "dropped": None}
    if v["dropped"]:
        delattr(dataset, v["dropped"])
    if v["behind"] and v["syntax"] not in (RLELossless, JPEGLSLossless):
        dataset.PixelData += v["behind"]
    dataset.save_as(path)
    return path, drawn


def _add_overlay(dataset: Any, drawn: npt.NDArray[np.bool_], kind: str, position: int, v: dict[str, Any]) -> None:
    rows, columns = drawn.shape
    elements = [(0x10, "US", rows), (0x11, "US", columns), (0x40, "CS", "G"), (0x50, "SS", [1, 1])]
    if kind == "bits":
        elements += [(0x100, "US", v["allocated"]), (0x102, "US", position)]
    else:
        packed = np.packbits(drawn.reshape(-1), bitorder="little").tobytes()
        packed += b"\0" * (len(packed) % 2)
        if v["syntax"] == ExplicitVRBigEndian and kind == "data OW":
            packed = np.frombuffer(packed, "<u2").astype(">u2").tobytes()
        elements += [(0x100, "US", 1), (0x102, "US", 0), (0x3000, kind[-2:], packed)]
    for element, vr, value in elements:
        dataset.add_new((0x6000, element), vr, value)


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcm2pnm (Debian: dcmtk) isn't installed")
@pytest.mark.parametrize("syntax", DCMTK_READS, ids=lambda uid: uid.name)
@bounded
@given(v=dicom_variants())
def test_greys_of_dicom_files_are_those_of_dcmtk(syntax: UID, v: dict[str, Any]) -> None:
    v = {**v, "syntax": syntax}
    with tempfile.TemporaryDirectory() as folder:
        path, drawn = build(Path(folder) / "a.dcm", v)
        record = open_image(path)
        ours = render(record).astype(int)
        theirs = greys(path, syntax, "-O").astype(int)
        # Both round; DCMTK works out a table of its own for fractions.
        assert np.abs(ours - theirs).max() <= 1, (ours - theirs, record.notes)
        if drawn is not None:
            with_overlay = greys(path, syntax, "+O", "1", "--ovl-complement")
            (overlay,) = record.overlays
            np.testing.assert_array_equal(overlay.mask(record.height, record.width), drawn)
            np.testing.assert_array_equal(with_overlay != theirs, drawn)


@st.composite
def colour_variants(draw: st.DrawFn) -> dict[str, Any]:
    """A small picture in colours and what its file says of them."""
    return {
        "shape": (draw(st.integers(2, 20)) * 2, draw(st.integers(2, 20)) * 2),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "planar": draw(st.sampled_from([0, 1])),
        "photometric": draw(st.sampled_from(["RGB", "YBR_FULL"])),
        "syntax": draw(st.sampled_from([
            ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
        ])),
        "behind": draw(st.sampled_from([b"", b"\1\2"])),
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcm2pnm (Debian: dcmtk) isn't installed")
@bounded
@given(v=colour_variants())
def test_colours_of_dicom_files_are_those_of_dcmtk(v: dict[str, Any]) -> None:
    pixels = np.random.default_rng(v["seed"]).integers(0, 256, (*v["shape"], 3)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.dcm", pixels[..., 0].copy(), v["syntax"])
        dataset = dcmread(path)
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, v["planar"]
        dataset.PhotometricInterpretation = v["photometric"]
        data = (pixels.transpose(2, 0, 1) if v["planar"] else pixels).tobytes()
        if v["syntax"] == ExplicitVRBigEndian:  # OW: the bytes of words are swapped
            data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
        dataset.PixelData = data + v["behind"]
        dataset.save_as(path)
        ours = open_image(path).stored.astype(int)
        theirs = greys(path, v["syntax"], window=()).astype(int)
        # DCMTK works out YCbCr in whole numbers, with tables.
        assert np.abs(ours - theirs).max() <= (0 if v["photometric"] == "RGB" else 3)


@st.composite
def tiff_variants(draw: st.DrawFn, kind: tuple[int, str]) -> dict[str, Any]:
    samples, dtype = kind
    layout = draw(st.sampled_from([{}, {"tile": (16, 16)}, {"tile": (32, 16)}, {"rowsperstrip": 3}]))
    packing = draw(st.sampled_from([{}, {"compression": "zlib"}, {"compression": "zlib", "predictor": True}]))
    return {
        "shape": (draw(st.integers(1, 50)), draw(st.integers(1, 50))), "samples": samples, "dtype": dtype,
        "planar": draw(st.sampled_from(["contig", "separate"])) if samples > 1 else None,
        "white": samples == 1 and draw(st.booleans()),
        "orientation": draw(st.integers(1, 8)), "seed": draw(st.integers(0, 2**32 - 1)),
        "pages": draw(st.integers(1, 3)),
        "options": {
            **layout, **(packing if dtype != "f4" else {k: v for k, v in packing.items() if k != "predictor"}),
        },
        # Big-endian BigTIFF is refused, by name.
        "file": draw(st.sampled_from([{"byteorder": "<"}, {"byteorder": ">"}, {"bigtiff": True}])),
    }  # fmt: skip


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    rows, columns = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}[
        orientation
    ]
    return pixels[::rows, ::columns]


SAMPLES = [(1, "u1"), (1, "i1"), (1, "u2"), (1, "i2"), (1, "u4"), (1, "i4"), (1, "f4"), (3, "u1"), (3, "u2")]


@pytest.mark.parametrize("kind", SAMPLES, ids=lambda kind: f"{kind[0]} x {kind[1]}")
@bounded
@given(data=st.data())
def test_values_of_tiffs_are_those_of_tifffile(kind: tuple[int, str], data: st.DataObject) -> None:
    v = data.draw(tiff_variants(kind))
    random = np.random.default_rng(v["seed"])
    dtype = np.dtype(v["dtype"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        with tifffile.TiffWriter(path, **v["file"]) as file:
            for _ in range(v["pages"]):
                raw = random.integers(0, 256, (*v["shape"], v["samples"], dtype.itemsize)).astype(np.uint8)
                pixels = raw.view(dtype)[..., 0] if dtype.kind != "f" else random.normal(0, 9, raw.shape[:-1])
                pixels = pixels.astype(dtype)
                if v["samples"] == 1:
                    pixels = pixels[..., 0]
                elif v["planar"] == "separate":
                    pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
                meaning = "rgb" if v["samples"] == 3 else "miniswhite" if v["white"] else "minisblack"
                file.write(
                    pixels, photometric=meaning, planarconfig=v["planar"], metadata=None,
                    extratags=[(274, "H", 1, v["orientation"], True)], **v["options"],
                )  # fmt: skip
        page = int(random.integers(v["pages"]))
        theirs = tifffile.imread(path, key=page)
        if v["planar"] == "separate":
            theirs = theirs.transpose(1, 2, 0)
        record = open_image(path, page)
        theirs = upright(theirs, v["orientation"])
        if v["samples"] == 3 and record.stored.ndim == 2:  # red, green and blue are the same
            assert (theirs == theirs[..., :1]).all()
            theirs = theirs[..., 0]
        assert record.frames == v["pages"]
        if not v["white"]:
            np.testing.assert_array_equal(record.stored, theirs)
        elif dtype.itemsize <= 2:
            np.testing.assert_array_equal(record.stored, ~theirs)
        else:
            both = record.stored.astype(np.float64) + theirs.astype(np.float64)
            np.testing.assert_allclose(both, float(theirs.min()) + float(theirs.max()), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@bounded
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), seed=st.integers(0, 2**32 - 1),
    premultiplied=st.booleans(), planar=st.sampled_from(["contig", "separate"]), orientation=st.integers(1, 8),
)  # fmt: skip
def test_transparent_colours_lie_on_white(
    dtype: str, shape: tuple[int, int], seed: int, premultiplied: bool, planar: str, orientation: int
) -> None:
    top = np.iinfo(dtype).max
    random = np.random.default_rng(seed)
    alpha = random.choice([0, top // 3, top // 2, top], shape)[..., None].astype(float) / top
    colours = random.integers(0, top + 1, (*shape, 3)).astype(float)
    stored = np.concatenate([colours * alpha if premultiplied else colours, alpha * top], 2).round().astype(dtype)
    expected = upright(colours * alpha + top * (1 - alpha), orientation)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        tifffile.imwrite(
            path, stored if planar == "contig" else np.ascontiguousarray(stored.transpose(2, 0, 1)), metadata=None,
            photometric="rgb", planarconfig=planar, extrasamples=["assocalpha" if premultiplied else "unassalpha"],
            extratags=[(274, "H", 1, orientation, True)],
        )  # fmt: skip
        found = open_image(path).stored.astype(float)
    if found.ndim == 2:  # red, green and blue are the same
        expected = expected[..., 0]
    assert np.abs(found - expected).max() <= 2
