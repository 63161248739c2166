"""What the window says of a version's figures: as reports say it, with n and interval."""

from __future__ import annotations

from dataclasses import replace

from divisive_desktop import paths
from divisive_desktop.desktop.features.finetuning.version_wording import auroc_of, details
from divisive_desktop.library.card import read_card


def test_an_order_without_mistakes_is_no_certainty() -> None:
    card = read_card(paths.shipped_models_dir() / "iris-attack-true-correlation-1" / "card.json")
    rows = {name: value.replace("\u00a0", " ") for name, value, _ in details(card)}
    assert rows["Test, 200 images"].startswith(
        "AUROC 1.00 (at least .97: exact 95 % bound from 100 images of the rarer class), "
    )
    assert rows["Open set, 254 images"].startswith("AUROC .99 (.97–1.00)")
    assert "1.00–1.00" not in str(rows)
    value, rests_on = auroc_of(card) or (0.0, "")
    assert value == 1
    assert rests_on.replace("\u00a0", " ") == (
        "AUROC 1.00 (at least .97: exact 95 % bound from 100 images of the rarer class), test, 200 images"
    )


def test_a_run_s_figure_has_its_interval() -> None:
    card = read_card(paths.shipped_models_dir() / "iris-attack-true-correlation-1" / "card.json")
    whole = {"value": 0.75, "low": 0.6, "high": 0.9}
    for figure, said in ((whole, "AUROC .75 (.60–.90)"), ({"value": 0.75}, "AUROC .75")):
        tuned = replace(card, metrics={"holdout": {"after": {"auroc": figure}}})
        assert {name: value for name, value, _ in details(tuned)}["Hold-out"] == said
