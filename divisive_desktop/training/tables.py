"""A study's results as Markdown and as pictures, drawn with OpenCV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Canvas = npt.NDArray[np.uint8]
_COLOURS = ((180, 119, 31), (14, 127, 255), (44, 160, 44), (40, 39, 214), (189, 103, 148), (75, 86, 140))


def _value(figure: Mapping[str, Any] | None) -> str:
    """``.934 ± .012``: mean and half-width of the 95 % interval over seeds."""
    if figure is None:
        return ""
    mean = f"{figure['mean']:.3f}"
    if figure["low"] is None:
        return mean
    return f"{mean} ± {(figure['high'] - figure['low']) / 2:.3f}"


def columns(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(title, figure) of the main table, as far as any method has the figure."""
    known = {n for m in summary["methods"].values() for n in m["figures"]}
    splits = [s for s in sorted({n.split("/")[0] for n in known if n.endswith("/auroc")}) if s != "val"]
    first = next((s for s in splits if s.endswith("open")), splits[0] if splits else "val")
    closer = [s for s in splits if f"{s}/border_only" in known] or [first]

    def short(split: str) -> str:
        return split.removeprefix("test_").replace("_", " ")

    wanted = [("validation", "val/auroc"), *((short(s), f"{s}/auroc") for s in splits)]
    for s in closer:
        where = f", {short(s)}" if len(closer) > 1 else ""
        wanted += [(f"border-only{where}", f"{s}/border_only"),
                   (f"energy in mask, positives{where}", f"{s}/positives/energy"),
                   (f"pointing, positives{where}", f"{s}/positives/pointing"),
                   (f"energy in mask, negatives{where}", f"{s}/negatives/energy")]
    wanted += [("border-only, validation", "val/border_only"),
               ("energy, validation positives", "val/positives/energy"), ("cosine of head rows", "head_cosine")]
    return [(title, name) for title, name in wanted if name in known]


def results_markdown(summary: Mapping[str, Any]) -> str:
    """The tables: figures by method, figures by kind, differences to one method paired by seed."""
    lines = [f"# {summary['study']}", ""]
    if summary["notes"]:
        lines += [summary["notes"], ""]
    lines += [f"{summary['runs']} of {summary['wanted']} runs. AUROC unless said otherwise; mean ± half of the 95 % t "
              "interval over seeds.", ""]
    table = columns(summary)
    lines += _table(["method", "seeds", *(t for t, _ in table)], [
        [f"`{m}`", str(len(v["seeds"])), *(_value(v["figures"].get(n)) for _, n in table)]
        for m, v in summary["methods"].items()
    ])
    collapsed = [f"`{m}` with seed {s}" for m, v in summary["methods"].items() for s in v.get("collapsed", ())]
    lines += ["", f"The same answer for every validation image: {', '.join(collapsed) or 'no run'}."]
    every = sorted({n for m in summary["methods"].values() for n in m["figures"] if "/by/" in n})
    for split in sorted({n.split("/")[0] for n in every} - {"val"}):
        by = [n for n in every if n.startswith(f"{split}/")]
        lines += ["", f"By kind, against all of class 0, split {split}:", ""]
        lines += _table(["method", *(n.split("/")[-1] for n in by)], [
            [f"`{m}`", *(_value(v["figures"].get(n)) for n in by)] for m, v in summary["methods"].items()
        ])
    if summary.get("compared"):
        lines += ["", f"`{summary['compared']['method']}` minus the other method, AUROC, paired by seed:", ""]
        others = summary["compared"]["with"]
        names = sorted({n for v in others.values() for n in v})
        heads = [n.split("/")[0].removeprefix("test_") for n in names]
        lines += _table(["minus", *heads], [[f"`{m}`", *(_value(v.get(n)) for n in names)] for m, v in others.items()])
    twins = summary.get("twins", {})
    if twins:
        lines += ["", "What the false class adds: each method with both CAMs minus its twin with "
                  "the true class's alone, paired by seed:", ""]
        names = sorted({n for v in twins.values() for n in v["figures"] if "/by/" not in n})
        lines += _table(["figure", *(f"`{m}` - `{v['twin']}`" for m, v in twins.items())], [
            [n, *(_value(v["figures"].get(n)) for v in twins.values())] for n in names
        ])
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]]


def _text(canvas: Canvas, words: str, at: tuple[int, int], scale: float = 0.45) -> None:
    cv2.putText(canvas, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (40, 40, 40), 1, cv2.LINE_AA)


def auroc_figure(summary: Mapping[str, Any]) -> bytes:
    """PNG: AUROC of every method on every split, points with 95 % intervals over seeds."""
    methods = list(summary["methods"])
    names = [n for _, n in columns(summary) if n.endswith("/auroc")]
    left, top, row, width = 190, 46, 20 * len(names) + 18, 560
    canvas: Canvas = np.full((top + row * len(methods) + 60, left + width + 40, 3), 255, np.uint8)
    for tick in np.linspace(0, 1, 6):
        x = left + round(width * tick)
        cv2.line(canvas, (x, top - 6), (x, canvas.shape[0] - 60), (200, 200, 200) if tick != 0.5 else (90, 90, 90), 1)
        _text(canvas, f"{tick:.1f}", (x - 10, canvas.shape[0] - 42))
    middle = left + width // 2
    cv2.line(canvas, (middle, top - 6), (middle, canvas.shape[0] - 60), (120, 120, 120), 1, cv2.LINE_AA)
    _text(canvas, f"{summary['study']}: AUROC, 95 % interval over seeds (vertical line: chance)", (12, 22), 0.5)
    for i, method in enumerate(methods):
        base = top + i * row
        _text(canvas, method, (12, base + row // 2))
        for j, name in enumerate(names):
            figure = summary["methods"][method]["figures"].get(name)
            if figure is None:
                continue
            y, colour = base + 12 + 20 * j, _COLOURS[j % len(_COLOURS)]
            at = left + round(width * figure["mean"])
            if figure["low"] is not None:
                ends = [left + round(width * min(max(figure[k], 0.0), 1.0)) for k in ("low", "high")]
                cv2.line(canvas, (ends[0], y), (ends[1], y), colour, 2, cv2.LINE_AA)
            cv2.circle(canvas, (at, y), 5, colour, -1, cv2.LINE_AA)
    for j, name in enumerate(names):
        x = 12 + j * 130
        cv2.circle(canvas, (x, canvas.shape[0] - 18), 5, _COLOURS[j % len(_COLOURS)], -1, cv2.LINE_AA)
        _text(canvas, name.split("/")[0], (x + 12, canvas.shape[0] - 14))
    return bytes(cv2.imencode(".png", canvas)[1])


def cam_figure(pictures: Mapping[str, bytes]) -> bytes | None:
    """PNG: the mean CAM pair of each method under each other; None without pictures."""
    stack = []
    for method, data in pictures.items():
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            continue
        title: Canvas = np.full((26, image.shape[1], 3), 255, np.uint8)
        _text(title, method, (8, 18), 0.55)
        stack += [title, np.asarray(image, np.uint8)]
    return bytes(cv2.imencode(".png", np.concatenate(stack))[1]) if stack else None
