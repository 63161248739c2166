"""Mutated DICOM and image files: every one must give a picture or an error that says why, quickly and in bounds.

The parent feeds cases to a child whose memory is limited, watches it, and starts another one after a crash or a hang.

Run: ``python tests/benchmarks/fuzz_imaging.py [--cases 2000] [--seed 0] [--keep FOLDER]``
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import random
import resource
import selectors
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

MEMORY = 2 << 30
"""Bytes that the child may add to what it needs for its libraries."""
SECONDS = 5.0
"""Processor time for one case; the child is killed after four times as much on the clock."""

DICOM = (
    "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm", "CT_small.dcm", "SC_rgb_rle_16bit.dcm", "SC_rgb_dcmtk_+eb+cy+np.dcm",
    "SC_rgb_small_odd.dcm", "SC_rgb_jpeg_gdcm.dcm", "JPGExtended.dcm", "JPEG2000.dcm", "examples_palette.dcm",
    "image_dfl.dcm", "emri_small.dcm", "emri_small_jpeg_ls_lossless.dcm", "examples_overlay.dcm", "vlut_04.dcm",
    "mlut_18.dcm", "JPEG-LL.dcm", "liver_1frame.dcm", "SC_rgb_jpeg_dcmtk.dcm", "JPEGLSNearLossless_16.dcm",
    "rtdose_rle.dcm",
)  # fmt: skip
ATTRIBUTES: dict[str, tuple[object, ...]] = {
    "Rows": (0, 1, 65535, 30000, 257),
    "Columns": (0, 1, 65535, 30000, 257),
    "NumberOfFrames": ("0", "-1", "2147483647", "3"),
    "BitsAllocated": (0, 1, 8, 12, 16, 32, 64, 65535),
    "BitsStored": (0, 1, 8, 17, 65535),
    "HighBit": (0, 31, 65535),
    "PixelRepresentation": (0, 1, 2, 65535),
    "SamplesPerPixel": (0, 2, 3, 4, 65535),
    "PlanarConfiguration": (0, 1, 7),
    "PhotometricInterpretation": ("MONOCHROME1", "RGB", "YBR_FULL_422", "YBR_RCT", "PALETTE COLOR", "CMYK", "X", ""),
    "WindowWidth": ("0", "-5", "1e300", "nan", ""),
    "WindowCenter": ("1e300", "-1e300", "", "1\\2\\3\\4"),
    "RescaleSlope": ("0", "1e38", "-1e38", "1e-300", ""),
    "RescaleIntercept": ("1e300", "", "x"),
    "PixelSpacing": ("0\\0", "1e-300\\1e300", "-1\\1", ""),
    "PixelAspectRatio": ("0\\1", "1\\0", "99999999\\1"),
    "PixelPaddingValue": (0, 65535),
}


def corpus() -> dict[str, bytes]:
    """Small real DICOM files of every syntax, and photographs of every format made here."""
    import numpy as np
    from PIL import Image
    from pydicom.data import get_testdata_file

    files = {name: Path(str(get_testdata_file(name, download=False))).read_bytes() for name in DICOM}
    y, x = np.mgrid[:90, :120]
    rgb = np.dstack([x * 2, y * 2, (x * y) % 256]).astype(np.uint8)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    exif.get_ifd(0x8825)[2] = (47.0, 22.0, 0.0)
    picture, grey = Image.fromarray(rgb), Image.fromarray(rgb[..., 0])
    deep = Image.fromarray((x * 500).astype(np.uint16))
    made: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "a.jpg": (picture, "JPEG", {"exif": exif, "comment": b"c", "xmp": b"<a b='c'/>"}),
        "progressive.jpg": (picture, "JPEG", {"progressive": True}),
        "cmyk.jpg": (picture.convert("CMYK"), "JPEG", {}),
        "a.png": (picture, "PNG", {"exif": exif}),
        "deep.png": (deep, "PNG", {}),
        "palette.png": (picture.convert("P"), "PNG", {"transparency": 3}),
        "lzw.tif": (picture, "TIFF", {"compression": "tiff_lzw"}),
        "jpeg.tif": (picture, "TIFF", {"compression": "jpeg"}),
        "deep.tif": (deep, "TIFF", {}),
        "pages.tif": (grey, "TIFF", {"save_all": True, "append_images": [grey, grey]}),
        "a.webp": (picture, "WEBP", {"exif": exif}),
        "a.bmp": (picture, "BMP", {}),
        "a.gif": (picture.convert("P"), "GIF", {"save_all": True, "append_images": [grey.convert("P")]}),
        "a.jp2": (picture, "JPEG2000", {}),
    }
    for name, (image, kind, options) in made.items():
        out = io.BytesIO()
        image.save(out, kind, **options)
        files[name] = out.getvalue()
    return files


def mutate(data: bytes, name: str, rng: random.Random) -> bytes:
    """One to a few wounds, mostly in the header."""
    if name.endswith(".dcm") and rng.random() < 0.35:
        data = wrong_attributes(data, rng)
    wounds: list[Callable[[bytearray], None]] = []

    def place(content: bytearray) -> int:
        header = min(len(content), 3000 if name.endswith(".dcm") else 400)
        return rng.randrange(header if rng.random() < 0.75 else len(content)) if content else 0

    def flip(content: bytearray) -> None:
        for _ in range(rng.randint(1, 8)):
            content[place(content)] = rng.randrange(256)

    def extreme(content: bytearray) -> None:
        at = place(content)
        value = rng.choice([b"\0\0", b"\xff\xff", b"\xff\x7f", b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0\0\1"])
        content[at : at + len(value)] = value

    def cut(content: bytearray) -> None:
        del content[rng.randrange(len(content)) :]

    def drop(content: bytearray) -> None:
        at = place(content)
        del content[at : at + rng.randint(1, 64)]

    def repeat(content: bytearray) -> None:
        at = place(content)
        content[at:at] = content[at : at + rng.randint(1, 200)] * rng.randint(1, 5)

    def noise(content: bytearray) -> None:
        at = place(content)
        size = rng.randint(1, 60)
        content[at : at + size] = rng.randbytes(size)

    wounds = [flip, flip, extreme, extreme, cut, drop, repeat, noise]
    content = bytearray(data)
    for _ in range(rng.choice([0, 1, 1, 2, 3]) if content != data else rng.choice([1, 1, 2, 3])):
        if content:
            rng.choice(wounds)(content)
    return bytes(content)


def wrong_attributes(data: bytes, rng: random.Random) -> bytes:
    """A well-formed file with values that contradict its pixels."""
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    for keyword in rng.sample(sorted(ATTRIBUTES), rng.randint(1, 3)):
        value = rng.choice(ATTRIBUTES[keyword])
        try:
            if rng.random() < 0.15:
                if keyword in dataset:
                    del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
        except (ValueError, TypeError, OverflowError):
            continue
    out = io.BytesIO()
    try:
        dataset.save_as(out)
    except Exception:  # noqa: BLE001  what can't even be written needs no reading
        return data
    return out.getvalue()


# ---- child ----------------------------------------------------------------------------------------------


def child() -> None:
    """Open the files named on standard input; answer one JSON line each."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    import divisive_desktop.imaging.dicom
    import divisive_desktop.imaging.photograph  # noqa: F401
    from divisive_desktop.errors import ImageError
    from divisive_desktop.imaging import open_image
    from divisive_desktop.imaging.collection import read_instance
    from divisive_desktop.imaging.display import render
    from divisive_desktop.imaging.forensics import examine
    from divisive_desktop.imaging.metadata import read_metadata
    from divisive_desktop.imaging.sniff import sniff_file

    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmSize:"):
            limit = int(line.split()[1]) * 1024 + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"ready": True}), flush=True)
    for name in sys.stdin:
        path = Path(name.rstrip("\n"))
        start = time.process_time()
        answer = {}
        jobs: dict[str, Callable[[], object]] = {
            "open": lambda p=path: render(open_image(p)),
            "metadata": lambda p=path: read_metadata(p),
            "examine": lambda p=path: examine(p),
        }
        if sniff_file(path) == "dicom":
            jobs["heading"] = lambda p=path: read_instance(p)
        for job, run in jobs.items():
            try:
                run()
                answer[job] = "ok"
            except ImageError as exc:
                answer[job] = exc.kind
            except MemoryError:
                answer[job] = "MemoryError"
            except Exception as exc:  # noqa: BLE001  the finding that is looked for
                answer[job] = f"UNTYPED {type(exc).__name__}: {exc}"[:300]
        seconds = time.process_time() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024
        print(json.dumps({"answer": answer, "seconds": seconds, "grown_mb": grown}), flush=True)


# ---- parent ---------------------------------------------------------------------------------------------


@dataclass
class Figures:
    """What came of it."""

    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    memory_mb: int = 0
    bad: list[str] = field(default_factory=list)
    """Crashes, hangs, untyped errors: there must be none."""


class Child:
    """The limited process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        self.ask(None, 120)

    def ask(self, path: Path | None, patience: float) -> dict[str, object] | str:
        """The child's answer, or what happened instead."""
        assert self.process.stdin
        assert self.process.stdout
        if path is not None:
            self.process.stdin.write(f"{path}\n")
            self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(patience):
                return f"HANG of more than {patience:.0f} s"
        line = self.process.stdout.readline()
        if not line:
            return f"CRASH, exit code {self.process.wait()}"
        found: dict[str, object] = json.loads(line)
        return found

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


def fuzz(cases: int, seed: int, keep: Path | None = None) -> Figures:
    """Run ``cases`` mutations; files that go wrong are kept in ``keep``."""
    warnings.simplefilter("ignore")
    files = corpus()
    names = sorted(files)
    figures = Figures()
    child = Child()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "case"
            for number in range(cases):
                rng = random.Random(f"{seed}-{number}")
                name = names[number % len(names)]
                data = mutate(files[name], name, rng)
                path.write_bytes(data)
                answer = child.ask(path, 4 * SECONDS)
                figures.cases += 1
                problem = ""
                if isinstance(answer, str):
                    problem = answer
                    child.close()
                    child = Child()
                else:
                    seconds, grown = float(str(answer["seconds"])), int(str(answer["grown_mb"]))
                    results = dict(answer["answer"])  # type: ignore[call-overload]
                    figures.outcomes[results["open"]] += 1
                    figures.slowest = max(figures.slowest, seconds)
                    figures.memory_mb = max(figures.memory_mb, grown)
                    wrong = [f"{job}: {text}" for job, text in results.items() if "UNTYPED" in text or "Memory" in text]
                    problem = "; ".join(wrong) or (f"SLOW: {seconds:.1f} s" if seconds > SECONDS else "")
                if problem:
                    figures.bad.append(f"case {number} ({name}): {problem}")
                    if keep:
                        keep.mkdir(parents=True, exist_ok=True)
                        (keep / f"{number}-{name}").write_bytes(data)
    finally:
        child.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child()
        return
    figures = fuzz(options.cases, options.seed, options.keep)
    if options.json:
        print(json.dumps({**vars(figures), "outcomes": dict(figures.outcomes)}))
        return
    print(f"{figures.cases:,} cases, seed {options.seed}")
    for outcome, count in figures.outcomes.most_common():
        print(f"  {count:6,}  {outcome}")
    print(f"slowest {figures.slowest:.2f} s of processor time, memory grown by at most {figures.memory_mb:,} MB")
    print(f"{len(figures.bad)} crashes, hangs and untyped errors")
    for line in figures.bad:
        print(f"  {line}")
    sys.exit(bool(figures.bad))


if __name__ == "__main__":
    main()
