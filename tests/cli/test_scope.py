"""The shipped models give no verdict outside of their scope, on the command line and in its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Capture, run
from tests.conftest import dicom_sample

CHEST = ("--model", "chest-cardiomegaly-focus-1", "--device", "cpu")
FIGURES = {"probability", "logits", "predicted", "nearer", "cam", "features"}


def analysed(out: Path, schema: Draft202012Validator, *arguments: object, code: int) -> list[dict[str, Any]]:
    assert run("analyze", *arguments, "--json", out) == code
    results: list[dict[str, Any]] = json.loads(out.read_text(encoding="utf-8"))
    for result in results:
        schema.validate(result)
    return results


def headerless(source: Path, target: Path) -> Path:
    """The same picture as a PNG."""
    from divisive_desktop.imaging import open_image
    from divisive_desktop.imaging.display import render

    cv2.imwrite(str(target), render(open_image(source)))
    return target


def test_a_chest_film_has_an_answer(rg1: Path, tmp_path: Path, schema: Draft202012Validator) -> None:
    film = headerless(rg1, tmp_path / "film.png")
    for result in analysed(tmp_path / "out.json", schema, rg1, film, *CHEST, code=0):
        decided = result["answer"] != "undecided"
        assert result["answer"] in ("undecided", ("negative", "positive")[result["nearer"]])
        assert result["predicted"] == (result["nearer"] if decided else None), "what isn't decided is no prediction"
        assert result["error_rates"] == {"negative": 0.1, "positive": 0.1, "chosen_by": "card"}
        assert "P(ratio above 0.50) " in result["statement"]
        assert ", by chest-cardiomegaly-focus-1 version 1." in result["statement"]
        assert result["scope"]["zone"] in ("familiar", "unfamiliar")
        assert result["scope"]["asked_anyway"] is False


def test_other_dicoms_have_none_and_say_what_they_are(
    tmp_path: Path, schema: Draft202012Validator, capsys: Capture
) -> None:
    names = ("CT_small.dcm", "MR_small.dcm", "rtdose.dcm", "examples_overlay.dcm")
    files = [dicom_sample(name) for name in names]
    results = analysed(tmp_path / "out.json", schema, *files, *CHEST, code=3)
    for result in results:
        assert result["answer"] is None
        assert not FIGURES & set(result)
        assert result["scope"]["zone"] == "out_of_scope"
        assert result["scope"]["reasons"]
        assert result["task"] == "chest-cardiomegaly"
        assert (result["model"]["id"], result["model"]["version"]) == (CHEST[1], "1")
        asked = "Is the heart wider than half of the chest (cardiothoracic ratio above 0.50)?"
        assert result["statement"].startswith(f"{asked} No verdict by {CHEST[1]} version 1: ")
        assert "not a frontal chest radiograph" in result["error"]["message"]
    assert results[1]["scope"]["reasons"][0].startswith("MR")
    said = capsys.readouterr()
    assert "--ask-anyway" in said.err
    assert f": {asked} No verdict by {CHEST[1]} version 1: MR" in said.err
    assert said.out == ""


def test_pixels_decide_where_there_is_no_header(tmp_path: Path, schema: Draft202012Validator) -> None:
    rng = np.random.default_rng(0)
    files = [headerless(dicom_sample(name), tmp_path / f"{name}.png") for name in ("CT_small.dcm", "RG3_UNCR.dcm")]
    for name, pixels in (
        ("noise", rng.integers(0, 255, (512, 512), np.uint8)), ("grey", np.full((512, 512), 90, np.uint8)),
        ("ramp", np.tile(np.linspace(0, 255, 512).astype(np.uint8), (512, 1))),
    ):  # fmt: skip
        files.append(tmp_path / f"{name}.png")
        cv2.imwrite(str(files[-1]), pixels)
    for result in analysed(tmp_path / "out.json", schema, *files, *CHEST, code=3):
        assert result["answer"] is None, result["file"]
        assert not FIGURES & set(result)


def test_asking_anyway_stays_marked(tmp_path: Path, schema: Draft202012Validator, capsys: Capture) -> None:
    path = dicom_sample("MR_small.dcm")
    (result,) = analysed(tmp_path / "out.json", schema, path, *CHEST, "--ask-anyway", code=0)
    assert result["answer"] is not None
    assert result["scope"]["asked_anyway"] is True
    assert result["scope"]["zone"] == "out_of_scope"
    assert "asked although out of scope" in capsys.readouterr().out


def test_no_report_without_asking_anyway(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("fpdf")
    path = dicom_sample("MR_small.dcm")
    options = ("--out", tmp_path / "r", "--format", "json", "--model", "chest-cardiomegaly-focus-1", "--device", "cpu")
    assert run("report", path, *options) == 3, "as analyze ends"
    said = capsys.readouterr().err
    assert "not a frontal chest radiograph" in said
    assert "--ask-anyway" in said
    assert not list((tmp_path / "r").glob("*.json")) if (tmp_path / "r").exists() else True
    assert run("report", path, *options, "--ask-anyway") == 0
    (written,) = (tmp_path / "r").glob("*.json")
    (case,) = json.loads(written.read_text())["cases"]
    assert case["statement"]["scope"].startswith("Asked although out of scope: ")
    assert case["statement"]["brief"]["answer"] == "undecided"


def test_the_default_face_model_knows_no_films(rg1: Path, tmp_path: Path, schema: Draft202012Validator) -> None:
    (result,) = analysed(tmp_path / "out.json", schema, rg1, "--task", "face-manipulation", "--no-face", code=3)
    assert "not a photograph of a face" in result["scope"]["reasons"][0]
