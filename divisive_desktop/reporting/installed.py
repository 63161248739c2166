"""A case of a report against the model that is installed here: its card, and the analysis made once more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.library.card import Card
from divisive_desktop.reporting.build import Statements, statements
from divisive_desktop.reporting.consistency import PRECISIONS
from divisive_desktop.reporting.finding import Finding
from divisive_desktop.reporting.reread import rates_of, reread_analysis
from divisive_desktop.reporting.sources import before_after

TOLERANCE = 1e-2
"""Largest difference of a logit when an analysis is recomputed on another machine or device; of a cell of a class map
the same share of the largest one. Ten times as much where the analysis was made in bfloat16 or float16."""

_MACHINE = ("runtime", "precision")
"""Of how an image was prepared and analysed, what another machine does otherwise."""
_ROUNDING = 1e-4


def card_for(model: Mapping[str, Any], cards: Iterable[Card]) -> Card | None:
    """The card of the very weights that a report names; of copies under other names the one with its id first."""
    same = [card for card in cards if card.weights_sha256 == model["weights_sha256"]]
    return next((card for card in same if card.id == model["id"]), same[0] if same else None)


def agrees_with_card(case: Mapping[str, Any], card: Card, language: str, *, same_maker: bool) -> list[Finding]:
    """Question, classes, words of the answer, error rates, limits and the digest of the card.

    Parameters
    ----------
    same_maker : bool
        The report was made by this very program, so that words must be the same, too.
    """
    title = case["title"]
    label = case["true_class"] if case["true_class_source"] == "label" else None
    made = statements(reread_analysis(case), card, language, label, rates_of(case))
    named = case["analysis"]["model"]
    wrong = []
    if case["question"] != made.question or case["analysis"]["task"] != card.task:
        wrong.append("the question")
    if list(case["classes"]) != list(made.classes):
        wrong.append("the names of the classes")
    if (named["version"], named["method"]) != (card.version, card.method):
        wrong.append("version or method of the model")
    findings = []
    if wrong:
        findings.append(Finding("broken", f"{title}: the card of the model contradicts {', '.join(wrong)}."))
    differs = _differing(case, made, card, language)
    same_card = case["model"].get("card_sha256") == hashlib.sha256(card.to_json().encode()).hexdigest()
    if not differs and not wrong and not same_card:
        what = "The hash of the model's card in the report is not that of the card installed here, which says the same"
        findings.append(Finding("unknown", f"{title}: {what} otherwise."))
    if not differs and not wrong:
        what = "question, classes, words of the answer, error rates and limits"
        findings.append(Finding("holds", f"{title}: {what} are as the installed card gives them."))
    elif differs and same_card and same_maker:
        findings.append(Finding("broken", f"{title}: the card of the model contradicts {', '.join(differs)}."))
    elif differs:
        why = "that card is not the one that the report was made with" if same_maker else (
            "another version of the program made this report")  # fmt: skip
        findings.append(
            Finding("unknown", f"{title}: {', '.join(differs)}: not as the card installed here gives it; {why}.")
        )
    return findings


def _differing(case: Mapping[str, Any], made: Statements, card: Card, language: str) -> list[str]:
    """What the card gives otherwise than the case states it, in words."""
    analysis = reread_analysis(case)
    unmeasured = Decision("unmeasured")
    margin = analysis.logits[1] - analysis.logits[0]
    decision = unmeasured if card.decision is None else card.decision.decide(margin, analysis.scope)
    stated_decision = case["analysis"].get("decision")
    limits = {"card": list(made.limitations), "cautions": list(made.cautions)}
    digest = {name: value for name, value in made.model.items() if name != "card_sha256"}
    stated = {name: value for name, value in case["model"].items() if name != "card_sha256"}
    change = case.get("before_after")
    measured = before_after(reread_analysis(case), card, (), language) or {"words": "", "rows": []}
    compared = {
        "the words of the answer": (
            case.get("statement") or case["verdict"]["words"], asdict(made.statement) if "statement" in case else "",
        ),
        "what the answer rests on": (
            stated_decision, stated_decision and (decision.as_dict() if analysis.decision.state != "before" else None),
        ),
        "the error rates": (case["error_rates"], made.error_rates),
        "the limits": ({"card": case["limitations"], "cautions": case.get("cautions", limits["cautions"])}, limits),
        "what the card says of the model": (stated, digest),
        "what fine-tuning changed": (
            [change["words"], change["rows"][: len(measured["rows"])]] if change else None,
            [measured["words"], measured["rows"]] if change else None,
        ),
    }  # fmt: skip
    recipe = json.loads(json.dumps(asdict(card.preprocessing)))
    used = case["analysis"]["preprocessing"]
    compared["how the image was prepared"] = ({name: used.get(name) for name in recipe}, recipe)
    return [name for name, (said, given) in compared.items() if _plain(said) != _plain(given)]


def _plain(value: object) -> object:
    """As JSON gives it back: tuples are lists."""
    return json.loads(json.dumps(value))


def agrees_with_repetition(
    title: str, stated: Mapping[str, Any], again: Analysis, *, same_maker: bool = True
) -> Finding:
    """The analysis in the report against the same one made today.

    Parameters
    ----------
    same_maker : bool
        The report was made by this very program; another one may note less, or more, of how it prepared an image.
    """
    precision = stated["preprocessing"].get("precision", "float32")
    tolerance = PRECISIONS.get(precision, 1.0) * TOLERANCE
    coarse = tolerance > TOLERANCE
    t = stated["true_class"]
    before, now = np.array([stated["cam"]["true"], stated["cam"]["false"]]), again.cams[[t, 1 - t]]
    logits = max(abs(a - b) for a, b in zip(again.logits, stated["logits"], strict=True))
    if before.shape != now.shape:
        return Finding("broken", f"{title}: the analysis was repeated and gives class maps of another size.")
    cells, largest = float(np.abs(before - now).max()), max(1.0, float(np.abs(before).max()))
    by = f"logits by {logits:.1e}, cells of the class maps by {cells:.1e} at most"
    then = str(stated["preprocessing"].get("runtime") or "torch")
    if precision != again.precision:
        by += f"; in {precision} then and {again.precision} now"
    if then != again.runtime:
        by += f"; computed by {then} then and by {again.runtime} now, accepted are {tolerance:g}"
    if not (logits <= tolerance and cells <= tolerance * largest):
        return Finding("broken", f"{title}: the analysis was repeated and gives something else ({by}).")
    close = abs(stated["logits"][1] - stated["logits"][0]) <= 2 * tolerance
    if stated.get("nearer", stated["predicted"]) != again.predicted and not close:
        return Finding("broken", f"{title}: the analysis was repeated and favours the other class.")
    if abs(stated["probability"] - again.probability) > tolerance:
        return Finding("broken", f"{title}: the analysis was repeated and gives another probability.")
    zone = stated.get("scope", {}).get("zone", "not_checked")
    if zone != again.scope.zone and (same_maker or zone != "not_checked"):  # this program always checks
        where = f"{again.scope.zone}, not {zone}"
        return Finding("broken", f"{title}: the analysis was repeated, and the image is {where}.")
    used = {name: value for name, value in stated["preprocessing"].items() if name not in _MACHINE}
    today = {**again.preprocessing, "frame": again.frame}
    if "framing" not in used:  # the part that it had was asked for by its box, which reads as chosen by hand
        today.pop("framing", None)
    stating = {*used, *today} if same_maker else {*used} & {*today}
    other = sorted(name for name in stating - set(_MACHINE) if not _equal(used.get(name), today.get(name)))
    if other:
        return Finding("broken", f"{title}: the analysis was repeated, and the image was prepared otherwise "
                       f"({', '.join(other)}).")  # fmt: skip
    if coarse and not (logits <= TOLERANCE and cells <= TOLERANCE * largest):
        why = "which the precision that the report names would explain"
        return Finding("unknown", f"{title}: the analysis was repeated and differs ({by}), {why}.")
    return Finding("holds", f"{title}: the analysis was repeated and gives the same ({by}).")


def _equal(one: object, two: object) -> bool:
    """Numbers may differ in their last digits."""
    one, two = _plain(one), _plain(two)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_equal, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_equal(one[key], two[key]) for key in one)
    if isinstance(one, int | float) and isinstance(two, int | float) and not isinstance(one, bool):
        return abs(one - two) <= _ROUNDING * max(1.0, abs(two))
    return one == two
