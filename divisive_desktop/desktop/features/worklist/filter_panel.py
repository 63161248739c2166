"""The panel below the search field: one line for each thing that cases can be narrowed by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from PySide6.QtCore import QDate, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDateEdit,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from divisive_desktop.desktop.features.worklist.criteria import Criteria, days_ago, in_utc
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.foreign.text import in_window

_BETWEEN = "between"
_CHOICES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "verdict": ("Verdict", (("Any", ""), ("Positive", "1"), ("Negative", "0"), ("Undecided", "undecided"),
                            ("Not analysed", "none"))),
    "version": ("Answered by", (("Any version", ""), ("The version in use", "in use"), ("Another version", "other"))),
    "label": ("Label", (("Any", ""), ("Positive", "1"), ("Negative", "0"), ("Not labelled", "none"),
                        ("Labelled", "any"), ("As the model says", "agrees"), ("Against the model", "differs"))),
    "mask": ("Mask", (("Any", ""), ("Painted", "yes"), ("None", "no"))),
    "file": ("File", (("Any", ""), ("As imported", "ok"), ("Altered", "altered"), ("Missing", "missing"),
                      ("Unreadable", "unreadable"))),
}  # fmt: skip
_DAYS = (("Any time", ""), ("Today", "0"), ("Last 7 days", "6"), ("Last 30 days", "29"), ("Between…", _BETWEEN))


class FilterPanel(QWidget):
    """Says what the user narrows the list to, apart from text and state, which have their own fields.

    Signals
    -------
    changed(object)
        ``Criteria`` with text and state left open.
    """

    changed = Signal(Criteria)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.combos = {name: self._combo(title) for name, (title, _) in _CHOICES.items()}
        for name, (_, choices) in _CHOICES.items():
            for text, value in choices:
                self.combos[name].addItem(text, value)
        self.combos["model"] = self._combo("Model")
        self.combos["tag"] = self._combo("Tag")
        self.set_values((), ())
        self.low, self.high = self._share("Lowest agreement", 0), self._share("Highest agreement", 100)
        self.when = self._combo("Added")
        for text, value in _DAYS:
            self.when.addItem(text, value)
        today = QDate.currentDate()
        self.since, self.until = self._date("Added since", today.addDays(-6)), self._date("Added until", today)
        self.clear = QPushButton("Clear filters")
        self.clear.clicked.connect(self.reset)
        self._grid()
        self._emit()

    def criteria(self) -> Criteria:
        """What is chosen."""
        combos = {name: combo.currentData() or "" for name, combo in self.combos.items()}
        low, high = self.low.value(), self.high.value()
        # The ends are rounded for the eye: half a percent more lets pass what is shown as that number.
        agreement = None if (low, high) == (0, 100) else (low / 100 - 0.005, high / 100 + 0.005)
        when, since, until = self.when.currentData(), "", ""
        if when == _BETWEEN:
            since, until = _midnight(self.since.date()), _midnight(self.until.date().addDays(1))
        elif when:
            since = days_ago(int(when))
        return Criteria(**combos, agreement=agreement, since=since, until=until)

    def number(self) -> int:
        """How many things the list is narrowed by here."""
        chosen = self.criteria()
        filled = [chosen.agreement, chosen.since or chosen.until, *(getattr(chosen, name) for name in self.combos)]
        return sum(1 for value in filled if value)

    def reset(self) -> None:
        """Narrow by nothing."""
        self.blockSignals(True)
        for combo in (*self.combos.values(), self.when):
            combo.setCurrentIndex(0)
        self.low.setValue(0)
        self.high.setValue(100)
        self.blockSignals(False)
        self._emit()

    def set_values(self, models: Sequence[str], tags: Sequence[str]) -> None:
        """Offer the models and tags that occur; what is chosen stays chosen."""
        for name, first, values in (("model", "Any", models), ("tag", "Any", tags)):
            combo = self.combos[name]
            chosen = combo.currentData() or ""
            known = sorted({*values, *([chosen] if chosen else [])})
            if [combo.itemData(i) for i in range(1, combo.count())] == known and combo.count():
                continue
            combo.blockSignals(True)
            combo.clear()
            combo.addItem(first, "")
            for value in known:
                combo.addItem(in_window(value[:80]), value)
            combo.setCurrentIndex(max(0, combo.findData(chosen)))
            combo.blockSignals(False)

    def _grid(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(GRID // 2)
        grid.setColumnStretch(1, 1)
        rows: list[tuple[str, QWidget]] = [(title, self.combos[name]) for name, (title, _) in _CHOICES.items()]
        rows[4:4] = [("Agreement", _pair(self.low, "to", self.high))]
        rows += [("Model", self.combos["model"]), ("Tag", self.combos["tag"]), ("Added", self.when)]
        for row, (title, widget) in enumerate(rows):
            caption = QLabel(title)
            theme.set_role(caption, "muted")
            grid.addWidget(caption, row, 0)
            grid.addWidget(widget, row, 1)
        self._between = _pair(self.since, "–", self.until)
        grid.addWidget(self._between, len(rows), 0, 1, 2)
        grid.addWidget(self.clear, len(rows) + 1, 1)

    def _combo(self, name: str) -> QComboBox:
        combo = QComboBox()
        combo.setAccessibleName(name)
        combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        combo.setMinimumContentsLength(6)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.currentIndexChanged.connect(lambda _: self._emit())
        return combo

    def _share(self, name: str, value: int) -> QSpinBox:
        box = QSpinBox()
        box.setAccessibleName(name)
        box.setRange(0, 100)
        box.setSuffix(" %")
        box.lineEdit().setTextMargins(GRID // 2, 0, 0, 0)  # in line with the fields above and below
        box.setValue(value)
        box.setToolTip("Share of the divergence that lies inside the mask; 0 to 100 % also shows cases without")
        box.valueChanged.connect(lambda _: self._emit())
        return box

    def _date(self, name: str, value: QDate) -> QDateEdit:
        edit = QDateEdit(value)
        edit.setAccessibleName(name)
        edit.setDisplayFormat("yyyy-MM-dd")
        edit.setCalendarPopup(True)
        edit.dateChanged.connect(lambda _: self._emit())
        return edit

    def _emit(self) -> None:
        if not hasattr(self, "_between") or self.signalsBlocked():
            return  # still being made, or several fields change at once
        self._between.setVisible(self.when.currentData() == _BETWEEN)
        self.clear.setEnabled(self.number() > 0)
        self.changed.emit(self.criteria())


def with_text(criteria: Criteria, text: str, state: str) -> Criteria:
    """The panel's criteria and what stands in the fields above it."""
    return replace(criteria, text=text, state=state)


def _pair(first: QWidget, between: str, second: QWidget) -> QWidget:
    pair = QWidget()
    row = QHBoxLayout(pair)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID // 2)
    row.addWidget(first, 1)
    row.addWidget(QLabel(between))
    row.addWidget(second, 1)
    return pair


def _midnight(date: QDate) -> str:
    return in_utc(datetime(date.year(), date.month(), date.day()).astimezone())
