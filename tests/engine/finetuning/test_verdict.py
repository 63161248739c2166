"""No claim when the interval includes 0; what is claimed, in which words."""

from __future__ import annotations

import math

import pytest

from divisive_desktop.engine.finetuning.messages import Change, Comparison, Difference, Figure
from divisive_desktop.engine.finetuning.verdict import change_of, number, signed, verdict

Row = tuple[float, float, float, float]
"""before, after, low, high of the difference"""


def table(rows: dict[str, Row], groups: int = 40, name: str = "holdout") -> Comparison:
    before = {n: Figure(r[0], r[0] - 0.05, r[0] + 0.05) for n, r in rows.items()}
    after = {n: Figure(r[1], r[1] - 0.05, r[1] + 0.05) for n, r in rows.items()}
    differences = {
        n: Difference(r[1] - r[0], r[2], r[3], 0.01, change_of(n, r[1] - r[0], r[2], r[3], groups))
        for n, r in rows.items()
    }
    return Comparison(name, 50, 25, groups, 50, before, after, differences)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "low", "high", "groups", "wanted"),
    [
        ("auroc", 0.07, 0.01, 0.12, 40, "better"),
        ("auroc", -0.07, -0.12, -0.01, 40, "worse"),
        ("auroc", 0.07, -0.01, 0.12, 40, "unclear"),
        ("auroc", 0.07, 0.0, 0.12, 40, "unclear"),
        ("auroc", 0.3, 0.2, 0.4, 7, "unclear"),
        ("ece", -0.05, -0.1, -0.01, 40, "better"),
        ("ece", 0.05, 0.01, 0.1, 40, "worse"),
        ("border_auroc", -0.2, -0.3, -0.1, 40, "better"),
        ("auroc", 0.0, 0.0, 0.0, 40, "unchanged"),
        ("auroc", math.nan, math.nan, math.nan, 40, "not measured"),
    ],
)
def test_a_change_is_claimed_only_when_the_interval_leaves_out_0(
    name: str, value: float, low: float, high: float, groups: int, wanted: Change
) -> None:
    assert change_of(name, value, low, high, groups) == wanted


def test_better_for_the_right_reasons() -> None:
    holdout = table({"auroc": (0.81, 0.88, 0.01, 0.12), "energy": (0.42, 0.77, 0.3, 0.4)})
    guard = table({"auroc": (0.92, 0.91, -0.03, 0.02)}, name="guard")
    found = verdict(holdout, guard)
    assert found.headline == "Better on the hold-out, and for the right reasons: it looks more at the masks."
    text = "Better on the hold-out: AUROC .81 -> .88 (difference +.07, 95 % interval +.01 to +.12)."
    assert found.sentences[0] == text
    assert found.sentences[1].startswith("Attention moved into the mask: energy of the divergence inside .42 -> .77")
    assert found.sentences[-1].startswith("No loss of old knowledge can be shown: AUROC on the guard set .92 -> .91")
    assert (found.holdout, found.attention, found.guard) == ("better", "better", "unclear")


def test_no_claim_when_the_interval_includes_0() -> None:
    found = verdict(table({"auroc": (0.81, 0.9, -0.001, 0.2), "energy": (0.4, 0.5, -0.1, 0.3)}), None)
    assert found.headline == "No improvement can be shown."
    everything = " ".join((found.headline, *found.sentences)).lower()
    assert "better" not in everything
    assert "moved into" not in everything
    assert everything.count("the interval includes 0") == 2
    assert "-.001 to +.20" in everything  # never rounded to a 0 that would hide its side


def test_few_patients_prove_nothing() -> None:
    found = verdict(table({"auroc": (0.5, 0.9, 0.3, 0.5), "energy": (0.1, 0.9, 0.7, 0.9)}, groups=5), None)
    assert found.headline == "No improvement can be shown."
    assert "5 patients are too few to say" in found.sentences[0]


def test_forgetting_is_said_in_the_headline() -> None:
    holdout = table({"auroc": (0.8, 0.9, 0.05, 0.15), "energy": (0.4, 0.3, -0.2, -0.05)})
    found = verdict(holdout, table({"auroc": (0.95, 0.8, -0.2, -0.1)}, name="guard"))
    assert found.headline == "Better on the hold-out, but it looks less at the masks. Old knowledge suffered."


def test_nothing_measured() -> None:
    found = verdict(None, None)
    assert found.headline.startswith("Nothing can be said")
    assert found.holdout == found.attention == found.guard == "not measured"
    assert len(found.sentences) == 3


def test_numbers() -> None:
    assert [number(v) for v in (0.814, 1.0, 0.0, 0.999, math.nan)] == [".81", "1.00", ".00", "1.00", "–"]
    found = [signed(v) for v in (0.07, -0.012, 0.0, -0.0004, 1.0, math.nan)]
    assert found == ["+.07", "-.01", ".00", "-.0004", "+1.00", "–"]
