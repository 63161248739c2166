"""Augmentation moves image and mask together, repeats itself for the same chance, and keeps its ranges."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from divisive_desktop.training.augment import MILD, NONE, Augmentation, augment, keep_border


def blob(size: int = 96) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:size, :size]
    mask = (((x - 30) ** 2 + (y - 60) ** 2) < 100).astype(np.float32)
    return mask * 200 + 20, mask


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("flip", [True, False])
def test_the_mask_follows_the_image(seed: int, flip: bool) -> None:
    image, mask = blob()
    settings = Augmentation(flip=flip, gamma=0, contrast=0, brightness=0)
    moved, with_mask = augment(image, mask, settings, np.random.default_rng(seed))
    found = (moved > 120).astype(np.float32)
    assert (np.minimum(found, with_mask > 0.5)).sum() / np.maximum(found, with_mask > 0.5).sum() > 0.95


def test_mirrors_only_where_allowed() -> None:
    image, mask = blob()
    only = Augmentation(flip=True, rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0)
    results = [augment(image, mask, only, np.random.default_rng(s))[0] for s in range(20)]
    mirrored = [np.allclose(r, image[:, ::-1], atol=1e-3) for r in results]
    assert any(mirrored)
    assert all(m or np.allclose(r, image, atol=1e-3) for m, r in zip(mirrored, results, strict=True))
    same, _ = augment(image, mask, NONE, np.random.default_rng(0))
    np.testing.assert_allclose(same, image, atol=1e-3)


@pytest.mark.parametrize("shape", [(96, 96), (96, 96, 3)])
def test_same_chance_same_copy_in_range(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    mask = np.zeros((96, 96), np.float32)
    for seed in range(15):
        a, m = augment(image, mask, Augmentation(texture=1.0), np.random.default_rng(seed))
        b, _ = augment(image, mask, Augmentation(texture=1.0), np.random.default_rng(seed))
        assert np.array_equal(a, b)
        assert a.shape == shape
        assert a.dtype == m.dtype == np.float32
        assert a.min() >= 0
        assert a.max() <= 255


def test_texture_changes_the_finest_detail_most() -> None:
    image = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (96, 96)).astype(np.float32), (0, 0), 1)
    mask = np.zeros((96, 96), np.float32)
    still = replace(NONE, texture=1.0)

    def detail(a: np.ndarray) -> float:
        return float((a - cv2.GaussianBlur(a, (0, 0), 1)).std())

    changes = []
    for seed in range(30):
        varied, _ = augment(image, mask, still, np.random.default_rng(seed))
        changes.append(detail(varied) / detail(image))
        assert cv2.resize(varied, (8, 8), interpolation=cv2.INTER_AREA) == pytest.approx(
            cv2.resize(image, (8, 8), interpolation=cv2.INTER_AREA), abs=6
        )
    assert max(changes) > 1.2
    assert min(changes) < 0.8


def test_border_control_keeps_the_border_and_nothing_else() -> None:
    image = np.random.default_rng(0).uniform(0, 255, (100, 100)).astype(np.float32)
    kept = keep_border(image)
    assert np.array_equal(kept[:14], image[:14])
    assert np.array_equal(kept[:, -14:], image[:, -14:])
    assert np.ptp(kept[14:-14, 14:-14]) == 0
    assert MILD.texture == 0
