"""The tree of model versions: which came from which and from what data, which one answers; compare, export, delete."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.features.finetuning.methods import method
from divisive_desktop.desktop.features.finetuning.setup_widgets import words
from divisive_desktop.desktop.features.finetuning.tables import Table
from divisive_desktop.desktop.features.finetuning.version_wording import auroc_of, card_row, details, named
from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.session.wording import told
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.sections import Form
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.finetuning.verdict import number
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import in_window

if TYPE_CHECKING:
    from divisive_desktop.library.store import StoredModel
    from divisive_desktop.library.versions import Version

_ROLE = Qt.ItemDataRole.UserRole


class FoundVersions(NamedTuple):
    """What is installed and what was thrown away."""

    versions: list[Version]
    trashed: list[StoredModel]


class VersionsDialog(QDialog):
    """Tree at the left, what is known of the chosen version (or where two differ) at the right.

    Signals
    -------
    used(str)
        Task of which another version answers now.
    problem(UserFacingError)
    """

    used = Signal(str)
    problem = Signal(UserFacingError)

    def __init__(self, runner: Runner, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner, self._settings = runner, settings
        self._found = FoundVersions([], [])
        self.setWindowTitle("Model versions")
        self.setWindowFlags(Qt.WindowType.Window)
        self.resize(1060, 640)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["version", "", "method", "held-out AUROC", "made"])
        self.tree.setAccessibleName("Versions")
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setIndentation(GRID * 2)
        self.tree.setFrameShape(QFrame.Shape.NoFrame)
        self.tree.itemSelectionChanged.connect(self._selected)
        head = self.tree.header()
        self.tree.headerItem().setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.title, self.state = words("", "title"), words("", "muted")
        self.form = Form()
        self.limits = words("", "muted")
        self.limits.setTextFormat(Qt.TextFormat.PlainText)
        self.differences = Table(("", "first", "second"), "Where two versions differ")
        self.message = words("", "errorText")
        self._build()

    def _build(self) -> None:
        about = QWidget()
        column = QVBoxLayout(about)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        for widget in (self.title, self.state, self.form, self.limits):
            column.addWidget(widget)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(about)
        self.pages = QStackedWidget()
        self.pages.addWidget(scroll)
        self.pages.addWidget(self.differences)
        split = QSplitter()
        split.setChildrenCollapsible(False)
        split.addWidget(self.tree)
        split.addWidget(self.pages)
        split.setSizes([640, 420])
        self.use = self._button("Use this version", self._use)
        self.back = self._button("Roll back to its parent", self._roll_back)
        self.export = self._button("Export…", self._export)
        self.import_ = self._button("Import…", self._import)
        self.trash = self._button("Move to trash", self._trash)
        self.restore = self._button("Restore", self._restore)
        self.empty = self._button("Empty trash", self._empty)
        hint = QLabel("Choose two to compare them")
        theme.set_role(hint, "muted")
        foot = QHBoxLayout()
        foot.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID * 2)
        foot.setSpacing(GRID)
        for button in (self.use, self.back):
            foot.addWidget(button)
        foot.addStretch(1)
        foot.addWidget(hint)
        foot.addStretch(1)
        for button in (self.import_, self.export, self.trash, self.restore, self.empty):
            foot.addWidget(button)
        line = QFrame()
        theme.set_role(line, "hairline")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        self.message.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID)
        self.message.hide()
        outer.addWidget(self.message)
        outer.addWidget(split, 1)
        outer.addWidget(line)
        outer.addLayout(foot)
        self._selected()

    def _button(self, text: str, run: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(run)
        return button

    # -- content --------------------------------------------------------------------------------------------

    def reload(self, choose: str = "") -> None:
        """Read the versions anew; ``choose`` one of them."""
        wanted = choose or next((m.card.id for m in self.selected()), "")

        def work(_: BackgroundTask) -> FoundVersions:
            from divisive_desktop.library import versions

            return FoundVersions(versions.tree(), versions.trashed())

        self._runner.run(work, lambda found: self._show(found, wanted), self._failed, key="versions")

    def _show(self, found: FoundVersions, wanted: str) -> None:
        self._found = found
        self.tree.blockSignals(True)
        self.tree.clear()
        tasks: dict[str, QTreeWidgetItem] = {}
        items: dict[str, QTreeWidgetItem] = {}
        for version in found.versions:
            card = version.model.card
            if card.task not in tasks:
                tasks[card.task] = _branch(self.tree, card.task)
            above = items.get(version.parent or "", tasks[card.task])
            item = items[card.id] = _item(above, version.model)
            if version.active:
                item.setText(1, "in use")
                item.setForeground(1, theme.colour("success"))
                font = QFont(self.tree.font())
                font.setBold(True)
                item.setFont(0, font)
            item.setData(0, _ROLE, version)
        if found.trashed:
            trash = _branch(self.tree, "Trash")
            for model in found.trashed:
                item = _item(trash, model)
                item.setData(0, _ROLE, model)
                for column in range(5):
                    item.setForeground(column, theme.colour("muted"))
        self.tree.expandAll()
        newest = max((v.model.card for v in found.versions if v.active), key=lambda c: c.created, default=None)
        chosen = items.get(wanted) or (items[newest.id] if newest is not None else None)
        if chosen is not None:
            self.tree.setCurrentItem(chosen)
        self.tree.blockSignals(False)
        self._selected()

    def selected(self) -> list[StoredModel]:
        """The chosen versions, the installed ones and those in the trash."""
        chosen = [item.data(0, _ROLE) for item in self.tree.selectedItems()]
        return [getattr(one, "model", one) for one in chosen if one is not None]

    def choose(self, *ids: str) -> None:
        """Select versions by id."""
        self.tree.clearSelection()
        for item in self.tree.findItems("*", Qt.MatchFlag.MatchWildcard | Qt.MatchFlag.MatchRecursive):
            one = item.data(0, _ROLE)
            if one is not None and getattr(one, "model", one).card.id in ids:
                item.setSelected(True)

    def recolour(self) -> None:
        self._show(self._found, next((m.card.id for m in self.selected()), ""))

    def _version(self) -> Version | None:
        """The one installed version that is chosen."""
        chosen = [item.data(0, _ROLE) for item in self.tree.selectedItems()]
        chosen = [one for one in chosen if one is not None]
        return chosen[0] if len(chosen) == 1 and hasattr(chosen[0], "model") else None

    def _selected(self) -> None:
        chosen, version = self.selected(), self._version()
        one = chosen[0] if len(chosen) == 1 else None
        in_trash = one is not None and version is None
        self.use.setEnabled(version is not None and not version.active)
        self.back.setEnabled(
            version is not None and version.active and version.parent is not None and not version.parent_missing
        )
        self.export.setEnabled(version is not None)
        self.trash.setVisible(not in_trash)
        self.trash.setEnabled(version is not None and not version.model.shipped)
        self.restore.setVisible(in_trash)
        self.empty.setVisible(in_trash)
        self.pages.setVisible(bool(chosen))
        if len(chosen) == 2:
            self._compare(chosen[0], chosen[1])
        elif one is not None:
            self.pages.setCurrentIndex(0)
            self.title.setText(one.card.id)
            self.state.setText(_state(version, in_trash))
            self.form.set_rows([*details(one.card), card_row(one)])
            said = (one.card.intended_use, *one.card.limits, one.card.data_terms)
            self.limits.setText("\n\n".join(text for text in said if text))

    def _compare(self, first: StoredModel, second: StoredModel) -> None:
        from divisive_desktop.library.versions import compare

        rows = compare(first, second)
        self.pages.setCurrentIndex(1)
        self.differences.setRowCount(len(rows))
        self.differences.setHorizontalHeaderLabels(["", first.card.id, second.card.id])
        for row, (name, a, b) in enumerate(rows):
            self.differences.put(row, 0, named(name))
            self.differences.put(row, 1, _value(a))
            self.differences.put(row, 2, _value(b))

    # -- acts -----------------------------------------------------------------------------------------------

    def _act(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Something on the disk, in the background."""
        self.message.hide()
        self._runner.run(lambda _: work(), done, self._failed, priority=20)

    def _failed(self, error: UserFacingError) -> None:
        self.message.setText(told(error))
        self.message.show()

    def _changed(self, task: str, choose: str = "") -> None:
        self.reload(choose)
        self.used.emit(task)

    def _use(self) -> None:
        from divisive_desktop.library import versions

        version = self._version()
        if version is not None:
            card = version.model.card
            self._act(lambda: versions.activate(card.id), lambda _: self._changed(card.task, card.id))

    def _roll_back(self) -> None:
        from divisive_desktop.library import versions

        version = self._version()
        if version is not None:
            card = version.model.card
            self._act(lambda: versions.roll_back(card.id), lambda m: self._changed(card.task, m.card.id))

    def _trash(self) -> None:
        from divisive_desktop.library import versions

        version = self._version()
        if version is not None:
            card = version.model.card
            self._act(lambda: versions.trash(card.id), lambda _: self._changed(card.task))

    def _restore(self) -> None:
        from divisive_desktop.library import versions

        chosen = self.selected()
        if len(chosen) == 1:
            self._act(lambda: versions.restore(chosen[0].folder), lambda m: self._changed(m.card.task, m.card.id))

    def _empty(self) -> None:
        from PySide6.QtWidgets import QMessageBox

        from divisive_desktop.library import versions

        count = len(self._found.trashed)
        box = QMessageBox(QMessageBox.Icon.Warning, "Empty trash", f"Delete {count} model versions for good?")
        box.setParent(self, box.windowFlags())
        box.setInformativeText("Analyses that they made stay, and keep their names.")
        box.addButton(QMessageBox.StandardButton.Cancel)
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        delete.clicked.connect(lambda: self._act(versions.empty_trash, lambda _: self.reload()))
        box.open()

    def _export(self) -> None:
        from divisive_desktop.library import archive

        version = self._version()
        if version is None:
            return
        model = version.model
        start = Path(self._settings.folder("model") or Path.home()) / f"{model.card.id}{archive.SUFFIX}"
        name, _ = QFileDialog.getSaveFileName(self, "Export model", str(start), f"Model (*{archive.SUFFIX})")
        if name:
            self._settings.set_folder("model", Path(name).parent)
            self._act(lambda: archive.export_model(model, Path(name)), lambda _: None)

    def _import(self) -> None:
        from divisive_desktop.library import archive

        start = self._settings.folder("model")
        name, _ = QFileDialog.getOpenFileName(self, "Import model", start, f"Model (*{archive.SUFFIX})")
        if name:
            self._settings.set_folder("model", Path(name).parent)
            self._act(lambda: archive.import_model(Path(name)), lambda m: self._changed(m.card.task, m.card.id))


def _branch(tree: QTreeWidget, text: str) -> QTreeWidgetItem:
    item = QTreeWidgetItem(tree, [text])
    item.setFlags(Qt.ItemFlag.ItemIsEnabled)
    item.setForeground(0, theme.colour("muted"))
    return item


def _item(above: QTreeWidgetItem, model: StoredModel) -> QTreeWidgetItem:
    card = model.card
    figure = auroc_of(card)
    said = "–" if figure is None else number(figure[0])
    item = QTreeWidgetItem(above, [card.id, "", method(card.method).name, said, card.created[:10]])
    item.setSizeHint(0, QSize(0, 26))
    item.setToolTip(0, in_window(f"Version {card.version}, weights {card.weights_sha256[:12]}…"))
    if figure is not None:
        item.setToolTip(3, figure[1])
    item.setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def _state(version: Version | None, in_trash: bool) -> str:
    if in_trash or version is None:
        return "In the trash. Analyses that it made keep naming it."
    if version.active:
        return "In use: images of its task are analysed with it."
    return "Not in use. Analyses that it made keep naming it."


def _value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "–"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_value(v) for v in value)
    return str(value)
