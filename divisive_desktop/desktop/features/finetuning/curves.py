"""Curves over the epochs, in the window's colours. Imports pyqtgraph: only for the page that shows a run."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

pg.setConfigOptions(antialias=True)

Line = tuple[str, str, str]
"""Key in the history, name in the legend, semantic colour."""
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
_MARKS = ("o", "s", "t")


class Curves(QWidget):
    """Some figures by epoch, with a legend that says the newest values.

    Parameters
    ----------
    title : str
    lines : sequence of (key, name, colour)
    unit_range : bool
        The figures lie in 0..1, and so does the axis.
    """

    def __init__(
        self, title: str, lines: Sequence[Line], unit_range: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._lines = tuple(lines)
        self._head = QLabel(title)
        theme.set_role(self._head, "strong")
        self._legend = QLabel()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self.plot = pg.PlotWidget()
        self.plot.setFrameShape(pg.PlotWidget.Shape.NoFrame)
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plot.setAccessibleName(title)
        if unit_range:
            self.plot.setYRange(0, 1, padding=0.04)
        self._curves = {key: self.plot.plot([], []) for key, _, _ in self._lines}
        top = QHBoxLayout()
        top.addWidget(self._head)
        top.addStretch(1)
        top.addWidget(self._legend)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(top)
        column.addWidget(self.plot, 1)
        self._history: Sequence[dict[str, float]] = ()
        self._epochs = 1
        self.recolour()

    def sizeHint(self) -> QSize:
        return QSize(420, 190)

    def set_epochs(self, epochs: int) -> None:
        """How far the axis reaches."""
        self._epochs = max(1, epochs)
        self.plot.setXRange(0.5, self._epochs + 0.5, padding=0.01)
        step = max(1, -(-self._epochs // 10))
        ticks = [(i, str(i)) for i in range(1, self._epochs + 1) if i % step == 0 or i == 1]
        self.plot.getAxis("bottom").setTicks([ticks])

    def show_history(self, history: Sequence[dict[str, float]]) -> None:
        """One entry per epoch; figures that are missing or None leave a gap."""
        self._history = history
        for key, _, _ in self._lines:
            points = [(i, h[key]) for i, h in enumerate(history, 1) if h.get(key) is not None]
            self._curves[key].setData([p[0] for p in points], [p[1] for p in points])
        self._show_legend()

    def values(self, key: str) -> list[float]:
        """What is drawn of a figure."""
        data = self._curves[key].getData()[1]
        return [] if data is None else [float(v) for v in data]

    def recolour(self) -> None:
        """Take the colours of the scheme in force."""
        palette = self.palette()
        back = palette.color(QPalette.ColorRole.Base)
        self.plot.setBackground(back)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(theme.colour("outline"))
            axis.setTextPen(theme.colour("muted"))
        grid = QColor(theme.colour("muted"))
        self.plot.showGrid(x=False, y=True, alpha=0.15 if grid.lightness() < 128 else 0.12)
        for i, (key, _, colour) in enumerate(self._lines):
            tint = theme.colour(colour)
            curve = self._curves[key]
            curve.setPen(pg.mkPen(tint, width=2, style=_STYLES[i % 3]))
            curve.setSymbol(_MARKS[i % 3])
            curve.setSymbolSize(5)
            curve.setSymbolBrush(tint)
            curve.setSymbolPen(tint)
        self._show_legend()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_curves"):
            self.recolour()

    def _show_legend(self) -> None:
        last = self._history[-1] if self._history else {}
        parts = []
        for i, (key, name, colour) in enumerate(self._lines):
            value = last.get(key)
            mark = "●■▲"[i % 3]
            said = f" {value:.3f}" if value is not None else ""
            parts.append(f'<span style="color:{theme.colour(colour).name()}">{mark}</span> {name}{said}')
        self._legend.setText("&nbsp;&nbsp; ".join(parts))
