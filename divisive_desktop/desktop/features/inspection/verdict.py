"""What the model says, what the analyst says, and which class is held true because of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.wording import capitalised, degree, percent, probability_of_predicted, signed
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.sections import Form, ProbabilityBar
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import ModelNotFoundError, OutOfScopeError

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis


class VerdictPanel(QWidget):
    """Verdict in words and number, the classes held true and false, and buttons to say otherwise."""

    labelChosen = Signal(object)
    """0, 1 or None."""
    analyseRequested = Signal()
    askAnywayRequested = Signal()
    """An answer is wanted although the image is out of the model's scope."""
    modelChosen = Signal(str)
    questionChosen = Signal(str)
    """Id of the task that the analyst wants to ask."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.question = _wrapped("muted")
        self.questions = QComboBox()
        self.questions.setAccessibleName("Question")
        self.questions.setToolTip("The question that is asked of this image")
        self.questions.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.questions.setMinimumContentsLength(12)
        self.questions.activated.connect(lambda i: self.questionChosen.emit(self.questions.itemData(i)))
        self.verdict = QLabel()
        theme.set_role(self.verdict, "title")
        self.verdict.setWordWrap(True)
        self.number = QLabel()
        theme.set_role(self.number, "number")
        self.words = _wrapped("muted")
        self.bar = ProbabilityBar()
        self._ends = (QLabel(), QLabel())
        for end in self._ends:
            theme.set_role(end, "muted")
        self.error = _wrapped("errorText")
        self.again = QPushButton("Analyse again")
        self.again.clicked.connect(self.analyseRequested)
        self.anyway = QPushButton("Ask anyway")
        self.anyway.setToolTip("The answer counts for nothing: it stays marked in the list, exports and reports")
        self.anyway.clicked.connect(self.askAnywayRequested)
        self.scope = _wrapped("warningText")
        self.classes = Form()

        self._reason = ""
        self.negative, self.positive, self.clear = QPushButton(), QPushButton(), QPushButton("Clear")
        group = QButtonGroup(self)
        group.setExclusive(False)
        for button in (self.negative, self.positive):
            button.setCheckable(True)
            group.addButton(button)
        self.negative.clicked.connect(lambda: self._label(0))
        self.positive.clicked.connect(lambda: self._label(1))
        self.clear.clicked.connect(lambda: self._label(None))
        self.model = QComboBox()
        self.model.setAccessibleName("Model")
        self.model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.model.setMinimumContentsLength(12)
        self.model.activated.connect(lambda i: self.modelChosen.emit(self.model.itemData(i) or ""))

        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self.verdict, 1)
        head.addWidget(self.number, 0, Qt.AlignmentFlag.AlignTop)
        ends = QHBoxLayout()
        ends.addWidget(self._ends[0])
        ends.addStretch(1)
        ends.addWidget(self._ends[1])
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID // 2)
        self._label_caption = QLabel("Your label")
        theme.set_role(self._label_caption, "muted")
        self._label_caption.setMinimumWidth(GRID * 11)
        for widget in (self.negative, self.positive):
            buttons.addWidget(widget, 1)
        buttons.addWidget(self.clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        outcome = (self.words, self.scope, self.bar, ends, self.error, self.again, self.anyway, self.classes)
        for item in (self.question, self.questions, head, *outcome):
            column.addLayout(item) if isinstance(item, QHBoxLayout) else column.addWidget(item)
        column.addWidget(self._label_caption)
        column.addLayout(buttons)
        column.addWidget(self.model)
        self.show_case(None)

    def set_models(self, models: Sequence[tuple[str, str]], chosen: str) -> None:
        """Models that answer this kind of image, as (id, text), the default first; a single one needs no choice."""
        self.model.clear()
        for model_id, text in models:
            self.model.addItem(text, model_id)
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        self.model.setVisible(len(models) > 2)

    def set_questions(self, questions: Sequence[tuple[str, str]], chosen: str) -> None:
        """Questions that can be asked of the image, as (task id, text); a single one needs no choice."""
        self.questions.clear()
        for task_id, text in questions:
            self.questions.addItem(text, task_id)
        self.questions.setCurrentIndex(self.questions.findData(chosen))
        self.questions.setVisible(len(questions) > 1)
        self.question.setVisible(bool(self.question.text()) and len(questions) < 2)

    def show_case(
        self,
        case: Case | None,
        question: str = "",
        classes: tuple[str, str] | None = None,
        calibration: str = "not calibrated",
    ) -> None:
        """Show a case's analysis, or why there is none.

        Parameters
        ----------
        classes : (str, str), optional
            Names them before the analysis does.
        calibration : str
            Whether the percentage may be read as a frequency, in words.
        """
        analysis = case.analysis if case is not None else None
        if analysis is not None:
            classes = analysis.model.classes
        self.question.setText(question)
        self.question.setVisible(bool(question))
        self._show_outcome(case)
        figures: tuple[QWidget, ...] = (self.number, self.words, self.bar, *self._ends, self.classes)
        for widget in figures:
            widget.setVisible(analysis is not None)
        if case is not None and analysis is not None:
            self._show_figures(analysis, case.label, calibration)
        self.scope.setVisible(analysis is not None and bool(self.scope.text()))
        labelable = case is not None and case.error is None and classes is not None
        buttons: tuple[QWidget, ...] = (self._label_caption, self.negative, self.positive, self.clear)
        for widget in buttons:
            widget.setVisible(labelable)
        if case is not None and case.error is None and classes is not None:
            self._show_label(case.label, classes)

    def _show_figures(self, analysis: Analysis, label: int | None, calibration: str) -> None:
        classes, p = analysis.model.classes, probability_of_predicted(analysis)
        self.verdict.setText(capitalised(classes[analysis.predicted]))
        self.number.setText(percent(p))
        sure = f"{capitalised(degree(p))}, {calibration}."
        self.words.setText(f"{sure} Logits {signed(analysis.logits[0])} and {signed(analysis.logits[1])}.")
        said = analysis.scope.words
        self.scope.setText(f"{capitalised(said)}." if said else "")
        self.bar.set_probability(analysis.probability)
        self._ends[0].setText(classes[0])
        self._ends[1].setText(classes[1])
        true_class, source = analysis.true_class(label)
        says = "your label" if source == "label" else "predicted"
        self.classes.set_rows(
            [
                (
                    "True class",
                    f"{classes[true_class]} ({says})",
                    "The class that the maps hold true: your label, and without one what the model predicts.",
                ),
                ("False class", classes[1 - true_class]),
            ]
        )

    def _show_label(self, label: int | None, classes: tuple[str, str]) -> None:
        for button, value in ((self.negative, 0), (self.positive, 1)):
            button.setText(capitalised(classes[value]))
            button.setChecked(label == value)
            tip = f"Hold “{classes[value]}” true  (Ctrl+{value}; {value} in the worklist)"
            button.setToolTip(self._reason or tip)
        self.clear.setEnabled(label is not None and not self._reason)
        self.clear.setToolTip(self._reason or "Take the label back  (Ctrl+Backspace)")

    def set_writable(self, reason: str | None) -> None:
        """Why a label wouldn't be kept, None where it is; buttons that do nothing don't look as if they did."""
        self._reason = reason or ""
        self._label_caption.setText("Your label (the casebook is read-only)" if reason else "Your label")
        for button in (self.negative, self.positive):
            button.setEnabled(not reason)
            if reason:
                button.setToolTip(reason)
        self.clear.setEnabled(not reason and (self.negative.isChecked() or self.positive.isChecked()))
        self.clear.setToolTip(reason or "Take the label back  (Ctrl+Backspace)")

    def _show_outcome(self, case: Case | None) -> None:
        error = case.analysis_error if case is not None and case.analysis is None else None
        self.error.setVisible(error is not None)
        self.again.setVisible(error is not None and not isinstance(error, ModelNotFoundError))
        self.anyway.setVisible(isinstance(error, OutOfScopeError))
        if case is None:
            self.verdict.setText("")
        elif case.error is not None:
            self.verdict.setText("Can't be opened")
        elif error is not None:
            self.verdict.setText("No verdict")
            self.error.setText(f"{error.message} {error.remedy}")
            self.again.setVisible(not isinstance(error, (ModelNotFoundError, OutOfScopeError)))
        elif case.analysis is None:
            self.verdict.setText("Analysing…" if case.analysing else "Not analysed")

    def _label(self, label: int | None) -> None:
        for button, value in ((self.negative, 0), (self.positive, 1)):
            button.setChecked(label == value)
        self.labelChosen.emit(label)


def _wrapped(role: str) -> QLabel:
    label = QLabel()
    theme.set_role(label, role)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
