"""Photographs of every mode -> upright RGB or grey with all their bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.display import render

RNG = np.random.default_rng(1)
COLOUR = cv2.resize(RNG.integers(0, 256, (6, 8, 3)).astype(np.uint8), (80, 60), interpolation=cv2.INTER_CUBIC)
GREY = np.ascontiguousarray(COLOUR[..., 1])


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".gif"])
def test_lossless_colour_comes_back_in_rgb_order(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"ünïcode 名前{suffix}"
    picture = Image.fromarray(COLOUR)
    if suffix == ".gif":
        flat = (COLOUR // 128) * 255  # eight colours fit a palette exactly
        Image.fromarray(flat).convert("P", palette=Image.Palette.WEB, dither=Image.Dither.NONE).save(path)
        assert (open_image(path).stored == flat).all()
        return
    picture.save(path, **({"lossless": True} if suffix == ".webp" else {}))
    image = open_image(path)
    assert (image.stored == COLOUR).all()
    assert image.kind == "photograph"
    assert not image.lossy or suffix == ".webp"


def test_jpeg_is_close_and_marked_lossy(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(COLOUR).save(path, quality=95, subsampling=0)
    image = open_image(path)
    assert image.lossy
    assert np.abs(image.stored.astype(int) - COLOUR).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(orientation: int, tmp_path: Path) -> None:
    upright = COLOUR
    as_stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.swapaxes(0, 1),
        6: np.rot90(upright), 7: np.rot90(upright, 2).swapaxes(0, 1), 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(np.ascontiguousarray(as_stored)).save(path, exif=exif)
    image = open_image(path)
    assert (image.stored == upright).all()
    assert bool(image.notes) == (orientation != 1)


def test_sixteen_bits_survive(tmp_path: Path) -> None:
    grey = RNG.integers(0, 65536, (40, 50)).astype(np.uint16)
    colour = RNG.integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    for suffix in (".png", ".tif"):
        cv2.imwrite(str(tmp_path / f"g{suffix}"), grey)
        cv2.imwrite(str(tmp_path / f"c{suffix}"), colour[..., ::-1])
        assert (open_image(tmp_path / f"g{suffix}").stored == grey).all()
        assert (open_image(tmp_path / f"c{suffix}").stored == colour).all()
    assert (render(open_image(tmp_path / "c.png")) == np.rint(colour / 257)).all()


def test_a_dim_sixteen_bit_picture_is_not_shown_black(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "dim.png"), (GREY.astype(np.uint16) * 8))
    image = open_image(tmp_path / "dim.png")
    assert image.voi[0].explanation == "Auto"
    assert 60 < render(image).mean() < 200


def test_transparency_is_shown_on_white(tmp_path: Path) -> None:
    rgba = np.dstack([COLOUR, np.full(GREY.shape, 255, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "opaque.png")
    opaque = open_image(tmp_path / "opaque.png")
    assert (opaque.stored == COLOUR).all()
    rgba[:10, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "holes.png")
    holes = open_image(tmp_path / "holes.png")
    assert (holes.stored[:10] == 255).all()
    assert (holes.stored[10:] == COLOUR[10:]).all()
    assert any("white" in note for note in holes.notes)
    deep = np.dstack([COLOUR[..., ::-1], rgba[..., 3]]).astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert (render(open_image(tmp_path / "deep.png")) == holes.stored).all()


def test_cmyk_of_adobe_is_not_inverted(tmp_path: Path) -> None:
    red = Image.new("RGB", (64, 64), (220, 30, 40)).convert("CMYK")
    red.save(tmp_path / "cmyk.jpg", quality=95)  # Pillow writes the Adobe marker and inverts, as Photoshop does
    red.save(tmp_path / "cmyk.tif")
    for name in ("cmyk.jpg", "cmyk.tif"):
        image = open_image(tmp_path / name)
        r, g, b = (int(v) for v in image.stored.reshape(-1, 3).mean(axis=0))
        assert r > 180, name
        assert max(g, b) < 90, name
        assert any("CMYK" in note for note in image.notes)


def test_palette_and_one_bit_pictures(tmp_path: Path) -> None:
    flat = (COLOUR // 128) * 255
    Image.fromarray(flat).convert("P", palette=Image.Palette.WEB, dither=Image.Dither.NONE).save(tmp_path / "p.png")
    assert (open_image(tmp_path / "p.png").stored == flat).all()
    Image.fromarray(GREY > 128).save(tmp_path / "1.png")
    assert (open_image(tmp_path / "1.png").stored == np.where(GREY > 128, 255, 0)).all()


def test_floating_point_tiff_opens_without_nan(tmp_path: Path) -> None:
    values = GREY.astype(np.float32) / 255
    values[0, 0] = np.nan
    Image.fromarray(values).save(tmp_path / "f.tif")
    image = open_image(tmp_path / "f.tif")
    assert np.isfinite(image.pixels).all()
    assert render(image).std() > 20


def test_grey_stored_as_colour_is_read_as_grey_and_taken_for_a_radiograph(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([GREY] * 3)).save(tmp_path / "grey.png")
    image = open_image(tmp_path / "grey.png")
    assert (image.stored == GREY).all()
    assert image.kind == "radiograph"
    exif = Image.Exif()
    exif[271] = "Leica"
    Image.fromarray(GREY).save(tmp_path / "camera.jpg", exif=exif)
    assert open_image(tmp_path / "camera.jpg").kind == "photograph"


def test_pages_of_a_tiff_are_frames(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.roll(COLOUR, n, axis=0)) for n in range(3)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    image = open_image(tmp_path / "pages.tif", frame=2)
    assert image.frames == 3
    assert (image.stored == np.roll(COLOUR, 2, axis=0)).all()


def test_a_colour_profile_is_noted(tmp_path: Path) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(COLOUR).save(tmp_path / "icc.png", icc_profile=profile)
    assert any("sRGB" in note for note in open_image(tmp_path / "icc.png").notes)


def test_a_real_face(sample: Callable[[str], Path]) -> None:
    data = pytest.importorskip("skimage.data")
    path = Path(data.__file__).parent / "astronaut.png"
    image = open_image(path)
    assert image.kind == "photograph"
    assert (image.stored == data.astronaut()).all()
