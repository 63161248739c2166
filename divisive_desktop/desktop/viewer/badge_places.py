"""Where names of regions go, so that none covers another or the colour bar."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF

GAP = 2.0
"""Logical pixels between two names, and to the edge of the pane."""


def badge_places(
    wanted: Sequence[tuple[QPointF, float, float]], area: QRectF, taken: Sequence[QRectF] = ()
) -> list[QRectF]:
    """A box for each name: over its point where there is room, else as near to it as possible.

    The same input always gives the same places, so that a repaint moves nothing.

    Parameters
    ----------
    wanted : sequence of (QPointF, float, float)
        Middle, width and height; the first has the first choice.
    area : QRectF
        What the boxes stay inside of; one whose point lies outside of it goes where that point is, unseen.
    taken : sequence of QRectF
        What must not be covered: the colour bar.
    """
    room, placed = area.adjusted(GAP, GAP, -GAP, -GAP), [box.adjusted(-GAP, -GAP, GAP, GAP) for box in taken]
    made: list[QRectF] = []
    for at, width, height in wanted:
        box = QRectF(at.x() - width / 2, at.y() - height / 2, width, height)
        if area.intersects(box):
            box = _free(_inside(box, room), room, placed)
            placed.append(box.adjusted(-GAP, -GAP, GAP, GAP))
        made.append(box)
    return made


def _free(box: QRectF, room: QRectF, placed: Sequence[QRectF]) -> QRectF:
    """The nearest place where ``box`` meets nothing; where it is if there is none."""
    if not any(box.intersects(other) for other in placed):
        return box
    # A nearest free place touches what it is kept from: beside, above or below, in each direction.
    lefts = [box.left(), *(x for o in placed for x in (o.left() - box.width(), o.right()))]
    tops = [box.top(), *(y for o in placed for y in (o.top() - box.height(), o.bottom()))]
    places = [_inside(QRectF(x, y, box.width(), box.height()), room) for x in lefts for y in tops]
    free = [place for place in places if not any(place.intersects(other) for other in placed)]
    return min(free, key=lambda place: _distance(place, box), default=box)


def _inside(box: QRectF, room: QRectF) -> QRectF:
    left = max(room.left(), min(box.left(), room.right() - box.width()))
    return QRectF(left, max(room.top(), min(box.top(), room.bottom() - box.height())), box.width(), box.height())


def _distance(one: QRectF, other: QRectF) -> tuple[float, float, float]:
    dx, dy = one.left() - other.left(), one.top() - other.top()
    return dx * dx + dy * dy, dy, dx
