"""Which mask file is of which image."""

from __future__ import annotations

import pytest

from divisive_desktop.masks.matching import find, same_picture

IMAGES = ("film.dcm", "Face 01.JPG", "mask_test.png", "a.png", "a.jpg")


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("film.png", [0]),
        ("FILM-mask.png", [0]),
        ("mask_film.nii.gz", [0]),
        ("film_segmentation.dcm", [0]),
        ("film.labelme.json", [0]),
        ("face 01_labels.png", [1]),
        ("mask_test.npy", [2]),
        ("a.png", [3, 4]),
        ("films.png", []),
        ("mask.png", []),
    ],
)
def test_names(file: str, found: list[int]) -> None:
    assert find(file, IMAGES) == found


def test_a_picture_is_the_same_whatever_folder_suffix_and_case() -> None:
    assert same_picture("C:\\set\\A.png", ["a.dcm"])
    assert not same_picture("b.png", ["a.png", "ab.png"])
