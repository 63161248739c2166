"""The rows of the worklist and how they are painted."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QModelIndex, QRect, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from divisive_desktop.desktop.features.worklist.columns import COLUMNS
from divisive_desktop.desktop.features.worklist.filter_model import FilterModel
from divisive_desktop.desktop.session.case import Case, Review, verdict_line
from divisive_desktop.desktop.session.case_model import CaseRole, Index
from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.desktop.shell.keys import LocalKeys
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID

LABELS = {"list-negative": 0, "list-positive": 1, "list-clear": None}
"""Keys of this place -> label."""
_TALL, _SMALL = 60, 28


class RowDelegate(QStyledItemDelegate):
    """Paints a case: thumbnail, name, what is known, and a mark for its review state; beside it the columns' texts."""

    compact = False
    """One line for a case, with a tiny thumbnail."""
    hovered = -1
    """Row under the pointer."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        palette = option.palette
        painter.save()
        if selected:
            painter.fillRect(option.rect, palette.color(QPalette.ColorRole.Highlight))
        elif index.row() == self.hovered:
            painter.fillRect(option.rect, theme.colour("hover"))
        ink = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        faint = ink if selected else theme.colour("muted")
        if index.column():
            area = option.rect.adjusted(GRID // 2, 0, -GRID // 2, 0)
            painter.setPen(ink)
            text = QFontMetrics(option.font).elidedText(index.data(), Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area, COLUMNS[index.column()].alignment, text)
        else:
            self._case(painter, option, index, ink, faint, selected)
        if option.state & QStyle.StateFlag.State_HasFocus and not selected:
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 1))
            painter.drawLine(option.rect.topLeft(), option.rect.topRight())
            painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        painter.restore()

    def _case(
        self, painter: QPainter, option: QStyleOptionViewItem, index: Index, ink: QColor, faint: QColor,
        selected: bool,
    ) -> None:  # fmt: skip
        case: Case = index.data(CaseRole.CASE)
        gap = GRID // 4 if self.compact else GRID
        area = option.rect.adjusted(GRID, gap, -GRID, -gap)
        side = area.height()
        self._thumbnail(painter, QRect(area.left(), area.top(), side, side), index, case)
        text = area.adjusted(side + GRID, 0 if self.compact else 2, 0, 0 if self.compact else -2)
        mark = self._mark(case, faint if selected else None)
        if mark is not None:
            top = text.center().y() - 7 if self.compact else text.top() + 1
            painter.drawPixmap(text.right() - 15, top, mark)
        bad = case.error is not None and not selected
        font = option.font
        font.setWeight(font.Weight.Normal if self.compact else font.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(theme.colour("error") if bad and self.compact else ink)
        width = text.width() - (20 if mark else 0)
        name = QFontMetrics(font).elidedText(case.name, Qt.TextElideMode.ElideMiddle, width)
        height = Qt.AlignmentFlag.AlignVCenter if self.compact else Qt.AlignmentFlag.AlignTop
        painter.drawText(text, height | Qt.AlignmentFlag.AlignLeft, name)
        if self.compact:
            return
        font.setWeight(font.Weight.Normal)
        painter.setFont(font)
        painter.setPen(theme.colour("error") if bad else faint)
        width, line = text.width(), verdict_line(case)
        if case.answer == "undecided" and not case.analysing:
            top = text.bottom() - 16
            colour = ink if selected else theme.colour("undecided")
            painter.drawPixmap(text.left(), top, icons.pixmap("undecided", 16, colour, 2.0))
            text = text.adjusted(20, 0, 0, 0)
            width -= 20
        if case.in_use and not case.hidden and not case.analysing:
            width -= 20
            painter.drawPixmap(text.right() - 15, text.bottom() - 16, icons.pixmap("versions", 16, faint, 2.0))
        # What is to be known before an answer is read stands at its end, and is the last to go: "(asked although …)".
        _, bracket, known = line.removesuffix(")").rpartition(" (")
        if bracket and case.answer == "undecided" and QFontMetrics(font).horizontalAdvance(line) > width:
            line = capitalised(known)  # the sign beside it says "undecided"
        cut = Qt.TextElideMode.ElideMiddle if bracket else Qt.TextElideMode.ElideRight  # "Asked alt… of scope"
        line = QFontMetrics(font).elidedText(line, cut, width)
        painter.drawText(text, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft, line)

    def _thumbnail(self, painter: QPainter, box: QRect, index: Index, case: Case) -> None:
        image = index.data(Qt.ItemDataRole.DecorationRole)
        if image is None:
            painter.fillRect(box, theme.colour("hover"))
            if case.error is not None:
                size = min(20, box.height() - 4)
                picture = icons.pixmap("error", size, theme.colour("error"), painter.device().devicePixelRatioF())
                painter.drawPixmap(box.center().x() - size // 2 + 1, box.center().y() - size // 2 + 1, picture)
            return
        painter.fillRect(box, Qt.GlobalColor.black)
        target = QRect(box.topLeft(), image.size().scaled(box.size(), Qt.AspectRatioMode.KeepAspectRatio))
        target.moveCenter(box.center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, image)

    def _mark(self, case: Case, ink: QColor | None) -> QPixmap | None:
        if case.review is Review.DONE:
            return icons.pixmap("check", 16, ink or theme.colour("success"), 2.0)
        if case.review is Review.FLAGGED:
            return icons.pixmap("flag", 16, ink or theme.colour("warning"), 2.0)
        return None


class CaseList(QTableView):
    """The rows, in a table: unlike a list or a tree it never asks the model about rows that aren't seen.

    Its own keys (0, 1 and Backspace unless rebound) label here; elsewhere they do other things.

    Signals
    -------
    labelled(object)
        0, 1 or None: a label given by key.
    """

    labelled = Signal(object)

    def __init__(self, cases: FilterModel) -> None:
        super().__init__()
        self._filter = cases
        self.keys = LocalKeys()
        self._kept: tuple[list[Case], Case | None] = [], None
        self.setModel(cases)
        self.delegate = RowDelegate(self)
        self.setItemDelegate(self.delegate)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(_SMALL)
        self.verticalHeader().setDefaultSectionSize(_TALL)
        self.setMouseTracking(True)
        self.entered.connect(lambda index: self._hover(index.row()))
        self.viewportEntered.connect(lambda: self._hover(-1))
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setAccessibleName("Worklist")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setSectionsMovable(True)
        header.setFirstSectionMovable(False)
        header.setSectionsClickable(True)
        header.setMinimumSectionSize(40)
        for i, column in enumerate(COLUMNS):
            self.setColumnWidth(i, column.width)
            self.setColumnHidden(i, i > 0)
        self.columns_changed()
        cases.modelAboutToBeReset.connect(self._keep_selection)
        cases.modelReset.connect(self._restore_selection)

    @property
    def compact(self) -> bool:
        """One line for a case instead of two."""
        return self.delegate.compact

    @compact.setter
    def compact(self, on: bool) -> None:
        self.delegate.compact = on
        self.verticalHeader().setDefaultSectionSize(_SMALL if on else _TALL)

    def shown(self) -> list[str]:
        """Names of the columns that are shown."""
        return [column.name for i, column in enumerate(COLUMNS) if not self.isColumnHidden(i)]

    def columns_changed(self) -> None:
        """A list of one column takes all the room and needs no head."""
        alone = len(self.shown()) == 1
        header = self.horizontalHeader()
        header.setVisible(not alone)
        header.setSectionResizeMode(0, header.ResizeMode.Stretch if alone else header.ResizeMode.Interactive)
        if not alone and self.columnWidth(0) < 120:
            self.setColumnWidth(0, COLUMNS[0].width)
        off, as_needed = Qt.ScrollBarPolicy.ScrollBarAlwaysOff, Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setHorizontalScrollBarPolicy(off if alone else as_needed)

    def selected(self) -> list[Case]:
        """The selected cases, in the list's order."""
        rows: set[int] = set()
        selection = self.selectionModel().selection()
        for part in (selection.at(i) for i in range(selection.count())):
            rows.update(range(part.top(), part.bottom() + 1))
        return [self._filter.case(row) for row in sorted(rows)]

    def select(self, cases: list[Case], current: Case | None) -> None:
        """Select cases that are in the list; those that aren't are passed over."""
        chosen = QItemSelection()
        for case in cases:
            index = self._filter.index_of(case)
            if index.isValid():
                chosen.select(index, index)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().select(chosen, flags)
        index = self._filter.index_of(current) if current is not None else QModelIndex()
        if index.isValid():
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        label = self.keys.pressed(event, *LABELS)
        if label:
            self.labelled.emit(LABELS[label])
            return
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and plain:
            row = 0 if event.key() == Qt.Key.Key_Home else self._filter.rowCount() - 1
            self.setCurrentIndex(self._filter.index(row))
            return
        super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # The window's own shortcuts use the digits for presets; while the list has the focus, labels win.
        if event.type() == QEvent.Type.ShortcutOverride:
            assert isinstance(event, QKeyEvent)
            if self.keys.pressed(event, *LABELS):
                event.accept()
                return True
        return super().event(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self.delegate.hovered:
            self.delegate.hovered = row
            self.viewport().update()

    def _keep_selection(self) -> None:
        index = self.currentIndex()
        self._kept = self.selected(), self._filter.case(index.row()) if index.isValid() else None

    def _restore_selection(self) -> None:
        self.select(*self._kept)
        self._kept = [], None
