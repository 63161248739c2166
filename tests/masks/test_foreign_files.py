"""Masks as other programs write them: what they mean, and what is said about what a mask can't hold."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from divisive_desktop.errors import MaskError
from divisive_desktop.imaging import open_image
from divisive_desktop.masks.files import read_mask, read_mask_file
from divisive_desktop.masks.formats.common import Reading
from tests.imaging.png_bytes import half_a_png

WIDTH, HEIGHT = 60, 40


def shape() -> npt.NDArray[np.bool_]:
    """A rectangle and a notch: 375 of 60 x 40 pixels."""
    inside = np.zeros((HEIGHT, WIDTH), np.bool_)
    inside[10:25, 20:45] = True
    return inside


def regions(reading: Reading) -> dict[str, npt.NDArray[np.uint8]]:
    return {r.name: reading.mask.pixels(r.id) for r in reading.mask.regions}


def paletted(indices: npt.NDArray[Any], colours: dict[int, tuple[int, int, int]], clear: int | None = None) -> bytes:
    picture = Image.fromarray(indices.astype(np.uint8), "P")
    flat = [0] * 768
    for index, colour in colours.items():
        flat[3 * index : 3 * index + 3] = colour
    picture.putpalette(flat)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **({} if clear is None else {"transparency": clear}))
    return buffer.getvalue()


def read(tmp_path: Path, data: bytes, name: str = "m.png", **options: Any) -> Reading:
    (tmp_path / name).write_bytes(data)
    return read_mask_file(tmp_path / name, (WIDTH, HEIGHT), **options)


def png(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


# ---- the same rules as for images -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["L", "1", "P", "RGB", "RGBA", "RGB of 16 bits"])
@pytest.mark.parametrize("turn", [2, 3, 5, 6, 7, 8])
def test_a_mask_is_turned_as_its_image_is(tmp_path: Path, kind: str, turn: int) -> None:
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(turn, turn)
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
    }[back]  # fmt: skip
    stored = np.asarray(Image.fromarray(np.where(shape(), 255, 0).astype(np.uint8)).transpose(method))
    exif = Image.Exif()
    exif[274] = turn
    buffer = io.BytesIO()
    Image.fromarray(stored).convert(kind.split()[0]).save(buffer, "PNG", exif=exif)
    data = buffer.getvalue()
    if kind == "RGB of 16 bits":
        deep = cv2.imencode(".png", np.repeat(stored.astype(np.uint16)[..., None] * 257, 3, axis=2))[1].tobytes()
        block = data.index(b"eXIf") - 4
        data = deep[:33] + data[block : block + 12 + int.from_bytes(data[block : block + 4], "big")] + deep[33:]
    reading = read(tmp_path, data)
    assert np.array_equal(reading.mask.union() == 1, shape())
    assert f"Turned upright as EXIF orientation {turn} says." in reading.notes
    assert np.array_equal(open_image(tmp_path / "m.png").stored > 0, shape())


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
@pytest.mark.parametrize("white", [False, True], ids=["black is zero", "white is zero"])
@pytest.mark.parametrize("turn", [1, 6])
def test_a_tiff_mask_is_as_bright_and_upright_as_its_image(
    tmp_path: Path, dtype: str, white: bool, turn: int
) -> None:
    high = 1 if dtype == "f4" else np.iinfo(dtype).max
    stored = np.where(shape() != white, high, 0).astype(dtype)
    stored = np.rot90(stored) if turn == 6 else stored
    kind = "miniswhite" if white else "minisblack"
    tifffile.imwrite(tmp_path / "m.tif", stored, photometric=kind, metadata=None, extratags=[(274, "H", 1, turn, True)])
    reading = read_mask_file(tmp_path / "m.tif", (WIDTH, HEIGHT))
    assert np.array_equal(reading.mask.union() == 1, shape())
    assert np.array_equal(open_image(tmp_path / "m.tif").stored > 0, shape())


def test_a_mask_that_ends_early_is_refused(tmp_path: Path) -> None:
    data = half_a_png(np.where(shape(), 255, 0).astype(np.uint8))
    with pytest.raises(MaskError, match="bytes of pixels"):
        read(tmp_path, data)


# ---- palettes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("white", [0, 1, 7])
def test_a_black_and_white_palette_counts_by_its_colours_whichever_comes_first(tmp_path: Path, white: int) -> None:
    black = 3
    indices = np.where(shape(), white, black)
    reading = read(tmp_path, paletted(indices, {white: (255, 255, 255), black: (0, 0, 0)}))
    assert np.array_equal(reading.mask.union() == 1, shape())


def test_a_quantised_mask_is_what_it_was_before(tmp_path: Path) -> None:
    picture = Image.fromarray(np.where(shape(), 255, 0).astype(np.uint8)).convert("RGB").quantize(2)
    picture.save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png").union() == 1, shape())


def test_void_of_a_label_map_is_not_labelled(tmp_path: Path) -> None:
    indices = shape().astype(int)
    indices[30:35, 5:20] = 2
    indices[0, :] = 255
    reading = read(tmp_path, paletted(indices, {1: (128, 0, 0), 2: (0, 128, 0), 255: (224, 224, 192)}))
    found = regions(reading)
    assert list(found) == ["label 1", "label 2"]
    assert np.array_equal(found["label 1"] == 255, shape())
    assert np.count_nonzero(found["label 2"]) == 75
    assert "not labelled" in reading.notes[0]
    assert reading.mask.regions[0].colour == "#800000"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_void_of_a_grey_label_map_is_not_labelled(tmp_path: Path, dtype: type) -> None:
    grid = shape().astype(dtype) * 3
    grid[0, :] = np.iinfo(dtype).max
    reading = read(tmp_path, png(grid))
    assert np.array_equal(regions(reading)["label 3"] == 255, shape())
    assert "not labelled" in reading.notes[0]


def test_classes_beyond_the_thirty_second_are_labels_too(tmp_path: Path) -> None:
    indices = np.where(shape(), 140, 0)
    reading = read(tmp_path, paletted(indices, {140: (10, 200, 30)}))
    assert np.array_equal(regions(reading)["label 140"] == 255, shape())


def test_a_transparent_palette_entry_is_outside(tmp_path: Path) -> None:
    indices = np.where(shape(), 0, 5)
    reading = read(tmp_path, paletted(indices, {0: (200, 0, 0), 5: (255, 255, 255)}, clear=5))
    assert np.array_equal(reading.mask.union() == 1, shape())


# ---- alpha and colours ----------------------------------------------------------------------------------


@pytest.mark.parametrize("grey", [0, 90, 255])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_shape_in_the_alpha_channel_counts(tmp_path: Path, grey: int, mode: str) -> None:
    pixels = np.full((HEIGHT, WIDTH, 4), grey, np.uint8)
    pixels[..., 3] = np.where(shape(), 255, 0)
    Image.fromarray(pixels, "RGBA").convert(mode).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png").union() == 1, shape())


def test_alpha_that_is_the_same_everywhere_says_nothing(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[shape()] = 255
    for alpha in (255, 0, 128):
        pixels[..., 3] = alpha
        assert np.array_equal(read(tmp_path, png(pixels)).mask.union() == 1, shape())


def test_black_and_white_inside_a_transparent_frame(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    pixels[shape(), :3] = 255
    pixels[2:-2, 2:-2, 3] = 255
    assert np.array_equal(read(tmp_path, png(pixels)).mask.union() == 1, shape())


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255)])
def test_two_colours_are_two_regions(tmp_path: Path, background: tuple[int, int, int]) -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), background, np.uint8)
    pixels[shape()] = (128, 0, 0)
    pixels[30:35, 5:20] = (0, 128, 0)
    found = regions(read(tmp_path, png(pixels)))
    assert list(found) == ["colour #008000", "colour #800000"]
    assert np.array_equal(found["colour #800000"] == 255, shape())
    assert np.count_nonzero(found["colour #008000"] == 255) == 75


def test_one_dark_colour_is_fully_inside(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[shape()] = (128, 0, 0)
    assert np.array_equal(read(tmp_path, png(pixels)).mask.union() == 1, shape())


def test_a_soft_edge_in_one_colour_stays_soft(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :, 0] = np.linspace(0, 255, WIDTH).astype(np.uint8)
    reading = read(tmp_path, png(pixels))
    assert len(reading.mask.regions) == 1
    assert np.abs(reading.mask.union()[0] - np.linspace(0, 1, WIDTH)).max() < 0.01


# ---- depth ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("high", [1, 255, 4095, 65535])
def test_sixteen_bits_whose_two_levels_end_anywhere(tmp_path: Path, high: int) -> None:
    reading = read(tmp_path, png(np.where(shape(), high, 0).astype(np.uint16)))
    assert np.array_equal(reading.mask.union() == 1, shape())
    assert any("4095" in note for note in reading.notes) == (high == 4095)


@pytest.mark.parametrize("high", [1, 255, 65535])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_sixteen_bits(tmp_path: Path, high: int, channels: int) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, channels), np.uint16)
    pixels[shape()] = high
    if channels == 4:
        pixels[..., 3] = high
    done, data = cv2.imencode(".png", pixels)
    assert done
    assert np.array_equal(read(tmp_path, data.tobytes()).mask.union() == 1, shape())


def test_twelve_bits_in_sixteen_are_scaled_by_their_own_range_with_a_word(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 4095, WIDTH).astype(np.uint16), (HEIGHT, 1))
    reading = read(tmp_path, png(ramp))
    assert reading.mask.union().max() == 1
    assert "4095 of 65535" in reading.notes[0]


def test_a_mask_the_other_way_round_is_pointed_out(tmp_path: Path) -> None:
    reading = read(tmp_path, png(np.where(shape(), 0, 255).astype(np.uint8)))
    assert "Invert" in reading.notes[0]
    assert read(tmp_path, png(np.where(shape(), 255, 0).astype(np.uint8))).notes == ()


def test_an_empty_mask_and_further_pages_are_pointed_out(tmp_path: Path) -> None:
    assert read(tmp_path, png(np.zeros((HEIGHT, WIDTH), np.uint8))).notes == ("Nothing is painted in it.",)
    page = Image.fromarray(np.where(shape(), 255, 0).astype(np.uint8))
    page.save(tmp_path / "m.tif", save_all=True, append_images=[page])
    assert "2 pictures" in read_mask_file(tmp_path / "m.tif").notes[0]


@pytest.mark.parametrize(
    ("dtype", "low", "high", "top"),
    [(np.uint8, 128, 255, 255), (np.uint8, 100, 200, 255), (np.uint16, 20000, 40000, 65535)],
)
def test_two_levels_of_grey_are_two_regions_and_count_as_before(
    tmp_path: Path, dtype: type, low: int, high: int, top: int
) -> None:
    grid = np.where(shape(), high, 0).astype(dtype)
    grid[30:36, 5:20] = low
    reading = read(tmp_path, png(grid))
    assert [np.count_nonzero(p) for p in regions(reading).values()] == [90, 375]
    assert np.abs(reading.mask.union() - grid / np.float32(top)).max() < 0.005
    assert "weights" in reading.notes[0]


def test_the_few_levels_of_an_edge_are_no_regions(tmp_path: Path) -> None:
    soft = cv2.blur(np.where(shape(), 255, 0).astype(np.uint8), (2, 2))
    assert 2 <= len(np.unique(soft)) - 1 <= 4
    reading = read(tmp_path, png(soft))
    assert len(reading.mask.regions) == 1
    assert reading.notes == ()
    assert np.array_equal(reading.mask.union(), soft / np.float32(255))


# ---- labelme and X-AnyLabeling --------------------------------------------------------------------------


def drawn(*shapes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "5.5.0", "flags": {}, "shapes": list(shapes), "imagePath": "a.png", "imageData": None,
            "imageHeight": HEIGHT, "imageWidth": WIDTH, **more}  # fmt: skip


SQUARE = {"label": "L", "points": [[10, 5], [30, 5], [30, 20], [10, 20]], "shape_type": "polygon"}


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 1, 3, 2), (2, 0, 3, 1)])
def test_a_rectangle_of_four_corners(tmp_path: Path, order: tuple[int, ...]) -> None:
    corners = [[10, 5], [30, 5], [30, 20], [10, 20]]
    document = drawn({"label": "L", "points": [corners[i] for i in order], "shape_type": "rectangle"})
    mask = read(tmp_path, json.dumps(document).encode(), "a.json").mask
    assert mask.bounds(1) == (10, 5, 20, 15)
    assert np.count_nonzero(mask.pixels(1)) == 300


def test_what_has_no_area_is_named_and_the_rest_kept(tmp_path: Path) -> None:
    document = drawn(
        SQUARE,
        {"label": "wire", "points": [[1, 1], [9, 9]], "shape_type": "line"},
        {"label": "vessel", "points": [[1, 1], [9, 9], [20, 3]], "shape_type": "linestrip"},
        {"label": "tip", "points": [[9, 9]], "shape_type": "point"},
        {"label": "half", "points": [[9, 9], [12, 12]], "shape_type": "polygon"},
        {"label": "away", "points": [[900, 9], [950, 12], [900, 12]], "shape_type": "polygon"},
        {"label": "turned", "points": [[40, 10], [50, 20], [40, 30], [30, 20]], "shape_type": "rotation"},
        {"label": "lens", "points": [[40, 10], [50, 20]], "shape_type": "ellipse"},
        {"label": "block", "points": [[40, 10], [50, 10], [50, 20], [40, 20]] * 2, "shape_type": "cuboid"},
    )
    reading = read(tmp_path, json.dumps(document).encode(), "a.json")
    assert list(regions(reading)) == ["L", "turned"]
    (note,) = reading.notes
    assert "2 lines (wire, vessel)" in note
    assert "1 point (tip)" in note
    assert "2 shapes without an area in the picture (half, away)" in note
    assert "1 ellipse (lens), 1 cuboid (block)" in note


def test_a_file_of_lines_alone_is_refused_with_their_names(tmp_path: Path) -> None:
    document = drawn({"label": "wire", "points": [[1, 1], [9, 9]], "shape_type": "line"})
    with pytest.raises(MaskError, match="1 line \\(wire\\)"):
        read(tmp_path, json.dumps(document).encode(), "a.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_every_encoding_of_json(tmp_path: Path, encoding: str) -> None:
    document = drawn({**SQUARE, "label": "Erguß"})
    data = json.dumps(document, ensure_ascii=False).encode(encoding)
    assert list(regions(read(tmp_path, data, "a.json"))) == ["Erguß"]


@pytest.mark.parametrize("label", ["", "   ", None, 7])
def test_odd_labels_are_no_reason_to_refuse_a_file(tmp_path: Path, label: object) -> None:
    found = regions(read(tmp_path, json.dumps(drawn({**SQUARE, "label": label})).encode(), "a.json"))
    assert list(found) == ["7" if label == 7 else "important"]


@pytest.mark.parametrize("path", ["C:\\data\\set 1\\b.png", "../set/b.png", "b.png"])
def test_the_picture_that_a_file_names_is_told(tmp_path: Path, path: str) -> None:
    data = json.dumps(drawn(SQUARE, imagePath=path)).encode()
    assert read(tmp_path, data, "a.json").picture == "b.png"


def test_a_file_without_a_size_takes_the_case_s_with_a_word(tmp_path: Path) -> None:
    data = json.dumps(drawn(SQUARE, imageWidth=None, imageHeight=None)).encode()
    reading = read(tmp_path, data, "a.json")
    assert reading.mask.bounds(1) == (10, 5, 20, 15)
    assert "size" in reading.notes[0]
    with pytest.raises(MaskError, match="how large"):
        read_mask(tmp_path / "a.json")


# ---- COCO -----------------------------------------------------------------------------------------------


def coco(annotations: list[dict[str, Any]], **more: Any) -> bytes:
    document = {
        "images": [{"id": 1, "file_name": "train\\a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": [{"id": i, "image_id": 1, "category_id": 1, **a} for i, a in enumerate(annotations)],
        "categories": [{"id": 1, "name": "x"}],
        **more,
    }
    return json.dumps(document).encode()


OUTLINE = [[10, 10, 20, 10, 20, 20, 10, 20]]


@pytest.mark.parametrize(
    "change", [{"image_id": "1"}, {"image_id": 1.0}, {"category_id": "1"}, {"segmentation": OUTLINE[0]}]
)
def test_ids_may_be_texts_and_outlines_flat(tmp_path: Path, change: dict[str, Any]) -> None:
    reading = read(tmp_path, coco([{"segmentation": OUTLINE, **change}]), "c.json")
    assert {n: np.count_nonzero(p) for n, p in regions(reading).items()} == {"x": 100}
    assert reading.picture == "a.png"


@pytest.mark.parametrize(
    ("categories", "name"),
    [
        ([{"id": 1, "name": "shapes"}], "shapes"),
        ([{"id": 1, "name": "  "}], "category 1"),
        ([{"id": 1}], "category 1"),
        ([], "category 1"),
        (None, "category 1"),
    ],
)
def test_odd_categories(tmp_path: Path, categories: object, name: str) -> None:
    assert list(regions(read(tmp_path, coco([{"segmentation": OUTLINE}], categories=categories), "c.json"))) == [name]


def test_weights_and_colours_of_others_are_not_taken_for_ours(tmp_path: Path) -> None:
    data = coco([{"segmentation": OUTLINE, "weight": 70.5, "colour": "red"}])
    (region,) = read(tmp_path, data, "c.json").mask.regions
    assert region.weight == 1


def test_boxes_without_an_outline_are_taken_with_a_word_and_nothing_is_dropped_in_silence(tmp_path: Path) -> None:
    data = coco([{"bbox": [5, 5, 10, 4]}, {"segmentation": [], "bbox": [200, 5, 10, 4]}])
    reading = read(tmp_path, data, "c.json")
    assert reading.mask.bounds(1) == (5, 5, 10, 4)
    assert "box" in reading.notes[0]
    assert "1 annotation (x) without an area" in reading.notes[1]


def test_annotations_of_another_kind_or_of_no_image_are_named(tmp_path: Path) -> None:
    data = coco([{"segmentation": OUTLINE}, {"keypoints": [1, 2, 2]}, {"image_id": 7, "segmentation": OUTLINE}])
    reading = read(tmp_path, data, "c.json")
    assert {n: np.count_nonzero(p) for n, p in regions(reading).items()} == {"x": 100}
    assert "1 annotation of no image in it" in " ".join(reading.notes)
    assert "1 annotation (x) without an area" in " ".join(reading.notes)


@pytest.mark.parametrize("wanted", ["b.png", "B.PNG", "b.dcm"])
def test_the_case_is_found_by_its_name_whatever_the_slashes_case_or_suffix(tmp_path: Path, wanted: str) -> None:
    images = [
        {"id": i, "file_name": f"set\\{n}.png", "width": WIDTH, "height": HEIGHT} for i, n in (("4", "a"), ("9", "b"))
    ]
    data = coco([{"image_id": 9, "segmentation": OUTLINE}], images=images)
    reading = read(tmp_path, data, "c.json", image_name=wanted)
    assert np.count_nonzero(reading.mask.pixels(1)) == 100
    assert reading.picture == "b.png"


@pytest.mark.parametrize("number", [1, 1.0, "1", " 1"])
def test_an_id_is_the_same_however_it_is_written(tmp_path: Path, number: object) -> None:
    data = coco([{"segmentation": OUTLINE, "image_id": number, "category_id": number}])
    assert list(regions(read(tmp_path, data, "c.json"))) == ["x"]


@pytest.mark.parametrize("categories", [{"1": "x"}, ["y", "x"], [{"name": "y"}, {"name": "x"}]])
def test_categories_that_others_write_otherwise_keep_their_names(tmp_path: Path, categories: object) -> None:
    assert list(regions(read(tmp_path, coco([{"segmentation": OUTLINE}], categories=categories), "c.json"))) == ["x"]


def test_a_turned_box_of_cvat_is_turned(tmp_path: Path) -> None:
    data = coco([{"segmentation": [], "bbox": [20, 10, 20, 10], "attributes": {"rotation": 90.0}}])
    assert read(tmp_path, data, "c.json").mask.bounds(1) == (25, 5, 10, 20)


def test_annotations_without_an_area_or_of_other_images_are_told(tmp_path: Path) -> None:
    keypoints, caption = {"keypoints": [1, 2, 2]}, {"caption": "hello"}
    reading = read(tmp_path, coco([keypoints, caption, {"segmentation": OUTLINE}]), "c.json")
    assert "2 annotations (x) without an area" in reading.notes[0]
    with pytest.raises(MaskError, match="no annotation with an area"):
        read(tmp_path, coco([keypoints]), "c.json")
    assert "None of its 1 annotations" in read(tmp_path, coco([{"image_id": 7, "segmentation": OUTLINE}])).notes[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"filename,file_size,file_attributes,region_count\n", "a table of VIA"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"0 0.5 0.5 0.2 0.2\n", "a file of another kind"),
    ],
)
def test_what_is_no_mask_is_called_what_it_is(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(MaskError, match=said) as caught:
        read(tmp_path, data)
    assert "CVAT" in caught.value.remedy
    assert "object at 0x" not in caught.value.message


def test_json_of_another_kind_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="neither shapes"):
        read(tmp_path, b'{"boxes": []}', "c.json")


# ---- VIA and CVAT ---------------------------------------------------------------------------------------


def region(shape_attributes: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    return {"shape_attributes": shape_attributes, "region_attributes": attributes}


VIA_REGIONS = [
    region({"name": "polygon", "all_points_x": [10, 30, 30, 10], "all_points_y": [5, 5, 20, 20]}, {"name": "lung"}),
    region({"name": "rect", "x": 5, "y": 30, "width": 15, "height": 5}, {"kind": {"rib": True, "bone": False}}),
    region({"name": "circle", "cx": 50, "cy": 30, "r": 5}, {"name": "knob"}),
    region({"name": "ellipse", "cx": 45, "cy": 12, "rx": 8, "ry": 3, "theta": 1.5707963}, {"q": "1", "label": "lens"}),
    region({"name": "polyline", "all_points_x": [1, 2], "all_points_y": [1, 2]}, {"name": "wire"}),
    region({"name": "point", "cx": 3, "cy": 4}, {"name": "tip"}),
]


def via(*regions: dict[str, Any], name: str = "a.png") -> dict[str, Any]:
    return {f"{name}123": {"filename": name, "size": 123, "regions": list(regions), "file_attributes": {}}}


@pytest.mark.parametrize("project", [False, True])
def test_via_keeps_what_has_an_area_and_names_the_rest(tmp_path: Path, project: bool) -> None:
    document = via(*VIA_REGIONS)
    data = json.dumps({"_via_settings": {}, "_via_img_metadata": document} if project else document).encode()
    reading = read(tmp_path, data, "v.json")
    boxes = {r.name: reading.mask.bounds(r.id) for r in reading.mask.regions}
    assert boxes == {"lung": (10, 5, 20, 15), "rib": (5, 30, 15, 5), "knob": (45, 25, 10, 10), "lens": (42, 4, 6, 16)}
    assert "1 line (wire), 1 point (tip)" in reading.notes[0]
    assert reading.picture == "a.png"


def test_via_says_for_which_picture(tmp_path: Path) -> None:
    numbered = {"0": VIA_REGIONS[0]}  # as VIA 1 writes regions
    document = {**via(name="a.png"), "b": {"filename": "b.png", "regions": numbered}}
    data = json.dumps(document).encode()
    assert list(regions(read(tmp_path, data, "v.json", image_name="B.dcm"))) == ["lung"]
    with pytest.raises(MaskError, match="describes 2 images"):
        read(tmp_path, data, "v.json", image_name="c.png")
    with pytest.raises(MaskError, match="how large"):
        read_mask(tmp_path / "v.json", image_name="b.png")


CVAT = """<?xml version="1.0" encoding="{encoding}"?>
<annotations><version>1.1</version><meta><task><name>films</name></task></meta>
<image id="0" name="set/a.png" width="60" height="40">
<polygon label="Erguß" points="10.00,5.00;30.00,5.00;30,20;10,20"><attribute name="q">1</attribute></polygon>
<box label="plate" xtl="5" ytl="30" xbr="20" ybr="35"/>
<box label="turned" xtl="20" ytl="10" xbr="40" ybr="20" rotation="90"/>
<ellipse label="lens" cx="45" cy="12" rx="8" ry="3" rotation="90"/>
<mask label="spot" rle="2, 3, 5" left="1" top="2" width="5" height="2"/>
<polyline label="wire" points="1,1;2,2"/><points label="tip" points="3,3"/><cuboid label="block"/>
</image></annotations>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_cvat_keeps_what_has_an_area_turned_or_not_and_names_the_rest(tmp_path: Path, encoding: str) -> None:
    text = CVAT.format(encoding=encoding.removesuffix("-sig"))
    reading = read(tmp_path, text.encode(encoding), "c.xml")
    boxes = {r.name: reading.mask.bounds(r.id) for r in reading.mask.regions}
    assert boxes == {
        "Erguß": (10, 5, 20, 15), "plate": (5, 30, 15, 5), "turned": (25, 5, 10, 20), "lens": (42, 4, 6, 16),
        "spot": (3, 2, 3, 1),
    }  # fmt: skip
    assert "1 line (wire), 1 point (tip), 1 cuboid (block)" in reading.notes[0]
    assert reading.picture == "a.png"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<annotations><track id="0"/></annotations>', "describes no images"),
        ("<annotation><filename>a.png</filename></annotation>", "describes no images"),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "document type"),
        ("<annotations>" + "<a>" * 100_000, "nested"),
        ('<annotations><image id="0" name="a" width="9" height="9"><box label="x"/></image></annotations>', "“xtl”"),
        ('<annotations><image id="0" name="a" width="90000000" height="90000000"/></annotations>', "90000000"),
        ('<annotations><image name="a" width="9" height="9"><mask label="x" left="0" top="0" width="4" height="5" '
         'rle="9999999999999999999,-9999999999999999979"/></image></annotations>', "run lengths"),
    ],
)  # fmt: skip
def test_xml_of_another_kind_or_forged_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MaskError, match=said):
        read(tmp_path, text.encode(), "c.xml")


def read_small(tmp_path: Path, data: bytes, name: str) -> Reading:
    (tmp_path / name).write_bytes(data)
    return read_mask_file(tmp_path / name, (40, 30), image_name="a.png")


def labelme_file(*shapes: dict[str, Any]) -> bytes:
    return json.dumps({"shapes": list(shapes), "imagePath": "a.png", "imageWidth": 40, "imageHeight": 30}).encode()


def bitmap(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(png(values)).decode()


OVER = {
    "rectangle": ({"label": "a", "shape_type": "rectangle", "points": [[30, 20], [50, 40]]}, 300),
    "polygon": ({"label": "a", "shape_type": "polygon", "points": [[30, 20], [50, 20], [50, 40], [30, 40]]}, 300),
    "far": ({"label": "a", "shape_type": "polygon", "points": [[0, 0], [1e6, 0], [1e6, 10], [0, 10]]}, 9_999_600),
    "mask": ({"label": "a", "shape_type": "mask", "points": [[35, 25], [44, 34]],
              "mask": bitmap(np.full((10, 10), 255, np.uint8))}, 75),
    "inside": ({"label": "a", "shape_type": "polygon", "points": [[0, 0], [20, 0], [20, 30], [0, 30]]}, 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", OVER)
def test_parts_over_the_edge_are_told(kind: str, tmp_path: Path) -> None:
    shape, outside = OVER[kind]
    notes = " ".join(read_small(tmp_path, labelme_file(shape), "m.json").notes)
    assert (f"{outside:,} pixels lie outside the picture" in notes) == bool(outside)
    assert ("outside" in notes) == bool(outside)


def test_a_circle_over_the_edge_is_told(tmp_path: Path) -> None:
    shape = {"label": "a", "shape_type": "circle", "points": [[40, 15], [40, 25]]}
    (note,) = read_small(tmp_path, labelme_file(shape), "m.json").notes
    assert abs(int(note.split()[0]) - 157) <= 3


@pytest.mark.parametrize("boxed", [False, True])
def test_parts_of_coco_s_over_the_edge_are_told(boxed: bool, tmp_path: Path) -> None:
    one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [30, 20, 20, 20]}
    if not boxed:
        one["segmentation"] = [[30, 20, 50, 20, 50, 40, 30, 40]]
    images = [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}]
    data = json.dumps({"images": images, "annotations": [one]}).encode()
    assert "300 pixels lie outside" in " ".join(read_small(tmp_path, data, "m.json").notes)


@pytest.mark.parametrize("name", ["m.png", "m.json"])
def test_a_mask_of_everything_is_told(name: str, tmp_path: Path) -> None:
    shape = {"label": "a", "shape_type": "rectangle", "points": [[0, 0], [40, 30]]}
    data = labelme_file(shape) if name == "m.json" else png(np.full((30, 40), 255, np.uint8))
    assert "All of the picture counts as inside" in " ".join(read_small(tmp_path, data, name).notes)


@pytest.mark.parametrize("kind", ["labelme", "coco"])
def test_an_entry_twice_is_refused(kind: str, tmp_path: Path) -> None:
    """Another program may take the other one."""
    if kind == "labelme":
        data = labelme_file(OVER["inside"][0]).replace(b'"points"', b'"points": [[0, 0], [1, 0], [1, 1]], "points"')
        what = "points"
    else:
        data, what = b'{"images": [], "annotations": [], "annotations": [{"id": 1}]}', "annotations"
    with pytest.raises(MaskError, match=f"“{what}” is there twice"):
        read_small(tmp_path, data, "m.json")
