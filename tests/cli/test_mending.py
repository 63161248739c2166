"""``--mend`` corrects pictures before they are looked at, and every output says so."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from jsonschema import Draft202012Validator

from divisive_desktop.cli import options
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.correction import MENDS
from divisive_desktop.imaging.display import render
from tests.cli.conftest import Capture, run

CHEST = ("--model", "chest-cardiomegaly-focus-1", "--device", "cpu")


@pytest.fixture
def upside_down(rg1: Path, tmp_path: Path) -> Path:
    shown = cv2.resize(render(open_image(rg1)), (480, 512), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "film.png"), shown[::-1, ::-1])
    return tmp_path / "film.png"


def test_what_would_mend_it_is_said_and_mends_it(
    upside_down: Path, tmp_path: Path, schema: Draft202012Validator, capsys: Capture
) -> None:
    out = tmp_path / "out.json"
    assert run("analyze", upside_down, *CHEST, "--json", out) == 3
    said = capsys.readouterr().err
    assert "the film looks upside down" in said
    assert "--mend turn-over" in said
    (refused,) = json.loads(out.read_text())
    schema.validate(refused)
    assert refused["answer"] is None
    assert refused["scope"]["reasons"] == ["the film looks upside down"]

    assert run("analyze", upside_down, *CHEST, "--json", out, "--mend", "turn-over") == 0
    (result,) = json.loads(out.read_text())
    schema.validate(result)
    assert result["preprocessing"]["correction"] == "turn-over"
    assert result["scope"]["zone"] != "out_of_scope"
    assert "Picture as mended by the analyst: turned by 180°." in result["statement"]
    assert "Picture as mended by the analyst: turned by 180°." in capsys.readouterr().out.replace("\u00a0", " ")


def test_two_faults_are_named_with_both_remedies(rg1: Path, tmp_path: Path, capsys: Capture) -> None:
    shown = cv2.resize(render(open_image(rg1)), (480, 512), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "film.png"), 255 - shown[::-1, ::-1])
    assert run("analyze", tmp_path / "film.png", *CHEST) == 3
    assert "(--mend turn-over --mend invert, or --ask-anyway)" in capsys.readouterr().err
    assert run("analyze", tmp_path / "film.png", *CHEST, "--mend", "turn-over", "--mend", "invert") == 0


def test_a_report_says_what_was_mended(upside_down: Path, tmp_path: Path) -> None:
    options = ("--out", tmp_path / "r", "--format", "json,html", "--mend", "turn-over", *CHEST)
    assert run("report", upside_down, *options) == 0
    (made,) = [p for p in (tmp_path / "r").iterdir() if p.suffix == ".json"]
    (case,) = json.loads(made.read_text(encoding="utf-8"))["cases"]
    assert "Turned by 180 degrees by the analyst." in case["image"]["notes"]
    assert case["analysis"]["preprocessing"]["correction"] == "turn-over"
    (page,) = [p for p in (tmp_path / "r").iterdir() if p.suffix == ".html"]
    assert "Picture as mended by the analyst: turned by 180°." in page.read_text(encoding="utf-8")


def test_a_name_that_is_no_correction_is_refused(upside_down: Path, capsys: Capture) -> None:
    assert run("analyze", upside_down, *CHEST, "--mend", "shear") == 2
    assert "turn-left" in capsys.readouterr().err


def test_help_names_every_correction() -> None:
    assert options._MENDS.split("|") == list(MENDS)
