"""The JSON of an analysis is what its schema says, and holds what the network gave."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator, ValidationError

from divisive_desktop import paths
from divisive_desktop.errors import EmptyFileError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.export import analysis_json, error_json
from divisive_desktop.explanation.features import important_features
from divisive_desktop.explanation.scope import FAMILIAR
from divisive_desktop.explanation.statement import state


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    text = (paths.resources_dir() / "analysis.schema.json").read_text(encoding="utf-8")
    Draft202012Validator.check_schema(json.loads(text))
    return Draft202012Validator(json.loads(text))


def exported(analysis: Analysis, label: int | None = None) -> dict:
    true_class = analysis.true_class(label)
    found = important_features(
        analysis.divergence(true_class), analysis.image_size, analysis.region, spacing=analysis.spacing
    )
    assert found.features
    return json.loads(json.dumps(analysis_json(analysis, found, state(analysis, "Is it so?"), label), allow_nan=False))


@pytest.mark.parametrize("label", [None, 0, 1])
def test_an_analysis_fits_the_schema(analysis: Analysis, schema: Draft202012Validator, label: int | None) -> None:
    result = exported(analysis, label)
    schema.validate(result)
    assert result["true_class_source"] == ("nearer" if label is None else "label"), "nobody measured this model"
    assert result["true_class"] == (result["nearer"] if label is None else label)
    assert result["timings_ms"]["explain"] > 0
    assert result["timings_ms"]["forward"] > 0


def test_only_what_is_decided_is_predicted(analysis: Analysis, schema: Draft202012Validator) -> None:
    p = (0.9, 0.01) if analysis.predicted == 0 else (0.01, 0.9)
    decided = replace(analysis, scope=FAMILIAR, decision=Decision("measured", p))
    result = exported(decided)
    schema.validate(result)
    assert result["true_class_source"] == "predicted"


def test_the_maps_still_explain_the_logits(analysis: Analysis) -> None:
    for label in (0, 1):
        result = exported(analysis, label)
        for name, c in (("true", label), ("false", 1 - label)):
            cam = np.array(result["cam"][name])
            assert list(cam.shape) == result["cam"]["shape"]
            assert cam.mean() + analysis.bias[c] == pytest.approx(result["logits"][c], abs=1e-4)
    odds = np.exp(result["logits"][1] - result["logits"][0])
    assert result["probability"] == pytest.approx(odds / (1 + odds), abs=1e-6)


def test_the_other_label_exchanges_the_maps(analysis: Analysis) -> None:
    zero, one = exported(analysis, 0), exported(analysis, 1)
    assert zero["cam"]["true"] == one["cam"]["false"]
    assert zero["cam"]["false"] == one["cam"]["true"]
    assert {f["favours"] for f in zero["features"]} | {f["favours"] for f in one["features"]} == {"true", "false"}


def test_a_failure_fits_the_schema(schema: Draft202012Validator) -> None:
    result = error_json("a/b.dcm", EmptyFileError("b.dcm is empty.", "Copy it again."))
    schema.validate(result)
    assert result == {
        "file": "a/b.dcm",
        "error": {"kind": "empty-file", "message": "b.dcm is empty.", "remedy": "Copy it again."},
    }


def test_the_schema_refuses_what_is_wrong(analysis: Analysis, schema: Draft202012Validator) -> None:
    good = exported(analysis)
    for wrong in ({"probability": 1.5}, {"sha256": "xyz"}, {"predicted": 2}, {"surplus": 1}, {"cam": None}):
        with pytest.raises(ValidationError):
            schema.validate({**good, **wrong})
    with pytest.raises(ValidationError):
        schema.validate({k: v for k, v in good.items() if k != "logits"})


def test_names_that_are_not_utf8_can_be_written(analysis: Analysis) -> None:
    name = os.fsdecode(b"f\xfflm.dcm")
    result = exported(replace(analysis, file=name))
    assert json.dumps(result, ensure_ascii=False).encode("utf-8")
    assert result["file"].startswith("f")
    assert result["file"].endswith("lm.dcm")
