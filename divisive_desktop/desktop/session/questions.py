"""Which question is asked of a case, which others could be, and which models answer them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session import model_choice
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.errors import UserFacingError
from divisive_desktop.explanation.statement import version_in_words
from divisive_desktop.library.tasks import TASKS, Task

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import ModelRef
    from divisive_desktop.imaging.record import ImageRecord
    from divisive_desktop.library.card import Card


def version_name(card: Card) -> str:
    """What people call a model version: its id, and its number."""
    return version_in_words(card.id, card.version)


class Questions(QObject):
    """The questions that can be asked of images, with the installed models.

    Parameters
    ----------
    record_of : callable
        The decoded image of a case, None while it isn't decoded.

    Signals
    -------
    modelsChanged()
        The list of installed models was read.
    analysisWanted(Case)
        Another question was asked of the case, or another model was chosen to answer it.
    problem(UserFacingError)
        The models could not be read, or the choice not be kept.
    """

    modelsChanged = Signal()
    analysisWanted = Signal(Case)
    problem = Signal(UserFacingError)

    def __init__(
        self,
        runner: Runner,
        casebook: CasebookService,
        record_of: Callable[[Case], ImageRecord | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner, self._casebook, self._record_of = runner, casebook, record_of
        self._models = model_choice.InstalledModels([], {}, {})

    def refresh_models(self) -> None:
        """Read the cards of the installed models, in the background."""

        def arrived(found: model_choice.InstalledModels) -> None:
            self._models = found
            self.modelsChanged.emit()

        self._runner.run(lambda _: model_choice.installed_models(), arrived, self.problem.emit, key="models")

    @property
    def in_use(self) -> Mapping[str, Card]:
        """Task -> the version that answers it now."""
        return self._models.in_use

    def versions_in_use(self) -> list[ModelRef]:
        """The same, as analyses name them; nothing while the models aren't read."""
        return [card.ref for card in self._models.in_use.values()]

    def of(self, case: Case | None) -> tuple[str, tuple[str, str] | None]:
        """What is asked of a case's image, and the names of the two answers; ('', None) while that isn't known."""
        task = self.task(case)
        return (task.question, task.classes) if task is not None else ("", None)

    def card(self, case: Case | None) -> Card | None:
        """Card of the very model version that made a case's analysis; None if it isn't installed (any more)."""
        if case is None or case.analysis is None:
            return None
        wanted = case.analysis.model.weights_sha256
        return next((c for c in self._models.cards if c.weights_sha256 == wanted), None)

    def data_terms(self) -> list[tuple[str, str]]:
        """What the owners of training data ask, by model; nothing for models whose card is silent."""
        return [(c.id, c.data_terms) for c in self._models.cards if c.data_terms]

    def model_choices(self, case: Case | None) -> tuple[list[tuple[str, str]], str]:
        """Models that answer a case's question, as (id, text), and the one in use ('' for the default)."""
        task = self.task(case)
        if task is None:
            return [], ""
        fitting = [c for c in self._models.cards if c.task == task.id]
        chosen = self._models.chosen.get(task.id, "")
        by_default = self.in_use.get(task.id) if not chosen else None
        default = ("", f"{version_name(by_default)} (default)" if by_default is not None else f"Default of {task.id}")
        return [default, *((c.id, version_name(c)) for c in fitting)], chosen

    def choose_model(self, case: Case | None, model_id: str) -> None:
        """Use a model ('' for the default) for a case's question from now on, and analyse it anew."""
        task = self.task(case)
        if case is None or task is None:
            return
        question = task.id

        def chosen(_: None) -> None:
            self.refresh_models()
            self.analysisWanted.emit(case)

        self._runner.run(
            lambda _: model_choice.choose_model(question, model_id), chosen, self.problem.emit, key="choose-model"
        )

    def task(self, case: Case | None) -> Task | None:
        """The question that is asked of a case; None while that isn't known."""
        if case is None:
            return None
        # What the analyst chose to ask, what the shown analysis answers, or what is asked of images of this kind.
        asked = case.task or (case.analysis.model.task if case.analysis is not None else None)
        known = next((t for t in TASKS if t.id == asked), None)
        if known is not None:
            return known
        record = self._record_of(case)
        return model_choice.task_of(record.kind if record is not None else None, self._models.cards)

    def task_choices(self, case: Case | None) -> Sequence[Task]:
        """The questions that could be asked of a case: those of its kind, or all where the kind is only guessed.

        Photographs may show a film, so that only of a DICOM image it is certain what it isn't.
        """
        record = self._record_of(case) if case is not None else None
        if record is None:
            return []
        installed = {c.task for c in self._models.cards}
        open_kind = not record.transfer_syntax
        fitting = [t for t in TASKS if not t.instrument and t.id in installed and (open_kind or t.kind == record.kind)]
        now = self.task(case)
        return fitting if now is None or now in fitting else [*fitting, now]

    def demonstrations(self, case: Case | None) -> Sequence[Task]:
        """Questions that show what a training method does, and say nothing about the analyst's own image."""
        record = self._record_of(case) if case is not None else None
        installed = {c.task for c in self._models.cards}
        return [
            t for t in TASKS if t.instrument and t.id in installed and record is not None
            and (not record.transfer_syntax or t.kind == record.kind) and t != self.task(case)
        ]  # fmt: skip

    def choose_task(self, case: Case | None, task_id: str) -> None:
        """Ask another question of a case, and analyse anew; the choice is kept with the case."""
        if case is None or case.task == task_id:
            return
        case.task = task_id
        self._casebook.act([case], lambda book, ids: book.cases.set_task(ids[0], task_id))
        self.analysisWanted.emit(case)
