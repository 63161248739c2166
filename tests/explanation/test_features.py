"""Important features: where they are, how large, how they are ranked, and that odd maps do no harm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from divisive_desktop.explanation.features import FeatureSet, important_features
from divisive_desktop.imaging.record import Spacing

SIZE = (1400, 1400)
WHOLE = (0, 0, 1400, 1400)


def planted(**cells: float) -> np.ndarray:
    """A flat 14 x 14 map with blocks: names like ``r3c9`` give the top-left cell of a 2 x 3 block."""
    d = np.zeros((14, 14), np.float32)
    for name, value in cells.items():
        row, column = (int(v) for v in name[1:].split("c"))
        d[row : row + 2, column : column + 3] = value
    return d


def test_finds_what_was_planted_where_it_was_planted() -> None:
    found = important_features(planted(r2c9=4.0, r10c1=-3.0), SIZE, WHOLE)
    assert [(f.rank, f.favours) for f in found.features] == [(1, "true"), (2, "false")]
    first, second = found.features
    # Half-way between a block's value and zero lies the block's border; theta is half of 3, so the strong block
    # reaches a little beyond its border, by less than half a cell.
    for feature, (x, y) in ((first, (900, 200)), (second, (100, 1000))):
        left, top, width, height = feature.box
        assert abs(left - x) < 50
        assert abs(top - y) < 50
        assert abs(width - 300) < 80
        assert abs(height - 200) < 80
        assert feature.area_px == pytest.approx(300 * 200, rel=0.35)
    assert first.mean_d > 0 > second.mean_d
    assert first.share > second.share > 0
    assert first.share + second.share <= 1
    assert found.cell_px == (100, 100)


def test_a_crop_moves_the_features_with_it() -> None:
    d = planted(r2c9=4.0)
    whole = important_features(d, SIZE, WHOLE).features[0]
    moved = important_features(d, (3000, 3000), (500, 700, 1400, 1400)).features[0]
    assert moved.box == (whole.box[0] + 500, whole.box[1] + 700, *whole.box[2:])
    np.testing.assert_array_equal(moved.contour, whole.contour + np.array([500, 700]))


def test_swapping_the_classes_swaps_what_features_argue_for() -> None:
    d = np.random.default_rng(5).normal(size=(14, 14)).astype(np.float32)
    one, other = important_features(d, SIZE, WHOLE), important_features(-d, SIZE, WHOLE)
    assert len(one.features) > 2
    assert [f.box for f in one.features] == [f.box for f in other.features]
    assert all({f.favours, g.favours} == {"true", "false"} for f, g in zip(one.features, other.features, strict=True))


def test_areas_in_millimetres_only_where_the_spacing_is_known() -> None:
    d = planted(r2c9=4.0)
    assert important_features(d, SIZE, WHOLE).features[0].area_mm2 is None
    spacing = Spacing(0.2, 0.1, "detector", "ImagerPixelSpacing")
    measured = important_features(d, SIZE, WHOLE, spacing=spacing).features[0]
    assert measured.area_mm2 == pytest.approx(measured.area_px * 0.02)
    assert measured.calibration == "detector"


def test_a_quantile_keeps_that_part_of_the_area() -> None:
    d = np.random.default_rng(1).normal(size=(7, 7)).astype(np.float32)
    d[:, 3:] += 9  # one large strong half
    found = important_features(d, SIZE, WHOLE, quantile=0.7)
    assert sum(f.area_px for f in found.features) == pytest.approx(0.3 * 1400 * 1400, rel=0.05)
    assert found.method == "quantile"


def test_a_higher_threshold_gives_less() -> None:
    d = np.random.default_rng(2).normal(size=(14, 14)).astype(np.float32)
    areas = [
        sum(f.area_px for f in important_features(d, SIZE, WHOLE, threshold=t).features) for t in (0.2, 0.6, 1.0, 1.4)
    ]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > areas[-1]
    assert not important_features(d, SIZE, WHOLE, threshold=float(np.abs(d).max())).features


def test_nothing_smaller_than_a_cell_is_a_feature() -> None:
    d = np.zeros((14, 14), np.float32)
    d[5, 5] = 1.0  # above 0.9 of its peak a single cell is narrower than a cell
    assert important_features(d, SIZE, WHOLE, threshold=0.9).features == ()
    assert len(important_features(d, SIZE, WHOLE, threshold=0.1).features) == 1


@pytest.mark.parametrize("value", [0.0, 1.0, -3.3, 1e-30, 1e30])
@pytest.mark.parametrize("how", [{}, {"quantile": 0.5}, {"quantile": 0.0}, {"threshold": 0.0}])
def test_a_constant_map_has_no_features_and_no_nan(value: float, how: dict[str, float]) -> None:
    found = important_features(np.full((7, 7), value, np.float32), SIZE, WHOLE, **how)
    assert found.features == ()
    assert np.isfinite(found.threshold)


@pytest.mark.parametrize("size", [(1, 1), (30_000, 30), (3, 900), (224, 224), (12_000, 12_000)])
def test_any_image_size(size: tuple[int, int]) -> None:
    d = planted(r2c9=4.0, r10c1=-3.0)
    found = important_features(d, size, (0, 0, *size))
    _inside(found)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.floats(-1e6, 1e6, width=32)),
    st.integers(1, 500),
    st.integers(1, 500),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_any_map(d: np.ndarray, width: int, height: int, quantile: float | None) -> None:
    found = important_features(d, (width + 7, height + 9), (4, 5, width, height), quantile=quantile)
    _inside(found)
    assert sum(f.share for f in found.features) <= 1 + 1e-5
    energy = [f.share for f in found.features]
    assert energy == sorted(energy, reverse=True)
    assert [f.rank for f in found.features] == list(range(1, len(energy) + 1))
    for f in found.features:
        assert (f.mean_d > 0) == (f.favours == "true")
        assert abs(f.mean_d) >= found.threshold * (1 - 1e-5)


def _inside(found: FeatureSet) -> None:
    left, top, width, height = found.region
    for f in found.features:
        x, y, w, h = f.box
        assert left <= x < x + w <= left + width
        assert top <= y < y + h <= top + height
        assert len(f.contour) >= 1
        assert (f.contour >= (x - 1, y - 1)).all()
        assert (f.contour <= (x + w, y + h)).all()
        assert 0 < f.area_px <= w * h * 1.5 + 50
        assert 0 < f.share <= 1 + 1e-6


def test_mask_shows_the_features_asked_for() -> None:
    found = important_features(planted(r2c9=4.0, r10c1=-3.0), SIZE, WHOLE)
    for favours, (x, y) in (("true", (1050, 300)), ("false", (250, 1100))):
        mask = found.mask(favours)
        assert mask.shape == (1400, 1400)
        assert mask[y, x] == 1
        assert mask.sum() == pytest.approx(found.of(favours)[0].area_px, rel=0.06)
    both = found.mask()
    np.testing.assert_array_equal(both, found.mask("true") | found.mask("false"))


@pytest.mark.parametrize(
    ("d", "how"),
    [
        (np.full((7, 7), np.nan), {}),
        (np.zeros(7), {}),
        (np.zeros((0, 3)), {}),
        (np.zeros((7, 7)), {"threshold": -1.0}),
        (np.zeros((7, 7)), {"quantile": 1.5}),
        (np.zeros((7, 7)), {"quantile": 0.5, "threshold": 1.0}),
    ],
)
def test_nonsense_is_refused(d: np.ndarray, how: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"map|threshold|quantile"):
        important_features(d, SIZE, WHOLE, **how)
