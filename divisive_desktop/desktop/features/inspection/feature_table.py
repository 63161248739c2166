"""The table of important features and the threshold that decides what counts as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSlider,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.session.wording import CALIBRATIONS, area, capitalised
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.explanation.statement import regions_in_words
from divisive_desktop.language import NBSP

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.explaining import FoundFeatures
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.explanation.statement import Statement

_STEPS = (500, 995)
"""Slider range: quantile of |D| in thousandths. Below the median 'important' would mean most of the image."""
_ROW = 26
_MOST_ROWS = 12


class FeaturePanel(QWidget):
    """Threshold slider, table, and what a row means.

    Signals
    -------
    quantileChanged(object)
        0..1, or None for the automatic threshold.
    chosen(int)
        Rank of the feature whose row was clicked.
    """

    quantileChanged = Signal(object)
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(*_STEPS)
        self.slider.setPageStep(25)
        self.slider.setAccessibleName("Feature threshold")
        self.slider.setToolTip("How far the divergence map must stand out to count as a feature")
        self.slider.valueChanged.connect(self._moved)
        self.auto = QToolButton()
        self.auto.setText("Auto")
        theme.set_role(self.auto, "toggle")
        self.auto.setCheckable(True)
        self.auto.setChecked(True)
        self.auto.setToolTip("Otsu's threshold on |D|")
        self.auto.clicked.connect(lambda: self.set_auto())
        self.threshold = QLabel()
        theme.set_role(self.threshold, "muted")
        self.table = QTableWidget(0, 4)
        self.table.setTabKeyNavigation(False)  # Tab leads out of it, instead of from row to row with the picture
        self.table.setHorizontalHeaderLabels(["Region", "Argues for", "Share", "Area"])
        self.table.setAccessibleName("Important features")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for column in (0, 2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        for column, side in ((0, left), (1, left), (2, right), (3, right)):
            head = self.table.horizontalHeaderItem(column)
            assert head is not None  # made above, with the labels
            head.setTextAlignment(side)
        self.table.currentCellChanged.connect(self._row_chosen)
        self.table.cellClicked.connect(lambda row, _: self._row_chosen(row))
        self.table.cellActivated.connect(lambda row, _: self._row_chosen(row))
        self.note = QLabel()
        self.note.setWordWrap(True)
        theme.set_role(self.note, "muted")
        self.meaning = QLabel()
        self.meaning.setWordWrap(True)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.slider, 1)
        row.addWidget(self.auto)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addLayout(row)
        layout.addWidget(self.threshold)
        layout.addWidget(self.table)
        layout.addWidget(self.meaning)
        layout.addWidget(self.note)
        self._features: FeatureSet | None = None
        self._filling = False
        self.show_features(None, None)

    def show_features(
        self, outcome: FoundFeatures | None, classes: tuple[str, str] | None, statement: Statement | None = None
    ) -> None:
        """Fill the table.

        Parameters
        ----------
        classes : (str, str), optional
            Names of the true and the false class.
        statement : Statement, optional
            Says what regions of the map are, and what they are called.
        """
        found = outcome.features if outcome is not None else None
        self._features = found
        self._filling = True
        if outcome is not None and outcome.features.method == "otsu":
            self.slider.setValue(round(outcome.quantile * 1000))
            self.auto.setChecked(True)
        chosen = self.table.currentRow()
        region = capitalised(statement.region if statement is not None else "map region")
        features = found.features if found is not None else ()
        self.table.setRowCount(len(features))
        for row, f in enumerate(features):
            name = classes[0 if f.favours == "true" else 1] if classes else f.favours
            cells = (f"{region} {f.rank}", name, f"{100 * f.share:.0f}{NBSP}%", area(f.area_px, f.area_mm2))
            tip = (
                f"Mean divergence {f.mean_d:+.2f} over {f.area_px:,.0f} px; box x {f.box[0]}, y {f.box[1]}, "
                f"{f.box[2]} × {f.box[3]} px"
            )
            if f.calibration is not None:
                tip += f"; millimetres {CALIBRATIONS[f.calibration]}"
            for i, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(tip)
                if i > 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                elif i == 1:
                    item.setIcon(_dot(theme.colour("trueEvidence" if f.favours == "true" else "falseEvidence")))
                self.table.setItem(row, i, item)
        if 0 <= chosen < len(features):
            self.table.setCurrentCell(chosen, 0)
        self._filling = False
        shown = min(max(len(features), 1), _MOST_ROWS)
        self.table.setFixedHeight(self.table.horizontalHeader().sizeHint().height() + shown * _ROW + 4)
        self.table.setVisible(bool(features))
        self._describe(found)
        self.meaning.setText("" if found is None or statement is None else regions_in_words(statement, found))
        self.meaning.setVisible(bool(self.meaning.text()))

    def clear_choice(self) -> None:
        """Select no row (another case came)."""
        self._filling = True
        self.table.setCurrentCell(-1, -1)
        self.table.clearSelection()
        self._filling = False

    def select(self, rank: int) -> None:
        """Mark a feature's row, as if it had been clicked."""
        if self.table.currentRow() == rank - 1:
            self._row_chosen(rank - 1)  # chosen again: its row says nothing by itself
        else:
            self.table.setCurrentCell(rank - 1, 0)

    def set_auto(self) -> None:
        """Back to Otsu's threshold."""
        self.auto.setChecked(True)
        self.quantileChanged.emit(None)

    def _describe(self, found: FeatureSet | None) -> None:
        self.setEnabled(found is not None)
        if found is None:
            self.threshold.setText("")
            self.note.setText("The features appear with the analysis.")
            return
        if found.quantile is not None:
            how = f"top {1 - found.quantile:.1%} of |D|".replace("%", " %")
        else:
            how = "Otsu"
        self.threshold.setText(f"|D| above {found.threshold:.2f} ({how})")
        if not found.features:
            self.note.setText("Nothing stands out at this threshold.")
            return
        cells = (
            f"One map cell is {found.cell_px[0]:.0f} × {found.cell_px[1]:.0f} px; smaller things can't be told apart."
        )
        millimetres = found.features[0].calibration
        at = f" Areas in millimetres {CALIBRATIONS[millimetres]}." if millimetres else ""
        self.note.setText(cells + at)

    def _moved(self, value: int) -> None:
        if self._filling:
            return
        self.auto.setChecked(False)
        self.quantileChanged.emit(value / 1000)

    def _row_chosen(self, row: int, *_: int) -> None:
        if not self._filling and self._features is not None and 0 <= row < len(self._features.features):
            self.chosen.emit(self._features.features[row].rank)


def _dot(colour: QColor) -> QIcon:
    side = 20
    dot = QPixmap(side, side)
    dot.fill(Qt.GlobalColor.transparent)
    painter = QPainter(dot)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(Qt.GlobalColor.white, 1.5))  # seen on the selected row too
    painter.setBrush(colour)
    painter.drawEllipse(4, 4, side - 8, side - 8)
    painter.end()
    made = QIcon(dot)
    made.addPixmap(dot, QIcon.Mode.Selected)  # Qt would tint it otherwise
    return made
