"""Our 8-bit picture against independent readers, pixel for pixel: DCMTK's dcm2pnm, and pydicom's own LUT functions.

Each file is shown with its first VOI choice (VOI LUT, else window), else over its full range, by all readers. Where
dcm2pnm can't decode (JPEG 2000), GDCM makes an uncompressed copy for it first.

Run: ``python tests/benchmarks/compare_readers.py [-v] [FILES…]``
Needs dcm2pnm (Debian: dcmtk) and gdcmconv (libgdcm-tools) on the path; without them only pydicom is compared.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing

from divisive_desktop.errors import ImageError
from divisive_desktop.imaging import ImageRecord, Voi, is_image_file, open_image
from divisive_desktop.imaging.display import full_range_voi, render

ROOT = Path(__file__).resolve().parents[2]

REASONS = {
    "badVR.dcm": "Number of Frames is '1A': pydicom stops, we assume 1",
    "OT-PAL-8-face.dcm": "no transfer syntax stated: pydicom stops, we assume implicit little endian",
    "JPEG2000-embedded-sequence-delimiter.dcm": "266 bytes of a codestream: no reader decodes it",
    "JPEG-lossy.dcm": "12-bit JPEG with forbidden scan parameters: only DCMTK is lenient",
    "rg2_jpeg_extended_12bit_undecodable.dcm": "12-bit JPEG with forbidden scan parameters: only DCMTK is lenient",
    "rtdose_expb.dcm": "32 bits big endian: DCMTK swaps 16-bit words; ours equals the little-endian twin rtdose.dcm",
    "rtdose_expb_1frame.dcm": "as rtdose_expb.dcm",
    "MR_truncated.dcm": "62 bytes are missing",
    "emri_small_jpeg_2k_lossless_too_short.dcm": "cut off",
    "meta_missing_tsyntax.dcm": "no Rows and Columns",
    "nested_priv_SQ.dcm": "no Rows and Columns",
}


@dataclass
class Row:
    name: str
    ours: str
    dcmtk: str = "-"
    pydicom: str = "-"
    note: str = ""
    worst: float = 0.0


def files() -> Iterator[Path]:
    data = Path(os.environ.get("DIVISIVE_TEST_DATA", ROOT.parent / "shared" / "data")) / "dicom"
    roots = [data, Path(pydicom.__file__).parent / "data" / "test_files"]
    try:
        import data_store  # the package pydicom-data

        roots.append(Path(next(iter(data_store.__path__))))
    except ImportError:
        print("pydicom-data isn't installed: fewer files")
    seen: set[str] = set()
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.name not in seen and is_image_file(path) and path.suffix != ".tiff":
                seen.add(path.name)
                yield path


def first_voi(record: ImageRecord) -> Voi:
    """The file's own first choice, else the full range: 'Auto' is ours alone."""
    return next((v for v in record.voi if v.explanation not in ("Auto", "Full range")), full_range_voi(record))


def by_pydicom(path: Path, record: ImageRecord, voi: Voi) -> np.ndarray:
    """pydicom's arithmetic on pydicom's pixels, scaled to 8 bits."""
    dataset = pydicom.dcmread(path, force=True)
    pixels = dataset.pixel_array
    frames = int(dataset.get("NumberOfFrames") or 1)
    pixels = pixels[0] if frames > 1 else pixels
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        rgb = apply_color_lut(pixels, dataset)[..., :3]
        return rgb if rgb.max() < 256 else np.rint(rgb / 257)
    if pixels.ndim == 3:
        return np.rint(pixels * (255.0 / np.iinfo(pixels.dtype).max))
    dataset = flattened(dataset)
    values = apply_modality_lut(pixels, dataset).astype(np.float64)
    if voi.kind == "lut":
        shown = apply_voi(values.astype(np.int64), dataset) * (255.0 / voi.lut_range[1])
    elif voi.explanation == "Full range":
        low, high = voi.center - voi.width / 2, voi.center + voi.width / 2
        shown = (values - low) * (255 / (high - low))
    else:
        windowed = apply_windowing(values, dataset)
        low, high = output_range(dataset)
        shown = (windowed - low) * (255 / (high - low))
    return 255 - shown if dataset.PhotometricInterpretation == "MONOCHROME1" else shown


def flattened(dataset: pydicom.Dataset) -> pydicom.Dataset:
    """The data set with the functional groups of its first frame at the top, where pydicom's functions look."""
    shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])
    per_frame = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    for group in shared + per_frame[:1]:
        for element in group:
            if element.VR == "SQ" and element.value:
                dataset.update(element.value[0])
    return dataset


def output_range(dataset: pydicom.Dataset) -> tuple[float, float]:
    """The range that ``apply_windowing`` maps onto: all values the bits can hold, after the modality transform."""
    if "ModalityLUTSequence" in dataset:
        return 0.0, 2.0 ** int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
    bits = int(dataset.BitsStored)
    low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if dataset.PixelRepresentation else (0.0, 2.0**bits - 1)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    return low * slope + intercept, high * slope + intercept


def by_dcmtk(path: Path, record: ImageRecord, voi: Voi, folder: Path) -> np.ndarray | str:
    out = folder / "out.pnm"
    if voi.explanation == "Full range":  # of the bits; of the values that occur where the bits are 32, and for masks
        how = ["+Wm"] if record.stored.dtype.itemsize > 2 or record.bits_stored == 1 else []
    else:
        how = ["+Wl", "1"] if voi.kind == "lut" else ["+Wi", "1"]
    for source in (lambda: path, lambda: raw_copy(path, folder)):
        out.unlink(missing_ok=True)
        command = ["dcm2pnm", "--quiet", "-O", *how, "+op", str(source()), str(out)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0 and out.exists() and out.stat().st_size:
            with Image.open(out) as image:
                return np.asarray(image)
    return "can't read it"


def raw_copy(path: Path, folder: Path) -> Path | None:
    copy = folder / "raw.dcm"
    copy.unlink(missing_ok=True)
    subprocess.run(["gdcmconv", "--raw", "--force", str(path), str(copy)], capture_output=True, check=False)
    if not copy.exists():
        return None
    dataset, original = pydicom.dcmread(copy, force=True), pydicom.dcmread(path, force=True, stop_before_pixels=True)
    if dataset.get("BitsAllocated") == original.get("BitsAllocated"):  # gdcmconv writes the codestream's precision here
        dataset.BitsStored, dataset.HighBit = original.get("BitsStored"), original.get("HighBit")
        dataset.save_as(copy)
    return copy


def difference(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    if ours.shape != theirs.shape:
        return float("inf"), float("inf")
    apart = np.abs(ours.astype(np.float64) - np.clip(np.rint(theirs), 0, 255))
    return float(apart.mean()), float(apart.max())


def compare(path: Path, folder: Path, dcmtk: bool) -> Row | None:
    try:
        record = open_image(path)
    except ImageError as exc:
        if exc.kind == "no-pixel-data":
            return None
        return Row(path.name, f"refused: {exc.kind}", note=REASONS.get(path.name, ""))
    voi = first_voi(record)
    ours = render(record, voi)
    row = Row(path.name, f"{record.photometric} {record.stored.dtype} {voi.kind}")
    try:
        mean, top = difference(ours, by_pydicom(path, record, voi))
        row.pydicom, row.worst = f"{mean:.3f} / {top:.0f}", mean
    except Exception as exc:  # noqa: BLE001  the other reader's failure is a finding
        row.pydicom = f"fails: {str(exc)[:50]}"
    if dcmtk:
        theirs = by_dcmtk(path, record, voi, folder)
        if isinstance(theirs, str):
            row.dcmtk = theirs
        else:
            mean, top = difference(ours, theirs)
            row.dcmtk, row.worst = f"{mean:.3f} / {top:.0f}", max(row.worst, mean)
    row.note = REASONS.get(path.name, "")
    return row


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    given = [Path(name) for name in sys.argv[1:] if not name.startswith("-")]
    dcmtk = bool(shutil.which("dcm2pnm"))
    with tempfile.TemporaryDirectory() as name:
        rows = [row for path in given or files() if (row := compare(path, Path(name), dcmtk))]
    print(f"{'file':<44} {'ours':<32} {'dcm2pnm mean/max':<18} {'pydicom mean/max':<18} remark")
    for row in rows:
        mark = "**" if row.worst > 1 else "  "
        print(f"{row.name:<44} {row.ours:<32} {row.dcmtk:<18} {row.pydicom:<18} {mark} {row.note}")
    shown = [row for row in rows if not row.ours.startswith("refused")]
    good = sum(row.worst <= 1 for row in shown)
    print(f"\n{good} of {len(shown)} shown files: within 1 grey level on average of every reader that could read them;")
    print(f"{len(rows) - len(shown)} were refused with an error that says why.")


if __name__ == "__main__":
    main()
