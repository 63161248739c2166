"""Which models are installed, which one answers a task, and what is asked of a kind of image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from divisive_desktop.library.card import Card
    from divisive_desktop.library.tasks import Task


class InstalledModels(NamedTuple):
    """Cards of all installed models, and who answers."""

    cards: list[Card]
    chosen: dict[str, str]
    """Task -> id of the model that was chosen to answer it, where one was and is there."""
    in_use: dict[str, Card]
    """Task -> the version that answers it now, chosen or not."""


def installed_models() -> InstalledModels:
    """Read the models from the disk."""
    from divisive_desktop.library.store import active_models, find_models, models_in_use

    models = find_models()
    there = {(m.card.task, m.card.id) for m in models}
    chosen = {task: model for task, model in active_models().items() if (task, model) in there}
    in_use = {task: m.card for task, m in models_in_use(models).items()}
    return InstalledModels([m.card for m in models], chosen, in_use)


def choose_model(task: str, model_id: str) -> None:
    """Let a model answer a task ('' for the default one) from now on."""
    from divisive_desktop.library import versions

    if model_id:
        versions.activate(model_id)
    else:
        versions.deactivate(task)


def task_of(kind: str | None, cards: Sequence[Card]) -> Task | None:
    """The question asked of an image of this kind: the first that a model is installed for, else the first."""
    from divisive_desktop.library.tasks import TASKS

    fitting = [t for t in TASKS if t.kind == kind and not t.instrument]
    installed = {c.task for c in cards}
    return next((t for t in fitting if t.id in installed), fitting[0] if fitting else None)
