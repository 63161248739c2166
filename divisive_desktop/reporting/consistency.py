"""Whether a case of a report agrees with itself: maps, logits, answer, probability, features."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import ANSWERS
from divisive_desktop.explanation.export import error_rates_json
from divisive_desktop.explanation.statement import regions_in_words, state
from divisive_desktop.imaging.record import Spacing
from divisive_desktop.reporting.finding import Finding
from divisive_desktop.reporting.pictures import bar_fits, is_cropped
from divisive_desktop.reporting.reread import features_of, rates_of, reread_analysis

PRECISIONS = {"float32": 1.0, "bf16": 10.0, "bfloat16": 10.0, "float16": 10.0}
"""In which analyses are made; how much further apart figures may then be when one is repeated."""
_NEAR = 1e-4
"""Of probabilities and shares, which are written with six digits."""
_PIXELS, _PART = 1.0, 0.01
"""A feature's box may differ by a pixel and its area by a hundredth: maps are written with seven digits."""


def agrees_with_itself(case: Mapping[str, Any], language: str, *, same_maker: bool) -> list[Finding]:
    """What follows from the class maps and logits of a case, against what the case says.

    Parameters
    ----------
    case : mapping
        As `Report.as_dict` has it.
    language : str
        Of the report.
    same_maker : bool
        The report was made by this very program; another one may have found its features otherwise.
    """
    title, analysis = case["title"], reread_analysis(case)
    return [
        _maps(title, case["analysis"]),
        *_entries(title, case, analysis),
        _answer(title, case, analysis),
        *_words(title, case, analysis, language, same_maker),
        _features(title, case, analysis, same_maker),
    ]


def _maps(title: str, analysis: Mapping[str, Any]) -> Finding:
    """The identity of the method: the divergence map's mean and the biases give the difference of the logits."""
    cam, t = analysis["cam"], analysis["true_class"]
    true, false = np.array(cam["true"], np.float64), np.array(cam["false"], np.float64)
    if true.ndim != 2 or not true.size or true.shape != false.shape or list(true.shape) != list(cam["shape"]):
        return Finding("broken", f"{title}: the class maps have no cells, or other ones than their size says.")
    bias = analysis.get("bias")
    if bias is None:
        return Finding("unknown", f"{title}: the content states no biases; map and logits can't be compared.")
    difference = analysis["logits"][t] - analysis["logits"][1 - t]
    error = abs(float((true - false).mean()) + bias[t] - bias[1 - t] - difference)
    if error <= 1e-3 * max(1.0, abs(difference)):
        return Finding("holds", f"{title}: the class maps and the logits agree.")
    return Finding("broken", f"{title}: the class maps and the logits contradict each other.")


def _entries(title: str, case: Mapping[str, Any], analysis: Analysis) -> list[Finding]:
    """What the case says in two places, or follows from what else it says."""
    stated, image, named = case["analysis"], case["image"], case["analysis"]["model"]
    wrong = [f"the model's {key}" for key in named if key in case["model"] and named[key] != case["model"][key]]
    if case["image"]["name"] != stated["file"]:
        wrong.append("the file's name")
    if analysis.scope.asked_anyway and not analysis.scope.insisted:
        wrong.append("whether somebody asked although the image is out of scope")
    if analysis.precision not in PRECISIONS:
        wrong.append("the precision of the figures")
    if case.get("cropped", False) != is_cropped(analysis):
        wrong.append("whether the pictures show a part of the image")
    spacing = image.get("spacing")
    if "true" in case["pictures"] and not bar_fits(
        case.get("scale_bar_mm"), Spacing(**spacing) if spacing else None, analysis
    ):
        wrong.append("the length of the scale bar")
    if case.get("signed_on"):
        wrong.append("a day of signing, which no report states")
    return [Finding("broken", f"{title}: the case contradicts itself: {', '.join(wrong)}.")] if wrong else []


def _answer(title: str, case: Mapping[str, Any], analysis: Analysis) -> Finding:
    """Answer, class and probability in every place that states them."""
    stated, classes = case["analysis"], list(case["classes"])
    verdict = case.get("verdict") or {}  # of reports before there were statements
    predicted, t = analysis.predicted, case["true_class"]
    wrong = []
    decided = stated.get("answer") in ANSWERS or "nearer" not in stated  # the key is younger than reports are
    favoured = (stated.get("nearer", predicted), verdict.get("predicted", predicted))
    if favoured != (predicted, predicted) or stated["predicted"] != (predicted if decided else None):
        wrong.append("the class that the model favours")
    allowed = (ANSWERS[predicted], "undecided", None)
    said = case["statement"]["brief"]["answer"] if "statement" in case else stated.get("answer")
    if stated.get("answer", ANSWERS[predicted]) not in allowed or said != stated.get("answer"):
        wrong.append("the answer")
    if verdict.get("class_name", classes[predicted]) != classes[predicted]:
        wrong.append("the name of its class")
    chances = (stated["probability"], verdict.get("probability", stated["probability"]))
    if any(abs(p - analysis.probability) > _NEAR for p in chances):
        wrong.append("the probability")
    source = case["true_class_source"]
    if (t, source) != (stated["true_class"], stated["true_class_source"]) or (source != "label" and t != predicted):
        wrong.append("the class held true")
    if wrong:
        return Finding("broken", f"{title}: the logits contradict {', '.join(wrong)}.")
    return Finding("holds", f"{title}: answer, probability and classes follow from the logits.")


def _words(
    title: str, case: Mapping[str, Any], analysis: Analysis, language: str, same_maker: bool
) -> list[Finding]:
    """The statement, made once more from the analysis, its zone and the p-values that the content holds."""
    if "statement" not in case:
        return []
    made = state(analysis, case["question"], rates_of(case), language)
    held = case["true_class"], case["true_class_source"]
    label = case["true_class"] if held[1] == "label" else None
    found = features_of(analysis, case["true_class"])
    spoken = f"{made.full} {regions_in_words(made, found)}".strip()
    if (
        json.loads(json.dumps(asdict(made))) == case["statement"]
        and case["regions"] == regions_in_words(made, found, language)
        and case["analysis"]["statement"] == spoken
        and case["analysis"].get("error_rates") == error_rates_json(made, analysis.decision)
        and held == made.held_true(analysis.predicted, label)
    ):
        return [Finding("holds", f"{title}: the words of the answer follow from its figures.")]
    if same_maker:
        return [Finding("broken", f"{title}: the words of the answer don't follow from its figures.")]
    return [Finding("unknown", f"{title}: another version of the program worded this answer.")]


def _features(title: str, case: Mapping[str, Any], analysis: Analysis, same_maker: bool) -> Finding:
    """The features are found once more in the maps that the content holds."""
    stated, found = case["analysis"]["features"], features_of(analysis, case["true_class"]).features
    same = len(stated) == len(found) and all(
        f["rank"] == g.rank
        and f["favours"] == g.favours
        and np.allclose(f["box"], g.box, atol=_PIXELS)
        and np.isclose(f["area_px"], g.area_px, rtol=_PART, atol=_PIXELS)
        and (f["area_mm2"] is None) == (g.area_mm2 is None)
        and np.isclose(f["area_mm2"] or 0, g.area_mm2 or 0, rtol=_PART, atol=_PIXELS)
        and abs(f["share"] - g.share) <= _NEAR + _PART * g.share
        for f, g in zip(stated, found, strict=True)
    )
    if same:
        return Finding("holds", f"{title}: the features are those of the class maps.")
    if same_maker:
        return Finding("broken", f"{title}: the features are not those of the class maps.")
    return Finding(
        "unknown",
        f"{title}: another version of the program made this report; this one finds other features in its maps.",
    )
