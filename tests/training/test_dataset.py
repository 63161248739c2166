"""index.csv: read, checked, divided by patient."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from divisive_desktop.errors import TrainingError
from divisive_desktop.training.checking import check_data
from divisive_desktop.training.dataset import Example, load_mask, read_index, take, with_fewer_masks
from divisive_desktop.training.mask_reading import check_masks


def make(folder: Path, text: str, files: Sequence[str] = "abcdef") -> Path:
    """A folder with an index and pictures, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(files):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((8, 8), number, np.uint8))
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
    rows = [f"{i}.png,{i % 2},p{i % 40}" for i in range(200)]
    files = [str(i) for i in range(200)]
    first = read_index(make(tmp_path, "file,label,group\n" + "\n".join(rows), files))
    assert {e.split for e in first} == {"train", "val", "test"}
    by_group = {e.group: e.split for e in first}
    assert all(by_group[e.group] == e.split for e in first)
    more = read_index(make(tmp_path, "file,label,group\na.png,1,new\n" + "\n".join(reversed(rows)), [*files, "a"]))
    assert all(by_group[e.group] == e.split for e in more if e.group != "new")


@pytest.mark.parametrize(("text", "message"), [
    ("file\na.png", "no column label"),
    ("file,label\na.png,2", "Line 2"),
    ("file,label\na.png,1\nnone.png,0", "Line 3"),
    ("file,label,mask\na.png,1,none.png", "none.png"),
    ("file,label\na.png,1\n" + "x" * 400 + ".png,0", "Line 3"),
    ("file,label,mask\na.png,1," + "x" * 400, "Line 2"),
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


# ---- masks of any depth ---------------------------------------------------------------------------------


def square(high: int, dtype: type) -> np.ndarray:
    mask = np.zeros((32, 32), dtype)
    mask[8:16, 8:24] = high
    return mask


@pytest.mark.parametrize(
    ("dtype", "high", "word"),
    [
        (np.uint8, 255, ""),
        (np.uint8, 1, "1 of 255"),
        (np.uint16, 65535, ""),
        (np.uint16, 255, "255 of 65535"),
        (np.uint16, 1, "1 of 65535"),
        (np.uint16, 4095, "4095 of 65535"),
    ],
)
def test_masks_of_any_depth_are_scaled_by_their_own_range_with_a_word(
    tmp_path: Path, dtype: type, high: int, word: str
) -> None:
    (tmp_path / "m.png").write_bytes(cv2.imencode(".png", square(high, dtype))[1].tobytes())
    loaded = load_mask(Example(tmp_path / "a.png", 1, mask=tmp_path / "m.png"), 32)
    assert np.array_equal(loaded, square(1, np.float32))
    notes = check_masks([tmp_path / "m.png"])
    assert [word in note and "m.png" in note for note in notes] == ([True] if word else [])


def test_coloured_palettes_void_and_alpha_mean_what_they_mean_at_import(tmp_path: Path) -> None:
    grid = square(2, np.uint8)
    grid[0] = 255
    picture = Image.fromarray(grid, "P")
    flat = [0] * 768
    flat[6:9], flat[765:768] = (0, 0, 90), (224, 224, 192)
    picture.putpalette(flat)
    picture.save(tmp_path / "p.png")
    Image.fromarray(grid).save(tmp_path / "g.png")
    alpha = np.full((32, 32, 4), 255, np.uint8)
    alpha[..., 3] = square(255, np.uint8)
    Image.fromarray(alpha, "RGBA").save(tmp_path / "a.png")
    for name in ("p.png", "g.png", "a.png"):
        loaded = load_mask(Example(tmp_path / "x.png", 1, mask=tmp_path / name), 32)
        assert np.array_equal(loaded, square(1, np.float32)), name


def test_an_empty_mask_is_an_error_where_it_counts(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(cv2.imencode(".png", square(0, np.uint8))[1].tobytes())
    counts = Example(tmp_path / "a.png", 1, mask=tmp_path / "m.png")
    with pytest.raises(TrainingError, match=r"m\.png"):
        load_mask(counts, 16)
    with pytest.raises(TrainingError, match=r"1 mask \(m\.png\)"):
        check_masks([tmp_path / "m.png"])
    assert load_mask(replace(counts, mask_weight=0.0), 16).max() == 0


def test_what_a_mask_left_out_and_one_the_other_way_round_are_told(tmp_path: Path) -> None:
    shapes = [
        {"label": "heart", "shape_type": "rectangle", "points": [[8, 8], [24, 16]]},
        {"label": "wire", "shape_type": "line", "points": [[1, 1], [9, 9]]},
    ]
    document = {"shapes": shapes, "imagePath": "a.png", "imageWidth": 32, "imageHeight": 32}
    (tmp_path / "m.json").write_text(json.dumps(document))
    (tmp_path / "n.png").write_bytes(cv2.imencode(".png", 255 - square(255, np.uint8))[1].tobytes())
    notes = check_masks([tmp_path / "m.json", tmp_path / "n.png"])
    assert len(notes) == 2
    assert any("m.json" in note and "1 line (wire)" in note for note in notes)
    assert any("n.png" in note and "the other way round" in note for note in notes)


# ---- files of one name, files of the same bytes ---------------------------------------------------------


def spread(folder: Path, *files: str) -> None:
    for number, file in enumerate(files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8), 10 + number, np.uint8))


def test_files_of_one_name_in_several_folders_are_told_apart(tmp_path: Path) -> None:
    spread(tmp_path, "normal/001.png", "sick/001.png", "sick/002.png", "masks/001.png", "masks/002.png")
    (tmp_path / "index.csv").write_text("file,label\nnormal/001.png,0\nsick/001.png,1\nsick/002.png,1\n")
    said: list[str] = []
    examples = read_index(tmp_path, say=said.append)
    assert [e.group for e in examples] == ["normal/001", "sick/001", "sick/002"]
    assert [e.mask for e in examples] == [None, None, tmp_path / "masks" / "002.png"]
    assert "masks/001.png" in said[0]
    spread(tmp_path, "masks/sick/001.png")
    assert [e.mask for e in read_index(tmp_path)] == [
        None, tmp_path / "masks" / "sick" / "001.png", tmp_path / "masks" / "002.png"
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".json", ".PNG"])
def test_masks_beside_the_index_are_found_in_any_format(tmp_path: Path, suffix: str) -> None:
    spread(tmp_path, "normal/001.png", "sick/002.png")
    for mask in (f"masks/sick/002{suffix}", f"masks/001{suffix}"):
        (tmp_path / mask).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mask).write_bytes(b"x")
    (tmp_path / "index.csv").write_text("file,label\nnormal/001.png,0\nsick/002.png,1\n")
    assert [e.mask for e in read_index(tmp_path)] == [
        tmp_path / f"masks/001{suffix}", tmp_path / f"masks/sick/002{suffix}"
    ]  # fmt: skip


def test_the_same_bytes_in_two_splits_are_refused_whatever_they_are_called(tmp_path: Path) -> None:
    spread(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes())
    index = "file,label,split\na.png,0,train\nb.png,1,train\nc.png,0,{}\n"
    for split in ("test", "val", "open"):
        (tmp_path / "index.csv").write_text(index.format(split))
        with pytest.raises(TrainingError, match=r"a\.png and c\.png"):
            read_index(tmp_path)
    (tmp_path / "index.csv").write_text(index.format("train"))
    assert len(read_index(tmp_path)) == 3


def picture(seed: int, size: tuple[int, int] = (40, 30)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, size[::-1]).astype(np.uint8)


def folder_of(tmp_path: Path, rows: str, files: dict[str, np.ndarray]) -> Path:
    for name, pixels in files.items():
        assert cv2.imwrite(str(tmp_path / name), pixels)
    (tmp_path / "index.csv").write_text(rows, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("other", ["a.png", "copy.png"])
def test_an_image_with_both_labels_is_refused(other: str, tmp_path: Path) -> None:
    rows = f"file,label,split\na.png,0,train\n{other},1,train\nb.png,1,train"
    with pytest.raises(TrainingError, match=r"both labels: a\.png") as raised:
        read_index(folder_of(tmp_path, rows, {"a.png": picture(1), "copy.png": picture(1), "b.png": picture(2)}))
    assert "right label" in raised.value.remedy


@pytest.mark.parametrize("name", ["x.bmp", "x.tif", "x.png", "x.webp"])
@pytest.mark.parametrize("splits", [("train", "test"), ("train", "val"), ("train", "train")])
def test_a_picture_stored_anew_is_found_by_its_pixels(name: str, splits: tuple[str, str], tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, f"file,label,split\na.png,0,{splits[0]}\n{name},{int(splits[0] == splits[1])},{splits[1]}",
        {"a.png": picture(1)},
    )
    colours = Image.fromarray(np.repeat(picture(1)[..., None], 3, axis=2))
    colours.save(folder / name, **({"lossless": True} if name.endswith("webp") else {}))
    examples = read_index(folder)
    with pytest.raises(TrainingError, match="both labels" if splits[0] == splits[1] else "more than one split"):
        check_data(examples)


def test_other_pictures_are_no_copies(tmp_path: Path) -> None:
    files = {"a.png": picture(1), "b.bmp": picture(2), "c.png": picture(1, (30, 40))}
    check_data(read_index(folder_of(tmp_path, "file,label,split\na.png,0,train\nb.bmp,1,test\nc.png,0,val", files)))


@pytest.mark.parametrize(("size", "said"), [
    ((40, 30), ""), ((20, 15), "another size"), ((160, 120), "another size"), ((13, 10), "another size"),
    ((30, 40), "another shape"), ((40, 40), "another shape"), ((80, 50), "another shape"),
])
def test_a_mask_of_another_size_is_told_and_of_another_shape_refused(
    size: tuple[int, int], said: str, tmp_path: Path
) -> None:
    mask = np.zeros(size[::-1], np.uint8)
    mask[2:6, 2:7] = 255
    rows = "file,label,mask,split\na.png,0,m.png,train\nb.png,1,,train"
    examples = read_index(folder_of(tmp_path, rows, {"a.png": picture(1), "b.png": picture(2), "m.png": mask}))
    told: list[str] = []
    if said == "another shape":
        with pytest.raises(TrainingError, match=r"m\.png has .* its image a\.png 40 x 30: another shape"):
            check_data(examples, told.append)
    else:
        check_data(examples, told.append)
        assert [said in note for note in told] == ([True] if said else [])


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_mask_that_is_the_same_everywhere_is_an_error(level: int, tmp_path: Path) -> None:
    mask = np.full((30, 40), level, np.uint8)
    rows = "file,label,mask,split\na.png,0,m.png,train\nb.png,1,,train"
    examples = read_index(folder_of(tmp_path, rows, {"a.png": picture(1), "b.png": picture(2), "m.png": mask}))
    with pytest.raises(TrainingError, match="every pixel is the same"):
        check_masks([tmp_path / "m.png"])
    with pytest.raises(TrainingError, match="every pixel is the same"):
        load_mask(examples[0], 16)


def test_groups_that_differ_by_blanks_or_capitals_are_one(tmp_path: Path) -> None:
    files = {f"{name}.png": picture(number) for number, name in enumerate("abcd")}
    rows = "file,label,patient\na.png,0,p0\nb.png,1, P0 \nc.png,1,p0\u3000\nd.png,0,q"
    told: list[str] = []
    found = read_index(folder_of(tmp_path, rows, files), say=told.append)
    assert [e.group for e in found] == ["p0", "p0", "p0", "q"]
    assert len({e.split for e in found[:3]}) == 1
    assert "“p0” and “ P0 ”" in told[0]
    (tmp_path / "index.csv").write_text("file,label,split,group\na.png,0,train,p0\nb.png,1,test,P0 ", "utf-8")
    with pytest.raises(TrainingError, match="in train and in test"):
        read_index(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("column", ["file", "mask"])
def test_what_is_no_plain_file_is_never_opened(column: str, tmp_path: Path) -> None:
    """A FIFO would be waited for without end, a device read without end."""
    os.mkfifo(tmp_path / "pipe.png")
    for odd in ("pipe.png", "/dev/zero", "."):
        row = f"{odd},0," if column == "file" else f"a.png,0,{odd}"
        folder = folder_of(tmp_path, f"file,label,mask\n{row}\nb.png,1,", {"a.png": picture(1), "b.png": picture(2)})
        with pytest.raises(TrainingError, match=r"Line 2 .* is wrong: there is no"):
            read_index(folder)


def test_a_row_that_ends_before_its_group_has_one_of_its_own(tmp_path: Path) -> None:
    files = {"a.png": picture(1), "b.png": picture(2)}
    found = read_index(folder_of(tmp_path, "file,label,patient\na.png,0\nb.png,1,p", files))
    assert [e.group for e in found] == ["a", "p"]


@pytest.mark.parametrize("column", ["file", "mask"])
@pytest.mark.parametrize(
    "place", ["../b.png", "/etc/hosts", "a/../../b.png", "..\\b.png", "C:\\b.png", "C:b.png", "\\\\host\\share\\b.png",
              "//host/share/b.png", "/dev/zero", "{absolute}"],
)  # fmt: skip
def test_an_index_names_no_files_elsewhere(column: str, place: str, tmp_path: Path) -> None:
    """Not even to ask whether they are there: on Windows that would hand a password's hash to another machine."""
    Image.fromarray(np.full((8, 8), 9, np.uint8)).save(tmp_path / "b.png")
    (tmp_path / "data").mkdir()
    row = {"file": "a.png", "mask": "a.png", column: place.format(absolute=tmp_path / "b.png")}
    folder = make(tmp_path / "data", f"file,label,mask\n{row['file']},1,{row['mask']}", ["a"])
    with pytest.raises(TrainingError, match="leads out of the folder"):
        read_index(folder)
