"""From an opened image, its analysis and the model's card to what a report says."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop import __version__
from divisive_desktop.errors import ReportError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Wanted, accepted
from divisive_desktop.explanation.export import analysis_json
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.explanation.scope import Zone
from divisive_desktop.explanation.share import wilson
from divisive_desktop.explanation.statement import Statement, regions_in_words, state
from divisive_desktop.foreign.text import plain
from divisive_desktop.imaging.dicom_terms import known_terms
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.language import text
from divisive_desktop.library.card import Card
from divisive_desktop.library.decision import TestSet
from divisive_desktop.library.scope_check import refusal
from divisive_desktop.library.tasks import question_of
from divisive_desktop.reporting.content import CaseContent, ImageFacts, MaskFacts, Report
from divisive_desktop.reporting.deid_names import names_somebody, words_of
from divisive_desktop.reporting.deid_text import pixel_warning
from divisive_desktop.reporting.maker import maker, pages_of
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.pictures import SIDE, case_pictures

_LIBRARIES = ("numpy", "opencv-python-headless", "pydicom", "torch", "highdicom", "fpdf2")
_RATES = ("auroc", "sensitivity", "specificity", "apcer", "bpcer", "ece", "border_only_auroc")
_AT_A_THRESHOLD = {f"{key}{end}" for key in ("sensitivity", "specificity", "apcer", "bpcer") for end in ("", "_95")}
_ENDINGS = (".dcm", ".dicom", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".jp2")
_SALIENCY = ("proof", "cells", "scale", "divergence", "training", "processing")


def build_case(
    record: ImageRecord,
    analysis: Analysis,
    features: FeatureSet,
    card: Card,
    options: Options,
    *,
    label: int | None = None,
    mask: npt.NDArray[np.float32] | None = None,
    agreement: Mapping[str, Any] | None = None,
    before_after: Mapping[str, Any] | None = None,
    audit: Sequence[Mapping[str, Any]] = (),
    casebook: Mapping[str, Any] | None = None,
    conclusion: str = "",
    analyst: str = "",
    title: str = "",
    side: int = SIDE,
    lossless: bool = True,
) -> CaseContent:
    """Everything a report says about one case.

    Parameters
    ----------
    record : ImageRecord
        Opened again for the report: its SHA-256 is compared with the analysis's.
    mask : float32 (rows, columns), optional
        The analyst's saliency mask, 0..1.
    agreement : mapping, optional
        ``energy``, ``pointing``, ``iou``: the fields of `divisive_desktop.masks.agreement.Agreement`.
    options : Options
        Their language, and whether what identifies a patient is left out, the file's name included. What is said of
        this case alone is in ``conclusion`` and ``analyst``.
    side : int
        Longest side of a picture in pixels.
    lossless : bool
        PNG; otherwise JPEG, for reports of many cases.

    Raises
    ------
    ReportError
        The file has changed since it was analysed: nothing is exported then.
    OutOfScopeError
        It is out of the model's scope, and nobody asked anyway.
    """
    if analysis.scope.withheld:
        raise refusal(analysis.scope, analysis.model)
    if record.sha256 != analysis.sha256:
        raise ReportError(
            f"{record.path.name} has changed since it was analysed (SHA-256 {record.sha256[:12]}… instead of "
            f"{analysis.sha256[:12]}…), so no report was written.",
            "Restore the original file, or import the changed one as a new case and analyse it.",
        )
    deidentify = options.deidentify
    stated = statements(analysis, card, options.language, label, options.rates)
    result = analysis_json(analysis, features, stated.statement, label)
    result["decision"] = analysis.decision.as_dict()  # lets a reader word the answer once more
    result["rates"] = None if options.rates is None else list(accepted(options.rates, analysis.decision.rates))
    name = stated_name(record, deidentify)
    result["file"] = name
    result["bias"] = list(analysis.bias)  # lets a reader check mean(D) + biases = difference of the logits
    pictures = case_pictures(record, analysis, features, stated.true_class, mask, side, lossless)
    return CaseContent(
        title=plain(title) or name,
        image=image_facts(record, name, deidentify),
        question=stated.question,
        classes=stated.classes,
        true_class=stated.true_class,
        true_class_source=stated.true_class_source,
        statement=stated.statement,
        regions=regions_in_words(stated.statement, features, options.language),
        analysis=result,
        model=stated.model,
        error_rates=stated.error_rates,
        limitations=stated.limitations,
        cautions=stated.cautions,
        mask=None if mask is None else _mask_facts(mask, agreement or {}),
        before_after=before_after,
        audit=tuple(audit),
        casebook=casebook,
        conclusion=plain(conclusion, lines=True),
        analyst=plain(analyst),
        scale_bar_mm=pictures.scale_bar_mm,
        cropped=pictures.cropped,
        pictures=pictures.encoded,
    )


def stated_name(record: ImageRecord, deidentify: bool) -> str:
    """What a report calls the file of an image."""
    # A de-identified report names the file by its hash: names of files hold names of people.
    # An unusual ending may be part of a name, too ("IM.john doe").
    ending = record.path.suffix.lower() if record.path.suffix.lower() in _ENDINGS else ""
    return f"{record.sha256[:12]}{ending}" if deidentify else plain(record.path.name)


@dataclass(frozen=True)
class Statements:
    """What a case says that follows from its analysis and the model's card alone; the fields are `CaseContent`'s."""

    question: str
    classes: tuple[str, str]
    true_class: int
    true_class_source: str
    statement: Statement
    model: Mapping[str, Any]
    error_rates: tuple[tuple[str, Mapping[str, Any]], ...]
    limitations: tuple[str, ...]
    cautions: tuple[str, ...]


def statements(
    analysis: Analysis, card: Card, language: str, label: int | None, rates: Wanted | None = None
) -> Statements:
    """What a report says because of the analysis and the card; `verify` makes it once more and compares."""
    question = question_of(card.task)
    stated = state(analysis, question, rates, language)
    true_class, source = stated.held_true(analysis.predicted, label)
    cautions = [text(language, f"saliency_{key}") for key in _SALIENCY]
    if source != "label":
        cautions.insert(0, text(language, f"saliency_{source}"))
    return Statements(
        question, card.classes, true_class, source, stated, _model_digest(card), tuple(_error_rates(card, stated.zone)),
        (*card.limits, *cautions), tuple(cautions),
    )  # fmt: skip


def build_report(
    cases: Sequence[CaseContent],
    options: Options,
    *,
    first_number: int = 1,
    total: int = 0,
    signer: Mapping[str, str] | None = None,
) -> Report:
    """A report on these cases, dated now.

    Parameters
    ----------
    options : Options
        Their conclusion is about all cases together: of a single case it is in the case's content.
    first_number, total, signer
        As in `Report`.
    """
    return Report(
        created=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        cases=tuple(cases),
        generator={
            "name": "Divisive Desktop",
            "version": __version__,
            "python": platform.python_version(),
            "libraries": {name: _version(name) for name in _LIBRARIES},
            "pages": pages_of(options.language),
            "maker": dict(maker(options.language)),
        },
        deidentified=options.deidentify,
        institution=options.institution,
        language=options.language,
        sections=tuple(options.left_out),
        logo=options.logo,
        conclusion=options.conclusion if (total or len(cases)) > 1 else "",
        first_number=first_number,
        total=total,
        signer=signer,
    )


def plain_header(header: Mapping[str, str]) -> dict[str, str]:
    """What of a header a de-identified report repeats: codes of DICOM's own words, and who made the device."""
    codes = ("Modality", "BodyPartExamined", "ViewPosition")
    kept = {name: known_terms(header.get(name, "").upper()) for name in codes}
    maker_of_device = header.get("Manufacturer", "")
    if names_somebody(maker_of_device, words_of(header.get(name, "") for name in ("PatientName", "PatientID"))):
        maker_of_device = ""
    return {name: value for name, value in {**kept, "Manufacturer": maker_of_device}.items() if value}


def image_facts(record: ImageRecord, name: str, deidentify: bool) -> ImageFacts:
    """What a report states of the file of an image."""
    spacing = record.spacing
    return ImageFacts(
        name=name,
        sha256=record.sha256,
        size_bytes=record.path.stat().st_size,
        width=record.width,
        height=record.height,
        kind=record.kind,
        frame=record.frame,
        frames=record.frames,
        photometric=record.photometric,
        bits_stored=record.bits_stored,
        transfer_syntax=record.transfer_syntax,
        decoder=record.decoder,
        lossy=record.lossy,
        spacing=None
        if spacing is None
        else {
            "row_mm": spacing.row_mm,
            "column_mm": spacing.column_mm,
            "calibration": spacing.calibration,
            "source": spacing.source,
        },
        header=plain_header(record.header) if deidentify else dict(record.header),
        notes=record.notes,
        burned_in=(pixel_warning(record.header, record) or "") if deidentify and record.transfer_syntax else "",
    )


def mask_sha256(mask: npt.NDArray[np.float32]) -> str:
    """SHA-256 of a saliency mask (0..1) as it is exported: uint8 rows, 0..255."""
    return hashlib.sha256(np.rint(np.clip(mask, 0, 1) * 255).astype(np.uint8).tobytes()).hexdigest()


def _mask_facts(mask: npt.NDArray[np.float32], agreement: Mapping[str, Any]) -> MaskFacts:
    return MaskFacts(
        sha256=mask_sha256(mask),
        area_share=float(mask.mean()),
        energy_inside=agreement.get("energy"),
        pointing_hit=agreement.get("pointing"),
        iou=agreement.get("iou"),
        segment_sha256=mask_sha256((mask >= 0.5).astype(np.float32)),
    )


def _model_digest(card: Card) -> dict[str, Any]:
    return {
        "card_sha256": hashlib.sha256(card.to_json().encode()).hexdigest(),
        "id": card.id,
        "version": card.version,
        "weights_sha256": card.weights_sha256,
        "backbone": card.backbone,
        "method": card.method,
        "parent": card.parent,
        "trained_on": card.training.get("data", ""),
        "calibration": {
            k: card.calibration[k] for k in ("temperature", "split", "ece_before", "ece_after") if k in card.calibration
        },
        "intended_use": card.intended_use,
        "licence": card.licence,
        "attribution": list(card.attribution),
        "data_terms": card.data_terms,
    }


def _error_rates(card: Card, zone: Zone) -> list[tuple[str, Mapping[str, Any]]]:
    """Figures of the card for people, with their intervals: of each test set, then of other data (validation).

    Sensitivity and specificity are those at the card's threshold, by which the answer goes; without one, at P .5. Of an
    image from elsewhere, what was measured on other sources comes first.
    """
    tests = card.decision.tests if card.decision is not None else ()
    rows: list[tuple[str, Mapping[str, Any]]] = []
    named = {test.name for test in tests if test.own}
    for test in sorted(tests, key=lambda test: test.own == (zone == "unfamiliar")):
        of_it = test.own or test.name not in named  # else the metrics of this name are those of the own source
        found = card.metrics.get(test.name) if of_it else None
        rows.append((test.name.replace("_", " "), _tested(test, found if isinstance(found, Mapping) else {})))
    for name, figures in card.metrics.items():
        if not isinstance(figures, Mapping) or any(test.name == name for test in tests):
            continue
        kept = _kept(figures, without=_AT_A_THRESHOLD if card.decision is not None else frozenset())
        if kept:
            rows.append((name.replace("_", " "), {"images": figures.get("images"), **kept}))
    return rows


def _tested(test: TestSet, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """A test set's figures; what only the training measured is taken from the card's metrics."""
    outcome = test.familiar if test.own or test.unfamiliar is None else test.unfamiliar
    shares = {"auroc": test.auroc, "sensitivity": test.sensitivity, "specificity": test.specificity}
    if outcome is not None:
        shares |= {"coverage": outcome.coverage, "decided": outcome.decided, "right": outcome.right}
    found: dict[str, Any] = {}
    for key, share in shares.items():
        if share is not None:
            found |= {key: share.value, f"{key}_95": [share.low, share.high], f"{key}_n": share.n}
    if test.ece is not None:
        found["ece"] = test.ece
    head = {"images": test.n, "positives": test.images[1], "own": test.own, "source": test.source}
    return {**head, **_kept(metrics, without=_AT_A_THRESHOLD), **found}


def _kept(figures: Mapping[str, Any], without: AbstractSet[str]) -> dict[str, Any]:
    """Those of the metrics of one data set that are reported."""
    flat = {**figures.get("attack", {}), **figures}
    kept: dict[str, Any] = {}
    for key in _RATES:
        if key not in without and isinstance(flat.get(key), int | float) and np.isfinite(flat[key]):
            kept[key] = flat[key]
            if flat.get(f"{key}_95"):
                kept[f"{key}_95"] = list(flat[f"{key}_95"])
    images, positives = flat.get("images"), flat.get("positives")
    if kept and isinstance(images, int) and isinstance(positives, int) and 0 < positives < images:
        kept["positives"] = positives
        for key, n in (("sensitivity", positives), ("specificity", images - positives)):
            if key in kept and f"{key}_95" not in kept and 0 <= kept[key] <= 1:
                low, high = wilson(round(kept[key] * n), n)
                kept |= {f"{key}_95": [min(low, kept[key]), max(high, kept[key])], f"{key}_n": n}
    return kept


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
