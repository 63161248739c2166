"""The inspector: everything known about the current case, in one column that scrolls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.inspection.features import FeaturePanel
from divisive_desktop.desktop.features.inspection.greys import GreysPanel
from divisive_desktop.desktop.features.inspection.verdict import VerdictPanel
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.redaction import file_name, shown_path
from divisive_desktop.desktop.session.wording import CALIBRATIONS
from divisive_desktop.desktop.ui.sections import Form, Section

if TYPE_CHECKING:
    from divisive_desktop.imaging.record import ImageRecord
    from divisive_desktop.library.card import Card

_LIMITS = "What this model is for, and its limits"


class Inspector(QScrollArea):
    """Verdict, important features, provenance, image; later rooms add sections with :meth:`add_section`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verdict = VerdictPanel()
        self.features = FeaturePanel()
        self.provenance, self.image = Form(), Form()
        holder = QWidget()
        self._column = QVBoxLayout(holder)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.verdict)
        self._column.addStretch(1)
        self._sections: dict[str, Section] = {}
        self.add_section("Important features", self.features)
        self.add_section("Model and method", self.provenance)
        self.limits = QLabel()
        self.limits.setWordWrap(True)
        self.limits.setTextFormat(Qt.TextFormat.PlainText)
        self.limits.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.add_section(_LIMITS, self.limits, folded=True)
        self.greys = GreysPanel()
        self.add_section("Histogram", self.greys, folded=True).unfolded.connect(self.greys.refresh)
        self.add_section("Image", self.image)
        self.setWidget(holder)
        self._record: ImageRecord | None = None
        self.identity_visible = False
        self.opinion_hidden = False
        self.show_case(None)

    def sizeHint(self) -> QSize:
        return QSize(320, 600)

    def add_section(self, title: str, widget: QWidget, folded: bool = False, after: str = "") -> Section:
        """Add a foldable section, at the end or after another one."""
        section = Section(title, folded)
        section.body.addWidget(widget)
        last = self._column.count() - 1
        self._column.insertWidget(self._column.indexOf(self._sections[after]) + 1 if after else last, section)
        self._sections[title] = section
        return section

    def section(self, title: str) -> Section:
        """The section of this title."""
        return self._sections[title]

    def reveal(self, title: str) -> None:
        """Scroll until a section is seen as a whole, or from its head on."""
        section = self._sections[title]
        if section.isVisibleTo(self):
            bar, room = self.verticalScrollBar(), self.viewport().height()
            top, bottom = section.y(), section.y() + section.height()
            bar.setValue(min(top, max(bar.value(), bottom - room)))

    def set_opinion_hidden(self, hidden: bool) -> None:
        """Hide what the model says about the case (the mask is being painted blind); `show_case` brings it back."""
        self.opinion_hidden = hidden
        self.verdict.setVisible(not hidden)
        if hidden:
            for name in ("Important features", "Model and method", _LIMITS):
                self._sections[name].setVisible(False)

    def show_case(
        self,
        case: Case | None,
        question: str = "",
        classes: tuple[str, str] | None = None,
        card: Card | None = None,
    ) -> None:
        """Verdict and provenance of a case. ``card``: of the model that made its analysis, if it is installed."""
        calibrated = card is not None and bool(card.calibration.get("folded"))
        self.verdict.show_case(case, question, classes, calibrated)
        usable = case is not None and case.error is None
        said = usable and not self.opinion_hidden
        self._sections["Important features"].setVisible(said)
        analysis = case.analysis if said else None
        self._sections["Model and method"].setVisible(analysis is not None)
        if analysis is not None:
            self.provenance.set_rows(_provenance(analysis, card))
        self._sections[_LIMITS].setVisible(analysis is not None and card is not None)
        if card is not None:
            self.limits.setText("\n\n".join(t for t in (card.intended_use, *card.limits) if t))
        for name in ("Histogram", "Image"):
            self._sections[name].setVisible(usable and self._record is not None)

    def show_record(self, record: ImageRecord | None) -> None:
        """The image's own data."""
        self._record = record
        for name in ("Histogram", "Image"):
            self._sections[name].setVisible(record is not None)
        self.greys.set_record(record)
        if record is not None:
            self.image.set_rows(_image(record, self.identity_visible))

    def bring_up(self, section: Section) -> None:
        """Scroll so that a section begins at the top, once its content has taken its height."""
        QTimer.singleShot(0, section, lambda: self.verticalScrollBar().setValue(section.y()))

    def set_identity_visible(self, visible: bool) -> None:
        """Show or hide what identifies the patient."""
        self.identity_visible = visible
        self.show_record(self._record)


def _provenance(analysis: Any, card: Card | None) -> list[tuple[str, ...]]:
    model = analysis.model
    rows: list[tuple[str, ...]] = [
        ("Model", model.id),
        ("Version", model.version),
        ("Weights", f"{model.short_hash}…", f"SHA-256 {model.weights_sha256}"),
        ("Method", model.method.replace("_", " "), "What the training minimised"),
        (
            "Maps",
            f"{analysis.cams.shape[1]} × {analysis.cams.shape[2]} cells, raw",
            "Class activation maps before any scaling",
        ),
        (
            "Input",
            _preprocessing(analysis.preprocessing),
            "\n".join(f"{k}: {v}" for k, v in analysis.preprocessing.items()),
        ),
        ("Calibration", _calibration(card), "Fitted on validation data only; changes how sure, not which class"),
        ("Device", f"{analysis.device}, {analysis.precision}"),
        (
            "Time",
            f"{sum(analysis.timings_ms.values()):.0f} ms",
            "\n".join(f"{k}: {v:.1f} ms" for k, v in analysis.timings_ms.items()),
        ),
    ]
    return rows


def _calibration(card: Card | None) -> str:
    if card is None:
        return ""
    if not card.calibration.get("folded"):
        return "none: the percentage is no frequency"
    return (
        f"temperature {card.calibration.get('temperature', 1.0):.2f}, error {card.calibration.get('ece_after', 0):.2f}"
    )


def _preprocessing(p: Mapping[str, Any]) -> str:
    parts = []
    if "size" in p:
        parts.append(f"{p['size']} × {p['size']} px")
    if "colour" in p:
        parts.append(str(p["colour"]))
    if p.get("inverted"):
        parts.append("MONOCHROME1 inverted")
    return ", ".join(parts)


def _image(record: ImageRecord, identity: bool) -> list[tuple[str, ...]]:
    from divisive_desktop.imaging import identifying  # with a record there, it is loaded

    spacing = "unknown"
    if record.spacing is not None:
        s = record.spacing
        spacing = f"{s.row_mm:.4g} × {s.column_mm:.4g} mm {CALIBRATIONS[s.calibration]}"
    rows: list[tuple[str, ...]] = [
        ("File", file_name(record.path), shown_path(record.path)),
        ("SHA-256", f"{record.sha256[:12]}…", record.sha256),
        ("Size", f"{record.width} × {record.height} px, {record.bits_stored} bit"),
        ("Greys", record.photometric),
        ("Spacing", spacing, record.spacing.source if record.spacing is not None else "The file doesn't say"),
        ("Stored as", ", ".join(t for t in ("lossy" * record.lossy, _syntax(record)) if t), record.transfer_syntax),
        ("Decoder", record.decoder),
    ]
    for key, value in record.header.items():
        if key.endswith("UID") or key == "PhotometricInterpretation":
            continue  # too long to read here, or said above
        if identity or key not in identifying.HEADER:
            rows.append((_words(key), value, key))
    rows += [("Note", note) for note in record.notes]
    return rows


def _syntax(record: ImageRecord) -> str:
    """Name of the DICOM transfer syntax, '' for other files."""
    if not record.transfer_syntax:
        return ""
    from pydicom.uid import UID

    return str(UID(record.transfer_syntax).name)


def _words(key: str) -> str:
    """``BodyPartExamined`` -> ``Body part examined``."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", key)
    return " ".join(p if p.isupper() and len(p) > 1 else p.lower() if i else p for i, p in enumerate(parts))
