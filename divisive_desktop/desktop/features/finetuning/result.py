"""The page after a run: verdict in words, tables, before | after on any case; keep, discard, or try other methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QTabWidget, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.finetuning.compare import CompareView
from divisive_desktop.desktop.features.finetuning.methods import method
from divisive_desktop.desktop.features.finetuning.setup_widgets import words
from divisive_desktop.desktop.features.finetuning.tables import CaseTable, FigureTable, MethodTable
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.finetuning.messages import SCOPE_UNKNOWN, UNDECIDED

if TYPE_CHECKING:
    from divisive_desktop.engine.finetuning.messages import Comparison, FineTuneResult, TrainingCase


class ResultPage(QWidget):
    """What came of a run.

    Signals
    -------
    keepRequested(), discardRequested()
    tryRequested()
        Run all methods on the same split.
    """

    keepRequested = Signal()
    discardRequested = Signal()
    tryRequested = Signal()

    def __init__(self, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.result: FineTuneResult | None = None
        self._results: list[FineTuneResult] = []
        self._cases: Sequence[TrainingCase] = ()
        self._classes = ("0", "1")
        self.headline = words("", "title")
        self.sentences = words()
        self.sentences.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.holdout, self.guard = FigureTable(), FigureTable()
        self.holdout_words, self.guard_words = words("", "muted"), words("", "muted")
        self.cases = CaseTable()
        self.methods = MethodTable()
        self.compare = CompareView(runner)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for name, widgets in (
            ("Hold-out", (self.holdout_words, self.holdout)), ("Guard set", (self.guard_words, self.guard)),
            ("Cases", (self.cases,)),
        ):  # fmt: skip
            self.tabs.addTab(_stacked(widgets), name)
        self._methods_tab = _stacked((
            words("All on the same split, ranked on validation cases: AUROC times share of D inside the masks. "
                  "The hold-out has no say in the order.", "muted"),
            self.methods,
        ))  # fmt: skip
        self.provenance = words("", "muted")
        self.cases.chosen.connect(self.compare.show_case)
        self.compare.caseChanged.connect(self.cases.select)
        self.methods.chosen.connect(self._method_chosen)
        self._build()

    def _build(self) -> None:
        self.name = QLabel()
        theme.set_role(self.name, "muted")
        self.keep = QPushButton("Keep as new version")
        self.keep.setDefault(True)
        self.keep.clicked.connect(self.keepRequested)
        self.discard = QPushButton("Discard")
        self.discard.clicked.connect(self.discardRequested)
        self.try_others = QPushButton("Try another method")
        self.try_others.setToolTip("Runs every method on the same split and ranks them")
        self.try_others.clicked.connect(self.tryRequested)
        self.kept_words = words("", "strong")
        left = QVBoxLayout()
        left.setSpacing(GRID)
        left.addWidget(self.tabs, 1)
        left.addWidget(self.provenance)
        middle = QHBoxLayout()
        middle.setSpacing(GRID * 3)
        middle.addLayout(left, 11)
        middle.addWidget(self.compare, 10)
        line = QFrame()
        theme.set_role(line, "hairline")
        foot = QHBoxLayout()
        foot.setSpacing(GRID)
        foot.addWidget(self.try_others)
        foot.addWidget(self.discard)
        foot.addWidget(self.kept_words, 1)
        foot.addWidget(self.name)
        foot.addWidget(self.keep)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addWidget(self.headline)
        column.addWidget(self.sentences)
        column.addLayout(middle, 1)
        column.addWidget(line)
        column.addLayout(foot)

    # -- content --------------------------------------------------------------------------------------------

    def show_result(self, result: FineTuneResult, cases: Sequence[TrainingCase], classes: tuple[str, str]) -> None:
        """Show one run's result."""
        self.result, self._cases, self._classes = result, cases, classes
        verdict = result.verdict
        self.headline.setText(verdict.headline)
        scope = result.scope.words if result.scope is not None else SCOPE_UNKNOWN
        self.sentences.setText("\n".join(_nice(s) for s in (*verdict.sentences, scope, UNDECIDED)))
        self.holdout.show_comparison(result.holdout)
        self.guard.show_comparison(result.guard)
        self.holdout_words.setText(_about(result.holdout, "No labelled case is held out."))
        self.guard_words.setText(_about(
            result.guard, "The base model carries no guard set: whether old knowledge was lost isn't known."
        ))
        self.cases.show_result(result, cases, classes)
        notices = " ".join(n.text for n in result.notices)
        self.provenance.setText(
            f"{result.base.id} (weights {result.base.short_hash}…) → {result.model.id} "
            f"(weights {result.model.short_hash}…). {method(result.method).name}, epoch {result.kept_epoch} of "
            f"{result.settings.get('epochs', '?')} kept, {result.seconds:.0f} s. Intervals: 95 %, bootstrap by "
            f"patient. Research use only, not for diagnosis. {notices}".strip()
        )
        self.name.setText(f"Will be named {result.model.id}")
        self.set_decided("")
        # In a turn of its own: filling the tables and this would together hold up the window.
        QTimer.singleShot(0, self, lambda: self.compare.set_run(result.base.id, result.folder, cases, classes))

    def show_ranking(self, results: Sequence[FineTuneResult], complete: bool) -> None:
        """Several methods; the best is shown once all are there."""
        self._results = list(results)
        self.methods.show_results(results)
        if self.tabs.indexOf(self._methods_tab) < 0 and results:
            self.tabs.addTab(self._methods_tab, "Methods")
        if complete and results:
            self.tabs.setCurrentWidget(self._methods_tab)
            self.methods.selectRow(0)

    def clear_ranking(self) -> None:
        """A new run: nothing was compared yet."""
        self._results = []
        index = self.tabs.indexOf(self._methods_tab)
        if index >= 0:
            self.tabs.removeTab(index)

    def set_decided(self, words_: str) -> None:
        """Say what was decided; '' while nothing was."""
        self.kept_words.setText(words_)
        for widget in (self.keep, self.name, self.discard, self.try_others):
            widget.setVisible(not words_)

    def set_busy(self, busy: bool) -> None:
        """Something is being written or computed: no second decision meanwhile."""
        for widget in (self.keep, self.discard, self.try_others):
            widget.setEnabled(not busy)

    def recolour(self) -> None:
        self.compare.recolour()
        self.holdout.recolour()
        self.guard.recolour()

    def _method_chosen(self, index: int) -> None:
        if 0 <= index < len(self._results) and self._results[index] is not self.result:
            self.show_result(self._results[index], self._cases, self._classes)


def _stacked(widgets: Sequence[QWidget]) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, GRID, 0, 0)
    column.setSpacing(GRID)
    for widget in widgets:
        column.addWidget(widget, 0 if isinstance(widget, QLabel) else 1)
    return holder


def _nice(sentence: str) -> str:
    """Arrows and minus signs as the screen can show them."""
    return sentence.replace(" -> ", " → ").replace(" -", " −")


def _about(comparison: Comparison | None, missing: str) -> str:
    if comparison is None:
        return missing
    negatives = comparison.images - comparison.positives
    return (
        f"{plural(comparison.images, 'image')} ({negatives} + {comparison.positives}) of "
        f"{plural(comparison.groups, 'patient')}, {plural(comparison.masks, 'mask')}; never learned from."
    )
