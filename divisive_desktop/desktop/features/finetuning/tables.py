"""Tables of the page after a run: figures with intervals, cases, methods, each with what it means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from divisive_desktop.desktop.features.finetuning.methods import method
from divisive_desktop.desktop.features.finetuning.version_wording import with_interval
from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.desktop.ui import theme
from divisive_desktop.engine.finetuning.messages import FIGURES
from divisive_desktop.engine.finetuning.verdict import number
from divisive_desktop.engine.finetuning.verdict import signed as signed_ascii
from divisive_desktop.language import percent

if TYPE_CHECKING:
    from divisive_desktop.engine.finetuning.messages import Comparison, Difference, Figure, FineTuneResult, TrainingCase

FIGURE_NAMES = {
    "auroc": ("AUROC", "How well it ranks positive above negative: 1 perfect, .5 chance"),
    "accuracy": ("Accuracy", "Share of right verdicts at probability 50 %"),
    "sensitivity": ("Sensitivity", "Share of positives that it calls positive"),
    "specificity": ("Specificity", "Share of negatives that it calls negative"),
    "ece": ("Calibration error", "How far its probabilities are from what comes true (ECE): 0 is best"),
    "energy": ("D inside the mask", "Share of the divergence map's energy inside the mask: 1 is best"),
    "pointing": ("Peak in the mask", "How often the map's strongest cell lies in the mask"),
    "border_auroc": ("Border only", "AUROC when all but the outer 14 % is blanked: above .5 it uses a shortcut"),
}
_CHANGES = {
    "better": ("better", "success"), "worse": ("worse", "error"), "unchanged": ("unchanged", "muted"),
    "unclear": ("no claim", "muted"), "not measured": ("not measured", "muted"),
}  # fmt: skip
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Table(QTableWidget):
    """A plain table: rows, no grid, no editing."""

    def __init__(self, columns: Sequence[str], name: str, parent: QWidget | None = None) -> None:
        super().__init__(0, len(columns), parent)
        self.setTabKeyNavigation(False)
        self.setHorizontalHeaderLabels(list(columns))
        self.setAccessibleName(name)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setWordWrap(False)
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setHighlightSections(False)
        for column in range(len(columns)):
            item = self.horizontalHeaderItem(column)
            assert item is not None  # made above, with the labels
            item.setTextAlignment(RIGHT if column else LEFT)

    def put(
        self, row: int, column: int, text: str, tip: str = "", colour: str = "", bold: bool = False
    ) -> QTableWidgetItem:
        """Fill a cell."""
        item = QTableWidgetItem(text)
        if column:
            item.setTextAlignment(RIGHT)
        if tip:
            item.setToolTip(tip)
        if colour:
            item.setForeground(QColor(theme.colour(colour)))
        if bold:
            font = QFont(self.font())
            font.setBold(True)
            item.setFont(font)
        self.setItem(row, column, item)
        return item

    def text(self, row: int, column: int) -> str:
        item = self.item(row, column)
        return item.text() if item is not None else ""


class FigureTable(Table):
    """Before, after and their difference on one set of images."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(("", "before", "after", "difference, 95 %", "p", ""), "Figures before and after", parent)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._shown: Comparison | None = None

    def show_comparison(self, comparison: Comparison | None) -> None:
        self._shown = comparison
        self.setRowCount(0)
        if comparison is None:
            return
        for name in FIGURES:
            before, after = comparison.before.get(name), comparison.after.get(name)
            if before is None or after is None or not (math.isfinite(before.value) or math.isfinite(after.value)):
                continue
            row = self.rowCount()
            self.insertRow(row)
            title, tip = FIGURE_NAMES.get(name, (name, ""))
            self.put(row, 0, title, tip)
            self.put(row, 1, number(before.value), _interval(name, before, comparison))
            self.put(row, 2, number(after.value), _interval(name, after, comparison), bold=True)
            difference = comparison.differences.get(name)
            if difference is None:
                continue
            text, colour = _CHANGES[difference.change]
            self.put(row, 3, f"{signed(difference.value)}   {signed(difference.low)} … {signed(difference.high)}",
                     _meaning(difference))  # fmt: skip
            self.put(row, 4, _p(difference.p), "Two-sided, paired bootstrap by patient")
            self.put(row, 5, text, _meaning(difference), colour)

    def recolour(self) -> None:
        self.show_comparison(self._shown)


class CaseTable(Table):
    """The held-out cases one by one, the largest changes first; choosing one shows its maps."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(("case", "true class", "probability of it", "D inside the mask"), "Held-out cases", parent)
        self.itemSelectionChanged.connect(self._selected)

    def show_result(self, result: FineTuneResult, cases: Sequence[TrainingCase], classes: tuple[str, str]) -> None:
        names = {c.id: c.name or str(c.id) for c in cases}
        changes = result.holdout.cases if result.holdout is not None else ()
        ordered = sorted(changes, key=lambda c: -abs(c.after - c.before))
        self.blockSignals(True)
        self.setRowCount(len(ordered))
        for row, change in enumerate(ordered):
            before, after = (p if change.label == 1 else 1 - p for p in (change.before, change.after))
            item = self.put(row, 0, names.get(change.case, str(change.case)))
            item.setData(Qt.ItemDataRole.UserRole, change.case)
            self.put(row, 1, capitalised(classes[change.label]))
            turned = (before >= 0.5) != (after >= 0.5)
            colour = ("success" if after >= 0.5 else "error") if turned else ""
            self.put(row, 2, f"{percent(before)} → {percent(after)}", "The verdict changed" if turned else "", colour)
            if change.energy_before is not None and change.energy_after is not None:
                self.put(row, 3, f"{number(change.energy_before)} → {number(change.energy_after)}")
            else:
                self.put(row, 3, "no mask", colour="muted")
        self.blockSignals(False)

    def select(self, case_id: int) -> None:
        """Mark a case's row without telling."""
        self.blockSignals(True)
        for row in range(self.rowCount()):
            if self._case_id(row) == case_id:
                self.selectRow(row)
        self.blockSignals(False)

    def _selected(self) -> None:
        case_id = self._case_id(self.currentRow())
        if case_id is not None:
            self.chosen.emit(case_id)

    def _case_id(self, row: int) -> int | None:
        item = self.item(row, 0)
        return int(item.data(Qt.ItemDataRole.UserRole)) if item is not None else None


class MethodTable(Table):
    """Several methods on the same split, best first by validation; choosing one shows its figures."""

    chosen = Signal(int)
    """Index in the list that was given."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            ("method", "valid.\nAUROC", "valid.\nD inside", "hold-out\nAUROC", "hold-out\nD inside", "guard\nAUROC"),
            "Methods", parent,
        )  # fmt: skip
        self.itemSelectionChanged.connect(self._selected)

    def show_results(self, results: Sequence[FineTuneResult]) -> None:
        self.blockSignals(True)
        self.setRowCount(len(results))
        for row, result in enumerate(results):
            about = method(result.method)
            self.put(row, 0, f"{row + 1}  {about.name}", about.sentence, bold=row == 0)
            self.put(row, 1, number(float(result.validation.get("val_auroc", math.nan))))
            self.put(row, 2, number(float(result.validation.get("val_energy", math.nan))))
            for column, comparison, name in (
                (3, result.holdout, "auroc"), (4, result.holdout, "energy"), (5, result.guard, "auroc"),
            ):  # fmt: skip
                figure = comparison.after.get(name) if comparison is not None else None
                self.put(row, column, number(figure.value) if figure is not None else "–",
                         _interval(name, figure, comparison) if figure is not None and comparison is not None else "",
                         "muted")  # fmt: skip
        self.blockSignals(False)

    def _selected(self) -> None:
        if self.currentRow() >= 0:
            self.chosen.emit(self.currentRow())


def signed(value: float) -> str:
    """A difference with a real minus."""
    return signed_ascii(value).replace("-", "−")


def _interval(name: str, figure: Figure, comparison: Comparison) -> str:
    """A figure with its interval, or what is said of one without width, and on how many images it rests."""
    if not all(math.isfinite(v) for v in (figure.value, figure.low, figure.high)):
        return ""
    positives = comparison.positives if name in ("auroc", "border_auroc") else None
    said = with_interval(figure.value, (figure.low, figure.high), comparison.images, positives)
    return f"With 95 % interval: {said}, on {comparison.images:,} images"


def _p(p: float) -> str:
    return "–" if not math.isfinite(p) else "< .001" if p < 0.001 else f"{p:.3f}".replace("0.", ".", 1)


def _meaning(difference: Difference) -> str:
    if difference.change in ("better", "worse"):
        return "The interval of the difference leaves out 0"
    if difference.change == "unclear":
        return "The interval includes 0, or there are too few patients: nothing is claimed"
    return ""
