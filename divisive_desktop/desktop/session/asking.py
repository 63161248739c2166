"""Which question is asked of an image, and which model answers it: a part of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import SignalInstance

from divisive_desktop.desktop.session import model_choice, questions
from divisive_desktop.desktop.session.case import Case

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.casebook_service import CasebookService
    from divisive_desktop.desktop.session.runner import Runner
    from divisive_desktop.desktop.session.settings import Settings
    from divisive_desktop.imaging.record import ImageRecord
    from divisive_desktop.library.card import Card
    from divisive_desktop.library.tasks import Task as Question


class Asking:
    """Mixed into ``Session``."""

    tasks: Runner
    settings: Settings
    book: CasebookService
    current: Case | None
    modelsChanged: SignalInstance
    problem: SignalInstance
    _cards: list[Card]

    def refresh_models(self) -> None:
        """Read the cards of the installed models, in the background."""

        def arrived(found: tuple[list[Card], dict[str, str]]) -> None:
            self._cards, self._active = found
            self.modelsChanged.emit()

        self.runner.run(
            lambda _: model_choice.model_cards(), arrived, lambda error: self.problem.emit(None, error), key="models"
        )

    def question(self, case: Case | None) -> tuple[str, tuple[str, str] | None]:
        """What is asked of a case's image, and the names of the two answers; ('', None) while that isn't known."""
        task = self.task(case)
        return (task.question, task.classes) if task is not None else ("", None)

    def card(self, case: Case | None) -> Card | None:
        """Card of the very model version that made a case's analysis; None if it isn't installed (any more)."""
        if case is None or case.analysis is None:
            return None
        wanted = case.analysis.model.weights_sha256
        return next((c for c in self._cards if c.weights_sha256 == wanted), None)

    def model_choices(self, case: Case | None) -> tuple[list[tuple[str, str]], str]:
        """Models that answer a case's question, as (id, text), and the one in use ('' for the default)."""
        task = self.task(case)
        if task is None:
            return [], ""
        fitting = [c for c in self._cards if c.task == task.id]
        default = ("", f"Default model of {task.id}")
        return [default, *((c.id, f"{c.id} · {c.version}") for c in fitting)], self._active.get(task.id, "")

    def choose_model(self, model_id: str) -> None:
        """Use a model ('' for the default) for the current case's question from now on, and analyse it anew."""
        case = self.current
        task = self.task(case)
        if case is None or task is None:
            return
        question = task.id

        def chosen(_: None) -> None:
            self.refresh_models()
            self.analyse(case)

        self.runner.run(
            lambda _: model_choice.choose_model(question, model_id), chosen,
            lambda error: self.problem.emit(None, error), key="choose-model",
        )  # fmt: skip

    def task(self, case: Case | None) -> Question | None:
        """The question that is asked of a case; None while that isn't known."""
        return questions.question_of(case, self._record_of(case), self._cards)

    def task_choices(self, case: Case | None) -> list[Question]:
        """The questions that could be asked of it."""
        return questions.choices(self._record_of(case), self.task(case), self._cards)

    def choose_task(self, task_id: str) -> None:
        """Ask another question of the current case, and analyse anew; the choice is kept with the case."""
        case = self.current
        if case is None or case.task == task_id:
            return
        case.task = task_id
        self.casebook.task(case, task_id)
        self.analyse(case)

    def _record_of(self, case: Case | None) -> ImageRecord | None:
        return self._records.get(case.key) if case is not None else None
