"""The overlay picture shows the image, the pair on one scale, and the features where they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import important_features
from divisive_desktop.explanation.picture import overlay, panels
from divisive_desktop.explanation.statement import state
from divisive_desktop.imaging import ImageRecord
from divisive_desktop.imaging.display import render


def with_cams(analysis: Analysis, cams: np.ndarray) -> Analysis:
    return replace(analysis, cams=cams.astype(np.float32), bias=(0.0, 0.0))


def test_four_panels_of_one_size(radiograph: ImageRecord, analysis: Analysis) -> None:
    true_class = analysis.true_class(None)
    found = important_features(analysis.divergence(true_class), analysis.image_size, analysis.region)
    pictures = panels(render(radiograph), analysis, found, true_class, side=400)
    assert {p.shape for p in pictures} == {(400, 377, 3)}
    image, true, false, last = pictures
    assert (image[..., 0] == image[..., 2]).all()  # grey
    assert image.std() > 20
    for map_ in (true, false, last):
        assert not np.array_equal(map_, image)


def test_the_pair_is_on_one_scale(radiograph: ImageRecord, analysis: Analysis) -> None:
    strong, weak = np.zeros((2, 7, 7))
    strong[2:5, 2:5], weak[2:5, 2:5] = 10.0, 1.0
    pair = with_cams(analysis, np.stack([weak, strong]))
    found = important_features(pair.divergence(1), pair.image_size, pair.region)
    image, true, false, _ = (p.astype(int) for p in panels(render(radiograph), pair, found, 1, side=300))
    assert np.abs(true - image).sum() > 5 * np.abs(false - image).sum()


def test_features_are_drawn_in_the_colour_of_what_they_argue_for(radiograph: ImageRecord, analysis: Analysis) -> None:
    d = np.zeros((7, 7))
    d[1:3, 1:3] = 5.0
    for sign in (1, -1):
        pair = with_cams(analysis, np.stack([np.zeros_like(d), sign * d]))
        found = important_features(pair.divergence(1), pair.image_size, pair.region)
        last = panels(render(radiograph), pair, found, 1, side=700)[3].astype(int)
        inside = last[150:250, 150:250].reshape(-1, 3).mean(axis=0)
        outside = last[500:600, 450:600].reshape(-1, 3).mean(axis=0)
        assert sign * (inside[0] - inside[2]) > 40  # orange for, blue against
        assert abs(outside[0] - outside[2]) < 5


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_constant_maps_make_a_picture(radiograph: ImageRecord, analysis: Analysis, value: float) -> None:
    flat = with_cams(analysis, np.full((2, 7, 7), value))
    found = important_features(flat.divergence(0), flat.image_size, flat.region)
    picture = overlay(render(radiograph), flat, found, state(flat, ""))
    assert picture.dtype == np.uint8
    assert picture.std() > 10


@pytest.mark.parametrize("size", [(64, 64), (300, 30), (30, 3000)])
def test_any_shape_of_image(analysis: Analysis, size: tuple[int, int]) -> None:
    width, height = size
    colour = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    odd = replace(analysis, image_size=size, region=(0, 0, width, height))
    found = important_features(odd.divergence(0), odd.image_size, odd.region)
    picture = overlay(colour, odd, found, state(odd, ""), 0)
    assert picture.ndim == 3
