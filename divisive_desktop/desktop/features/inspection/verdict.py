"""What the model says, what the analyst says, and which class is held true because of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.inspection.answer import AnswerView, wrapped
from divisive_desktop.desktop.features.inspection.mending import MendingRow
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.wording import capitalised, told
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.choice_box import SHORT, ChoiceBox
from divisive_desktop.desktop.ui.sections import Form
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import ModelNotFoundError, OutOfScopeError
from divisive_desktop.explanation.statement import pair_in_words
from divisive_desktop.library.tasks import short_of

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.statement import Statement

DEMONSTRATION = "Method demonstration"


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
        self._reason, self._several = "", False
        self.question = wrapped("muted")
        self.questions = ChoiceBox()
        self.questions.setAccessibleName("Question")
        self.questions.setToolTip("The question that is asked of this image")
        self.questions.installEventFilter(self)
        self.questions.activated.connect(lambda i: self.questionChosen.emit(self.questions.itemData(i)))
        self.verdict = QLabel()
        theme.set_role(self.verdict, "title")
        self.verdict.setWordWrap(True)
        self.answer = AnswerView()
        self.error = wrapped("errorText")
        self.again = QPushButton("Analyse again")
        self.again.clicked.connect(self.analyseRequested)
        self.anyway = QPushButton("Ask anyway")
        self.anyway.setToolTip("The answer counts for nothing: it stays marked in the list, exports and reports")
        self.anyway.clicked.connect(self.askAnywayRequested)
        self.mending = MendingRow()
        self.classes = Form()

        self.negative, self.positive, self.clear = QPushButton(), QPushButton(), QPushButton("Clear")
        group = QButtonGroup(self)
        group.setExclusive(False)
        for button in (self.negative, self.positive):
            button.setCheckable(True)
            group.addButton(button)
        self.negative.clicked.connect(lambda: self._label(0))
        self.positive.clicked.connect(lambda: self._label(1))
        self.clear.clicked.connect(lambda: self._label(None))
        self._model_caption = QLabel("Version in use")
        theme.set_role(self._model_caption, "muted")
        self.model = ChoiceBox()
        self.model.setAccessibleName("Model")
        self.model.setToolTip("The model version that answers this question from now on")
        self.model.activated.connect(lambda i: self.modelChosen.emit(self.model.itemData(i) or ""))

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
        parts: tuple[QWidget, ...] = (
            self.question, self.questions, self.verdict, self.answer, self.error, self.again, self.mending,
            self.anyway, self.classes,
        )  # fmt: skip
        for part in parts:
            column.addWidget(part)
        column.addWidget(self._label_caption)
        column.addLayout(buttons)
        column.addWidget(self._model_caption)
        column.addWidget(self.model)
        self.show_case(None)

    def set_models(self, models: Sequence[tuple[str, str]], chosen: str) -> None:
        """Models that answer this kind of image, as (id, text), the default first; a single one needs no choice."""
        self.model.clear()
        for model_id, text in models:
            self.model.addItem(text, model_id)
        self.model.setCurrentIndex(max(0, self.model.findData(chosen)))
        for widget in (self._model_caption, self.model):
            widget.setVisible(len(models) > 2)

    def set_questions(
        self, questions: Sequence[tuple[str, str]], chosen: str, demonstrations: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Questions that can be asked of the image, as (task id, text), and below a heading those that demonstrate a
        method; a single one needs no choice."""
        self.questions.clear()
        for task_id, text in questions:
            self._offer(task_id, text)
        if demonstrations:
            self.questions.insertSeparator(self.questions.count())
            self.questions.addItem(DEMONSTRATION)
            heading = self.questions.count() - 1  # no flags: it can't be chosen
            self.questions.setItemData(heading, 0, Qt.ItemDataRole.UserRole - 1)
            for task_id, text in demonstrations:
                self._offer(task_id, text)
        self.questions.setCurrentIndex(self.questions.findData(chosen))
        self._several = len(questions) + len(demonstrations) > 1
        self.questions.setVisible(self._several)
        self._show_question()

    def _offer(self, task_id: str, text: str) -> None:
        self.questions.addItem(text, task_id)
        self.questions.setItemData(self.questions.count() - 1, short_of(task_id), SHORT)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.questions and event.type() == QEvent.Type.Resize:
            self._show_question()
        return super().eventFilter(watched, event)

    def _show_question(self) -> None:
        """What is asked stands above the choice where that is too narrow for all of it, or where there is none."""
        box = self.questions
        self.question.setVisible(
            bool(self.question.text()) and (not self._several or box.shown_text != box.currentText())
        )

    def show_case(
        self,
        case: Case | None,
        question: str = "",
        classes: tuple[str, str] | None = None,
        statement: Statement | None = None,
    ) -> None:
        """Show what is stated of a case's analysis, or why there is none.

        Parameters
        ----------
        classes : (str, str), optional
            Names them before the analysis does.
        statement : Statement, optional
            On the case's analysis, if there is one.
        """
        analysis = case.analysis if case is not None else None
        if analysis is not None:
            classes = analysis.model.classes
        self.question.setText(question)
        self._show_question()
        self._show_outcome(case)
        self.mending.show_case(case)
        stated = case is not None and analysis is not None and statement is not None
        self.verdict.setVisible(not stated)
        self.answer.setVisible(stated)
        self.classes.setVisible(stated)
        if case is not None and analysis is not None and statement is not None:
            self.answer.show_statement(statement, analysis, case.in_use)
            self._show_classes(analysis, case.label, statement)
        labelable = case is not None and case.error is None and classes is not None
        buttons: tuple[QWidget, ...] = (self._label_caption, self.negative, self.positive, self.clear)
        for widget in buttons:
            widget.setVisible(labelable)
        if case is not None and case.error is None and classes is not None:
            self._show_label(case.label, classes)

    def _show_classes(self, analysis: Analysis, label: int | None, statement: Statement) -> None:
        first, second = pair_in_words(analysis.model.classes, *statement.held_true(analysis.predicted, label))
        held = "The class that the maps hold true: your label, else the class that the score is nearer to."
        self.classes.set_rows([(*first, held), second])

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
        self.mending.set_writable(reason)
        self._label_caption.setText("Your label (the casebook is read-only)" if reason else "Your label")
        for button in (self.negative, self.positive):
            button.setEnabled(not reason)
            button.setToolTip(reason or "")  # what a click does is said with the next case
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
            # The sentence below begins with "No verdict": the head says why there is none.
            self.verdict.setText("Out of scope" if isinstance(error, OutOfScopeError) else "No verdict")
            self.error.setText(told(error))
            theme.set_role(self.error, "" if isinstance(error, OutOfScopeError) else "errorText")  # a reason, no fault
            self.again.setVisible(not isinstance(error, (ModelNotFoundError, OutOfScopeError)))
        elif case.analysis is None:
            self.verdict.setText("Analysing…" if case.analysing else "Not analysed")

    def _label(self, label: int | None) -> None:
        for button, value in ((self.negative, 0), (self.positive, 1)):
            button.setChecked(label == value)
        self.labelChosen.emit(label)
