"""Finds the iris in a near-infrared picture of an eye: pupil and limbus as two circles.

Dark discs are voted for by their edges (as in the fast radial symmetry transform, Loy & Zelinsky, PAMI 2003). Around
the best of them circles settle on edges, Daugman's integro-differential idea: a pupil is a circle across which it gets
brighter nearly all the way round, a limbus a second one around it, seen at the sides, where lids don't cover it. A
small network (numbers, no torch) then says whether what lies around the two circles looks like an iris.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load

from divisive_desktop import paths
from divisive_desktop.errors import ModelIntegrityError, in_words
from divisive_desktop.imaging.framing import Detector
from divisive_desktop.imaging.irises import Circle, Iris

Float = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating]

WEIGHTS_SHA256 = "1d5e1f24c55bed718cc24eea83b6da6cf398e8758c113bfd711f4ace932f28b2"
FINDER = Detector("Iris finder", "1", WEIGHTS_SHA256, "Apache-2.0, fitted on research data")
SIDE = 208
"""Longest side of the picture that is looked at: irises are large in pictures of eyes, and blur does no harm."""
SMALLEST, LARGEST = 0.13, 0.55
"""Radius of the irises that are looked for, as a share of the picture's shorter side."""
PUPILS = (0.15, 0.72)
"""Radius of a pupil as a share of its iris, from pinpoint to wide open."""
ACCEPT = 0.3
"""Least score of an iris where a person said that the picture shows one."""
SURE = 0.95
"""Least score from where on a picture of unknown kind is taken for one of an iris."""
NEGATIVE = 0.5
"""Least score of an iris in a picture's negative from where on the picture itself may be the negative of an eye."""
_ANGLES = 72
_CANDIDATES = 18


def find_iris(picture: npt.NDArray[np.uint8], scale: tuple[float, float] = (1.0, 1.0)) -> Iris | None:
    """The iris in a picture of one eye; None where nothing looks like one.

    Parameters
    ----------
    picture : uint8 (h, w) or (h, w, 3)
    scale : (float, float)
        How many of the picture's columns and rows make one of the image's.
    """
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8) if picture.ndim == 3 else picture
    shrink = min(1.0, SIDE / max(grey.shape))
    size = max(1, round(grey.shape[1] * shrink)), max(1, round(grey.shape[0] * shrink))
    grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    if min(grey.shape) < 40:
        return None
    across, down = scale[0] * grey.shape[1] / picture.shape[1], scale[1] * grey.shape[0] / picture.shape[0]
    smooth = _without_lashes(grey)
    least, most = SMALLEST * min(grey.shape), LARGEST * min(grey.shape)
    discs = _dark_discs(smooth, least * PUPILS[0], most * PUPILS[1])
    verifier = load_verifier()
    seen = [
        (replace(iris, score=verifier.score(evidence)), sharp)
        for disc in discs for iris, sharp, evidence in _rings_around(smooth, disc, least, most)
    ]  # fmt: skip
    score = max((iris.score for iris, _ in seen), default=0.0)
    if score < ACCEPT:
        return None
    limbus = next(iris.limbus for iris, _ in seen if iris.score == score)
    # Several circles in one limbus: the pupil is the one with the sharpest edge.
    same = [both for both in seen if _alike(both[0].limbus, limbus) and both[0].score > score / 2]
    best = replace(max(same, key=lambda both: both[1])[0], score=score)

    def whole(c: Circle) -> Circle:
        return c[0] / across, c[1] / down, 2 * c[2] / (across + down)

    return Iris(whole(best.pupil), whole(best.limbus), best.score)


def looks_inverted(picture: npt.NDArray[np.uint8], found: Iris | None) -> bool:
    """Whether the greys of an eye look inverted: a pupil is darker than what is around it, so that the iris is found in
    the picture's negative, and better than in the picture.

    Parameters
    ----------
    found : Iris, optional
        What `find_iris` found in the picture; a sure one is not doubted.
    """
    score = 0.0 if found is None else found.score
    if score >= SURE:
        return False
    negative = find_iris(np.asarray(255 - picture, np.uint8))
    return negative is not None and negative.score > max(score, NEGATIVE)


def _without_lashes(grey: npt.NDArray[np.uint8]) -> Float:
    """Highlights and lashes taken away: small bright, then thin dark things."""
    side = min(grey.shape)
    spot = 2 * round(0.035 * side) + 1
    opened = cv2.morphologyEx(grey, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (spot, spot)))
    bright = cv2.subtract(grey, opened) > 40
    lit = cv2.dilate(bright.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    calm = cv2.medianBlur(np.where(lit, opened, grey).astype(np.uint8), 5)
    closed = cv2.morphologyEx(calm, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5)))
    return np.asarray(cv2.GaussianBlur(closed.astype(np.float32), (0, 0), 1.2), np.float32)


def _dark_discs(smooth: Float, least: float, most: float) -> list[Circle]:
    """Where edges agree on a dark disc, the best first."""
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(smooth, cv2.CV_32F, 0, 1) / 8
    strength = np.hypot(gx, gy)
    ys, xs = np.nonzero(strength > max(1.0, float(np.percentile(strength, 70))))
    s = strength[ys, xs]
    ux, uy, weight = gx[ys, xs] / s, gy[ys, xs] / s, np.sqrt(np.minimum(s, 12.0))
    h, w = smooth.shape
    found: list[tuple[float, Circle]] = []
    for r in np.geomspace(max(3.5, least), max(4.0, most), 18).tolist():
        cx, cy = np.rint(xs - r * ux).astype(int), np.rint(ys - r * uy).astype(int)
        inside = (cx >= 0) & (cx < w) & (cy >= 0) & (cy < h)
        votes = np.bincount(cy[inside] * w + cx[inside], weight[inside], h * w).reshape(h, w).astype(np.float32)
        votes = cv2.GaussianBlur(votes, (0, 0), max(1.0, 0.12 * r)) * max(1.0, 0.12 * r) ** 2 / r
        for _ in range(4):
            _, top, _, (x, y) = cv2.minMaxLoc(votes)
            found.append((top, (float(x), float(y), float(r))))
            cv2.circle(votes, (x, y), max(2, round(0.5 * r)), 0.0, -1)
    found.sort(key=lambda f: -f[0])
    apart: list[Circle] = []
    for _, disc in found:
        if all(_differ(disc, other) for other in apart):
            apart.append(disc)
        if len(apart) == _CANDIDATES:
            break
    return apart


def _alike(one: Circle, other: Circle) -> bool:
    return bool(np.hypot(one[0] - other[0], one[1] - other[1]) < 0.1 * one[2] and 0.9 < one[2] / other[2] < 1.1)


def _differ(one: Circle, other: Circle) -> bool:
    return bool(np.hypot(one[0] - other[0], one[1] - other[1]) > 0.3 * one[2] or not 0.75 < one[2] / other[2] < 1.33)


class _Ring(NamedTuple):
    """The edge of a circle, as it was found."""

    circle: Circle
    there: float
    """Share of the directions in which it gets brighter by a good part of what it does in the middle, 0..1."""
    both: float
    """The same of the worse half, left or right."""
    rise: float
    """By how many grey levels: the median of those directions that lie inside the picture."""
    rough: float
    """Standard deviation of the edge's distance from the circle, as a share of the radius."""


_ALL = (np.arange(_ANGLES) * 2 * np.pi / _ANGLES).astype(np.float32)
_SIDES = _ALL[(np.abs(np.cos(_ALL)) > 0.68) & (np.sin(_ALL) > -0.62)]
"""Directions to the left and right, a little more below (y grows downwards) than above."""


def _rings_around(
    smooth: Float, start: Circle, least: float, most: float
) -> Iterator[tuple[Iris, float, Float]]:
    """What may be an iris, its pupil near a dark disc; how sharp the pupil's edge is; what says whether it is one."""
    pupil = _settle(smooth, start, _ALL, (0.75, 1.3))
    if pupil is None or pupil.there < 0.5 or pupil.rise < 3:
        return
    x, y, r = pupil.circle
    low, high = max(least, r / PUPILS[1]), min(most, r / PUPILS[0])
    if low + 2 > high:
        return
    for candidate in _rings(smooth, (x, y), low, high):
        limbus = _settle(smooth, (x, y, candidate), _SIDES, (0.88, 1.13))
        if limbus is None or not PUPILS[0] < r / limbus.circle[2] < 1.1 * PUPILS[1]:
            continue
        if np.hypot(limbus.circle[0] - x, limbus.circle[1] - y) < 0.3 * limbus.circle[2]:
            yield Iris(pupil.circle, limbus.circle, 0.0), pupil.there * pupil.rise, _evidence(smooth, pupil, limbus)


def _evidence(smooth: Float, pupil: _Ring, limbus: _Ring) -> Float:
    """What tells an iris from other rings: figures of the two edges, and the greys around, unrolled; float32 (n,)."""
    (x, y, r), (a, b, big) = pupil.circle, limbus.circle
    along = np.linspace(0, 1, 18, dtype=np.float32)[:, None]
    angles = (np.arange(16) * np.pi / 8).astype(np.float32)
    # From the pupil's middle through both edges: a third of the way is pupil, a half iris, the rest white and skin.
    reach = np.interp(along[:, 0], (0, 1 / 3, 5 / 6, 1), (0, r, big, 1.3 * big)).astype(np.float32)
    shift = np.clip((reach - r) / (big - r), 0, 1)
    xs = x + shift * (a - x) + np.outer(np.cos(angles), reach)
    ys = y + shift * (b - y) + np.outer(np.sin(angles), reach)
    values = cv2.remap(smooth, xs.astype(np.float32), ys.astype(np.float32), cv2.INTER_LINEAR,
                       borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    scale = float(values.std()) + 2.0
    unrolled = np.clip((values - float(np.median(values))) / scale, -3, 3)
    figures = np.array([
        pupil.there, np.log(pupil.rise), pupil.rough * 10, limbus.there, limbus.both, np.log(max(limbus.rise, 0.5)),
        limbus.rough * 10, np.hypot(a - x, b - y) / big * 4, r / big * 3, big / min(smooth.shape) * 3, np.log(scale),
        min(0.5, float((smooth < float(values[:, :6].mean())).mean())) * 4,
    ])  # fmt: skip
    return np.concatenate([figures, unrolled.ravel()]).astype(np.float32)


class Verifier:
    """Tells irises from other rings: two layers of numbers, fitted by ``models/studies/iris_finder.py``.

    Parameters
    ----------
    tensors : mapping
        mean, scale (n,); hidden.weight (n, m), hidden.bias (m,); out.weight (m,), out.bias (1,).
    """

    def __init__(self, tensors: Mapping[str, Float]) -> None:
        self._t = tensors

    def score(self, evidence: Float) -> float:
        """0..1; one half where both are as likely."""
        t = self._t
        scaled = np.clip((evidence - t["mean"]) / t["scale"], -4, 4)
        hidden = np.tanh(scaled @ t["hidden.weight"] + t["hidden.bias"])
        return float(0.5 * (1 + np.tanh(0.5 * float(hidden @ t["out.weight"] + t["out.bias"][0]))))


@cache
def load_verifier() -> Verifier:
    """The shipped one, verified.

    Raises
    ------
    ModelIntegrityError
        The file is missing or not the one that was shipped.
    """
    file = paths.resources_dir() / "irises" / "verifier.safetensors"
    try:
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
            raise SafetensorError("its hash is not the one expected")
        return Verifier(load(data))
    except (OSError, SafetensorError) as e:
        raise ModelIntegrityError(
            f"The iris finder's weights can't be used: {in_words(e)}.", "Install the program again."
        ) from e


def _polar(
    smooth: Float, centre: tuple[float, float], angles: Float, radii: Float
) -> tuple[Float, npt.NDArray[np.bool_]]:
    """Grey levels, (angles, radii), and which of them lie inside the picture."""
    xs = (centre[0] + np.outer(np.cos(angles), radii)).astype(np.float32)
    ys = (centre[1] + np.outer(np.sin(angles), radii)).astype(np.float32)
    values = cv2.remap(smooth, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (xs >= 1) & (ys >= 1) & (xs <= smooth.shape[1] - 2) & (ys <= smooth.shape[0] - 2)
    return np.asarray(values, np.float32), inside


def _rings(smooth: Float, centre: tuple[float, float], low: float, high: float) -> Iterator[float]:
    """Radii at which the sides get brighter outwards, the three best."""
    radii = np.arange(low, high + 1).astype(np.float32)
    reach = 3.0
    outer, inside = _polar(smooth, centre, _SIDES, radii + reach)
    inner, _ = _polar(smooth, centre, _SIDES, radii - reach)
    rise = np.where(inside, np.clip(outer - inner, -10, 25), 0)
    score = rise.sum(0) / np.maximum(inside.sum(0), 0.35 * len(_SIDES))
    for _ in range(3):
        best = int(np.argmax(score))
        if score[best] <= 1:
            return
        yield float(radii[best])
        score[np.abs(radii - radii[best]) < 0.12 * radii[best]] = 0


def _settle(smooth: Float, start: Circle, angles: Float, span: tuple[float, float]) -> _Ring | None:
    """Let a circle settle on the edge around it; None where there is too little of one inside the picture."""
    x, y, r = start
    for turn in range(2):
        low, high = (span[0] * r, span[1] * r) if turn == 0 else (0.86 * r, 1.15 * r)
        radii = np.linspace(max(1.5, low), max(3.0, high), 24, dtype=np.float32)
        reach = float(np.clip(0.06 * r, 1.5, 4.0))
        outer, inside = _polar(smooth, (x, y), angles, radii + reach)
        inner, _ = _polar(smooth, (x, y), angles, radii - reach)
        rise = np.where(inside, outer - inner, -1e3)
        best = rise.argmax(1)
        at = radii[best]
        seen = inside[np.arange(len(angles)), best]
        if seen.sum() < 0.3 * len(angles):
            return None
        height = np.where(seen, rise[np.arange(len(angles)), best], 0)
        weight = np.clip(height, 0, 15) * seen
        if weight.sum() <= 0:
            return None
        middle = _median(at, weight)
        weight = weight * (np.abs(at - middle) < 0.12 * middle + 1)
        px, py = x + at * np.cos(angles), y + at * np.sin(angles)
        fitted = _circle(px, py, weight)
        if fitted is None or not 0.6 * start[2] < fitted[2] < 1.6 * start[2]:
            return None
        if np.hypot(fitted[0] - start[0], fitted[1] - start[1]) > 0.5 * start[2]:
            return None
        x, y, r = fitted
    reach = float(np.clip(0.08 * r, 2.0, 4.0))
    values, inside = _polar(smooth, (x, y), angles, np.array([r - reach, r + reach], np.float32))
    seen = inside.all(1)
    if seen.sum() < 0.3 * len(angles):
        return None
    rise = (values[:, 1] - values[:, 0])[seen]
    middle = max(0.0, float(np.median(rise)))
    there = rise > max(1.5, 0.4 * middle)
    left = np.cos(angles[seen]) < 0
    both = min(float(there[half].mean()) if half.any() else 1.0 for half in (left, ~left))
    distance = np.hypot(px - x, py - y)[weight > 0]
    rough = float(np.std(distance)) / r if len(distance) else 1.0
    return _Ring((float(x), float(y), float(r)), float(there.mean()), both, middle, min(rough, 0.3))


def _median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(share, share[-1] / 2))])


def _circle(x: Floats, y: Floats, weight: Floats) -> Circle | None:
    """Weighted least squares (Kasa): a circle through points, None where they don't fix one."""
    kept = weight > 0
    if kept.sum() < 5:
        return None
    w = weight[kept].astype(np.float64)
    a = np.stack([x[kept], y[kept], np.ones(len(w))], 1).astype(np.float64)
    try:
        p, q, c = np.linalg.solve((a * w[:, None]).T @ a, (a * w[:, None]).T @ (a[:, 0] ** 2 + a[:, 1] ** 2))
    except np.linalg.LinAlgError:
        return None
    square = c + (p / 2) ** 2 + (q / 2) ** 2
    return (float(p / 2), float(q / 2), float(np.sqrt(square))) if square > 0 else None
