"""Painting masks on large images, against napari's Labels layer in the same run.

Run: ``python tests/benchmarks/bench_masks.py [python of an environment with napari]``. napari brings its own
dependencies, so it stays out of ours::

    python -m venv /tmp/napari && /tmp/napari/bin/pip install napari
    python tests/benchmarks/bench_masks.py /tmp/napari/bin/python

Neither side draws on a screen here: napari has its Labels layer without a viewer, we have the mask with undo being
recorded. Medians in milliseconds.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

SIDE = 4096
LARGE = 5000


def median(action: Callable[[int], object], repeat: int, before: Callable[[int], object] | None = None) -> float:
    """Median time of ``action(i)`` in milliseconds; ``before(i)`` isn't counted."""
    taken = []
    for i in range(repeat):
        if before is not None:
            before(i)
        start = time.perf_counter()
        action(i)
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def dab_at(i: int) -> tuple[float, float]:
    """x, y of the i-th dab: new ground every time, well inside."""
    return 200.3 + (i * 389) % 3600, 200.7 + (i * 733) % 3600


def star(vertices: int, side: int) -> np.ndarray:
    """A rough outline as a hand draws it, x and y."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = side * (0.44 + 0.04 * rng.random(vertices))
    return np.c_[side / 2 + radius * np.cos(angle), side / 2 + radius * np.sin(angle)]


def stroke_points(n: int) -> list[tuple[float, float]]:
    """A winding stroke across the image."""
    return [(150 + i * 3.8 * 1000 / n, 2000 + 1500 * np.sin(i / 30)) for i in range(n + 1)]


def ours() -> dict[str, float]:
    """Our figures."""
    from divisive_desktop.explanation.features import important_features
    from divisive_desktop.masks import ops, select, shapes
    from divisive_desktop.masks.agreement import LiveAgreement
    from divisive_desktop.masks.history import History
    from divisive_desktop.masks.mask import Mask

    result: dict[str, float] = {}
    mask, history = Mask(SIDE, SIDE), History()
    region = mask.add().id
    brush = shapes.Brush(50)

    def whole_dab(i: int) -> None:
        history.begin(mask, "Dab")
        ops.stroke(mask, region, [dab_at(i)], brush)
        history.end()

    history.begin(mask, "Dabs")
    result["dab"] = median(lambda i: ops.stroke(mask, region, [dab_at(i)], brush), 200)
    history.cancel()
    result["dab, own step"] = median(whole_dab, 200)
    result["undo a dab"] = median(lambda _: history.undo(mask), 100)
    d = np.random.default_rng(0).normal(size=(14, 14)).astype(np.float32)
    live = LiveAgreement(d, mask.box, important_features(d, mask.size, mask.box))
    live.reset(mask)
    result["dab with agreement"] = median(
        lambda i: live.update(mask, ops.stroke(mask, region, [dab_at(i)], brush)), 200
    )
    ops.clear(mask)

    points = stroke_points(1000)

    def stroke(_: int) -> None:
        with history.step(mask, "Stroke"):
            for pair in itertools.pairwise(points):
                ops.stroke(mask, region, pair, brush)

    result["stroke of 1000 events"] = median(stroke, 3, lambda _: ops.clear(mask))
    result["undo the stroke"] = median(lambda _: history.undo(mask), 1)

    field = np.zeros((SIDE, SIDE), np.float32)
    field[1000:3000, 1000:3000] = 100

    def fill(_: int) -> None:
        with history.step(mask, "Fill"):
            ops.apply(mask, region, select.bucket(mask, region, (1500, 1500), field, 5))

    result["fill 2000 x 2000"] = median(fill, 5, lambda _: ops.clear(mask))
    result["undo the fill"] = median(lambda _: history.undo(mask), 1)
    result["blob of the mask"] = median(lambda _: mask.to_blob(), 5, lambda _: stroke(0))

    large, steps = Mask(LARGE, LARGE), History()
    region = large.add().id
    outline = star(300, LARGE)

    def polygon(_: int) -> None:
        with steps.step(large, "Polygon"):
            ops.apply(large, region, shapes.polygon(outline, large.size))

    result["polygon of 300 on 5000 x 5000"] = median(polygon, 7, lambda _: ops.clear(large))
    result["undo the polygon"] = median(lambda _: steps.undo(large), 1)
    return result


def napari() -> dict[str, float]:
    """napari's figures, in an interpreter that has it."""
    from napari.layers import Labels

    result: dict[str, float] = {}

    def fresh(side: int) -> Labels:
        layer = Labels(np.zeros((side, side), np.uint8))
        layer.brush_size, layer.selected_label, layer.mode = 100, 1, "paint"
        return layer

    layer = fresh(SIDE)

    def dab(i: int) -> None:
        x, y = dab_at(i)
        layer.paint((y, x), 1)

    def step(i: int) -> None:
        with layer.block_history():
            dab(i)

    with layer.block_history():
        result["dab"] = median(dab, 200)
    layer = fresh(SIDE)
    result["dab, own step"] = median(step, 200)
    result["undo a dab"] = median(lambda _: layer.undo(), 100)

    points = stroke_points(1000)

    def stroke(_: int) -> None:
        with layer.block_history():
            for (x0, y0), (x1, y1) in itertools.pairwise(points):
                layer._draw(1, (y0, x0), (y1, x1))  # what its mouse callback calls

    layer = fresh(SIDE)
    result["stroke of 1000 events"] = median(stroke, 1)
    result["undo the stroke"] = median(lambda _: layer.undo(), 1)

    def field(_: int) -> None:
        nonlocal layer
        data = np.zeros((SIDE, SIDE), np.uint8)
        data[1000:3000, 1000:3000] = 2
        layer = Labels(data)

    result["fill 2000 x 2000"] = median(lambda _: layer.fill((1500, 1500), 1), 5, field)
    result["undo the fill"] = median(lambda _: layer.undo(), 1)

    outline = star(300, LARGE)[:, ::-1]

    def canvas(_: int) -> None:
        nonlocal layer
        layer = fresh(LARGE)

    result["polygon of 300 on 5000 x 5000"] = median(lambda _: layer.paint_polygon(outline, 1), 5, canvas)
    result["undo the polygon"] = median(lambda _: layer.undo(), 1)
    return result


LIMITS = {
    "dab": 5.0, "dab, own step": 5.0, "polygon of 300 on 5000 x 5000": 30.0, "fill 2000 x 2000": 50.0,
    "undo a dab": 20.0, "undo the stroke": 20.0, "undo the fill": 20.0, "undo the polygon": 20.0,
    "stroke of 1000 events": 1000 / 60 * 1000, "dab with agreement": 5.0, "blob of the mask": 30.0,
}  # fmt: skip


def peer(python: str) -> dict[str, float] | None:
    """napari's figures from another interpreter, None where it isn't installed."""
    done = subprocess.run([python, __file__, "--peer"], capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def main() -> None:
    """Print the table."""
    if "--peer" in sys.argv:
        print(json.dumps(napari()))
        return
    mine = ours()
    theirs = peer(sys.argv[1] if len(sys.argv) > 1 else sys.executable)
    if theirs is None:
        print("napari is not installed in this interpreter; see the first lines of this file.\n")
    print(f"{'':32}{'ours ms':>10}{'limit ms':>10}{'napari ms':>11}{'ratio':>8}")
    for name, value in mine.items():
        other = (theirs or {}).get(name)
        line = f"{name:32}{value:10.3f}{LIMITS[name]:10.0f}"
        print(line + (f"{other:11.3f}{other / value:8.1f}" if other else ""))
    print(f"events per second in the stroke: {1e6 / mine['stroke of 1000 events']:.0f} (limit 60)")


if __name__ == "__main__":
    main()
