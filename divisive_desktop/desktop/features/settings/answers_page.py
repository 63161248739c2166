"""The page of the accepted error rates, with what they cost on the test sets of the models in use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFormLayout, QLabel, QSpinBox, QWidget

from divisive_desktop.desktop.features.settings.cost_plot import CostPlot
from divisive_desktop.desktop.session.questions import version_name
from divisive_desktop.desktop.session.settings_table import ERROR_RATES
from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.choice_box import ChoiceBox
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.explanation.decision import Rates, accepted
from divisive_desktop.explanation.share import Share
from divisive_desktop.foreign.text import in_window
from divisive_desktop.language import NBSP, percent
from divisive_desktop.library.decision import Margins, Outcome, Point, TestSet

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
            for test in card.decision.tests if card.decision is not None else ():
                if outcome_of(test) is not None:
                    self.tests.addItem(in_window(_name(card, test)), (card, test))
        form = QFormLayout(self)
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
            said = f"Nobody measured how often {names} is wrong: its answers are undecided." if names else ""
            self.words.setText(said)
            return
        card, test = data
        outcome, rules = outcome_of(test), card.decision
        assert outcome is not None  # others aren't offered
        first, second = self.chosen
        rates = accepted((first / 100 if first else None, second / 100 if second else None), rules.rates)
        self.plot.set_curve(outcome.curve, rates)
        margins = rules.familiar if test.own else rules.unfamiliar
        by_class = "" if margins is None else _by_class(margins, rules.threshold.margin, rates, card.classes)
        self.words.setText(f"{capitalised(test.source)}. {_words(outcome, rates, rules.rates)} {by_class}".strip())


def outcome_of(test: TestSet) -> Outcome | None:
    """How the answers went on a test set as an image of it would be answered; None: that wasn't measured."""
    return test.familiar if test.own else test.unfamiliar


def _name(card: Card, test: TestSet) -> str:
    """A test set in a narrow box: what tells it from the others comes first."""
    where = "own source" if test.own else "another source"
    return f"{card.task}, {where}, {test.name.replace('_', ' ')}: {test.source}, {test.n:,} images"


def _words(outcome: Outcome, rates: Rates, card: Rates) -> str:
    """What was measured on a test set; its curve holds one rate for both classes at a time."""
    if rates == card or not outcome.curve:
        shown = f"{percent(card[0])} and {percent(card[1])}"
        return f"At the card's rates, {shown}: {_costs(outcome.undecided, outcome.error)}."
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


def _by_class(margins: Margins, threshold: float, rates: Rates, classes: tuple[str, str]) -> str:
    """What the two rates together cost each class, on the images that the sets were calibrated on."""
    said = [
        f"of {margins.images[true]:,} “{classes[true]}” {percent(cost.wrong)} would be called “{classes[1 - true]}” "
        f"and {percent(cost.undecided)} stay undecided"
        if cost.undecided < 1 else f"of {margins.images[true]:,} “{classes[true]}” none would be decided"
        for true, cost in enumerate(margins.cost(rates, threshold))
    ]
    return f"On the calibration images, {'; '.join(said)}."
