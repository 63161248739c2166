"""index.csv: read, checked, divided by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.errors import TrainingError
from divisive_desktop.training.dataset import Example, load_mask, read_index, take, with_fewer_masks


def make(folder: Path, text: str, files: str = "abcdef") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((8, 8), np.uint8))
    (folder / "index.csv").write_text(text, encoding="utf-8")
    return folder


def test_reads_what_the_shared_sets_give(shared_data: Path) -> None:
    xray = read_index(shared_data / "chest_xray")
    assert len(xray) == 1000
    assert sum(e.weight == 0 for e in xray) == 48  # suspect masks
    assert xray[0].mask is not None
    assert xray[0].group == "00001280"
    faces = read_index(shared_data / "faces" / "manipulated")
    assert len(faces) == 612
    assert faces[0].fields["kind"] == "authentic"
    assert len(take(faces, "val")) == 90


def test_without_a_split_groups_are_divided_and_stay_where_they_are(tmp_path: Path) -> None:
    rows = [f"{'abcdef'[i % 6]}.png,{i % 2},p{i % 40}" for i in range(200)]
    first = read_index(make(tmp_path, "file,label,group\n" + "\n".join(rows)))
    assert {e.split for e in first} == {"train", "val", "test"}
    by_group = {e.group: e.split for e in first}
    assert all(by_group[e.group] == e.split for e in first)
    more = read_index(make(tmp_path, "file,label,group\na.png,1,new\n" + "\n".join(reversed(rows))))
    assert all(by_group[e.group] == e.split for e in more if e.group != "new")


@pytest.mark.parametrize(("text", "message"), [
    ("file\na.png", "no column label"),
    ("file,label\na.png,2", "Line 2"),
    ("file,label\na.png,1\nnone.png,0", "Line 3"),
    ("file,label,mask\na.png,1,none.png", "none.png"),
    ("file,label", "names no images"),
    ("file,label,split,patient\na.png,1,train,p\nb.png,0,test,p", "group p"),
    ("file,label,mask_weight\na.png,1,3", "Line 2"),
])
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_index(make(tmp_path, text))


def test_a_folder_without_index_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"index\.csv"):
        read_index(tmp_path)


def test_an_unknown_split_names_the_known_ones(tmp_path: Path) -> None:
    examples = read_index(make(tmp_path, "file,label,split\na.png,1,train\nb.png,0,val"))
    with pytest.raises(TrainingError) as e:
        take(examples, "test")
    assert "train, val" in e.value.remedy


def test_masks_are_scaled_to_0_1_at_any_size_and_path(tmp_path: Path) -> None:
    folder = make(tmp_path / "Münster 胸部", "file,label,mask\na.png,1,m.png\nb.png,0,")
    mask = np.zeros((64, 32), np.uint8)
    mask[:32] = 1
    (folder / "m.png").write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    a, b = read_index(folder)
    loaded = load_mask(a, 16)
    assert loaded.shape == (16, 16)
    assert loaded[:8].min() == 1
    assert loaded[8:].max() == 0
    assert b.weight == 0
    assert load_mask(b, 16).max() == 0
    (folder / "m.png").write_bytes(b"no image")
    with pytest.raises(TrainingError, match=r"m\.png"):
        load_mask(a, 16)


def test_fewer_masks_are_nested_and_a_share_of_each_class(tmp_path: Path) -> None:
    examples = [Example(tmp_path / f"{i}.png", int(i % 3 == 0), mask=tmp_path / "m.png") for i in range(90)]
    few, more = (with_fewer_masks(examples, share, 7) for share in (0.1, 0.25))

    def marked(members: Sequence[Example]) -> set[Path]:
        return {e.file for e in members if e.weight}

    assert marked(few) < marked(more)
    for label, count in ((0, 6), (1, 3)):
        assert sum(e.weight > 0 for e in few if e.label == label) == count
    assert [replace(e, mask_weight=1.0) for e in few] == examples
    assert marked(few) == marked(with_fewer_masks(examples[::-1], 0.1, 7)) != marked(with_fewer_masks(examples, 0.1, 8))
    assert with_fewer_masks(examples, 1.0, 7) == tuple(examples)
    assert not marked(with_fewer_masks(examples, 0.0, 7))
