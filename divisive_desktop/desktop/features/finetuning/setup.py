"""The page before the start: base model, method, what learns; what there is to learn from, what stands against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, SignalInstance
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.features.finetuning.choices import STAGES, Choices
from divisive_desktop.desktop.features.finetuning.methods import METHODS, method
from divisive_desktop.desktop.features.finetuning.setup_widgets import DataTable, MethodCard, ProblemList, words
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.sections import Section
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.engine.finetuning.messages import DataCheck, Estimate, FineTune
    from divisive_desktop.library.card import Card

_DEVICES = (("auto", "The engine's"), ("cpu", "Processor"), ("cuda", "NVIDIA graphics card"), ("mps", "Apple GPU"))


USUAL = {"lr": 3e-4, "retain": 0.5, "batch": 16, "copies": 2, "patience": 0}
"""What the engine takes on a processor when nothing else is said."""
GPU_COPIES = 4


class SetupPage(QWidget):
    """Choices at the left, what comes of them at the right.

    Signals
    -------
    baseChosen(str)
        Another base model: another question, perhaps other data.
    changed()
        A choice was changed (a moment ago: several quick changes are told once).
    startRequested()
    """

    baseChosen = Signal(str)
    changed = Signal()
    startRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loading = False
        self._usual = dict(USUAL)
        self._soon = QTimer(self, interval=150, singleShot=True)
        self._soon.timeout.connect(self.changed)
        self._build_choices()
        self._build_outlook()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._left, 3)
        line = QFrame()
        line.setFixedWidth(1)
        line.setStyleSheet(f"background: {theme.colour('hairline').name()}; border: none;")
        self._line = line
        row.addWidget(line)
        row.addWidget(self._right, 2)
        self.set_blocked(True)

    # -- construction ---------------------------------------------------------------------------------------

    def _build_choices(self) -> None:
        self.base = QComboBox()
        self.base.setAccessibleName("Base model")
        self.base.currentIndexChanged.connect(self._base_changed)
        self.base_words = words("", "muted")
        self.cards: dict[str, MethodCard] = {}
        group = QButtonGroup(self)
        cards = QVBoxLayout()
        cards.setSpacing(2)
        for one in METHODS:
            card = self.cards[one.id] = MethodCard(one)
            group.addButton(card.radio)
            card.chosen.connect(self._touched)
            cards.addWidget(card)
        self.stages = QComboBox()
        self.stages.setAccessibleName("What learns")
        for stage, name, _ in STAGES:
            self.stages.addItem(name, stage)
        self.stages_words = words("", "muted")
        self.stages.currentIndexChanged.connect(self._touched)
        self.epochs = QSpinBox()
        self.epochs.setRange(1, 200)
        self.epochs.setAccessibleName("Epochs")
        self.epochs.setToolTip("How often every case is looked at")
        self.epochs.valueChanged.connect(self._touched)
        self.alpha = QSlider(Qt.Orientation.Horizontal)
        self.alpha.setRange(5, 95)
        self.alpha.setAccessibleName("Weight of the labels")
        self.alpha.setToolTip("α: share of the labels in what is learned; the masks have the rest")
        self.alpha.valueChanged.connect(self._touched)
        self.alpha_words = QLabel()
        form = _form()
        form.addRow("What learns", _beside(self.stages, self.stages_words))
        form.addRow("Epochs", _beside(self.epochs, words("how often every case is looked at", "muted")))
        form.addRow("Labels or masks", _beside(self.alpha, self.alpha_words))
        self.advanced = Section("Advanced", folded=True)
        self._build_advanced()

        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID)
        column.setSpacing(GRID)
        column.addWidget(_heading("Start from"))
        column.addWidget(self.base)
        column.addWidget(self.base_words)
        column.addSpacing(GRID // 2)
        column.addWidget(_heading("Method"))
        column.addLayout(cards)
        column.addSpacing(GRID // 2)
        column.addLayout(form)
        column.addWidget(self.advanced)
        column.addStretch(1)
        self._left = QScrollArea()
        self._left.setWidgetResizable(True)
        self._left.setFrameShape(QFrame.Shape.NoFrame)
        self._left.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._left.setWidget(holder)

    def _build_advanced(self) -> None:
        self.lr = QDoubleSpinBox()
        self.lr.setDecimals(5)
        self.lr.setRange(0.00001, 0.1)
        self.lr.setSingleStep(0.0001)
        self.retain = QDoubleSpinBox()
        self.retain.setRange(0.0, 1.0)
        self.retain.setSingleStep(0.1)
        self.batch, self.copies, self.seed, self.patience = QSpinBox(), QSpinBox(), QSpinBox(), QSpinBox()
        for spin, low, high in ((self.batch, 2, 256), (self.copies, 1, 32), (self.seed, 0, 9999),
                                (self.patience, 0, 100)):  # fmt: skip
            spin.setRange(low, high)
        self.patience.setSpecialValueText("never")
        self.name = QLineEdit()
        self.name.setPlaceholderText("the next free one")
        self.name.setMaxLength(100)
        self.device = QComboBox()
        for device, name in _DEVICES:
            self.device.addItem(name, device)
        self._advanced: dict[str, QDoubleSpinBox | QSpinBox] = {
            "lr": self.lr, "retain": self.retain, "batch": self.batch, "copies": self.copies, "patience": self.patience,
        }  # fmt: skip
        form = _form()
        for text, widget, tip in (
            ("Learning rate", self.lr, "Highest step size; it rises and falls over the run"),
            ("Own answers kept", self.retain, "Against forgetting; up to 0.5 your label wins where the two differ"),
            ("Batch", self.batch, "Cases looked at together in one step"),
            ("Variants per case", self.copies, "Turned, shifted, lighter, darker, noisy: against learning by heart"),
            ("Stop early after", self.patience, "Epochs without a better validation figure; never: run to the end"),
            ("Seed", self.seed, "Same seed, data and settings: the same model, bit for bit, on a processor"),
            ("Device", self.device, "Where it is computed"),
            ("Name", self.name, "Of the new version: lower-case letters, digits, dots, dashes"),
        ):
            widget.setToolTip(tip)
            widget.setAccessibleName(text)
            widget.setMinimumWidth(GRID * 14)
            form.addRow(text, _beside(widget, words(tip, "muted")))
            _signal_of(widget).connect(self._touched)
        self.advanced.body.addLayout(form)

    def _build_outlook(self) -> None:
        self.table = DataTable()
        self.split_words = words(
            "Held-out cases are never learned from: a quarter of the patients or persons, chosen once by a fixed rule "
            "and kept for every run.", "muted",
        )  # fmt: skip
        self.time = QLabel()
        theme.set_role(self.time, "number")
        self.time_words = words("", "muted")
        self.problems = ProblemList()
        self.start = QPushButton("Fine-tune")
        self.start.setDefault(True)
        self.start.setMinimumHeight(GRID * 4)
        self.start.clicked.connect(self.startRequested)
        self.blocked_words = words("", "errorText")
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID)
        column.setSpacing(GRID)
        column.addWidget(_heading("What it learns from"))
        column.addWidget(self.table)
        column.addWidget(self.split_words)
        column.addSpacing(GRID)
        column.addWidget(_heading("What stands against it"))
        column.addWidget(self.problems)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(holder)
        foot = QVBoxLayout()
        foot.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID * 2)
        foot.setSpacing(GRID // 2)
        foot.addWidget(self.time)
        foot.addWidget(self.time_words)
        foot.addWidget(self.blocked_words)
        foot.addSpacing(GRID // 2)
        foot.addWidget(self.start)
        self._right = QWidget()
        outer = QVBoxLayout(self._right)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addLayout(foot)

    # -- content --------------------------------------------------------------------------------------------

    def set_models(self, cards: Sequence[Card], chosen: str) -> None:
        """Models to start from; says nothing (``baseChosen``) of its own accord."""
        self._loading = True
        self.base.clear()
        for card in cards:
            self.base.addItem(f"{card.id} · {card.task} · {method(card.method).name}", card)
        at = next((i for i, card in enumerate(cards) if card.id == chosen), 0)
        self.base.setCurrentIndex(at)
        self._loading = False
        self._describe_base()

    def card(self) -> Card | None:
        """The base model's card."""
        found: Card | None = self.base.currentData()
        return found

    def set_defaults(self, request: FineTune, device: str = "cpu") -> None:
        """Show what suits the data and the engine's device, without saying that something changed."""
        self._loading = True
        self._usual["copies"] = USUAL["copies"] if device == "cpu" else GPU_COPIES
        self.cards[request.method if request.method in self.cards else METHODS[0].id].radio.setChecked(True)
        self.stages.setCurrentIndex(max(0, self.stages.findData(request.stages)))
        self.epochs.setValue(request.epochs)
        self.alpha.setValue(round(request.alpha * 100))
        self.seed.setValue(request.seed)
        self.device.setCurrentIndex(max(0, self.device.findData(request.device)))
        for name, spin in self._advanced.items():
            spin.setValue(request.advanced.get(name, self._usual[name]))
        self._loading = False
        self._describe()

    def choices(self) -> Choices:
        """What is chosen now."""
        card = self.card()
        values = {name: spin.value() for name, spin in self._advanced.items()}
        return Choices(
            card.id if card is not None else "", self.method_id(), self.stages.currentData(), self.epochs.value(),
            self.alpha.value() / 100, self.seed.value(), self.device.currentData(),
            {name: value for name, value in values.items() if value != self._usual[name]}, self.name.text().strip(),
        )  # fmt: skip

    def method_id(self) -> str:
        return next((name for name, card in self.cards.items() if card.radio.isChecked()), METHODS[0].id)

    def show_check(self, check: DataCheck, classes: tuple[str, str]) -> None:
        """What there is to learn from."""
        self.table.show_check(check, classes)
        self.problems.show_problems(check.problems)
        self.set_blocked(check.blocked)

    def show_estimate(self, estimate: Estimate | None) -> None:
        """How long it takes; None: not known yet."""
        if estimate is None:
            self.time.setText("")
            self.time_words.setText("Measuring how long it takes…" if self.start.isEnabled() else "")
            return
        text = estimate.text
        self.time.setText(text[:1].upper() + text[1:])
        parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in estimate.parts.items() if seconds >= 0.5)
        free = f"{estimate.memory_mb / 1024:.1f} GB memory free" if estimate.memory_mb else ""
        self.time_words.setText(" · ".join(t for t in (parts, free) if t))

    def set_blocked(self, blocked: bool, why: str = "") -> None:
        """Whether it can be started."""
        self.start.setEnabled(not blocked)
        self.blocked_words.setText(why)
        self.blocked_words.setVisible(bool(why))
        if blocked:
            self.show_estimate(None)

    def recolour(self) -> None:
        """Take the colours of the scheme in force."""
        self._line.setStyleSheet(f"background: {theme.colour('hairline').name()}; border: none;")
        self.problems.recolour()
        for card in self.cards.values():
            card.update()

    # -- reactions ------------------------------------------------------------------------------------------

    def _base_changed(self) -> None:
        self._describe_base()
        card = self.card()
        if not self._loading and card is not None:
            self.baseChosen.emit(card.id)

    def _describe_base(self) -> None:
        card = self.card()
        if card is None:
            self.base_words.setText("No model is installed.")
            return
        made = f", made from {card.parent}" if card.parent else f", by {card.author}" if card.author else ""
        self.base_words.setText(f"Version {card.version}, weights {card.weights_sha256[:12]}…{made}")

    def _touched(self, *_: object) -> None:
        self._describe()
        if not self._loading:
            self._soon.start()

    def _describe(self) -> None:
        self.stages_words.setText(STAGES[self.stages.currentIndex()][2])
        guided = method(self.method_id()).guided
        self.alpha.setEnabled(guided)
        share = self.alpha.value()
        text = f"α {share / 100:.2f}: labels {share} %, masks {100 - share} %"
        self.alpha_words.setText(text if guided else "labels only")


def _signal_of(widget: QComboBox | QLineEdit | QSpinBox | QDoubleSpinBox | QSlider) -> SignalInstance:
    """What a widget emits when its value changes."""
    if isinstance(widget, QComboBox):
        return widget.currentIndexChanged
    return widget.textChanged if isinstance(widget, QLineEdit) else widget.valueChanged


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    theme.set_role(label, "strong")
    return label


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(GRID * 2)
    form.setVerticalSpacing(GRID)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def _beside(widget: QWidget, text: QLabel) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID)
    widget.setFixedWidth(GRID * 20)
    row.addWidget(widget)
    row.addWidget(text, 1)
    return holder
