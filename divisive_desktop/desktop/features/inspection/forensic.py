"""What a forensic examiner asks of the file itself: hashes, times, compression, the thumbnail against the picture."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPixmap
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.sections import Form, Row
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from divisive_desktop.imaging.forensics import Findings, JpegFacts, Thumbnail

_SIDE = 120


class ForensicView(QWidget):
    """Facts as rows, quantisation tables as numbers, thumbnail beside the picture, notes below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = Form()
        self.tables = QuantisationTables()
        self.pictures = ThumbnailPair()
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.notes.setTextFormat(Qt.TextFormat.PlainText)
        self.notes.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.copy = QToolButton()
        self.copy.setText("Copy facts")
        self.copy.setProperty("role", "compact")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.as_text()))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for widget in (self.form, self.notes, self.pictures, self.tables):
            column.addWidget(widget)
        column.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignLeft)
        self.show_findings(None)

    def show_findings(
        self, found: Findings | None, imported: str | None = None, picture: QImage | None = None, message: str = ""
    ) -> None:
        """Show what was found.

        Parameters
        ----------
        found : Findings, optional
            None: nothing yet.
        imported : str, optional
            SHA-256 of the bytes at import; None when the image isn't in a casebook.
        picture : QImage, optional
            The picture made small, to stand beside its embedded thumbnail.
        message : str
            Instead of findings: what is going on, or what went wrong.
        """
        self.form.set_rows(rows(found, imported) if found is not None else [])
        self.tables.show_tables(found.jpeg if found is not None else None)
        self.pictures.show_pair(found.thumbnail if found is not None else None, picture)
        self.notes.setText(message or ("\n".join(found.notes) if found is not None else ""))
        self.notes.setVisible(bool(self.notes.text()))
        self.copy.setVisible(found is not None)

    def as_text(self) -> str:
        """All of it for the clipboard."""
        lines = [f"{name}\t{value}" for name, value in self.form.text().items()]
        return "\n".join([*lines, self.notes.text(), self.tables.as_text()]).strip()


def rows(found: Findings, imported: str | None) -> list[Row]:
    """Name, value and tooltip of everything that is one line."""
    file = found.file
    made: list[Row] = [
        ("SHA-256", _grouped(file.sha256), file.sha256),
        ("MD5", _grouped(file.md5), "For comparing with older lists; MD5 can be forged"),
        ("Since import", _since(file.sha256, imported), "SHA-256 of the bytes now against those at import"),
        ("File size", f"{file.size:,} bytes"),
        ("Modified", _time(file.modified), "Of the content, as the file system says; copying may set or keep it"),
        ("Created or changed", _time(file.changed), "Creation on Windows; elsewhere the directory entry's last change"),
        ("Format", "  ".join(t for t in (found.format, found.mode) if t)),
        ("Colour profile", found.profile or ("none" if found.mode else "")),
    ]
    jpeg = found.jpeg
    if jpeg is not None:
        made += [
            ("JPEG quality", _quality(jpeg), "The libjpeg setting whose quantisation tables come nearest"),
            ("Subsampling", jpeg.subsampling, "How many brightness samples share one of colour"),
            ("Coding", "progressive" if jpeg.progressive else "baseline"),
            ("Segments", " · ".join(jpeg.markers), "Before the pixels, in order: an application's habit"),
            ("After the end", f"{jpeg.after_end:,} bytes" if jpeg.after_end else "nothing", "Behind the end marker"),
        ]
    if found.mode:
        made.append(("Thumbnail", _thumbnail(found.thumbnail), "Embedded by the camera, against the picture"))
    return made


class QuantisationTables(QWidget):
    """The 8 x 8 tables of a JPEG."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID // 2)
        self._facts: JpegFacts | None = None
        self._made: list[QLabel] = []

    def show_tables(self, jpeg: JpegFacts | None) -> None:
        self._facts = jpeg
        for label in self._made:
            self._column.removeWidget(label)
            label.deleteLater()
        self._made = []
        for number, table in enumerate(jpeg.tables if jpeg is not None else ()):
            head = QLabel(f"Quantisation table {number}" + (" (brightness)", " (colour)", "")[min(number, 2)])
            theme.set_role(head, "muted")
            body = QLabel(_table(table))
            font = body.font()
            font.setFamilies(["DejaVu Sans Mono", "Menlo", "Consolas", "monospace"])
            font.setPixelSize(11)
            body.setFont(font)
            body.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            for label in (head, body):
                self._column.addWidget(label)
                self._made.append(label)
        self.setVisible(bool(self._made))

    def as_text(self) -> str:
        tables = self._facts.tables if self._facts is not None else ()
        return "\n\n".join(f"Quantisation table {i}\n{_table(t)}" for i, t in enumerate(tables))


class ThumbnailPair(QWidget):
    """The embedded thumbnail and the picture, equally large."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GRID // 2)
        self.embedded, self.picture = QLabel(), QLabel()
        for column, (label, text) in enumerate(((self.embedded, "Thumbnail"), (self.picture, "Picture"))):
            head = QLabel(text)
            theme.set_role(head, "muted")
            grid.addWidget(head, 0, column)
            grid.addWidget(label, 1, column, Qt.AlignmentFlag.AlignTop)
            grid.setColumnStretch(column, 1)

    def sizeHint(self) -> QSize:
        return QSize(2 * _SIDE + GRID, _SIDE)

    def show_pair(self, thumbnail: Thumbnail | None, picture: QImage | None) -> None:
        self.setVisible(thumbnail is not None)
        if thumbnail is None:
            return
        pixels = thumbnail.pixels
        height, width = pixels.shape[:2]
        small = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self.embedded.setPixmap(_scaled(small.copy()))
        if picture is not None:
            self.picture.setPixmap(_scaled(picture))


def _scaled(image: QImage) -> QPixmap:
    size = QSize(_SIDE, _SIDE)
    mode = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, mode))


def _grouped(digest: str) -> str:
    """Hex in groups of eight, so that it wraps and can be compared by eye."""
    return " ".join(digest[i : i + 8] for i in range(0, len(digest), 8))


def _since(now: str, imported: str | None) -> str:
    if imported is None:
        return "not in the casebook yet"
    return "unchanged" if now == imported else "ALTERED: other bytes than at import"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _quality(jpeg: JpegFacts) -> str:
    if jpeg.quality is None:
        return "no tables found"
    return f"{jpeg.quality} (libjpeg's tables)" if jpeg.quality_exact else f"about {jpeg.quality} (tables of its own)"


def _thumbnail(found: Thumbnail | None) -> str:
    if found is None:
        return "none embedded"
    shape = "same proportions" if found.same_shape else "other proportions"
    height, width = found.pixels.shape[:2]
    return f"{width} × {height} px, mean difference {found.difference:.1f} greys, {shape}"


def _table(table: npt.NDArray[np.int64]) -> str:
    return "\n".join(" ".join(f"{int(v):3d}" for v in row) for row in table)
