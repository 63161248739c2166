"""Files grouped into patients, studies and series, to choose what to open: a folder, a DICOM medium, an archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
)  # fmt: skip

from divisive_desktop.desktop.session import redaction, unpacked
from divisive_desktop.desktop.session.wording import told
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import in_window

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
    from divisive_desktop.imaging.collection import Collection, Instance, Patient, Series, Study

_PATHS = Qt.ItemDataRole.UserRole
_EVERY = 25
"""Files between two signs of life while headers are read."""


def is_medium(path: Path) -> bool:
    """A DICOM medium's index: its files are better chosen than opened all at once."""
    return path.name.upper() == "DICOMDIR"


def read_collection(given: Sequence[Path], runner: Runner, task: BackgroundTask) -> Collection:
    """Read the headers of everything among ``given``; in the background, with the count so far as it goes."""
    from divisive_desktop.imaging import scan
    from divisive_desktop.imaging.collection import collect

    def counted() -> Iterator[Path]:
        for number, path in enumerate(scan(given, unpack_to=unpacked.folder()), 1):
            if task.cancelled:
                return
            if number % _EVERY == 0:
                runner.stream(task, number)
            yield path

    return collect(counted())


class SeriesDialog(QDialog):
    """The tree; what is ticked is opened, in the order of the tree."""

    def __init__(self, services: Services, given: Sequence[Path]) -> None:
        super().__init__(services.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Open by patient and study")
        self._session, self._settings, self._actions = services.session, services.settings, services.actions
        self._given = [Path(p) for p in given]
        self._collection: Collection | None = None
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search what is shown")
        self.search.setAccessibleName("Search patients, studies and series")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.identity = QCheckBox("Show identity")
        self.identity.setChecked(services.session.redaction.visible)
        self.identity.toggled.connect(self._identity_toggled)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Patients, studies and series")
        self.tree.setHeaderLabels(["Patient, study, series", "Images", "Date"])
        self.tree.header().setStretchLastSection(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.setColumnWidth(2, 130)
        self.tree.setUniformRowHeights(True)
        self.tree.setStyleSheet("QTreeView::item { padding: 3px 0; }")
        # A tick on a patient changes all that is below, item by item: counted once, afterwards.
        self._recount = QTimer(self, singleShot=True, interval=0)
        self._recount.timeout.connect(self._count)
        self.tree.itemChanged.connect(lambda *_: self._recount.start())
        self.state = QLabel("Reading headers…")
        theme.set_role(self.state, "muted")
        self.state.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        self.open_button = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        self.open_button.setEnabled(False)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        top = QHBoxLayout()
        top.setSpacing(GRID * 2)
        top.addWidget(self.search, 1)
        top.addWidget(self.identity)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addLayout(top)
        column.addWidget(self.tree, 1)
        column.addWidget(self.state)
        column.addWidget(self.buttons)
        self.resize(720, 560)
        runner = services.runner
        self._task = runner.run(
            lambda task: read_collection(self._given, runner, task),
            self._arrived,
            self._failed,
            stream=lambda number: self.state.setText(f"Reading headers… {number:,} files so far"),
            key="collection",
            priority=8,
        )

    def accept(self) -> None:
        paths = self.chosen()
        self._session.opening.open_paths(paths, remember=False)
        self._settings.add_recent(self._given)
        super().accept()

    def done(self, result: int) -> None:
        self._task.cancel()
        super().done(result)

    def chosen(self) -> list[Path]:
        """Files that are ticked, in the tree's order."""
        found: list[Path] = []
        for item in _leaves(self.tree.invisibleRootItem()):
            if item.checkState(0) is Qt.CheckState.Checked:
                found += item.data(0, _PATHS) or []
        return found

    # -- inside ---------------------------------------------------------------------------------------------

    def _arrived(self, collection: Collection) -> None:
        self._collection = collection
        self._fill()

    def _failed(self, error: UserFacingError) -> None:
        self.state.setText(told(error))

    def _identity_toggled(self, shown: bool) -> None:
        self._session.redaction.set_visible(shown)  # the one switch
        self._actions.refresh()
        if self._collection is not None:
            self._fill()

    def _fill(self) -> None:
        found = self._collection
        assert found is not None
        shown = self.identity.isChecked()
        self.tree.blockSignals(True)
        self.tree.clear()
        for number, patient in enumerate(found.patients, 1):
            self._add_patient(patient, number, shown)
        if found.photographs:
            item = _item(self.tree, "Photographs", str(len(found.photographs)), "")
            item.setData(0, _PATHS, list(found.photographs))
        for item in _leaves(self.tree.invisibleRootItem()):
            item.setCheckState(0, Qt.CheckState.Checked)
        self.tree.blockSignals(False)
        self._filter(self.search.text())
        self._count()

    def _add_patient(self, patient: Patient, number: int, shown: bool) -> None:
        named = "  ".join(t for t in (_tidy(patient.name), patient.id, _date(patient.birth_date)) if t)
        images = sum(len(one.instances) for study in patient.studies for one in study.series)
        top = _item(self.tree, named if shown and named else f"Patient {number}", str(images), "")
        for index, study in enumerate(patient.studies, 1):
            self._add_study(top, study, index, shown)
        top.setExpanded(True)

    def _add_study(self, top: QTreeWidgetItem, study: Study, number: int, shown: bool) -> None:
        kinds = ", ".join(sorted({one.modality for one in study.series if one.modality}))
        named = study.description if shown and study.description else f"Study {number}"
        item = _item(
            top, f"{named}  {kinds}".rstrip(), str(sum(len(one.instances) for one in study.series)),
            f"{_date(study.date)} {_time(study.time)}".strip() if shown else "",
        )  # fmt: skip
        for one in study.series:
            self._add_series(item, one, shown)
        item.setExpanded(True)

    def _add_series(self, study: QTreeWidgetItem, series: Series, shown: bool) -> None:
        parts = {i.body_part for i in series.instances if i.body_part}
        name = f"Series {series.number}" if series.number is not None else "Series"
        words = [name, series.modality, ", ".join(sorted(parts)), series.description if shown else ""]
        item = _item(study, "  ".join(t for t in words if t), str(len(series.instances)), "")
        for instance in series.instances:
            leaf = _item(item, _image(instance), f"{instance.frames} frames" if instance.frames > 1 else "", "")
            leaf.setData(0, _PATHS, [instance.path])
            leaf.setToolTip(0, redaction.shown_path(instance.path))

    def _filter(self, text: str) -> None:
        words = text.casefold().split()

        def show(item: QTreeWidgetItem, above: str) -> bool:
            searched = f"{above} {item.text(0)} {item.text(2)}".casefold()
            children = _children(item)
            if children:
                seen = any([show(child, searched) for child in children])  # noqa: C419  all of them
            else:
                seen = all(word in searched for word in words)
            item.setHidden(not seen)
            return seen

        for item in _children(self.tree.invisibleRootItem()):
            show(item, "")

    def _count(self) -> None:
        found = self._collection
        if found is None:
            return
        number = len(self.chosen())
        self.open_button.setText(f"Open {number:,} image{'s' * (number != 1)}")
        self.open_button.setEnabled(number > 0)
        bad = len(found.problems)
        studies = sum(len(patient.studies) for patient in found.patients)
        text = f"{_many(len(found.patients), 'patient')}, {_many(studies, 'study', 'studies')}"
        self.state.setText(text + (f"; {_many(bad, 'file')} can't be read" if bad else ""))
        reasons = (redaction.redacted(f"{path.name}: {error.message}", path) for path, error in found.problems[:20])
        self.state.setToolTip("\n".join(reasons))


def show_series(services: Services, given: Sequence[Path]) -> SeriesDialog:
    """Open the dialog on files, folders or a DICOMDIR."""
    dialog = SeriesDialog(services, given)
    dialog.open()
    return dialog


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for row in range(item.childCount()) if (child := item.child(row)) is not None]


def _leaves(item: QTreeWidgetItem) -> Iterator[QTreeWidgetItem]:
    for child in _children(item):
        if child.childCount():
            yield from _leaves(child)
        else:
            yield child


def _item(parent: QTreeWidget | QTreeWidgetItem, *texts: str) -> QTreeWidgetItem:
    item = QTreeWidgetItem(parent, [in_window(text) for text in texts])
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsAutoTristate)
    item.setCheckState(0, Qt.CheckState.Unchecked)
    return item


def _image(instance: Instance) -> str:
    number = f"Image {instance.number}" if instance.number is not None else redaction.file_name(instance.path)
    return "  ".join(t for t in (number, instance.view, f"{instance.columns} × {instance.rows}") if t)


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _tidy(name: str) -> str:
    return ", ".join(part.strip() for part in name.split("=")[0].split("^") if part.strip())


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else text


def _time(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}" if len(text) >= 4 and text[:4].isdigit() else text
