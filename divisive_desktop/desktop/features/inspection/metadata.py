"""All that a file says about itself, row by row: searched, copied, private rows marked, identity hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QFont, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.imaging.tag import Tag

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Tag", "VR", "Section", "Name", "Value")
NAME, VALUE = 3, 4
_PRIVATE = "private"
_INDENT = "\u2003"
"""One em for every sequence that a row lies in."""


class TagModel(QAbstractTableModel):
    """The rows as they may be shown now."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: tuple[Tag, ...] = ()
        self._shown: tuple[Tag, ...] = ()
        self._identity = False

    def set_tags(self, tags: Sequence[Tag], identity_visible: bool) -> None:
        """Replace all rows; those that may identify someone keep their names and lose their values."""
        from divisive_desktop.imaging.metadata import without_identity  # loads more than the window's start needs

        self.beginResetModel()
        self._all, self._identity = tuple(tags), identity_visible
        self._shown = self._all if identity_visible else without_identity(self._all)
        self.endResetModel()

    def set_identity_visible(self, visible: bool) -> None:
        if visible != self._identity:
            self.set_tags(self._all, visible)

    def tag(self, row: int) -> Tag:
        return self._shown[row]

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        tag = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(tag, index.column())
        if role == Qt.ItemDataRole.ToolTipRole:
            head = "  ".join(t for t in (tag.tag, tag.vr, tag.keyword) if t)
            marks = [_PRIVATE] * tag.private + ["may identify someone"] * tag.identifying
            return "\n".join(t for t in (f"{tag.name}  {head}", ", ".join(marks), tag.value) if t)
        if role == Qt.ItemDataRole.ForegroundRole and (tag.private or self._hidden(tag, index.column())):
            return theme.colour("muted")
        if role == Qt.ItemDataRole.FontRole and (tag.private or self._hidden(tag, index.column())):
            font = QFont()
            font.setItalic(True)
            return font
        return None

    def _hidden(self, tag: Tag, column: int) -> bool:
        return column == VALUE and tag.identifying and not self._identity and bool(tag.value)

    def _text(self, tag: Tag, column: int) -> str:
        name = f"{tag.name} ({_PRIVATE})" if tag.private else tag.name
        texts = (tag.tag, tag.vr, tag.group, _INDENT * tag.depth + name, " ".join(tag.value.split()))
        return texts[column]


class TagFilter(QSortFilterProxyModel):
    """Rows of which every word searched for stands in what is shown: hidden values can't be guessed by searching."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []

    def set_text(self, text: str) -> None:
        self._words = text.casefold().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        if not self._words:
            return True
        model = self.sourceModel()
        assert isinstance(model, TagModel)
        tag = model.tag(row)
        mark = _PRIVATE if tag.private else ""
        text = " ".join((tag.tag, tag.keyword, tag.name, tag.vr, tag.group, mark, tag.value)).casefold()
        return all(word in text for word in self._words)


class TagTable(QTableView):
    """The table; Ctrl+C copies the selected rows, tab between columns."""

    def __init__(self, wide: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setAccessibleName("Metadata")
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(22)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeader().setHighlightSections(False)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._menu)
        self._wide = wide

    def arrange(self) -> None:
        """Widths of the columns; the narrow table shows names and values."""
        widths = (96, 36, 120, 260, 400) if self._wide else (0, 0, 0, 132, 100)
        for column, width in enumerate(widths):
            self.setColumnHidden(column, width == 0)
            self.setColumnWidth(column, width)
        self.horizontalHeader().setStretchLastSection(True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_rows()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # The window's own Ctrl+C copies the picture; here it copies rows.
        if event.type() == QEvent.Type.ShortcutOverride:
            assert isinstance(event, QKeyEvent)
            if event.matches(QKeySequence.StandardKey.Copy):
                event.accept()
                return True
        return super().event(event)

    def copy_rows(self) -> None:
        """Selected rows (all when none is) as text, with tabs between the columns."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        self._copy(rows or range(self.model().rowCount()), range(len(COLUMNS)))

    def copy_values(self) -> None:
        self._copy(sorted(index.row() for index in self.selectionModel().selectedRows()), (VALUE,))

    def _copy(self, rows: Sequence[int], columns: Sequence[int]) -> None:
        model = self.model()
        lines = ["\t".join(str(model.index(r, c).data() or "").strip(_INDENT) for c in columns) for r in rows]
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chosen = self.selectionModel().hasSelection()
        menu.addAction("Copy value", self.copy_values).setEnabled(chosen)
        menu.addAction("Copy rows", self.copy_rows).setEnabled(chosen)
        menu.addAction("Copy all", lambda: self._copy(range(self.model().rowCount()), range(len(COLUMNS))))
        menu.popup(self.viewport().mapToGlobal(at))


class MetadataView(QWidget):
    """Search field, table, and a line that counts. ``wide``: with tags, types and sections, for a window of its own."""

    def __init__(self, wide: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = TagModel(self)
        self.filter = TagFilter(self)
        self.filter.setSourceModel(self.model)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search tags, names, values")
        self.search.setAccessibleName("Search metadata")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._searched)
        self.table = TagTable(wide)
        self.table.setModel(self.filter)
        self.table.arrange()
        self.count = QLabel()
        theme.set_role(self.count, "muted")
        self.count.setWordWrap(True)
        self.enlarge = QToolButton()
        self.enlarge.setText("Enlarge…")
        self.enlarge.setToolTip("All tags with types and sections, in a window of their own")
        self.enlarge.setProperty("role", "compact")
        self.enlarge.setVisible(not wide)
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(self.search, 1)
        top.addWidget(self.enlarge)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        column.addWidget(self.count)
        if not wide:
            self.table.setFixedHeight(22 * 14)
            self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._identity = False
        self._message = ""

    def show_tags(self, tags: Sequence[Tag], message: str = "") -> None:
        """Show these rows, or say why there are none."""
        self._message = message
        self.model.set_tags(tags, self._identity)
        self._count()

    def set_identity_visible(self, visible: bool) -> None:
        self._identity = visible
        self.model.set_identity_visible(visible)
        self._count()

    def _searched(self, text: str) -> None:
        self.filter.set_text(text)
        self._count()

    def _count(self) -> None:
        total, shown = self.model.rowCount(), self.filter.rowCount()
        if self._message:
            self.count.setText(self._message)
            return
        text = f"{total:,} tags" if shown == total else f"{shown:,} of {total:,} tags"
        self.count.setText(text if self._identity else f"{text}; identity hidden (View > Show > Patient identity)")


class MetadataDialog(QDialog):
    """The whole table in a window of its own; follows the privacy switch through its owner."""

    def __init__(
        self, title: Callable[[], str], tags: Sequence[Tag], identity_visible: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._title = title
        self.view = MetadataView(wide=True)
        self.set_identity_visible(identity_visible)
        self.view.show_tags(tags)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID)
        column.addWidget(self.view)
        self.resize(960, 640)

    def set_identity_visible(self, visible: bool) -> None:
        """Values and title as they may be shown now."""
        self.view.set_identity_visible(visible)
        self.setWindowTitle(self._title())
