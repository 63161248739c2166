"""What is chosen about a report: formats, words, privacy, signature, folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError
from divisive_desktop.reporting.options import CONCLUSION_LIMIT, PAPERS, SECTIONS, Options, read_logo

FORMATS = (
    ("pdf", "PDF", "PDF/A, two pages a case, with the machine-readable content attached"),
    ("html", "HTML", "One file that every browser opens, with pictures to enlarge"),
    ("dicom", "DICOM", "For a PACS: structured report, regions, class maps, overlay and the PDF, in the same study"),
    ("json", "JSON", "The content for programs"),
    ("csv", "CSV", "One line per case, for spreadsheets"),
)
_LANGUAGES = (("English", "en"), ("Deutsch", "de"))
_SECTIONS = {
    "mask": "Mask and agreement", "before_after": "Before and after fine-tuning", "model_card": "About the model",
    "audit": "What was done", "signature": "Signature",
}  # fmt: skip
_DATES = (("Dates in DICOM are removed", "remove"), ("Dates in DICOM are shifted together", "shift"),
          ("Dates in DICOM are kept", "keep"))  # fmt: skip
_LOGO_HEIGHT = 28
_LOGO_FILTER = "Pictures (*.png *.jpg *.jpeg *.webp *.gif *.tif *.bmp)"
_PAUSE_MS = 500


class OptionsForm(QScrollArea):
    """Choices about one report.

    Signals
    -------
    changed()
        A moment after something was chosen or typed.
    problem(object)
        ``UserFacingError``: the logo can't be read.
    """

    changed = Signal()
    problem = Signal(UserFacingError)

    def __init__(self, options: Options, *, several: bool, dicom: bool, photographs: bool, conclusion: str) -> None:
        super().__init__()
        self._loading = True
        self._logo = options.logo
        self._soon = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._soon.timeout.connect(self.changed)
        self.formats = {name: QCheckBox(text) for name, text, _ in FORMATS}
        self.language, self.paper, self.dates = QComboBox(), QComboBox(), QComboBox()
        self.institution, self.analyst = QLineEdit(options.institution), QLineEdit(options.analyst)
        self.folder = QLineEdit()
        self.conclusion = QPlainTextEdit(conclusion)
        self.count = QLabel()
        self.sections = {name: QCheckBox(_SECTIONS[name]) for name in SECTIONS}
        self.deidentify = QCheckBox("Leave out what identifies a patient or person")
        self.pixelate = QCheckBox("Make faces unrecognisable")
        self.sign = QCheckBox("Sign with my key")
        self.logo_picture = QLabel()
        self.logo_choose, self.logo_remove = QPushButton("Choose…"), QPushButton("Remove")
        self.browse = QPushButton("Browse…")
        self.burned_in, self.key = _words("warningText"), _words("muted")
        self._dicom, self._photographs = dicom, photographs
        self._fill(options, several)
        self._arrange(several)
        self._connect()
        self._loading = False
        self._show_logo()
        self._counted()
        self._privacy_changed()

    # -- construction ---------------------------------------------------------------------------------------

    def _fill(self, options: Options, several: bool) -> None:
        for name, _, tip in FORMATS:
            self.formats[name].setToolTip(tip)
            self.formats[name].setChecked(name in options.formats)
        self.formats["dicom"].setEnabled(self._dicom)
        if not self._dicom:
            self.formats["dicom"].setChecked(False)
            self.formats["dicom"].setToolTip("For DICOM radiographs only")
        for combo, name, choices, value in (
            (self.language, "Language", _LANGUAGES, options.language),
            (self.paper, "Paper", [(p, p) for p in PAPERS], options.paper),
            (self.dates, "Dates in DICOM", _DATES, options.dates),
        ):
            combo.setAccessibleName(name)
            for text, data in choices:
                combo.addItem(text, data)
            combo.setCurrentIndex(max(0, combo.findData(value)))
        for name, box in self.sections.items():
            box.setChecked(name not in options.left_out)
        self.deidentify.setChecked(options.deidentify)
        self.pixelate.setChecked(options.pixelate_faces)
        self.sign.setChecked(options.sign)
        self.sign.setToolTip("Ed25519; the key is kept in the keyring of your system and made when it is first used")
        self.folder.setText(options.folder or _documents())
        for edit, name, hint in (
            (self.institution, "Institution", "at the head of each page"),
            (self.analyst, "Your name", "at the signature"),
            (self.folder, "Folder", ""),
        ):
            edit.setAccessibleName(name)
            edit.setPlaceholderText(hint)
        self.conclusion.setAccessibleName("Conclusion")
        self.conclusion.setPlaceholderText("On all of them; each case's notes stand with it" if several else
                                           "In your own words; kept as the case's notes")  # fmt: skip
        self.conclusion.setTabChangesFocus(True)
        self.conclusion.setFixedHeight(GRID * 12)

    def _arrange(self, several: bool) -> None:
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addWidget(_heading("Files"))
        column.addLayout(_grid([self.formats[name] for name, _, _ in FORMATS], 3))
        column.addLayout(_form(("Folder", _beside(self.folder, self.browse)), ("Language", self.language),
                               ("Paper", self.paper)))  # fmt: skip
        column.addSpacing(GRID)
        column.addWidget(_heading("Conclusion on these cases" if several else "Conclusion"))
        column.addWidget(self.conclusion)
        column.addWidget(self.count)
        column.addWidget(_heading("Who reports"))
        logo = QWidget()
        row = QHBoxLayout(logo)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.logo_picture, 1)
        row.addWidget(self.logo_choose)
        row.addWidget(self.logo_remove)
        column.addLayout(_form(("Institution", self.institution), ("Your name", self.analyst), ("Logo", logo)))
        column.addWidget(self.sign)
        column.addWidget(self.key)
        column.addSpacing(GRID)
        column.addWidget(_heading("Privacy"))
        column.addWidget(self.deidentify)
        column.addWidget(self.pixelate)
        column.addWidget(self.dates)
        column.addWidget(self.burned_in)
        self.pixelate.setVisible(self._photographs)
        self.dates.setVisible(self._dicom)
        column.addSpacing(GRID)
        column.addWidget(_heading("Sections"))
        column.addLayout(_grid(list(self.sections.values()), 2))
        column.addStretch(1)
        self.setWidget(holder)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def _connect(self) -> None:
        boxes = (*self.formats.values(), *self.sections.values(), self.deidentify, self.pixelate, self.sign)
        for box in boxes:
            box.toggled.connect(self._touched)
        for combo in (self.language, self.paper, self.dates):
            combo.currentIndexChanged.connect(self._touched)
        for edit in (self.institution, self.analyst, self.folder):
            edit.textChanged.connect(self._touched)
        self.conclusion.textChanged.connect(self._counted)
        self.conclusion.textChanged.connect(self._touched)
        for box in (self.deidentify, self.formats["dicom"]):
            box.toggled.connect(self._privacy_changed)
        self.logo_choose.clicked.connect(self._choose_logo)
        self.logo_remove.clicked.connect(lambda: self._set_logo(b""))
        self.browse.clicked.connect(self._choose_folder)

    # -- content --------------------------------------------------------------------------------------------

    def options(self) -> Options:
        """What is chosen now.

        Raises
        ------
        ReportError
            The conclusion is too long.
        """
        return Options(
            formats=tuple(name for name, _, _ in FORMATS if self.formats[name].isChecked()),
            language=self.language.currentData(), paper=self.paper.currentData(),
            institution=self.institution.text().strip(), logo=self._logo,
            left_out=tuple(name for name, box in self.sections.items() if not box.isChecked()),
            analyst=self.analyst.text().strip(), conclusion=self.text, deidentify=self.deidentify.isChecked(),
            dates=self.dates.currentData(), pixelate_faces=self.pixelate.isChecked(), sign=self.sign.isChecked(),
            folder=self.folder.text().strip(),
        )  # fmt: skip

    @property
    def text(self) -> str:
        """The conclusion as it is typed now."""
        return self.conclusion.toPlainText().strip()

    def show_found(self, burned_in: str, fingerprint: str, unsigned: str) -> None:
        """What was found out while the preview was made."""
        hidden = self.deidentify.isChecked()
        self.burned_in.setText(burned_in if hidden else "")
        self.burned_in.setVisible(bool(burned_in) and hidden)
        self.key.setVisible(self.sign.isChecked())
        theme.set_role(self.key, "errorText" if unsigned else "muted")
        made = f"Key {fingerprint}" if fingerprint else "A key is made when the report is written."
        self.key.setText(unsigned or made)

    def recolour(self) -> None:
        """Take the colours of the scheme in force."""
        self._counted()

    # -- reactions ------------------------------------------------------------------------------------------

    def _touched(self, *_: object) -> None:
        if not self._loading:
            self._soon.start()

    def _counted(self) -> None:
        length = len(self.text)
        theme.set_role(self.count, "errorText" if length > CONCLUSION_LIMIT else "muted")
        self.count.setText(f"{length:,} of {CONCLUSION_LIMIT:,} characters")
        self.count.setVisible(length > CONCLUSION_LIMIT * 3 // 4)

    def _privacy_changed(self, *_: object) -> None:
        self.dates.setEnabled(self.deidentify.isChecked() and self.formats["dicom"].isChecked())
        self.key.setVisible(self.sign.isChecked())
        self.burned_in.setVisible(bool(self.burned_in.text()) and self.deidentify.isChecked())

    def _choose_logo(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Logo", "", _LOGO_FILTER)
        if not name:
            return
        try:
            self._set_logo(read_logo(Path(name)))
        except UserFacingError as e:
            self.problem.emit(e)

    def _set_logo(self, data: bytes) -> None:
        self._logo = data
        self._show_logo()
        self._touched()

    def _show_logo(self) -> None:
        self.logo_remove.setEnabled(bool(self._logo))
        if not self._logo:
            self.logo_picture.setPixmap(QPixmap())
            self.logo_picture.setText("none")
            theme.set_role(self.logo_picture, "muted")
            return
        ratio = self.devicePixelRatioF()
        picture = QPixmap.fromImage(QImage.fromData(self._logo)).scaledToHeight(
            round(_LOGO_HEIGHT * ratio), Qt.TransformationMode.SmoothTransformation
        )
        picture.setDevicePixelRatio(ratio)
        self.logo_picture.setPixmap(picture)

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for reports", self.folder.text())
        if name:
            self.folder.setText(name)


def _documents() -> str:
    """Where people look for what they wrote."""
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return place if place and Path(place).is_dir() else str(Path.home())


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    theme.set_role(label, "strong")
    return label


def _words(role: str) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setVisible(False)
    theme.set_role(label, role)
    return label


def _form(*rows: tuple[str, QWidget]) -> QFormLayout:
    form = QFormLayout()
    form.setHorizontalSpacing(GRID * 2)
    form.setVerticalSpacing(GRID)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for text, widget in rows:
        label = QLabel(text)
        label.setFixedWidth(GRID * 9)
        form.addRow(label, widget)
    return form


def _grid(widgets: list[QCheckBox], columns: int) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(GRID * 2)
    grid.setVerticalSpacing(GRID)
    for i, widget in enumerate(widgets):
        grid.addWidget(widget, i // columns, i % columns)
    grid.setColumnStretch(columns - 1, 1)
    return grid


def _beside(edit: QLineEdit, button: QPushButton) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID)
    row.addWidget(edit, 1)
    row.addWidget(button)
    return holder
