"""The columns that the worklist can show beside its first one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt

from divisive_desktop.desktop.features.worklist.criteria import agreement_of, model_of
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case, waiting_text
from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.statement import version_in_words
from divisive_desktop.foreign.text import in_window
from divisive_desktop.language import percent
from divisive_desktop.library.tasks import question_of

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Column:
    """A column: what stands in it, and what a click on its head sorts by."""

    name: str
    title: str
    text: Callable[[Case], str] | None
    """None: the first column, which the delegate paints."""
    sort: str
    """A name in ``criteria.SORTS``."""
    width: int = 96
    alignment: Qt.AlignmentFlag = _LEFT
    tip: str = ""


def _label(case: Case) -> str:
    if case.label is None:
        return ""
    verdict = case.verdict
    return verdict.classes[case.label] if verdict is not None else ("negative", "positive")[case.label]


def _of_verdict(text: Callable[[Case], str]) -> Callable[[Case], str]:
    """Nothing while there is no verdict, or while it is hidden from the person who paints."""
    return lambda case: "" if case.opinion is None else text(case)


def _asked(case: Case) -> Mapping[str, str]:
    """What was asked of a case that got no answer, and whom; nothing where it got one, or while that is hidden."""
    error = case.analysis_error
    refused = isinstance(error, OutOfScopeError) and case.verdict is None and not case.hidden and not case.analysing
    return error.asked if isinstance(error, OutOfScopeError) and refused else {}


def _question(case: Case) -> str:
    verdict = case.opinion
    task = _asked(case).get("task", "") if verdict is None else verdict.task
    return question_of(task) if task else ""


def _model(case: Case) -> str:
    if case.opinion is not None:
        return model_of(case)
    asked = _asked(case)
    return version_in_words(asked["model"], asked.get("version", "")) if asked.get("model") else ""


def moment(iso: str) -> str:
    """A stored UTC time as date and time here."""
    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M") if iso else ""


def spent(seconds: float) -> str:
    """Time that was spent: ``1:05`` minutes, ``2:03:10`` hours."""
    if seconds < 1:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _file(case: Case) -> str:
    return "unreadable" if case.error is not None else "" if case.file_state == "ok" else case.file_state


def _verdict(case: Case) -> str:
    if case.opinion is not None:
        return case.opinion.words(case.answer)
    return waiting_text(case) if _asked(case) else ""


def _agreement(case: Case) -> str:
    share = agreement_of(case)
    return "" if share is None else percent(share)


COLUMNS: tuple[Column, ...] = (
    Column("case", "Case", None, "name", 232),
    Column("label", "Label", _label, "label", 88, tip="The analyst's class"),
    Column("verdict", "Verdict", _verdict,
           "probability", 176, tip="What the model answers"),
    Column("probability", "Prob.", _of_verdict(lambda c: c.brief.chance if c.brief else ""), "probability", 136,
           tip="Probability of the positive class"),
    Column("margin", "Margin", _of_verdict(lambda c: f"{c.verdict.margin:.2f}" if c.verdict else ""), "margin", 64,
           _RIGHT, "Distance of the two logits: small near even odds"),
    Column("review", "Review", lambda c: c.review.value, "review", 80),
    Column("mask", "Mask", lambda c: str(c.regions) if c.regions else "", "mask", 52, _RIGHT, "Painted regions"),
    Column("agreement", "Agreement", _agreement, "agreement", 80, _RIGHT,
           "Share of the divergence that lies inside the mask"),
    Column("tags", "Tags", lambda c: in_window(", ".join(c.tags)), "tags", 112),
    Column("notes", "Notes", lambda c: in_window(" ".join(c.notes.split())), "notes", 160),
    Column("model", "Model", _model, "model", 136, tip="Model and version that the verdict is from"),
    Column("analysed", "Analysed", lambda c: moment(c.analysed), "analysed", 128),
    Column("added", "Added", lambda c: moment(c.added), "added", 128),
    Column("seconds", "Time spent", lambda c: spent(c.seconds), "seconds", 80, _RIGHT),
    Column("file", "File", _file, "file", 80, tip="Missing, altered since import, or unreadable"),
    Column("folder", "Folder", lambda c: redaction.shown_path(c.path.parent), "folder", 200),
    Column("question", "Question", _question, "question",
           200, tip="What the model was asked"),
)  # fmt: skip
"""In their first order; the user moves, hides and widens them. New ones come at the end: settings go by number."""
