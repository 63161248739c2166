"""Where the cases of a report come from: the casebook, with label, mask, agreement and audit extract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from divisive_desktop.casebook import AnalysisRow, Casebook
from divisive_desktop.errors import ModelNotFoundError, ReportError
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.features import important_features
from divisive_desktop.explanation.figure_words import figure, rarer
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.language import card_words, number, term, text
from divisive_desktop.library import store
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.release import release_state
from divisive_desktop.masks.agreement import LiveAgreement
from divisive_desktop.reporting import audit
from divisive_desktop.reporting.build import build_case
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.pictures import SIDE


def casebook_case(
    book: Casebook,
    case_id: int,
    options: Options,
    *,
    analysis_id: int | None = None,
    conclusion: str | None = None,
    side: int = SIDE,
    lossless: bool = True,
    change: Callable[[ImageRecord], ImageRecord] = lambda record: record,
) -> CaseContent:
    """What a report says about a case of a casebook: its analysis, label, mask and history.

    Parameters
    ----------
    options : Options
        Their language, whether what identifies a patient is left out, and the analyst ('': the casebook's user).
    analysis_id : int, optional
        The analysis that the report began with; None: the one that the case shows now.
    conclusion : str, optional
        None: the case's notes.
    side, lossless
        Of the pictures, as in `build_case`.
    change : callable
        What is done to the picture before it is shown: faces made unrecognisable.

    Raises
    ------
    ReportError
        The case has no analysis, or its file changed since.
    ImageMissingError
        The original is not where it was.
    """
    row = book.cases.get(case_id)
    number = row.analysis if analysis_id is None else analysis_id
    if number is None:
        raise ReportError(f"{row.name} has not been analysed yet.", "Analyse it, then report on it.")
    analysis = book.analyses.load(number)
    record = open_image(book.originals.path(case_id), row.frame, Correction.parse(analysis.correction))
    language = options.language
    card = card_of(analysis.model, language)
    true_class = analysis.true_class(row.label)
    found = important_features(
        analysis.divergence(true_class), analysis.image_size, analysis.region, spacing=record.spacing
    )
    painted = book.masks.load(case_id, record.correction) if row.regions else None
    mask, agreement = None, None
    if painted is not None:
        mask = painted.union()
        agreement = asdict(LiveAgreement(analysis.divergence(true_class), analysis.region, found).reset(painted))
    return build_case(
        change(record),
        analysis,
        found,
        card,
        options,
        label=row.label,
        mask=mask,
        agreement=agreement,
        before_after=before_after(analysis, card, book.analyses.rows(case_id), language),
        audit=audit.extract(book, case_id, card.classes, language),
        casebook=audit.anchor(book, case_id, number),
        conclusion=row.notes if conclusion is None else conclusion,
        analyst=options.analyst or book.reader,
        title="" if options.deidentify else row.name,
        side=side,
        lossless=lossless,
    )


def card_of(model: ModelRef, language: str) -> Card:
    """The card of the very weights that made an analysis.

    Where they aren't installed any more, a card that says so and claims nothing.
    """
    same = [m for m in store.find_models() if m.card.weights_sha256 == model.weights_sha256]
    if same:  # a copy under another name may have another card
        found = next((m for m in same if m.card.id == model.id), same[0])
        if release_state(found.folder) != "changed":
            return found.card
        return replace(found.card, limits=(text(language, "card_changed"), *found.card.limits))
    return Card(
        model.id, model.version, model.task, model.classes, "", model.method, model.weights_sha256, Preprocessing(),
        limits=(text(language, "card_missing"),),
    )  # fmt: skip


def before_after(
    analysis: Analysis, card: Card, analyses: Sequence[AnalysisRow], language: str
) -> Mapping[str, Any] | None:
    """What fine-tuning changed: the model's figures from its card, and this case under the model before.

    Returns
    -------
    ``{"words", "rows"}`` or None
        None for a model that was not fine-tuned here. A row is (measure, before, after, difference with interval).
    """
    if card.parent is None:
        return None
    words, rows = _measured(card, language)
    earlier = [a for a in analyses if a.weights_sha256 != card.weights_sha256 and _is_parent(a, card.parent)]
    if earlier:
        old = earlier[-1]
        positive = term(language, card.classes[1])
        rows.append(_row(language, text(language, "this_case_probability", positive=positive), old.probability,
                         analysis.probability))  # fmt: skip
        now = next((a for a in reversed(analyses) if a.weights_sha256 == card.weights_sha256), None)
        if now is not None and old.energy is not None and now.energy is not None:
            rows.append(_row(language, text(language, "this_case_energy"), old.energy, now.energy))
    if not rows and not words:
        return None
    return {"words": words, "rows": rows, "parent": card.parent}


_TABLES = (
    ("before_and_after", "before_after_holdout", ("auroc", "ece", "energy", "border_auroc")),
    ("guard", "before_after_guard", ("auroc",)),
)
"""Tables that a fine-tuning leaves in its version's card, how they are introduced, and which rows are reported."""


def _measured(card: Card, language: str) -> tuple[str, list[tuple[str, str, str, str]]]:
    """What the run that made a version found, from its card: the verdict in words, and rows."""
    names = {
        "auroc": "AUROC", "ece": text(language, "metric_ece"), "energy": text(language, "energy_inside"),
        "border_auroc": text(language, "metric_border"),
    }  # fmt: skip
    rows = []
    for table, introduced, wanted in _TABLES:
        found = card.metrics.get(table)
        if not isinstance(found, Mapping):
            continue
        for name in wanted:
            before, after = (found[side].get(name) or {} for side in ("before", "after"))
            if before.get("value") is None or after.get("value") is None:
                continue
            shown = text(language, introduced, n=found["images"], name=names[name])
            few = rarer(found["images"], found.get("positives")) if name == "auroc" else None
            rows.append((
                shown, _with_interval(before, few, language), _with_interval(after, few, language),
                _difference(found["differences"].get(name) or {}, language),
            ))  # fmt: skip
    verdict = card.metrics.get("verdict")
    said = [verdict.get("headline", ""), *verdict.get("sentences", ())] if isinstance(verdict, Mapping) else []
    return card_words(language, " ".join(str(sentence) for sentence in said if sentence)), rows


def _with_interval(found: Mapping[str, Any], few: int | None, language: str) -> str:
    """A figure of one of the two models, with its interval where that could be had."""
    low, high = found.get("low"), found.get("high")
    between = None if low is None or high is None else (low, high)
    return figure(language, found["value"], between, few)


def _difference(found: Mapping[str, Any], language: str) -> str:
    """A difference with its interval; an unmeasured one is a dash."""
    if found.get("value") is None:
        return "–"
    value = _signed(found["value"], language)
    if found.get("low") is None or found.get("high") is None:
        return value
    low, high = (_signed(found[end], language) for end in ("low", "high"))
    return f"{value} ({low} – {high})"


def _signed(value: float, language: str) -> str:
    """A difference with its sign: of one that isn't 0 enough digits to see that."""
    written = number(language, value, sign=True)
    if float(f"{value:.2f}") != 0:
        return written
    if abs(value) < 5e-5:
        return number(language, 0.0)
    return number(language, value, 3 if abs(value) >= 5e-4 else 4, sign=True)


def _is_parent(row: AnalysisRow, parent: str) -> bool:
    if parent in (row.model, row.weights_sha256):
        return True
    try:
        return store.find_model(parent).card.weights_sha256 == row.weights_sha256
    except ModelNotFoundError:
        return False


def _row(language: str, name: str, before: float, after: float) -> tuple[str, str, str, str]:
    return (
        name, number(language, before), number(language, after), number(language, after - before, sign=True),
    )  # fmt: skip
