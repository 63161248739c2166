"""Before a run: what the casebook offers for the choices on the page, how long it would take, and the start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject

from divisive_desktop.engine.finetuning.messages import EstimateRun, FineTune
from divisive_desktop.errors import UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.finetuning.choices import Choices
    from divisive_desktop.desktop.features.finetuning.feature import FineTuning
    from divisive_desktop.engine.finetuning.messages import DataCheck, Estimate
    from divisive_desktop.library.card import Card


class PreparedRun(NamedTuple):
    """What the casebook offers for the choices."""

    request: FineTune
    check: DataCheck
    card: Card


class Preparation(QObject):
    """Keeps the page before the start in step with casebook and choices; starts the run.

    Parameters
    ----------
    tuning : FineTuning
        Whose dialog and run these are.
    """

    def __init__(self, tuning: FineTuning) -> None:
        super().__init__(tuning)
        self._tuning, self._window = tuning, tuning.window
        self.prepared: PreparedRun | None = None
        self._asking = False

    def load_models(self) -> None:
        """Read the installed models, then look at the casebook with the one in use for the current case."""
        wanted = self._wanted_base()

        def work(_: Any) -> tuple[list[Card], str]:
            from divisive_desktop.library import store

            cards = [m.card for m in store.find_models()]
            known = {c.id for c in cards}
            base = wanted[0] if wanted[0] in known else ""
            if not base:
                task = wanted[1] or store.default_task("radiograph")
                base = store.default_model(task).card.id
            return cards, base

        def arrived(found: tuple[list[Card], str]) -> None:
            if self._tuning.dialog is not None:
                self._tuning.dialog.setup.set_models(*found)
                self.prepare(found[1])

        self._window.runner.run(work, arrived, self._cannot_prepare, key="finetune-models", priority=25)

    def _wanted_base(self) -> tuple[str, str]:
        """Model id and task that the current case suggests ('' where it doesn't)."""
        case = self._window.session.current
        card = self._window.session.questions.card(case)
        if card is not None:
            return card.id, card.task
        return "", ""

    def prepare(self, base: str, choices: Choices | None = None) -> None:
        """Look at what the casebook offers; without choices those that suit it are shown."""
        book = self._window.session.casebook

        def work(_: Any) -> PreparedRun:
            from divisive_desktop.engine.finetuning import preparation
            from divisive_desktop.library import store

            card = store.find_model(base).card
            given = choices.request_fields() if choices is not None else {}
            request = preparation.fine_tune_request(book.wait(), base, **given)
            return PreparedRun(request, preparation.check_data(request.cases, request.method), card)

        self._window.runner.run(
            work, lambda found: self._prepared(found, choices is None), self._cannot_prepare, key="finetune-prepare",
            priority=25,
        )  # fmt: skip

    def _prepared(self, found: PreparedRun, fresh: bool) -> None:
        self.prepared = found
        if self._tuning.dialog is None:
            return
        setup = self._tuning.dialog.setup
        if fresh:
            engine = self._window.runner.engine
            setup.set_defaults(found.request, engine.device if engine else "cpu")
        setup.show_check(found.check, found.card.classes)
        if not found.check.blocked:
            setup.show_estimate(None)
            self._ask_how_long()

    def _ask_how_long(self) -> None:
        """One question at a time: the engine works on it for a second or two and can't be interrupted meanwhile."""
        asked = self.prepared
        if self._asking or asked is None or asked.check.blocked or self._tuning.dialog is None:
            return
        setup = self._tuning.dialog.setup
        self._asking = True

        def answered(say: Callable[[], None]) -> None:
            self._asking = False
            if self.prepared is asked:
                say()
            else:
                self._ask_how_long()

        def arrived(estimate: Estimate) -> None:
            answered(lambda: setup.show_estimate(estimate))

        def failed(error: UserFacingError) -> None:
            answered(lambda: setup.time_words.setText(f"How long it takes isn't known: {error.message}"))

        self._window.runner.submit(EstimateRun(asked.request), arrived, failed)

    def _cannot_prepare(self, error: UserFacingError) -> None:
        if self._tuning.dialog is not None:
            self._tuning.dialog.setup.set_blocked(True, f"{error.message} {error.remedy}")

    def choices_changed(self) -> None:
        if self._tuning.dialog is not None:
            choices = self._tuning.dialog.setup.choices()
            if choices.base:
                self.prepare(choices.base, choices)

    def came_back(self) -> None:
        """Labels and masks may have changed while the main window was in front."""
        dialog = self._tuning.dialog
        if dialog is not None and dialog.stack.currentIndex() == 0 and self.prepared is not None:
            self.choices_changed()

    def start(self) -> None:
        """Begin with the choices on the page and the casebook as it is this moment."""
        if self._tuning.dialog is None or self._tuning.run.busy:
            return
        choices = self._tuning.dialog.setup.choices()
        book = self._window.session.casebook
        self._tuning.dialog.setup.start.setEnabled(False)

        def work(_: Any) -> PreparedRun:
            from divisive_desktop.engine.finetuning import preparation
            from divisive_desktop.library import store

            request = preparation.fine_tune_request(book.wait(), choices.base, **choices.request_fields())
            check = preparation.check_data(request.cases, request.method)
            return PreparedRun(request, check, store.find_model(choices.base).card)

        def ready(found: PreparedRun) -> None:
            self.prepared = found
            if self._tuning.dialog is not None:
                self._tuning.dialog.setup.set_blocked(found.check.blocked)
                self._tuning.dialog.result.clear_ranking()
            if found.check.blocked:
                self._prepared(found, fresh=False)
                return
            self._tuning.run.start(found.request, found.card.classes)

        self._window.runner.run(work, ready, self._cannot_prepare, key="finetune-prepare", priority=30)
