"""``--error-rates``: other rates than the card's, or those of the window, and every output says which were used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator

from divisive_desktop.casebook import Casebook
from divisive_desktop.cli.options import chosen_rates
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import FAMILIAR
from divisive_desktop.paths import settings_file
from tests.cli.conftest import MODEL, Capture, run

CHEST = ("--model", "chest-cardiomegaly-focus-1", "--device", "cpu")


@pytest.fixture
def chosen(home: Path) -> None:
    """An analyst who chose other rates in the window."""
    settings = Settings(settings_file())
    settings.error_rates = 3, 0
    settings.sync()


@pytest.mark.usefixtures("home")
def test_how_rates_are_written() -> None:
    assert chosen_rates(None) is chosen_rates("card") is chosen_rates("settings") is None
    assert chosen_rates("0.05,.1") == (0.05, 0.1)
    assert chosen_rates(".05") == (0.05, 0.05)
    assert chosen_rates("card, 0.2") == (None, 0.2)
    for wrong in ("0", "0.5", "-0.1,0.1", "5,10", "0.1,0.1,0.1", "few", "nan", ""):
        with pytest.raises(typer.BadParameter, match=r"above 0 and up to 0\.3, such as 0\.05,0\.1") as refused:
            chosen_rates(wrong)
        said = str(refused.value)
        assert said.startswith(f"{wrong!r} is none of these")
        assert "At 0 nothing would ever be decided; above 0.3 an answer would be wrong too often" in said, "and why"


@pytest.mark.usefixtures("chosen")
def test_words_and_json_say_which_rates_were_used(
    rg1: Path, tmp_path: Path, schema: Draft202012Validator, capsys: Capture
) -> None:
    out = tmp_path / "out.json"

    def analysed(*options: str) -> dict[str, Any]:
        assert run("analyze", rg1, *CHEST, "--json", out, *options) == 0
        (result,) = json.loads(out.read_text(encoding="utf-8"))
        schema.validate(result)
        assert isinstance(result, dict)
        return result

    for options, negative, positive in (
        ((), 0.1, 0.1), (("--error-rates", "0.05,0.2"), 0.05, 0.2), (("--error-rates", "settings"), 0.03, 0.1),
    ):  # fmt: skip
        result = analysed(*options)
        by = "analyst" if options else "card"
        assert result["error_rates"] == {"negative": negative, "positive": positive, "chosen_by": by}
        said = result["statement"].replace("\u00a0", " ")
        assert f"accepted are {100 * negative:.0f} % and {100 * positive:.0f} %" in said
        assert ("The analyst chose these error rates" in said) is bool(options)
        printed = capsys.readouterr().out.replace("\u00a0", " ")
        assert said[: said.index("The map regions")] in printed


@pytest.mark.usefixtures("with_models", "chosen")
def test_a_case_of_a_casebook_is_reported_as_the_window_shows_it(rg1: Path, tmp_path: Path) -> None:
    analysis = kept(rg1)
    with Casebook.create(tmp_path / "my.casebook") as book:
        book.analyses.add(book.cases.add(rg1, copy=False), analysis)

    def reported(item: object, *options: object) -> dict[str, Any]:
        folder = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
        assert run("report", item, "--format", "json", "--out", folder, *options) == 0
        (file,) = folder.glob("*.json")
        (case,) = json.loads(file.read_text(encoding="utf-8"))["cases"]
        made = case["analysis"]["error_rates"]
        assert isinstance(made, dict)
        assert case["statement"]["rates"] == [made["negative"], made["positive"]]
        return made

    item = f"{tmp_path / 'my.casebook'}#1"
    assert reported(item) == {"negative": 0.03, "positive": 0.1, "chosen_by": "analyst"}
    assert reported(item, "--error-rates", "card") == {"negative": 0.1, "positive": 0.1, "chosen_by": "card"}
    assert reported(rg1, *MODEL)["chosen_by"] == "card", "nobody has seen that one in the window"


def kept(path: Path) -> Analysis:
    """An analysis with p-values, so that rates matter."""
    from divisive_desktop.engine import dispatch
    from divisive_desktop.engine.messages import Analyse
    from divisive_desktop.engine.worker import Worker

    made = dispatch.answer(Worker("cpu"), Analyse(str(path), model_id="seeded-chest"))
    assert isinstance(made, Analysis)
    return replace(made, scope=FAMILIAR, decision=Decision("measured", (0.8, 0.07)))
