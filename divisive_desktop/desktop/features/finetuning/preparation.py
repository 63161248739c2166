"""Before a run: what the casebook offers for the choices on the page, how long it would take, and the start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.wording import told
from divisive_desktop.engine.finetuning.messages import EstimateRun, FineTune
from divisive_desktop.errors import UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.finetuning.choices import Choices
    from divisive_desktop.desktop.features.finetuning.run import RunSession
    from divisive_desktop.desktop.features.finetuning.setup import SetupPage
    from divisive_desktop.desktop.session.runner import BackgroundTask
    from divisive_desktop.desktop.shell.services import Services
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
    services : Services
    run : RunSession
        What is started.

    Signals
    -------
    ready()
        The choices were read anew for a run, which starts unless something stands against it.
    """

    ready = Signal()

    def __init__(self, services: Services, run: RunSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._runner, self._run = services.session, services.runner, run
        self._page: SetupPage | None = None
        self.prepared: PreparedRun | None = None
        self._asking = False

    def set_page(self, page: SetupPage) -> None:
        """The page that the choices are made on; nothing is shown before there is one."""
        self._page = page
        page.baseChosen.connect(lambda base: self.prepare(base))
        page.changed.connect(self.choices_changed)
        page.startRequested.connect(self.start)

    def load_models(self) -> None:
        """Read the installed models, then look at the casebook with the one in use for the current case."""
        wanted = self._wanted_base()

        def work(_: BackgroundTask) -> tuple[list[Card], str]:
            from divisive_desktop.library import store

            cards = [m.card for m in store.find_models()]
            known = {c.id for c in cards}
            base = wanted[0] if wanted[0] in known else ""
            if not base:
                task = wanted[1] or store.default_task("radiograph")
                base = store.default_model(task).card.id
            return cards, base

        def arrived(found: tuple[list[Card], str]) -> None:
            if self._page is not None:
                self._page.set_models(*found)
                self.prepare(found[1])

        self._runner.run(work, arrived, self._cannot_prepare, key="finetune-models", priority=25)

    def _wanted_base(self) -> tuple[str, str]:
        """Model id and task that the current case suggests ('' where it doesn't)."""
        case = self._session.current
        card = self._session.questions.card(case)
        if card is not None:
            return card.id, card.task
        return "", ""

    def prepare(self, base: str, choices: Choices | None = None) -> None:
        """Look at what the casebook offers; without choices those that suit it are shown."""
        book = self._session.casebook

        def work(_: BackgroundTask) -> PreparedRun:
            from divisive_desktop.engine.finetuning import preparation
            from divisive_desktop.library import store

            card = store.find_model(base).card
            given = choices.request_fields() if choices is not None else {}
            request = preparation.fine_tune_request(book.wait(), base, **given)
            return PreparedRun(request, preparation.check_data(request.cases, request.method), card)

        self._runner.run(
            work, lambda found: self._prepared(found, choices is None), self._cannot_prepare, key="finetune-prepare",
            priority=25,
        )  # fmt: skip

    def _prepared(self, found: PreparedRun, fresh: bool) -> None:
        self.prepared = found
        page = self._page
        if page is None:
            return
        if fresh:
            engine = self._runner.engine
            page.set_defaults(found.request, engine.device if engine else "cpu")
        page.show_check(found.check, found.card.classes)
        if not found.check.blocked:
            page.show_estimate(None)
            self._ask_for_estimate()

    def _ask_for_estimate(self) -> None:
        """One question at a time: the engine works on it for a second or two and can't be interrupted meanwhile."""
        asked, page = self.prepared, self._page
        if self._asking or asked is None or asked.check.blocked or page is None:
            return
        self._asking = True

        def answered(show: Callable[[], None]) -> None:
            self._asking = False
            if self.prepared is asked:
                show()
            else:
                self._ask_for_estimate()

        def arrived(estimate: Estimate) -> None:
            answered(lambda: page.show_estimate(estimate))

        def failed(error: UserFacingError) -> None:
            answered(lambda: page.time_words.setText(f"How long it takes isn't known: {error.message}"))

        self._runner.submit(EstimateRun(asked.request), arrived, failed)

    def _cannot_prepare(self, error: UserFacingError) -> None:
        if self._page is not None:
            self._page.set_blocked(True, told(error))

    def choices_changed(self) -> None:
        if self._page is not None:
            choices = self._page.choices()
            if choices.base:
                self.prepare(choices.base, choices)

    def refresh(self) -> None:
        """Labels and masks may have changed while the main window was in front."""
        if self.prepared is not None:
            self.choices_changed()

    def start(self) -> None:
        """Begin with the choices on the page and the casebook as it is this moment."""
        page = self._page
        if page is None or self._run.busy:
            return
        choices = page.choices()
        book = self._session.casebook
        page.start.setEnabled(False)

        def work(_: BackgroundTask) -> PreparedRun:
            from divisive_desktop.engine.finetuning import preparation
            from divisive_desktop.library import store

            request = preparation.fine_tune_request(book.wait(), choices.base, **choices.request_fields())
            check = preparation.check_data(request.cases, request.method)
            return PreparedRun(request, check, store.find_model(choices.base).card)

        def ready(found: PreparedRun) -> None:
            self.prepared = found
            page.set_blocked(found.check.blocked)
            self.ready.emit()
            if found.check.blocked:
                self._prepared(found, fresh=False)
                return
            self._run.start(found.request, found.card.classes)

        self._runner.run(work, ready, self._cannot_prepare, key="finetune-prepare", priority=30)
