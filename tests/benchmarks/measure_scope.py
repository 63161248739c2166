"""The tables of models/README.md: how many images of which source the shipped models withhold or find unfamiliar.

    python tests/benchmarks/measure_scope.py DATA [--every N] [--only films|faces|faults|odd|treated]

DATA is the folder of research data that `tests/conftest.py` speaks of. Images go the way of every analysis, through the
engine's batch. `--every N` takes one of N images of the larger sets; the table states how many were looked at.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse, AnalyseBatch
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import OutOfScopeError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import ACTS, MENDS, named, suggested_by
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.framing import whole

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.odd_pictures import Change, no_photographs, spoilt, treated

IRIS = "iris-attack-true-correlation-1"
CHEST, PLANTED = "chest-cardiomegaly-focus-1", "chest-planted-focus-2"
MANIPULATED, SYNTHETIC = "face-manipulation-true-correlation-3", "face-synthetic-true-correlation-1"
PHOTOS = (IRIS, MANIPULATED, SYNTHETIC)
FILMS = ("RG1_", "siim_cr_", "nih_dx_")
"""How the names of chest films among the DICOM test files begin."""
Pixels = npt.NDArray[np.uint8]


def rows(folder: Path, wanted: Callable[[dict[str, str]], bool]) -> list[Path]:
    """Images of a data set's index, each once."""
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(dict.fromkeys(folder / row["file"] for row in csv.DictReader(file) if wanted(row)))


def dicoms(data: Path) -> list[Path]:
    """Every DICOM of the packages pydicom and pydicom-data and of the data folder that can be opened."""
    found: list[Path] = []
    for name in ("pydicom", "data_store"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            root = Path(spec.origin).parent
            found += [p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix in (".dcm", "")]
    found += sorted((data / "dicom").glob("*.dcm"))
    return [path for path in found if _is_dicom_picture(path)]


def _is_dicom_picture(path: Path) -> bool:
    try:
        return bool(open_image(path).transfer_syntax)
    except UserFacingError:
        return False


def distinct_pictures(files: Iterable[Path], folder: Path) -> list[Path]:
    """The same as PNG without any header; several encodings of one picture count once."""
    seen: dict[str, Path] = {}
    for path in files:
        pixels = render(open_image(path))
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()[:12]
        if digest not in seen:
            seen[digest] = write(folder / f"{path.stem}.{digest}.png", pixels)
    return list(seen.values())


def write(path: Path, pixels: Pixels) -> Path:
    shown = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(shown))[1].tobytes())
    return path


def drawn(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """Noise, flat greys, pages of text, windows of a screen: six of each."""
    rng = np.random.default_rng(0)
    made: dict[str, list[Pixels]] = {"noise": [], "flat grey": [], "text": [], "screens": []}
    for i in range(6):
        blur = cv2.GaussianBlur(rng.normal(size=(512, 512)).astype(np.float32), (0, 0), 0.5 + 4 * i)
        made["noise"].append(np.asarray(cv2.normalize(blur, None, 0, 255, cv2.NORM_MINMAX), np.uint8))
        made["flat grey"].append(np.full((512, 400 + i), 40 * i, np.uint8))
        page = np.full((900, 700), 250, np.uint8)
        for line in range(40, 880, 14 + 3 * i):
            cv2.putText(page, "The quick brown fox jumps over the lazy dog", (30, line), 0, 0.4 + 0.05 * i, 20, 1)
        made["text"].append(page)
        screen = np.full((600, 800), 235, np.uint8)
        for _ in range(14):
            x, y, w, h = (int(v) for v in rng.integers((0, 0, 40, 20), (700, 500, 300, 200)))
            cv2.rectangle(screen, (x, y), (x + w, y + h), int(rng.integers(0, 255)), -1)
        made["screens"].append(screen)
    for name, pictures in made.items():
        yield name, [write(folder / f"{name}{i}.png", pixels) for i, pixels in enumerate(pictures)]


def changed(files: Iterable[Path], folder: Path, name: str, change: Callable[[Pixels], Pixels]) -> list[Path]:
    return [write(folder / f"{name}-{path.stem}.png", change(open_image(path).stored)) for path in files]


def zones(worker: Worker, model: str, files: Sequence[Path], no_face: bool = False) -> dict[str, int]:
    """Zone -> images; ``failed``: those that can't be analysed for another reason."""
    count = {"familiar": 0, "unfamiliar": 0, "out_of_scope": 0, "not_checked": 0, "failed": 0}

    def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
        if analysis is not None:
            count[analysis.scope.zone] += 1
        else:
            count["out_of_scope" if isinstance(error, OutOfScopeError) else "failed"] += 1

    framing = whole() if no_face else None
    items = tuple(Analyse(str(path), model_id=model, framing=framing) for path in files)
    dispatch.answer(worker, AnalyseBatch(items), replace(Channel(), partial=partial))
    return count


def faults(worker: Worker, model: str, files: Sequence[Path]) -> dict[str, int]:
    """Name of what would mend a film, or its zone where nothing is suggested -> films."""
    count: dict[str, int] = {}

    def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
        if analysis is not None:
            found = str(suggested_by(analysis.scope.reasons)) or analysis.scope.zone
        elif isinstance(error, OutOfScopeError):
            found = str(suggested_by(error.message)) or "out_of_scope"
        else:
            found = "failed"
        count[found] = count.get(found, 0) + 1

    items = tuple(Analyse(str(path), model_id=model) for path in files)
    dispatch.answer(worker, AnalyseBatch(items), replace(Channel(), partial=partial))
    return count


def measure_faults(worker: Worker, data: Path, every: int, folder: Path, only: str | None) -> None:
    """The second table: films of which no training or validation film of the probes is one."""
    print("| films | shown | n | fault named rightly | another fault named | withheld without one | answered |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    jsrt = rows(data / "chest_sources", lambda r: r["source"] == "jsrt" and r["split"] == "test")
    children = rows(data / "chest_xray" / "open_set" / "kermany", lambda r: True)[:: 6 * every]
    for name, films, step in (
        ("own test films (NIH)", rows(data / "chest_xray", lambda r: r["split"] == "test")[::every], 5),
        ("JSRT, test films", jsrt[::every], 2), ("children (Kermany)", children, 2),
    ):  # fmt: skip
        if only is not None and only not in name.lower():
            continue
        for mend in ("", *MENDS):
            shown = films
            if mend:
                fault = named(mend).inverse()
                shown = [
                    write(folder / f"{mend}-{path.stem}.png", render(corrected(open_image(path), fault)))
                    for path in films[::step]
                ]
            found = faults(worker, CHEST, shown)
            right = found.get(mend, 0) if mend else 0
            other = sum(n for name, n in found.items() if set(name.split("+")) <= set(MENDS)) - right
            out, answered = found.get("out_of_scope", 0), found.get("familiar", 0) + found.get("unfamiliar", 0)
            words = f"needs: {ACTS[mend]}" if mend else "as they are"
            cells = [f"{n} ({100 * n / max(len(shown), 1):.1f} %)" for n in (right, other, out, answered)]
            print(f"| {name} | {words} | {len(shown)} | {' | '.join(cells)} |", flush=True)


def measure_odd(worker: Worker, data: Path, folder: Path) -> None:
    """The third table: pictures of the right kind that were spoilt, and what is made of photographs; 16 of each."""
    photographs = spoilt() | no_photographs()
    measure_changed(worker, data, folder, 16, dict.fromkeys((CHEST,), spoilt()) | dict.fromkeys(PHOTOS, photographs))


def measure_changed(
    worker: Worker, data: Path, folder: Path, most: int, of_model: dict[str, dict[str, Change]]
) -> None:
    """Own test images as they are and changed: in which zone they are, and what is decided of them."""
    print("| model | pictures | n | out of scope | unfamiliar | familiar | decided: class 0 | class 1 | not found |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    faces, irises = data / "faces" / "manipulated", data / "iris_pad"
    for model, found in (
        (CHEST, rows(data / "chest_sources", lambda r: r["task"] == "cardiomegaly" and r["split"] == "test")),
        (IRIS, rows(irises, lambda r: r["split"] == "test_closed" and r["label"] == "0")),
        (MANIPULATED, rows(faces, lambda r: r["split"] == "test" and r["label"] == "0")),
        (SYNTHETIC, rows(faces, lambda r: r["split"] == "test" and r["label"] == "0")),
    ):
        some = found[:: max(1, len(found) // most)][:most]
        for name, change in {"as they are": _same, **of_model[model]}.items():
            answers = answered(worker, model, changed(some, folder, "odd", change), no_face=model == IRIS)
            keys = "out", "unfamiliar", "familiar", "negative", "positive", "failed"
            cells = [f"{answers.get(key, 0)}" for key in keys]
            print(f"| `{model}` | {name} | {len(some)} | {' | '.join(cells)} |", flush=True)


def answered(worker: Worker, model: str, files: Sequence[Path], no_face: bool) -> dict[str, int]:
    """Zone -> images, and answer -> images among those that are decided."""
    count: dict[str, int] = {}

    def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
        keys = ["out" if isinstance(error, OutOfScopeError) else "failed"]
        if analysis is not None:
            predicted = int(analysis.logits[1] - analysis.logits[0] >= analysis.decision.threshold)
            keys = [analysis.scope.zone, str(analysis.decision.answer(analysis.scope, predicted))]
        for key in keys:
            count[key] = count.get(key, 0) + 1

    framing = whole() if no_face else None
    items = tuple(Analyse(str(path), model_id=model, framing=framing) for path in files)
    dispatch.answer(worker, AnalyseBatch(items), replace(Channel(), partial=partial))
    return count


def _same(pixels: Pixels) -> Pixels:
    return pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--every", type=int, default=1)
    tables = ("films", "planted", "faces", "faults", "odd", "treated")
    parser.add_argument("--only", choices=tables, help="only these tables")
    parser.add_argument("--films", choices=("own", "jsrt", "children"), help="only these of the table of faults")
    given = parser.parse_args()
    data, every, worker = given.data, given.every, Worker("cpu")
    if given.only in (None, "faults"):
        with tempfile.TemporaryDirectory() as temporary:
            measure_faults(worker, data, every, Path(temporary), given.films)
    if given.only in (None, "odd"):
        with tempfile.TemporaryDirectory() as temporary:
            measure_odd(worker, data, Path(temporary))
    if given.only in (None, "treated"):
        with tempfile.TemporaryDirectory() as temporary:
            measure_changed(worker, data, Path(temporary), 40, dict.fromkeys((CHEST, *PHOTOS), treated()))
    if given.only in ("faults", "odd", "treated"):
        return
    print("| model | images | n | out of scope | unfamiliar | familiar | not opened, or no face |")
    print("| --- | --- | --- | --- | --- | --- | --- |")

    def line(model: str, name: str, files: Sequence[Path], *, no_face: bool = False) -> None:
        c = zones(worker, model, files, no_face)
        n = len(files) - c["failed"]
        share = [f"{c[z]} ({100 * c[z] / max(n, 1):.1f} %)" for z in ("out_of_scope", "unfamiliar", "familiar")]
        print(f"| `{model}` | {name} | {n} | {' | '.join(share)} | {c['failed']} |", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        own = rows(data / "chest_xray", lambda r: r["split"] == "test")[::every]
        some = own[::5]
        irises = rows(data / "iris_pad", lambda r: r["split"] == "test_open")[:: 4 * every]
        spec = importlib.util.find_spec("skimage")
        assert spec is not None
        assert spec.origin is not None
        pictures = sorted(p for p in (Path(spec.origin).parent / "data").iterdir() if p.suffix in (".png", ".jpg"))
        if given.only in (None, "films"):
            for source, words in (("nih", "NIH"), ("jsrt", "JSRT, Japan")):
                wanted = {"task": "cardiomegaly", "split": "test", "source": source}
                tests = rows(data / "chest_sources", lambda r, w=wanted: r.items() >= w.items())[::every]
                line(CHEST, f"own test films ({words})", tests)
            line(CHEST, "NIH films of another question, lying and sitting patients among them", own)
            children = rows(data / "chest_xray" / "open_set" / "kermany", lambda r: True)[:: 3 * every]
            line(CHEST, "children (Kermany)", children)
            found = dicoms(data)
            films = [p for p in found if p.name.startswith(FILMS)]
            others = [p for p in found if not p.name.startswith(FILMS)]
            line(CHEST, "DICOM test files: chest films", films)
            line(CHEST, "DICOM test files: anything else", others)
            line(CHEST, "the same, distinct pictures as PNG", distinct_pictures(others, folder))
            for name, files in drawn(folder):
                line(CHEST, name, files)
            grey = changed([p for p in pictures if open_image(p).is_colour], folder, "grey", _grey)
            line(CHEST, "pictures of skimage", pictures)
            line(CHEST, "its colour pictures made grey", grey)
            portraits = rows(data / "faces" / "manipulated", lambda r: r["split"] == "test")[:: 2 * every]
            line(CHEST, "irises", irises)
            line(CHEST, "faces", portraits)
            line(CHEST, "faces made grey", changed(portraits, folder, "grey", _grey))
            for name, change in (
                ("turned by 90 degrees", np.rot90), ("turned by 180 degrees", lambda p: np.rot90(p, 2)),
                ("inverted", lambda p: 255 - p), ("mirrored", np.fliplr),
                ("upper left quarter", lambda p: p[: len(p) // 2, : len(p[0]) // 2]),
            ):  # fmt: skip
                line(CHEST, f"own test films {name}", changed(some, folder, name, change))
        if given.only in (None, "films", "planted"):
            planted = rows(data / "chest_planted", lambda r: r["split"] == "test_open")[::every]
            line(PLANTED, "own test films (NIH)", planted)
            elsewhere = rows(data / "chest_planted", lambda r: r["split"] == "test_source")[::every]
            line(PLANTED, "children (Kermany)", elsewhere)
        if given.only in (None, "faces"):
            closed = rows(data / "iris_pad", lambda r: r["split"] == "test_closed")[:: 2 * every]
            line(IRIS, "test irises of its own sensors", closed, no_face=True)
            line(IRIS, "irises with unseen kinds of attack, or of an unseen sensor", irises, no_face=True)
            negatives = changed(rows(data / "iris_pad", lambda r: r["split"] != "train")[:: 4 * every], folder,
                                "inverted", lambda p: 255 - p)  # fmt: skip
            line(IRIS, "test and validation irises of inverted greys", negatives, no_face=True)
            line(IRIS, "pictures of skimage, an iris looked for", pictures)
            line(IRIS, "pictures of skimage as a whole", pictures, no_face=True)
            line(IRIS, "chest films as a whole", some, no_face=True)
            portraits = rows(data / "faces" / "manipulated", lambda r: r["split"] == "test")[:: 4 * every]
            line(IRIS, "faces as a whole", portraits, no_face=True)
            for model in (MANIPULATED, SYNTHETIC):
                tests = rows(data / "faces" / "manipulated", lambda r: r["split"] == "test")[::every]
                line(model, "test photographs of the London set", tests)
                composites = rows(data / "faces" / "manipulated2", lambda r: r["split"] == "test")[::every]
                line(model, "test composites (CIPLAB), another source", composites, no_face=True)
                inner = rows(data / "faces" / "synthetic2", lambda r: r["split"] == "test_open")[:: 2 * every]
                line(model, "inner faces of unseen sources and generators", inner, no_face=True)
                line(model, "pictures of skimage, faces looked for", pictures)
                line(model, "pictures of skimage as a whole", pictures, no_face=True)
                line(model, "irises", irises, no_face=True)
                line(model, "chest films", some, no_face=True)


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


if __name__ == "__main__":
    main()
