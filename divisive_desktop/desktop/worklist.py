"""The worklist: search, state filter, and one row per case with thumbnail, name, verdict and review state."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPalette, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop import icons, theme
from divisive_desktop.desktop.case_filter import CaseFilter
from divisive_desktop.desktop.case_model import CaseModel, CaseRole
from divisive_desktop.desktop.cases import Case, Review, verdict_line
from divisive_desktop.desktop.theme import GRID

STATES = (
    ("All cases", "all"), ("New", "New"), ("In review", "In review"), ("Done", "Done"), ("Flagged", "Flagged"),
    ("Not labelled", "unlabelled"), ("Label against model", "disagree"), ("Failed", "failed"),
)  # fmt: skip
_THUMBNAIL = 44
_ROW = 60


class RowDelegate(QStyledItemDelegate):
    """Paints a case: thumbnail, name, what is known, and a mark for its review state."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(120, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        case: Case = index.data(CaseRole.CASE)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        palette = option.palette
        painter.save()
        if selected:
            painter.fillRect(option.rect, palette.color(QPalette.ColorRole.Highlight))
        elif hovered:
            painter.fillRect(option.rect, theme.colour("hover"))
        ink = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        faint = ink if selected else theme.colour("muted")
        area = option.rect.adjusted(GRID, GRID, -GRID, -GRID)
        self._thumbnail(painter, QRect(area.left(), area.top(), _THUMBNAIL, _THUMBNAIL), index, case, faint)

        text = area.adjusted(_THUMBNAIL + GRID, 2, 0, -2)
        mark = self._mark(case, faint if selected else None)
        if mark is not None:
            painter.drawPixmap(text.right() - 15, text.top() + 1, mark)
        painter.setPen(ink)
        font = option.font
        font.setWeight(font.Weight.DemiBold)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        name = metrics.elidedText(case.name, Qt.TextElideMode.ElideMiddle, text.width() - (20 if mark else 0))
        painter.drawText(text, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft, name)
        font.setWeight(font.Weight.Normal)
        painter.setFont(font)
        bad = case.error is not None
        painter.setPen(theme.colour("error") if bad and not selected else faint)
        line = verdict_line(case)
        line = QFontMetrics(font).elidedText(line, Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, line)
        if option.state & QStyle.StateFlag.State_HasFocus and not selected:
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 1))
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
        painter.restore()

    def _thumbnail(self, painter: QPainter, box: QRect, index: QModelIndex, case: Case, faint: object) -> None:
        image = index.data(Qt.ItemDataRole.DecorationRole)
        if image is None:
            painter.fillRect(box, theme.colour("hover"))
            if case.error is not None:
                picture = icons.pixmap("error", 20, theme.colour("error"), painter.device().devicePixelRatioF())
                painter.drawPixmap(box.center().x() - 9, box.center().y() - 9, picture)
            return
        painter.fillRect(box, Qt.GlobalColor.black)
        size = image.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(box.topLeft(), size)
        target.moveCenter(box.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, image)

    def _mark(self, case: Case, ink: object) -> object:
        if case.review is Review.DONE:
            return icons.pixmap("check", 16, ink or theme.colour("success"), 2.0)
        if case.review is Review.FLAGGED:
            return icons.pixmap("flag", 16, ink or theme.colour("warning"), 2.0)
        return None


class CaseList(QListView):
    """The rows. 0, 1 and Backspace label here; elsewhere those keys choose window presets."""

    labelled = Signal(object)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        labels = {Qt.Key.Key_0: 0, Qt.Key.Key_1: 1, Qt.Key.Key_Backspace: None}
        if event.key() in labels and event.modifiers() in (
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        ):
            self.labelled.emit(labels[Qt.Key(event.key())])
            return
        super().keyPressEvent(event)

    def event(self, event: object) -> bool:
        # The window's own shortcuts use the digits for presets; while the list has the focus, labels win.
        if (
            event.type() == event.Type.ShortcutOverride
            and event.key() in (Qt.Key.Key_0, Qt.Key.Key_1, Qt.Key.Key_Backspace)
            and not event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            event.accept()
            return True
        return super().event(event)


class Worklist(QWidget):
    """Search field, state filter, the list, and a line of counts.

    Signals
    -------
    chosen(object)
        The case that became the list's current row.
    labelled(object)
        0, 1 or None: a label given by key.
    """

    chosen = Signal(object)
    labelled = Signal(object)

    def __init__(self, cases: CaseModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cases = cases
        self.filter = CaseFilter(self)
        self.filter.setSourceModel(cases)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search cases")
        self.search.setAccessibleName("Search cases")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self.filter.set_text)
        self.state = QComboBox()
        self.state.setAccessibleName("Show cases in state")
        for text, value in STATES:
            self.state.addItem(text, value)
        self.state.currentIndexChanged.connect(lambda _: self.filter.set_state(self.state.currentData()))
        self.list = CaseList()
        self.list.setModel(self.filter)
        self.list.setItemDelegate(RowDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setAccessibleName("Worklist")
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.list.selectionModel().currentChanged.connect(self._current_changed)
        self.list.labelled.connect(self.labelled)
        self.counts = QLabel()
        theme.set_role(self.counts, "muted")

        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self.state)
        head.addStretch(1)
        head.addWidget(self.counts)
        top = QVBoxLayout()
        top.setContentsMargins(GRID, 0, GRID, 0)
        top.setSpacing(GRID)
        top.addWidget(self.search)
        top.addLayout(head)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        cases.countsChanged.connect(self._count)
        for signal in (
            self.filter.rowsInserted,
            self.filter.rowsRemoved,
            self.filter.layoutChanged,
            self.filter.modelReset,
        ):
            signal.connect(self._count)
        self._count()

    def show_current(self, case: Case | None) -> None:
        """Bring a case into view as the list's current row."""
        if case is None:
            return
        index = self.filter.mapFromSource(self.cases.index_of(case))
        if index.isValid() and index != self.list.currentIndex():
            self.list.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.list.scrollTo(index)

    def selected(self) -> list[Case]:
        """The selected cases, in the list's order."""
        return [self.filter.case(row) for row in sorted(i.row() for i in self.list.selectionModel().selectedIndexes())]

    def step(self, by: int, wanted: Callable[[Case], bool] = lambda _: True, wrap: bool = False) -> None:
        """Go to the next (1) or previous (-1) visible case that is wanted; stay where there is none.

        Parameters
        ----------
        wrap : bool
            Begin again at the other end.
        """
        here, count = self.list.currentIndex().row(), self.filter.rowCount()
        rows = range(here + 1, count) if by > 0 else range(here - 1, -1, -1)
        for row in (*rows, *(range(here) if wrap else ())):
            case = self.filter.case(row)
            if wanted(case):
                self.show_current(case)
                return

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _current_changed(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(index.data(CaseRole.CASE))

    def _count(self) -> None:
        counts, shown = self.cases.counts(), self.filter.rowCount()
        total = counts["all"]
        text = f"{total} case{'s' * (total != 1)}" if shown == total else f"{shown} of {total}"
        self.counts.setText(text if total else "")
        self.counts.setToolTip(
            f"{counts['analysed']} analysed, {counts['labelled']} labelled, {counts[Review.DONE.value]} done, "
            f"{counts['failed']} failed"
        )
