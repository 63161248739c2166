"""A report back from its machine-readable content, so that what it shows can be made once more and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.decision import RATES, Decision, Rates
from divisive_desktop.explanation.features import FeatureSet, important_features
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.explanation.statement import Brief, Statement, chance
from divisive_desktop.imaging.record import Spacing
from divisive_desktop.reporting.content import CaseContent, ImageFacts, MaskFacts, Report

T = TypeVar("T", ImageFacts, Statement, MaskFacts, CaseContent, Report)


def reread(content: Mapping[str, Any], pictures: Iterable[bytes] = ()) -> Report:
    """The report that has this content.

    Parameters
    ----------
    content : mapping
        As `Report.as_dict` gives it, read from JSON.
    pictures : iterable of bytes
        Encoded pictures found in the file; each is put where the content names its SHA-256. A case keeps only the
        pictures that are among them.

    Raises
    ------
    LookupError, TypeError, ValueError, AttributeError
        It doesn't have the form of a report.
    """
    by_hash = {hashlib.sha256(data).hexdigest(): data for data in pictures}
    cases = tuple(_case(case, by_hash) for case in content["cases"])
    return _made(Report, content, cases=cases, sections=tuple(content.get("sections", ())),
                 logo=by_hash.get(content.get("logo", ""), b""))  # fmt: skip


def reread_analysis(case: Mapping[str, Any]) -> Analysis:
    """The analysis of a case as its content states it.

    Raises
    ------
    LookupError, TypeError, ValueError, AttributeError
        It doesn't have the form of an analysis.
    """
    stated, image = case["analysis"], case["image"]
    model, t, recipe = stated["model"], int(stated["true_class"]), dict(stated["preprocessing"])
    frame, precision = int(recipe.pop("frame", 0)), str(recipe.pop("precision", "float32"))
    pair = np.array([stated["cam"]["true"], stated["cam"]["false"]], np.float32)
    size = int(image["width"]), int(image["height"])
    x, y, width, height = (int(v) for v in recipe.get("region") or (0, 0, *size))
    negative, positive = case["classes"]
    measured = any(feature.get("area_mm2") is not None for feature in stated["features"])
    spacing = image.get("spacing") if measured else None
    return Analysis(
        file=stated["file"], sha256=stated["sha256"], frame=frame, image_size=size, region=(x, y, width, height),
        model=ModelRef(
            model["id"], model["version"], model["weights_sha256"], model["method"], stated["task"],
            (negative, positive),
        ),
        device=stated["device"], precision=precision, logits=_pair(stated["logits"]),
        bias=_pair(stated.get("bias") or (0.0, 0.0)), cams=pair if t == 0 else pair[::-1], preprocessing=recipe,
        timings_ms=stated.get("timings_ms", {}), spacing=Spacing(**spacing) if spacing else None,
        scope=ScopeCheck.from_dict(stated.get("scope")), decision=Decision.from_dict(stated.get("decision")),
    )  # fmt: skip


def features_of(analysis: Analysis, true_class: int) -> FeatureSet:
    """The important features that this program finds in an analysis."""
    return important_features(
        analysis.divergence(true_class), analysis.image_size, analysis.region, spacing=analysis.spacing
    )


def _case(raw: Mapping[str, Any], by_hash: Mapping[str, bytes]) -> CaseContent:
    mask = raw.get("mask")
    return _made(
        CaseContent, raw, image=_made(ImageFacts, raw["image"], notes=tuple(raw["image"].get("notes", ()))),
        classes=tuple(raw["classes"]),
        statement=_statement(raw), regions=raw.get("regions", ""),
        error_rates=tuple((name, figures) for name, figures in raw["error_rates"]),
        limitations=tuple(raw["limitations"]), cautions=tuple(raw.get("cautions", ())),
        mask=_made(MaskFacts, mask) if mask else None, audit=tuple(raw.get("audit", ())),
        pictures={name: by_hash[sha] for name, sha in raw["pictures"].items() if sha in by_hash},
    )  # fmt: skip


def rates_of(case: Mapping[str, Any]) -> Rates | None:
    """The error rates that a case was worded at; None: those of the model's card."""
    rates = case["analysis"].get("rates")
    return None if rates is None else _pair(rates)


def _statement(raw: Mapping[str, Any]) -> Statement:
    """The statement of a case; of a report before there were any, its verdict in that form."""
    stated = raw.get("statement")
    if stated is None:
        words, model = raw["verdict"]["words"], raw["analysis"]["model"]
        version = f"{model['id']} {model['version']}"
        said = chance(raw["classes"][1], raw["verdict"]["probability"])
        brief = Brief("undecided", raw["verdict"]["class_name"], "", said)
        return Statement(raw["question"], brief, "not_checked", words, "", (), (), version, f"by {version}", "", "")
    return _made(
        Statement, stated, brief=Brief(**stated["brief"]), measured=tuple(stated["measured"]),
        against=tuple(stated["against"]), rates=_pair(stated.get("rates") or RATES),
    )  # fmt: skip


def _made(kind: type[T], raw: Mapping[str, Any], **changed: object) -> T:
    """An object from those entries that it has fields for, some of them already read."""
    known = {field.name: raw[field.name] for field in fields(kind) if field.name in raw}
    return kind(**{**known, **changed})


def _pair(values: Iterable[float]) -> tuple[float, float]:
    first, second = values
    return float(first), float(second)
