"""The page of the accepted error rates, with what they cost on the test sets of the models in use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QFrame, QLabel, QScrollArea, QSpinBox, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.settings.cost_plot import CostPlot
from divisive_desktop.desktop.session.questions import version_name
from divisive_desktop.desktop.session.settings_table import ERROR_RATES
from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.choice_box import ChoiceBox
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.explanation.decision import Rates, accepted
from divisive_desktop.explanation.figure_words import figure, rarer
from divisive_desktop.explanation.share import Share
from divisive_desktop.foreign.text import in_window
from divisive_desktop.language import NBSP, percent
from divisive_desktop.library.decision import DecisionRules, Margins, Outcome, Point, TestSet

if TYPE_CHECKING:
    from divisive_desktop.library.card import Card

HIGHEST = 30
"""Percent; above it an answer says too little to be one."""
_NAMES = ("negative called positive", "positive called negative")


class AnswersPage(QWidget):
    """A rate for each class, and below them a plot and words of what they cost.

    Parameters
    ----------
    chosen : (int, int)
        Percent for class 0 and class 1; 0: what each model's card states.
    cards : iterable of Card
        The model versions in use.
    """

    def __init__(self, chosen: tuple[int, int], cards: Iterable[Card], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards = list(cards)
        self.rates = QSpinBox(), QSpinBox()
        for box, name, percents in zip(self.rates, _NAMES, chosen, strict=True):
            box.setAccessibleName(f"{ERROR_RATES.text}: {name}")
            box.setRange(0, HIGHEST)
            box.setSuffix(f"{NBSP}%")
            box.setSpecialValueText("as each model's card states")
            box.setMinimumHeight(GRID * 3 + 4)
            box.setValue(percents)
            theme.indent(box)
        self.tests = ChoiceBox()
        self.tests.setAccessibleName("Test set")
        self.plot, self.words = CostPlot(), QLabel()
        for card in self._cards:
            tests = card.decision.tests if card.decision is not None else ()
            for test in sorted(tests, key=lambda test: not test.own):
                self.tests.addItem(in_window(_name(card, test)), (card, test))
        inner, scroll = QWidget(), QScrollArea()  # in a low window the words below the plot would be cut
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(scroll)
        form = QFormLayout(inner)
        form.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        form.setHorizontalSpacing(GRID * 3)
        form.setVerticalSpacing(GRID * 2)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        hint = QLabel(ERROR_RATES.section.note)
        theme.set_role(hint, "muted")
        for label in (hint, self.words):
            label.setWordWrap(True)
        for box, name in zip(self.rates, _NAMES, strict=True):
            form.addRow(capitalised(name), box)
        form.addRow("", hint)
        if self.tests.count():
            form.addRow("What they cost", self.tests)
            form.addRow("", self.plot)
        form.addRow("", self.words)
        for box in self.rates:
            box.valueChanged.connect(lambda _: self._show())
        self.tests.currentIndexChanged.connect(lambda _: self._show())
        self._show()

    @property
    def chosen(self) -> tuple[int, int]:
        return self.rates[0].value(), self.rates[1].value()

    def _show(self) -> None:
        data = self.tests.currentData()
        if data is None:
            names = ", ".join(version_name(card) for card in self._cards)
            said = f"The card of {names} sets no error rates: its answers are undecided." if names else ""
            self.words.setText(said)
            return
        card, test = data
        rules = card.decision
        first, second = self.chosen
        rates = accepted((first / 100 if first else None, second / 100 if second else None), rules.rates)
        outcome, margins = outcome_of(test), margins_of(test, rules)
        self.plot.set_curve(() if outcome is None else outcome.curve, rates)
        words = [f"{capitalised(test.source)}{_ranking(test)}."]
        if not test.own and rules.unfamiliar is None:
            words.append(
                "The card sets no error rates for unfamiliar images, so those stay undecided. Decided by those of the "
                "model's own source, the answers would have gone so."
            )
        if outcome is None:
            words.append("How often its answers are right here, nobody measured.")
        else:
            words.append(_words(outcome, rates, rules.rates))
            words.append(_by_class(margins, rules.threshold.margin, rates, card.classes))
        self.words.setText(" ".join(words))


def outcome_of(test: TestSet) -> Outcome | None:
    """How the answers went on a test set: of another source by the error rates for such images, or where the card has
    none by those of the model's own source; None: nobody measured that."""
    return test.familiar if test.own or test.unfamiliar is None else test.unfamiliar


def margins_of(test: TestSet, rules: DecisionRules) -> Margins:
    """The calibration images that a test set's outcome was decided by."""
    return rules.familiar if test.own or test.unfamiliar is None else rules.unfamiliar or rules.familiar


def _name(card: Card, test: TestSet) -> str:
    """A test set in a narrow box: what tells it from the others comes first."""
    where = "own source" if test.own else "another source"
    return f"{card.task}, {where}, {test.name.replace('_', ' ')}: {test.source}, {test.n:,} images"


def _words(outcome: Outcome, rates: Rates, card: Rates) -> str:
    """What was measured on a test set; its curve holds one rate for both classes at a time."""
    if rates == card or not outcome.curve:
        shown = f"{percent(card[0])} and {percent(card[1])}"
        costs, covered = _costs(outcome.undecided, outcome.error), outcome.coverage.percent
        return f"At the card's rates, {shown}: {costs}, the truth among the possible answers in {covered}."
    points = [min(outcome.curve, key=lambda p: abs(p.rate - rate)) for rate in dict.fromkeys(rates)]
    both = " for both classes" if len(points) > 1 else ""
    n = outcome.undecided.n
    return " ".join(f"At {percent(p.rate)}{both}: {_costs(*_shares(p, n))}." for p in points)


def _shares(point: Point, images: int) -> tuple[Share, Share | None]:
    """The undecided, and the wrong among the decided, as the counts that a curve's rounded shares come from."""
    undecided = round(point.undecided * images)
    decided = images - undecided
    error = Share.of(round(point.error * decided), decided) if point.error is not None and decided else None
    return Share.of(undecided, images), error


def _costs(undecided: Share, error: Share | None) -> str:
    if error is None:
        return f"nothing was decided (of {undecided.n:,} images)"
    return f"undecided {undecided.percent}, wrong among the decided {error.percent}"


def _ranking(test: TestSet) -> str:
    """Number of images, and how well the model ranks them."""
    negative, positive = test.images
    said = f", {test.n:,} images ({negative:,} negative, {positive:,} positive)"
    if test.auroc is None:
        return said
    between = test.auroc.low, test.auroc.high
    return f"{said}: AUROC {figure('en', test.auroc.value, between, rarer(test.n, positive))}"


def _by_class(margins: Margins, threshold: float, rates: Rates, classes: tuple[str, str]) -> str:
    """What the two rates together cost each class, on the images that the sets were calibrated on."""
    said = []
    for true, cost in enumerate(margins.cost(rates, threshold)):
        n, name = margins.images[true], classes[true]
        wrong, undecided = (_of(Share.of(round(share * n), n)) for share in (cost.wrong, cost.undecided))
        said.append(
            f"of {n:,} “{name}” {wrong} would be called “{classes[1 - true]}” and {undecided} stay undecided"
            if cost.undecided < 1 else f"of {n:,} “{name}” none would be decided"
        )  # fmt: skip
    return f"On the calibration images, {'; '.join(said)}."


def _of(share: Share) -> str:
    """A share of a number that is named before it."""
    return share.percent.partition(" of ")[0]
