"""Mask files: round trips, files of other programs, and errors that say what to do."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from divisive_desktop.errors import MaskError, MaskSizeError
from divisive_desktop.masks import ops, shapes
from divisive_desktop.masks.files import FORMATS, read_mask, write_mask
from divisive_desktop.masks.formats.common import Options
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Brush

SIZE = (121, 83)


@pytest.fixture
def mask() -> Mask:
    """Two overlapping regions with two levels, one with a hole, one in two parts."""
    mask = Mask(*SIZE)
    first, second = mask.add("effusion"), mask.add("Erguß 胸水", "#0072b2", weight=0.25)
    ops.apply(mask, first.id, shapes.ellipse((10, 10), (60, 70), SIZE))
    ops.apply(mask, first.id, shapes.rectangle((30, 30), (36, 39), SIZE), "subtract")
    ops.apply(mask, second.id, shapes.rectangle((40, 20), (90, 50), SIZE))
    ops.apply(mask, second.id, shapes.rectangle((100, 70), (121, 83), SIZE))
    return mask


@pytest.fixture
def soft(mask: Mask) -> Mask:
    ops.stroke(mask, 1, [(60, 60), (100, 60)], Brush(12, 0.2))
    return mask


def same_regions(a: Mask, b: Mask) -> None:
    assert [r.name for r in a.regions] == [r.name for r in b.regions]
    for x, y in zip(a.regions, b.regions, strict=True):
        assert np.array_equal(a.pixels(x.id), b.pixels(y.id))


# ---- round trips ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "error"), [(8, 0.5 / 255), (16, 0.5 / 255)])
def test_png_brings_the_saliency_mask_back(tmp_path: Path, soft: Mask, bits: int, error: float) -> None:
    assert write_mask(tmp_path / "m.png", soft, options=Options(bits=bits)) == ()
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.mode == {8: "L", 16: "I;16"}[bits]
        stored = np.asarray(picture) / (2**bits - 1)
    assert np.abs(stored - soft.union()).max() <= 0.5 / (2**bits - 1) + 1e-6
    assert np.abs(read_mask(tmp_path / "m.png", SIZE).union() - soft.union()).max() <= error + 1e-6


def test_one_bit_png_says_what_it_cuts(tmp_path: Path, mask: Mask) -> None:
    notes = write_mask(tmp_path / "m.png", mask, options=Options(bits=1))
    assert "one half" in notes[0]
    with Image.open(tmp_path / "m.png") as picture:
        assert picture.mode == "1"
    assert np.array_equal(read_mask(tmp_path / "m.png").pixels(1) == 255, mask.union() >= 0.5)
    mask.change(2, weight=1.0)
    assert write_mask(tmp_path / "m.png", mask, options=Options(bits=1)) == ()


def test_a_faint_mask_is_not_taken_for_labels(tmp_path: Path, mask: Mask) -> None:
    mask.change(1, weight=0.1)
    mask.change(2, weight=0.05)
    write_mask(tmp_path / "m.png", mask)
    back = read_mask(tmp_path / "m.png")
    assert len(back.regions) == 1
    assert back.union().max() == pytest.approx(0.1, abs=0.003)


def test_npy_is_exact_and_without_pickle(tmp_path: Path, soft: Mask) -> None:
    write_mask(tmp_path / "m.npy", soft)
    stored = np.load(tmp_path / "m.npy", allow_pickle=False)
    assert stored.dtype == np.float32
    assert np.array_equal(stored, soft.union())
    assert np.abs(read_mask(tmp_path / "m.npy", SIZE).union() - stored).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz"])
@pytest.mark.parametrize("content", ["soft", "binary"])
def test_nifti_comes_back_and_lies_as_itk_lays_it(tmp_path: Path, mask: Mask, name: str, content: str) -> None:
    nibabel = pytest.importorskip("nibabel")
    if content == "binary":
        mask.change(2, weight=1.0)
    write_mask(tmp_path / name, mask, options=Options(pixel_mm=(0.2, 0.4)))
    image = nibabel.load(tmp_path / name)
    assert image.shape == (121, 83, 1)
    assert nibabel.aff2axcodes(image.affine)[:2] == ("L", "P")
    assert image.header.get_zooms()[:2] == pytest.approx((0.2, 0.4))
    assert np.array_equal(np.asarray(image.dataobj)[:, :, 0].T, mask.union())
    assert np.abs(read_mask(tmp_path / name, SIZE).union() - mask.union()).max() <= 0.5 / 255 + 1e-6


def test_nifti_that_other_software_flipped_is_flipped_back(tmp_path: Path, mask: Mask) -> None:
    nibabel = pytest.importorskip("nibabel")
    write_mask(tmp_path / "m.nii", mask)
    image = nibabel.load(tmp_path / "m.nii")
    nibabel.as_closest_canonical(image).to_filename(tmp_path / "ras.nii")
    assert not np.array_equal(nibabel.load(tmp_path / "ras.nii").get_fdata(), image.get_fdata())
    assert np.array_equal(read_mask(tmp_path / "ras.nii").union(), read_mask(tmp_path / "m.nii").union())


@pytest.mark.parametrize("name", ["m.png", "m.npy", "m.nii.gz"])
def test_label_maps_keep_regions_apart(tmp_path: Path, mask: Mask, name: str) -> None:
    with pytest.raises(MaskError, match="overlaps"):
        write_mask(tmp_path / name, mask, options=Options(content="labels"))
    assert not (tmp_path / name).exists()
    ops.apply(mask, 1, shapes.rectangle((40, 0), (90, 83), SIZE), "subtract")
    assert "weights" in " ".join(write_mask(tmp_path / name, mask, options=Options(content="labels")))
    back = read_mask(tmp_path / name)
    assert [r.name for r in back.regions] == ["label 1", "label 2"]
    for region in mask.regions:
        assert np.array_equal(back.pixels(region.id), mask.pixels(region.id))


@pytest.mark.parametrize("polygons", [False, True])
@pytest.mark.parametrize("format_id", ["coco", "labelme"])
def test_json_formats_keep_every_region(tmp_path: Path, mask: Mask, format_id: str, polygons: bool) -> None:
    path = tmp_path / "m.json"
    notes = write_mask(path, mask, format_id, Options(polygons=polygons, image_name="film.dcm"))
    back = read_mask(path, SIZE)
    same_regions(mask, back)
    if format_id == "coco":
        assert notes == ()
        assert [(r.colour, r.weight) for r in back.regions] == [(r.colour, r.weight) for r in mask.regions]
    else:
        assert "weights" in notes[0]


def test_json_formats_say_that_soft_edges_are_cut(tmp_path: Path, soft: Mask) -> None:
    for format_id in ("coco", "labelme"):
        assert "effusion" in write_mask(tmp_path / "m.json", soft, format_id)[0]
        assert np.array_equal(read_mask(tmp_path / "m.json").pixels(1) > 0, soft.pixels(1) >= 128)


def test_coco_polygons_are_lists_of_numbers_with_box_and_area(tmp_path: Path, mask: Mask) -> None:
    write_mask(tmp_path / "m.json", mask, "coco", Options(polygons=True, image_name="film.png"))
    document = json.loads((tmp_path / "m.json").read_text())
    hole, parts = document["annotations"]
    assert hole["iscrowd"] == 1, "a hole can't be a polygon: run lengths"
    assert len(parts["segmentation"]) == 2
    assert parts["bbox"] == [40, 20, 81, 63]
    assert parts["area"] == 50 * 30 + 21 * 13
    assert document["images"] == [{"id": 1, "file_name": "film.png", "width": 121, "height": 83}]
    assert [c["name"] for c in document["categories"]] == ["effusion", "Erguß 胸水"]


def test_pycocotools_sees_the_same_pixels(tmp_path: Path, mask: Mask) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    for polygons in (False, True):
        write_mask(tmp_path / "m.json", mask, "coco", Options(polygons=polygons))
        annotations = json.loads((tmp_path / "m.json").read_text())["annotations"]
        for annotation, region in zip(annotations, mask.regions, strict=True):
            coded = annotation["segmentation"]
            if isinstance(coded, list):
                coded = coco.merge(coco.frPyObjects(coded, SIZE[1], SIZE[0]))
            else:
                coded = {**coded, "counts": coded["counts"].encode()}
            assert np.array_equal(coco.decode(coded) * 255, mask.pixels(region.id))


@pytest.mark.parametrize("source", ["RG1_UNCR.dcm", "RG3_UNCR.dcm", "CT_small.dcm", "MR_small.dcm"])
@pytest.mark.parametrize("fractional", [False, True])
def test_dicom_segmentation_comes_back_and_is_valid(tmp_path: Path, source: str, fractional: bool) -> None:
    import shutil
    import subprocess

    import pydicom

    hd = pytest.importorskip("highdicom")
    file = sample(source)
    dataset = pydicom.dcmread(file, stop_before_pixels=True)
    mask = Mask(dataset.Columns, dataset.Rows)
    first, second = mask.add("effusion", "#cc79a7"), mask.add("Erguß 胸水", weight=0.25)
    w, h = mask.size
    ops.apply(mask, first.id, shapes.ellipse((w * 0.1, h * 0.2), (w * 0.6, h * 0.7), mask.size))
    ops.apply(mask, second.id, shapes.rectangle((w * 0.5, h * 0.5), (w, h), mask.size))
    mask.add("empty")
    if fractional:
        ops.stroke(mask, 1, [(w * 0.2, h * 0.8), (w * 0.6, h * 0.9)], Brush(w / 20, 0.2))
    path = tmp_path / "seg.dcm"
    assert write_mask(path, mask, options=Options(source=file)) == ()

    seg = hd.seg.segread(path)
    assert seg.SegmentationType == ("FRACTIONAL" if fractional else "BINARY")
    assert seg.StudyInstanceUID == dataset.StudyInstanceUID
    assert seg.PatientID == dataset.PatientID
    planes = seg.get_pixels_by_source_instance([dataset.SOPInstanceUID], rescale_fractional=False)[0]
    for number, region in enumerate((first, second)):
        assert np.array_equal(planes[..., number] * (1 if fractional else 255), mask.pixels(region.id))

    back = read_mask(path, mask.size, source_uid=dataset.SOPInstanceUID)
    assert [(r.name, r.weight) for r in back.regions] == [("effusion", 1.0), ("Erguß 胸水", 0.25)]
    assert back.region(1).colour == "#cc79a7"
    for region in (first, second):
        assert np.array_equal(back.pixels(region.id), mask.pixels(region.id))
    with pytest.raises(MaskError, match="another image"):
        read_mask(path, mask.size, source_uid="1.2.3")

    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (dicom3tools) isn't installed: the rest passed")
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    errors = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
    assert not errors
    assert "Segmentation" in said.stdout + said.stderr


def sample(name: str) -> Path:
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file(name, download=False)))


def test_binary_segmentation_of_a_soft_mask_says_what_it_cuts(tmp_path: Path, rg1: Path) -> None:
    mask = Mask(1841, 1955)
    mask.add("soft one")
    ops.stroke(mask, 1, [(800, 800)], Brush(100, 0.1))
    notes = write_mask(tmp_path / "s.dcm", mask, options=Options(source=rg1, fractional=False))
    assert "soft one" in notes[0]
    assert np.array_equal(read_mask(tmp_path / "s.dcm").pixels(1) > 0, mask.pixels(1) >= 128)


def test_a_segmentation_needs_its_image(tmp_path: Path, mask: Mask, rg1: Path) -> None:
    with pytest.raises(MaskError, match="refers to a DICOM image"):
        write_mask(tmp_path / "s.dcm", mask)
    with pytest.raises(MaskError, match="1841 x 1955"):
        write_mask(tmp_path / "s.dcm", mask, options=Options(source=rg1))
    empty = Mask(1841, 1955)
    with pytest.raises(MaskError, match="Nothing is painted"):
        write_mask(tmp_path / "s.dcm", empty, options=Options(source=rg1))
    with pytest.raises(MaskError, match="not a segmentation"):
        read_mask(rg1)


# ---- files of other programs ----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_black_and_white_pictures_of_every_mode(tmp_path: Path, mode: str) -> None:
    inside = np.zeros((20, 30), bool)
    inside[5:9, 10:20] = True
    if mode == "I;16":
        picture = Image.fromarray(np.where(inside, 65535, 0).astype(np.uint16))
    else:
        picture = Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).convert(mode)
    picture.save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", (30, 20)).pixels(1) == 255, inside)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "uint16", "float64", "float32"])
def test_zeros_and_ones_are_inside_and_outside(tmp_path: Path, dtype: str) -> None:
    inside = np.eye(12) > 0
    np.save(tmp_path / "m.npy", inside.astype(dtype))
    assert np.array_equal(read_mask(tmp_path / "m.npy").pixels(1) == 255, inside)


def test_labelme_shapes_drawn_by_hand(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.ones((3, 4), bool)).save(buffer, "PNG")
    shape = {"group_id": None, "flags": {}}
    document = {
        "version": "5.4.1", "flags": {}, "imagePath": "x.png", "imageData": None, "imageHeight": 60, "imageWidth": 80,
        "shapes": [
            {**shape, "label": "nodule", "points": [[30, 30], [30, 35]], "shape_type": "circle"},
            {**shape, "label": "nodule", "points": [[5, 5], [15, 10]], "shape_type": "rectangle"},
            {**shape, "label": "wire", "points": [[50.5, 10], [70, 10], [60, 40]]},
            {**shape, "label": "tip", "points": [[9, 9]], "shape_type": "point"},
            {**shape, "label": "m", "points": [[76, 57], [79, 59]], "shape_type": "mask",
             "mask": base64.b64encode(buffer.getvalue()).decode()},
        ],
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(document))
    mask = read_mask(tmp_path / "a.json", (80, 60))
    assert [r.name for r in mask.regions] == ["nodule", "wire", "m"]
    assert np.count_nonzero(mask.pixels(1)) == pytest.approx(50 + np.pi * 25, abs=4)
    assert np.count_nonzero(mask.pixels(2)) == pytest.approx(0.5 * 19.5 * 30, rel=0.03)
    assert mask.bounds(3) == (76, 57, 4, 3)


def test_coco_of_several_images_wants_the_name(tmp_path: Path) -> None:
    document = {
        "images": [{"id": i, "file_name": f"train/{n}.png", "width": 10, "height": 8} for i, n in ((4, "a"), (9, "b"))],
        "categories": [{"id": 7, "name": "eye"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 7, "segmentation": [[1, 1, 5, 1, 5, 4, 1, 4]]},
            {"id": 2, "image_id": 4, "category_id": 7, "segmentation": {"size": [8, 10], "counts": [0, 80]}},
        ],
    }
    (tmp_path / "c.json").write_text(json.dumps(document))
    assert np.count_nonzero(read_mask(tmp_path / "c.json", image_name="b.png").pixels(1)) == 12
    assert np.count_nonzero(read_mask(tmp_path / "c.json", image_name="a.png").pixels(1)) == 80
    with pytest.raises(MaskError, match="2 images"):
        read_mask(tmp_path / "c.json", image_name="z.png")


# ---- sizes and errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format_id", [f.id for f in FORMATS if f.id != "dicom-seg"])
def test_another_size_is_an_error_that_offers_resampling(tmp_path: Path, mask: Mask, format_id: str) -> None:
    mask.change(2, weight=1.0)
    path = tmp_path / ("m" + next(f for f in FORMATS if f.id == format_id).suffixes[0])
    write_mask(path, mask, format_id)
    with pytest.raises(MaskSizeError, match="121 x 83") as caught:
        read_mask(path, (242, 166))
    assert "Resample" in caught.value.remedy
    scaled = read_mask(path, (242, 166), resample=True)
    assert scaled.size == (242, 166)
    assert scaled.union().mean() == pytest.approx(mask.union().mean(), rel=0.02)


class _Bomb:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("pwned",)


def test_pickled_objects_are_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "m.npy", np.array([[_Bomb()]], object), allow_pickle=True)
    (tmp_path / "n.npy").write_bytes(pickle.dumps(_Bomb()))
    for name in ("m.npy", "n.npy"):
        with pytest.raises(MaskError):
            read_mask(tmp_path / name)
    assert not (tmp_path / "pwned").exists()


def broken(kind: str) -> tuple[str, bytes]:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((50, 50), np.uint8)).save(buffer, "PNG")
    png = buffer.getvalue()
    array = io.BytesIO()
    np.save(array, np.zeros((3, 4, 5)))
    coco = {"images": [{"id": 1, "width": 10, "height": 10}], "annotations": [{"image_id": 1, "category_id": 1}]}
    return {
        "empty": ("m.png", b""),
        "text": ("m.png", b"no picture"),
        "cut png": ("m.png", png[: len(png) // 2]),
        "cut npy": ("m.npy", array.getvalue()[:150]),
        "3-D": ("m.npy", array.getvalue()),
        "cut nifti": ("m.nii", b"\x5c\x01\0\0" + bytes(200)),
        "no nifti": ("m.nii.gz", gzip.compress(b"hello")),
        "cut gzip": ("m.nii.gz", gzip.compress(bytes(5000))[:20]),
        "json": ("m.json", b"{"),
        "list": ("m.json", b"[1, 2]"),
        "coco": ("m.json", json.dumps(coco).encode()),
        "labelme": ("m.json", b'{"shapes": [{}], "imageWidth": 5, "imageHeight": 5}'),
        "huge": ("m.json", b'{"shapes": [], "imageWidth": 5000000, "imageHeight": 5000000}'),
        "dicom": ("m.dcm", bytes(128) + b"DICM" + b"\x01" * 40),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["empty", "text", "cut png", "cut npy", "3-D", "cut nifti", "no nifti", "cut gzip", "json", "list", "coco",
     "labelme", "huge", "dicom"],
)  # fmt: skip
def test_broken_files_are_refused_in_words(tmp_path: Path, kind: str) -> None:
    name, data = broken(kind)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MaskError) as caught:
        read_mask(tmp_path / name)
    assert name in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("values", [[[0.5, 1.5]], [[-0.1, 0.2]], [[np.nan, 0]], [[-1, 3]], [[0, 70000]]])
def test_values_that_are_no_mask_are_refused(tmp_path: Path, values: list) -> None:
    np.save(tmp_path / "m.npy", np.array(values))
    with pytest.raises(MaskError, match="values"):
        read_mask(tmp_path / "m.npy")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, mask: Mask) -> None:
    path = tmp_path / "m.png"
    write_mask(path, mask)
    before = path.read_bytes()
    with pytest.raises(MaskError, match="overlaps"):
        write_mask(path, mask, options=Options(content="labels"))
    assert path.read_bytes() == before
    with pytest.raises(MaskError, match="can't be written"):
        write_mask(tmp_path / "missing" / "m.png", mask)
    assert [p.name for p in tmp_path.iterdir()] == ["m.png"]


def test_a_suffix_that_says_nothing_is_refused(tmp_path: Path, mask: Mask) -> None:
    with pytest.raises(MaskError, match="suffix"):
        write_mask(tmp_path / "m.xyz", mask)
    with pytest.raises(MaskError, match="no mask format"):
        write_mask(tmp_path / "m.png", mask, "xyz")
    with pytest.raises(MaskError, match="can't be read"):
        read_mask(tmp_path / "missing.png")
