"""Names of regions cover neither each other nor the colour bar, and stay where they are at a repaint."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF

from divisive_desktop.desktop.viewer.badge_places import badge_places

PANE = QRectF(0, 0, 400, 300)
BAR = QRectF(350, 40, 46, 220)
SIZE = 92.0, 17.0
"""``map region 1``"""


def places(points: Sequence[tuple[float, float]], taken: Sequence[QRectF] = ()) -> list[QRectF]:
    return badge_places([(QPointF(x, y), *SIZE) for x, y in points], PANE, taken)


@pytest.mark.parametrize(
    "points",
    [
        [(200, 100), (200, 100), (200, 100)], [(180, 100), (200, 104), (220, 108)], [(0, 0), (2, 2), (4, 4)],
        [(398, 298), (396, 150), (399, 152)], [(345, 150), (360, 150), (380, 150)], [(50, 50), (200, 200), (300, 290)],
    ],
)  # fmt: skip
def test_nothing_is_covered_and_all_is_in_the_pane(points: list[tuple[float, float]]) -> None:
    boxes = places(points, [BAR])
    assert len(boxes) == len(points)
    for one, other in combinations([*boxes, BAR], 2):
        assert not one.intersects(other)
    assert all(PANE.contains(box) for box in boxes)
    assert places(points, [BAR]) == boxes


def test_a_name_with_room_sits_on_its_point_and_one_without_stays_near() -> None:
    first, second = places([(100, 100), (104, 102)])
    assert first.center() == QPointF(100, 100)
    assert abs(second.center().y() - 102) < 2 * SIZE[1]
    assert abs(second.center().x() - 104) < 1


def test_what_lies_outside_of_the_pane_is_not_brought_in() -> None:
    (box,) = places([(-500, 40)])
    assert not PANE.intersects(box)


def test_any_eight_regions_find_room() -> None:
    rng = np.random.default_rng(7)
    for _ in range(200):
        boxes = places([(float(x), float(y)) for x, y in rng.uniform((0, 0), (400, 300), (8, 2))], [BAR])
        assert not any(one.intersects(other) for one, other in combinations([*boxes, BAR], 2))
