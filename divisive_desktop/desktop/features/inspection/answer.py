"""The answer of a model as its statement words it: what, how sure, where that was measured, what speaks against it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.sections import ProbabilityBar
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.statement import Statement

_SIGN = 20


class AnswerView(QWidget):
    """Shows a statement.

    Signals
    -------
    askInUseRequested()
        The version in use is to answer instead of the one that did.
    """

    askInUseRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sign = QLabel()
        self._sign.setFixedSize(_SIGN, _SIGN + 4)
        self.title = wrapped("title")
        self.chance = wrapped("strong")
        self.bar = ProbabilityBar()
        self._ends = (QLabel(), QLabel())
        self.by = wrapped("muted")
        self.ask = QPushButton()
        self.ask.clicked.connect(self.askInUseRequested)
        self.how_sure, self.zone, self.measured = wrapped("muted"), wrapped("muted"), wrapped("muted")
        self.fold = QToolButton()
        self.fold.setCheckable(True)
        self.fold.setAutoRaise(True)
        theme.set_role(self.fold, "fold")
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.toggled.connect(self._unfold)
        self.against = wrapped("muted")
        self._lay_out()
        self._unfold(False)

    def _lay_out(self) -> None:
        head, ends = QHBoxLayout(), QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.title, 1)
        for end in self._ends:
            theme.set_role(end, "muted")
        ends.addWidget(self._ends[0])
        ends.addStretch(1)
        ends.addWidget(self._ends[1])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.chance)
        column.addWidget(self.bar)
        column.addLayout(ends)
        for widget in (self.by, self.ask, self.how_sure, self.zone, self.measured):
            column.addWidget(widget)
        column.addWidget(self.fold, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.against)

    def show_statement(self, statement: Statement, analysis: Analysis, in_use: str = "") -> None:
        """Show what is stated of an analysis.

        Parameters
        ----------
        in_use : str
            The version that is in use, where another one answered; '' otherwise.
        """
        brief, classes = statement.brief, analysis.model.classes
        undecided = brief.answer == "undecided"
        self.title.setText(capitalised(brief.words))  # with what is to be known before it is read
        theme.set_role(self.title, "undecidedTitle" if undecided else "title")
        self._sign.setVisible(undecided)
        self.recolour()
        self.chance.setText(brief.chance)
        self.bar.set_probability(analysis.probability, 1 / (1 + math.exp(-analysis.decision.threshold)))
        named = analysis.decision.threshold or analysis.decision.state == "measured"
        line = "the model's threshold" if named else "at even odds: the model's card names no threshold"
        self.bar.setToolTip(f"{brief.chance}. The line across is {line}.")
        for end, name in zip(self._ends, classes, strict=True):
            end.setText(name)
        by = capitalised(statement.by)
        self.by.setText(f"{by} · {in_use} is in use" if in_use else by)
        self.ask.setText(f"Ask {in_use}")
        self.ask.setVisible(bool(in_use))
        self.how_sure.setText(statement.how_sure)
        self.zone.setText(statement.scope)
        theme.set_role(self.zone, "warningText" if analysis.scope.insisted else "muted")
        for label, sentences in ((self.measured, statement.measured), (self.against, statement.against)):
            label.setText(" ".join(sentences))
        self.measured.setVisible(bool(statement.measured))
        self.fold.setText(f"What speaks against it ({len(statement.against)})")
        self.fold.setVisible(bool(statement.against))
        self.against.setVisible(bool(statement.against) and self.fold.isChecked())

    def recolour(self) -> None:
        """Draw the sign in the colours of the scheme in force."""
        sign = icons.pixmap("undecided", _SIGN, theme.colour("undecided"), self.devicePixelRatioF())
        self._sign.setPixmap(sign)

    def _unfold(self, on: bool) -> None:
        self.fold.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self.against.setVisible(on and bool(self.against.text()))


def wrapped(role: str) -> QLabel:
    """A label of several lines whose text can be selected."""
    label = QLabel()
    theme.set_role(label, role)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
