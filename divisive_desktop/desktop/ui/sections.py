"""Building blocks of the inspector: titled sections, name-value forms, a probability bar."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.foreign.text import in_window, plain

Row = tuple[str, str] | tuple[str, str, str]
"""Name, value, and where there is more to say a tooltip."""


class Section(QWidget):
    """A heading that folds what is below it."""

    unfolded = Signal()

    def __init__(self, title: str, folded: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._head = QToolButton()
        self._head.setText(title)
        self._head.setCheckable(True)
        self._head.setChecked(not folded)
        self._head.setAutoRaise(True)
        self._head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._head.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._head.setProperty("role", "sectionHead")
        self._head.toggled.connect(self._fold)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(GRID * 2, 0, GRID * 2, GRID * 2)
        self.body.setSpacing(GRID)
        self._holder = QWidget()
        self._holder.setLayout(self.body)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        line = QFrame()
        theme.set_role(line, "hairline")
        column.addWidget(line)
        column.addWidget(self._head)
        column.addWidget(self._holder)
        self._fold(not folded)

    def _fold(self, opened: bool) -> None:
        self._head.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._holder.setVisible(opened)
        if opened:
            self.unfolded.emit()

    def open(self) -> None:
        """Unfold it."""
        self._head.setChecked(True)

    @property
    def is_open(self) -> bool:
        return self._head.isChecked()


class Form(QWidget):
    """Names at the left, values at the right, values selectable; rows without a value are left out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GRID)
        self._grid.setVerticalSpacing(GRID // 2)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[QLabel, QLabel]] = []

    def set_rows(self, rows: Iterable[Row]) -> None:
        """Replace the content."""
        shown = [r for r in rows if r[1]]
        while len(self._rows) < len(shown):
            self._add()
        for i, (name, value) in enumerate(self._rows):
            visible = i < len(shown)
            name.setVisible(visible)
            value.setVisible(visible)
            if visible:
                title, text, *tip = shown[i]
                name.setText(title)
                value.setText(plain(text, lines=True))
                value.setToolTip(in_window(tip[0] if tip else text, lines=True))

    def text(self) -> dict[str, str]:
        """What is shown."""
        return {n.text(): v.text() for n, v in self._rows if not n.isHidden()}

    def _add(self) -> None:
        name, value = QLabel(), QLabel()
        theme.set_role(name, "muted")
        name.setAlignment(Qt.AlignmentFlag.AlignTop)
        name.setFixedWidth(GRID * 12)  # the same in all forms, so that values stand in one line
        name.setWordWrap(True)
        value.setWordWrap(True)
        value.setTextFormat(Qt.TextFormat.PlainText)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        value.setAlignment(Qt.AlignmentFlag.AlignTop)
        value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # long words never widen us
        row = len(self._rows)
        self._grid.addWidget(name, row, 0)
        self._grid.addWidget(value, row, 1)
        self._rows.append((name, value))


class ProbabilityBar(QWidget):
    """Where a probability of class 1 lies between the two classes, and on which side of the threshold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._probability: float | None = None
        self._threshold = 0.5
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(160, 14)

    def set_probability(self, probability: float | None, threshold: float = 0.5) -> None:
        self._probability, self._threshold = probability, threshold
        self.setAccessibleDescription("" if probability is None else f"Probability {probability:.2f}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(0, self.height() / 2 - 3, self.width(), 6)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("hairline"))
        painter.drawRoundedRect(track, 3, 3)
        middle = track.left() + track.width() * min(max(self._threshold, 0.01), 0.99)
        if self._probability is not None:
            at = track.left() + track.width() * min(max(self._probability, 0.01), 0.99)
            painter.setBrush(theme.colour("muted"))  # neutral: orange and blue are the data's own colours
            painter.drawRoundedRect(QRectF(min(middle, at), track.top(), abs(at - middle), 6), 3, 3)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Window), 2))
            painter.drawEllipse(QRectF(at - 6, track.center().y() - 6, 12, 12))
        painter.setPen(QPen(theme.colour("muted"), 1))
        painter.drawLine(int(middle), int(track.top()) - 3, int(middle), int(track.bottom()) + 3)
