"""A data set: a folder with ``index.csv``, or any list of examples.

``index.csv`` has one row per image. Paths are relative to the folder of the CSV.

=============== ======== ===========================================================================================
column          needed   meaning
=============== ======== ===========================================================================================
file            yes      image: anything that the program opens (DICOM, PNG, JPEG, TIFF …)
label           yes      0 or 1
split           no       ``train``, ``val``, ``test`` or any other name; no column: divided 70/15/15 by group
mask            no       image, bright = important, of any size; no column: same stem in ``masks*/``, if it is there
mask_weight     no       0..1, how much the mask counts; ``mask_quality`` other than ``ok`` counts as 0
group           no       patient or identity: never divided between splits, resampled whole; also read from
                         ``patient`` or ``identity``; no column: every file is its own group
=============== ======== ===========================================================================================

Other columns are kept as ``fields`` and can be used to break figures down.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import TrainingError
from divisive_desktop.geometry import Box
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.snapshot import is_blob

_REMEDY = "Compare index.csv with the description of training data in the README."


@dataclass(frozen=True)
class Example:
    """One labelled image of a data set."""

    file: Path
    label: int
    split: str = "train"
    mask: Path | None = None
    mask_weight: float = 1.0
    group: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    frame: int = 0
    crop: Box | None = None
    """Part of the image to look at, in image pixels; None: all of it. Masks are of the whole image all the same."""

    def __post_init__(self) -> None:
        if self.label not in (0, 1):
            raise ValueError(f"a label is 0 or 1, not {self.label!r}")
        if not 0 <= self.mask_weight <= 1:
            raise ValueError(f"a mask's weight lies in 0..1, not {self.mask_weight}")

    @property
    def weight(self) -> float:
        """How much the mask counts; 0 without a mask."""
        return self.mask_weight if self.mask is not None else 0.0


def read_index(folder: Path, name: str = "index.csv") -> tuple[Example, ...]:
    """All examples of a data folder, in the order of its index.

    Raises
    ------
    TrainingError
        No index, a column missing, a row that can't be understood (its number is named), or a group that is in
        training and in another split as well.
    """
    path = folder / name
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            rows = list(reader)
            columns = set(reader.fieldnames or ())
    except FileNotFoundError as e:
        raise TrainingError(f"{folder} has no {name}.", "Choose a folder with training data.") from e
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise TrainingError(f"{path} can't be read: {e}.", _REMEDY) from e
    missing = {"file", "label"} - columns
    if missing:
        raise TrainingError(f"{path} has no column {' or '.join(sorted(missing))}.", _REMEDY)
    examples = []
    for number, row in enumerate(rows, start=2):
        try:
            examples.append(_example(folder, row, columns))
        except (ValueError, TypeError, FileNotFoundError) as e:
            raise TrainingError(f"Line {number} of {path} is wrong: {e}.", _REMEDY) from e
    if not examples:
        raise TrainingError(f"{path} names no images.", _REMEDY)
    if "split" not in columns:
        examples = divide(examples)
    _check_groups(examples)
    return tuple(examples)


def _example(folder: Path, row: Mapping[str, str], columns: set[str]) -> Example:
    file = folder / row["file"]
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {row['file']}")
    label = int(row["label"])
    if "mask" in columns:
        mask = folder / row["mask"] if row["mask"] else None
        if mask is not None and not mask.is_file():
            raise FileNotFoundError(f"there is no mask {row['mask']}")
    else:
        mask = next((m for d in sorted(folder.glob("masks*")) if (m := d / f"{file.stem}.png").is_file()), None)
    if "mask_weight" in columns:
        weight = float(row["mask_weight"] or 0)
    else:
        weight = float(row.get("mask_quality", "ok") == "ok")
    group = next((row[c] for c in ("group", "patient", "identity") if c in columns and row[c]), file.stem)
    known = {"file", "label", "split", "mask", "mask_weight", "group"}
    fields = {k: v for k, v in row.items() if k and k not in known and v is not None}
    return Example(file, label, row.get("split") or "train", mask, weight, group, fields)


def divide(examples: Sequence[Example], val: float = 0.15, test: float = 0.15) -> list[Example]:
    """Give every example a split by a hash of its group: stays the same when examples are added or reordered."""
    divided = []
    for e in examples:
        u = int.from_bytes(hashlib.sha256(e.group.encode()).digest()[:8]) / 2**64
        split = "test" if u < test else "val" if u < test + val else "train"
        divided.append(replace(e, split=split))
    return divided


def _check_groups(examples: Sequence[Example]) -> None:
    seen: dict[str, str] = {}
    for e in examples:
        kind = e.split if e.split in ("train", "val") else "test"
        if seen.setdefault(e.group, kind) != kind:
            raise TrainingError(
                f"The group {e.group} is in {seen[e.group]} and in {e.split}: the test would be no test.",
                "Put all images of one patient or person into one split.",
            )


def take(examples: Sequence[Example], split: str) -> tuple[Example, ...]:
    """The examples of one split.

    Raises
    ------
    TrainingError
        There are none.
    """
    found = tuple(e for e in examples if e.split == split)
    if not found:
        names = ", ".join(sorted({e.split for e in examples}))
        raise TrainingError(f"The data have no split called {split}.", f"Choose one of: {names}.")
    return found


def with_fewer_masks(examples: Sequence[Example], share: float, seed: int) -> tuple[Example, ...]:
    """The same examples, of which only a share still has masks that count.

    Of each class's examples with a mask the same share keeps it (at least one), in an order that depends on the seed
    and the files' names alone: a smaller share's are among a larger one's.

    Parameters
    ----------
    share : float
        0..1; 1 changes nothing, 0 leaves no mask.
    seed : int
        What the order is drawn with.
    """
    if share == 1:
        return tuple(examples)

    def drawn(e: Example) -> bytes:
        return hashlib.sha256(f"{seed}|{e.file.name}|{e.frame}".encode()).digest()

    kept: set[bytes] = set()
    for label in (0, 1):
        order = sorted(drawn(e) for e in examples if e.label == label and e.weight)
        kept.update(order[: max(1, round(share * len(order))) if share else 0])
    return tuple(e if drawn(e) in kept else replace(e, mask_weight=0.0) for e in examples)


def load_mask(example: Example, size: int) -> npt.NDArray[np.float32]:
    """The example's mask as float32 (size, size), 0..1, area-averaged; all zero without a mask.

    Raises
    ------
    TrainingError, MaskError
        The mask file can't be read.
    """
    if example.mask is None:
        return np.zeros((size, size), np.float32)
    mask = _read_mask(example.mask)
    if example.crop is not None:
        x, y, width, height = example.crop
        mask = mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        if not mask.size:
            raise TrainingError(
                f"The part of {example.file.name} that is looked at lies outside its mask.", "Draw the mask again."
            )
    interpolation = cv2.INTER_AREA if mask.shape[0] >= size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (size, size), interpolation=interpolation), np.float32)


def _read_mask(path: Path) -> npt.NDArray[np.float32]:
    """A casebook's mask or an image of one, float32 (h, w) in 0..1."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise TrainingError(f"The mask {path.name} can't be read: {e.strerror}.", "Draw or export it again.") from e
    if is_blob(data):
        return Mask.from_blob(data).union()
    # imdecode, not imread: OpenCV can't open non-ASCII paths on Windows.
    mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
    if mask is None:
        raise TrainingError(f"The mask {path.name} can't be read.", "Draw or export it again.")
    return np.asarray(mask.astype(np.float32) / (float(mask.max()) or 1.0), np.float32)
