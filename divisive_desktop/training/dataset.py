"""A data set: a folder with ``index.csv``, or any list of examples.

``index.csv`` has one row per image. Paths are relative to the folder of the CSV and stay in it.

=============== ======== ===========================================================================================
column          needed   meaning
=============== ======== ===========================================================================================
file            yes      image: anything that the program opens (DICOM, PNG, JPEG, TIFF …)
label           yes      0 or 1
split           no       ``train``, ``val``, ``test`` or any other name; no column: divided 70/15/15 by group
mask            no       any format that can be imported, bright = important, of any size and depth (scaled by its own
                         range); no column: in ``masks*/`` the same path, or the same stem where no other file has it
mask_weight     no       0..1, how much the mask counts; ``mask_quality`` other than ``ok`` counts as 0
group           no       patient or identity: never divided between splits, resampled whole; also read from
                         ``patient`` or ``identity``; no column: every file is its own group, told apart by its path
=============== ======== ===========================================================================================

Other columns are kept as ``fields`` and can be used to break figures down.
"""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.masks.matching import SUFFIXES as MASK_SUFFIXES
from divisive_desktop.training.duplicates import check_duplicates
from divisive_desktop.training.mask_reading import empty_masks, read_coverage, says_nothing

_MOST_INDEX = 256 << 20
"""Bytes; a million images take about half of it."""
_GROUPS = ("group", "patient", "identity")
"""Columns that say which images show one person."""
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
    correction: Correction = UNCORRECTED
    """What an analyst mended about the picture; mask and crop are of the corrected one."""

    def __post_init__(self) -> None:
        if self.label not in (0, 1):
            raise ValueError(f"a label is 0 or 1, not {self.label!r}")
        if not 0 <= self.mask_weight <= 1:
            raise ValueError(f"a mask's weight lies in 0..1, not {self.mask_weight}")

    @property
    def weight(self) -> float:
        """How much the mask counts; 0 without a mask."""
        return self.mask_weight if self.mask is not None else 0.0


def read_index(
    folder: Path, name: str = "index.csv", say: Callable[[str], object] = lambda _: None
) -> tuple[Example, ...]:
    """All examples of a data folder, in the order of its index.

    Parameters
    ----------
    folder : Path
    name : str
        Of the index.
    say : callable
        Told what was left out.

    Raises
    ------
    TrainingError
        No index, a column missing, a row that can't be understood (its number is named), or a group or the bytes of
        an image that are in training and in another split as well.
    """
    path = folder / name
    try:
        reader = csv.DictReader(io.StringIO(read_whole(path, _MOST_INDEX).decode("utf-8-sig"), newline=""))
        rows = list(reader)
        columns = set(reader.fieldnames or ())
    except FileNotFoundError as e:
        raise TrainingError(f"{folder} has no {name}.", "Choose a folder with training data.") from e
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise TrainingError(f"{path} can't be read: {in_words(e)}.", _REMEDY) from e
    missing = {"file", "label"} - columns
    if missing:
        raise TrainingError(f"{path} has no column {' or '.join(sorted(missing))}.", _REMEDY)
    examples = []
    masks = _Beside(folder, [row["file"] for row in rows if row["file"]]) if "mask" not in columns else None
    for number, row in enumerate(rows, start=2):
        try:
            examples.append(_example(folder, row, columns, masks))
        except (ValueError, TypeError, OSError) as e:  # names of any length and form are among them
            raise TrainingError(f"Line {number} of {path} is wrong: {in_words(e)}.", _REMEDY) from e
    if not examples:
        raise TrainingError(f"{path} names no images.", _REMEDY)
    if columns & set(_GROUPS):
        examples = _one_spelling(examples, say)
    if "split" not in columns:
        examples = divide(examples)
    _check_groups(examples)
    check_duplicates((e.file, e.split, e.label) for e in examples)
    if masks is not None and masks.ambiguous:
        say(
            f"Masks that could be of several images were left out ({', '.join(sorted(masks.ambiguous))}): "
            "name them in a column “mask”."
        )
    return tuple(examples)


class _Beside:
    """Masks in ``masks*/`` beside the index, for the files that it lists."""

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        self._folders = [_by_path(d) for d in sorted(folder.glob("masks*")) if d.is_dir()]
        self._stems = Counter(PurePath(file).stem for file in set(files))
        self.ambiguous: set[str] = set()
        """Masks that are there, but of which image nobody can say."""

    def find(self, file: str) -> Path | None:
        """The mask of a file: by its whole path, or by its stem where no other file has that."""
        path = PurePath(file)
        for masks in self._folders:
            if path.parent.name and not path.is_absolute() and (mask := masks.get(path.with_suffix("").as_posix())):
                return mask
            if mask := masks.get(path.stem):
                if self._stems[path.stem] == 1:
                    return mask
                self.ambiguous.add(f"{mask.parent.name}/{mask.name}")
        return None


def _by_path(folder: Path) -> dict[str, Path]:
    """The mask files in a folder and in those below it, by their paths without suffixes; a PNG before others."""
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*"), key=lambda p: (p.suffix.lower() != ".png", p)):
        suffix = next((s for s in MASK_SUFFIXES if file.name.lower().endswith(s)), "")
        if suffix and file.is_file():
            found.setdefault(file.relative_to(folder).as_posix()[: -len(suffix)], file)
    return found


def _inside(folder: Path, name: str) -> Path:
    """A file that an index names; one that lies elsewhere is none of the data's, whoever wrote the index."""
    ways = PurePosixPath(name), PureWindowsPath(name)
    if any(way.anchor or way.drive or ".." in way.parts for way in ways):
        raise ValueError(f"there is no {name} in the folder: it leads out of the folder; put the file into it")
    return folder / name


def _example(folder: Path, row: Mapping[str, str], columns: set[str], masks: _Beside | None) -> Example:
    file = _inside(folder, row["file"])
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {row['file']}")
    label = int(row["label"])
    mask: Path | None
    if masks is None:
        mask = _inside(folder, row["mask"]) if row["mask"] else None
        if mask is not None and not mask.is_file():
            raise FileNotFoundError(f"there is no mask {row['mask']}")
    else:
        mask = masks.find(row["file"])
    if "mask_weight" in columns:
        weight = float(row["mask_weight"] or 0)
    else:
        weight = float(row.get("mask_quality", "ok") == "ok")
    own = PurePath(row["file"]).with_suffix("").as_posix()  # files of one name lie in many folders
    group = next((row[c] for c in _GROUPS if c in columns and (row[c] or "").strip()), own)
    known = {"file", "label", "split", "mask", "mask_weight", "group"}
    fields = {k: v for k, v in row.items() if k and k not in known and v is not None}
    return Example(file, label, row.get("split") or "train", mask, weight, group, fields)


def _one_spelling(examples: Sequence[Example], say: Callable[[str], object]) -> list[Example]:
    """Groups whose names differ by blanks, case or width of letters only are one, called as the first of them."""
    names: dict[str, dict[str, None]] = {}
    for e in examples:
        names.setdefault(_spelled(e.group), {})[e.group] = None
    several = [list(found) for found in names.values() if len(found) > 1]
    if several:
        pairs = "; ".join(" and ".join(f"“{name}”" for name in found[:3]) for found in several[:3])
        more = f" and {len(several) - 3} more" if len(several) > 3 else ""
        say(f"Groups that differ by blanks or capitals only are taken as one: {pairs}{more}.")
    return [replace(e, group=next(iter(names[_spelled(e.group)]))) for e in examples]


def _spelled(group: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", group).casefold().split())


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
        The mask file can't be read, or is the same everywhere although it counts.
    """
    if example.mask is None:
        return np.zeros((size, size), np.float32)
    mask = read_coverage(example.mask).values
    if example.weight and says_nothing(mask):
        raise empty_masks([example.mask.name])
    if example.crop is not None:
        x, y, width, height = example.crop
        mask = mask[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
        if not mask.size:
            raise TrainingError(
                f"The part of {example.file.name} that is looked at lies outside its mask.", "Draw the mask again."
            )
    interpolation = cv2.INTER_AREA if mask.shape[0] >= size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (size, size), interpolation=interpolation), np.float32)
