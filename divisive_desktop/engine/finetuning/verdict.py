"""What a before/after table says, in words. Claims nothing where the interval of a difference includes 0."""

from __future__ import annotations

import math
from collections.abc import Sequence

from divisive_desktop.engine.finetuning.messages import Change, Comparison, RunVerdict

LOW_IS_GOOD = ("ece", "border_auroc")
FEWEST_GROUPS = 8
"""Patients (or identities) below which a bootstrap interval isn't trusted, however narrow it is."""


def change_of(name: str, value: float, low: float, high: float, groups: int) -> Change:
    """What may be said of a difference (after minus before).

    Parameters
    ----------
    name : str
        Of ``messages.FIGURES``; ECE and border-only are better when they fall (give the border-only
        difference as that of the distances from 0.5).
    value, low, high : float
        The difference and its 95 % interval.
    groups : int
        Patients that it rests on.

    Returns
    -------
    str
        ``better`` or ``worse`` only when the interval leaves out 0 and rests on enough patients; ``unchanged`` when
        both models gave the same on every sample; ``unclear`` otherwise; ``not measured`` without a figure.
    """
    if not all(math.isfinite(v) for v in (value, low, high)):
        return "not measured"
    if value == low == high == 0:
        return "unchanged"
    if low <= 0 <= high or groups < FEWEST_GROUPS:
        return "unclear"
    rises = low > 0
    return "better" if rises != (name in LOW_IS_GOOD) else "worse"


def verdict(holdout: Comparison | None, guard: Comparison | None) -> RunVerdict:
    """The verdict on a run from its two tables; each may be missing."""
    found = _change(holdout, "auroc")
    attention = _change(holdout, "energy")
    kept = _change(guard, "auroc")
    sentences = [
        *_holdout_sentence(holdout, found),
        *_attention_sentence(holdout, attention),
        *_border_sentence(holdout),
        *_calibration_sentence(holdout),
        *_guard_sentence(guard, kept),
    ]
    return RunVerdict(_headline(found, attention, kept), tuple(sentences), found, attention, kept)


def _change(comparison: Comparison | None, name: str) -> Change:
    difference = comparison.differences.get(name) if comparison else None
    return difference.change if difference else "not measured"


def _headline(found: Change, attention: Change, kept: Change) -> str:
    if found == "not measured":
        text = "Nothing can be said: there are no held-out cases of both classes."
        if attention == "better":
            text = "It looks more at the masks; whether it decides better can't be said without more held-out cases."
    elif found == "better":
        text = {
            "better": "Better on the hold-out, and for the right reasons: it looks more at the masks.",
            "worse": "Better on the hold-out, but it looks less at the masks.",
        }.get(attention, "Better on the hold-out; that it looks elsewhere than before can't be shown.")
    elif found == "worse":
        text = {
            "better": "Worse on the hold-out, though it looks more at the masks.",
        }.get(attention, "Worse on the hold-out.")
    else:
        text = {
            "better": "It looks more at the masks; that it decides better or worse can't be shown.",
            "worse": "It looks less at the masks; that it decides better or worse can't be shown.",
        }.get(attention, "No improvement can be shown.")
    return f"{text} Old knowledge suffered." if kept == "worse" else text


def _holdout_sentence(c: Comparison | None, change: Change) -> Sequence[str]:
    if c is None or change == "not measured":
        return ["Hold-out: no AUROC, since it lacks cases of both classes."]
    moved = _moved(c, "auroc")
    if change in ("better", "worse"):
        return [f"{change.capitalize()} on the hold-out: AUROC {moved}."]
    if change == "unchanged":
        return [f"The same on the hold-out: AUROC {moved}."]
    return [f"No claim about the hold-out: AUROC {moved}{_why(c, 'auroc')}."]


def _attention_sentence(c: Comparison | None, change: Change) -> Sequence[str]:
    if c is None or change == "not measured":
        return ["Where it looks wasn't measured: no held-out case has a mask."]
    moved = _moved(c, "energy")
    if change == "better":
        return [f"Attention moved into the mask: energy of the divergence inside {moved}."]
    if change == "worse":
        return [f"Attention moved out of the mask: energy of the divergence inside {moved}."]
    return [f"No claim about attention: energy of the divergence inside the mask {moved}{_why(c, 'energy')}."]


def _border_sentence(c: Comparison | None) -> Sequence[str]:
    change = _change(c, "border_auroc")
    if c is None or change == "not measured":
        return []
    moved = _moved(c, "border_auroc")
    if change == "better":
        return [f"It leans less on the image's border: AUROC with all else blanked {moved}."]
    if change == "worse":
        return [f"It leans more on the image's border: AUROC with all else blanked {moved}."]
    return [f"No claim about the border: AUROC with all else blanked {moved}{_why(c, 'border_auroc')}."]


def _calibration_sentence(c: Comparison | None) -> Sequence[str]:
    change = _change(c, "ece")
    if c is None or change not in ("better", "worse"):
        return []
    return [f"Its probabilities are {change} calibrated: ECE {_moved(c, 'ece')}."]


def _guard_sentence(c: Comparison | None, change: Change) -> Sequence[str]:
    if c is None or change == "not measured":
        return ["The guard set wasn't measured: whether old knowledge was lost isn't known."]
    moved = _moved(c, "auroc")
    if change == "worse":
        return [f"Old knowledge suffered: AUROC on the guard set {moved}."]
    if change == "better":
        return [f"Better on the guard set too: AUROC {moved}."]
    if change == "unchanged":
        return [f"Guard set unchanged: AUROC {moved}."]
    return [f"No loss of old knowledge can be shown: AUROC on the guard set {moved}{_why(c, 'auroc')}."]


def _moved(c: Comparison, name: str) -> str:
    """``.81 -> .88 (difference +.07, 95 % interval +.01 to +.12)``"""
    before, after, d = c.before[name], c.after[name], c.differences[name]
    return (
        f"{number(before.value)} -> {number(after.value)} (difference {signed(d.value)}, 95 % interval "
        f"{signed(d.low)} to {signed(d.high)})"
    )


def _why(c: Comparison, name: str) -> str:
    d = c.differences[name]
    if d.low <= 0 <= d.high:
        return "; the interval includes 0"
    return f"; {c.groups} patients are too few to say"


def number(value: float) -> str:
    """A figure between 0 and 1 as tables show it: ``.81``, ``1.00``; an en dash for NaN."""
    return "–" if not math.isfinite(value) else f"{value:.2f}".replace("0.", ".", 1)


def signed(value: float) -> str:
    """A difference: ``+.07``, ``-.01``, ``.00``; never a zero that hides on which side of 0 it lies."""
    if not math.isfinite(value):
        return "–"
    digits = next((d for d in (2, 3, 4) if round(abs(value), d) > 0), 2)
    text = f"{abs(value):.{digits}f}".replace("0.", ".", 1)
    return text if round(abs(value), digits) == 0 else ("+" if value > 0 else "-") + text


__all__ = ["FEWEST_GROUPS", "LOW_IS_GOOD", "change_of", "number", "signed", "verdict"]
