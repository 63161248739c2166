"""Which question is asked of a case, which others could be, and which models answer them. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from divisive_desktop.desktop.session import model_choice
from divisive_desktop.library.tasks import TASKS, Task

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.imaging.faces import Framing
    from divisive_desktop.imaging.record import ImageRecord
    from divisive_desktop.library.card import Card


def question_of(case: Case | None, record: ImageRecord | None, cards: Sequence[Card]) -> Task | None:
    """What the analyst chose to ask, what the shown analysis answers, or what is asked of images of this kind."""
    if case is None:
        return None
    asked = case.task or (case.analysis.model.task if case.analysis is not None else None)
    known = next((t for t in TASKS if t.id == asked), None)
    return known or model_choice.task_of(record.kind if record is not None else None, cards)


def choices(record: ImageRecord | None, now: Task | None, cards: Sequence[Card]) -> list[Task]:
    """Questions that can be asked of an image: those of its kind, or all where the kind is only guessed.

    Photographs may show a film, so that only of a DICOM image it is certain what it isn't.
    """
    if record is None:
        return []
    installed = {c.task for c in cards}
    open_kind = not record.transfer_syntax
    fitting = [t for t in TASKS if not t.instrument and t.id in installed and (open_kind or t.kind == record.kind)]
    return fitting if now is None or now in fitting else [*fitting, now]


def chosen_framing(analysis: Analysis) -> Framing | None:
    """The part that a person chose for an analysis, to be asked for again; None: it was found, or nobody chose."""
    from divisive_desktop.imaging.faces import framing_of

    framing = framing_of(analysis.preprocessing)
    return framing if framing is not None and framing.by_person else None
