"""An analysis as JSON: one object per image, as ``resources/analysis.schema.json`` describes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import OutOfScopeError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.explanation.statement import Statement, regions_in_words, version_in_words, withheld

_MODEL = ("id", "version", "weights_sha256", "method")
TIMINGS = ("decode", "faces", "preprocess", "forward", "explain")


def analysis_json(
    analysis: Analysis, features: FeatureSet, statement: Statement, label: int | None = None
) -> dict[str, Any]:
    """What is known about one image, in JSON types only and without NaN.

    Parameters
    ----------
    analysis : Analysis
        Logits and CAM pair.
    features : FeatureSet
        Important features of the divergence map for the same true class.
    statement : Statement
        On this analysis.
    label : 0, 1 or None
        The analyst's label; None: the class that the score is nearer to is held true, and ``true_class_source`` says
        whether it is predicted or only nearer.
    """
    if analysis.scope.withheld:
        raise ValueError("an answer that is withheld isn't written: see withheld_json")
    true_class, source = statement.held_true(analysis.predicted, label)
    model = analysis.model
    return {
        "file": file_text(analysis.file),
        "sha256": analysis.sha256,
        "task": model.task,
        "model": {
            "id": model.id,
            "version": model.version,
            "weights_sha256": model.weights_sha256,
            "method": model.method,
        },
        "device": analysis.device,
        "answer": statement.answer,
        "statement": f"{statement.full} {regions_in_words(statement, features)}".strip(),
        "scope": analysis.scope.as_dict(),
        "logits": [float(v) for v in analysis.logits],
        "probability": analysis.probability,
        "predicted": analysis.predicted if statement.answer_class else None,
        "nearer": analysis.predicted,
        "error_rates": error_rates_json(statement, analysis.decision),
        "true_class": true_class,
        "true_class_source": source,
        "cam": {
            "shape": list(analysis.cams.shape[1:]),
            "true": _rows(analysis.cams[true_class]),
            "false": _rows(analysis.cams[1 - true_class]),
        },
        "features": [
            {
                "rank": f.rank,
                "box": list(f.box),
                "area_px": round(f.area_px, 1),
                "area_mm2": None if f.area_mm2 is None else round(f.area_mm2, 2),
                "share": round(f.share, 6),
                "favours": f.favours,
            }
            for f in features.features
        ],
        "preprocessing": {**analysis.preprocessing, "frame": analysis.frame, "precision": analysis.precision},
        "timings_ms": {
            name: round({**analysis.timings_ms, "explain": features.took_ms}.get(name, 0.0), 3) for name in TIMINGS
        },
    }


def error_rates_json(statement: Statement, decision: Decision) -> dict[str, Any]:
    """The error rates that an answer was decided at, and whose they are."""
    negative, positive = statement.rates
    by = "card" if statement.rates == decision.rates else "analyst"
    return {"negative": negative, "positive": positive, "chosen_by": by}


def withheld_json(
    file: str | os.PathLike[str], error: OutOfScopeError, question: str = "", correction: str = ""
) -> dict[str, Any]:
    """A file that is out of the model's scope: ``answer`` is null, ``scope`` says why, and there are no figures.

    Parameters
    ----------
    question : str
        What was asked, in words.
    correction : str
        What was mended about the picture, as `Correction` writes it.
    """
    scope = ScopeCheck("out_of_scope", error.reasons or (error.message,))
    asked = error.asked
    model = {name: asked.get("model" if name == "id" else name, "") for name in _MODEL} if asked else {}
    version = version_in_words(model["id"], model["version"]) if model else ""
    words = withheld(question, scope, version, correction=correction).full
    named = {"task": asked.get("task", ""), "model": model} if asked else {}
    return {**error_json(file, error), **named, "answer": None, "scope": scope.as_dict(), "statement": words}


def error_json(file: str | os.PathLike[str], error: UserFacingError | Mapping[str, str]) -> dict[str, Any]:
    """A file that failed: ``{"file", "error": {"kind", "message", "remedy"}}``."""
    found = error.as_dict() if isinstance(error, UserFacingError) else error
    return {"file": file_text(file), "error": {name: file_text(found[name]) for name in ("kind", "message", "remedy")}}


def file_text(file: str | os.PathLike[str]) -> str:
    """A path as text that can be written as UTF-8, also where the file's name isn't valid UTF-8."""
    return os.fspath(file).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _rows(cam: npt.NDArray[np.float32]) -> list[list[float]]:
    # Seven digits are what float32 holds.
    return [[float(f"{v:.7g}") for v in row] for row in cam.tolist()]
