"""What is known of an analysis and of an image, as rows of text for the inspector."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from divisive_desktop.desktop.session.redaction import file_name, shown_path
from divisive_desktop.desktop.session.wording import CALIBRATIONS, signed

if TYPE_CHECKING:
    from divisive_desktop.desktop.ui.sections import Row
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.imaging.record import ImageRecord
    from divisive_desktop.library.card import Card


def provenance_rows(analysis: Analysis, card: Card | None) -> list[Row]:
    """Model, version, method, preprocessing and timing of an analysis."""
    model = analysis.model
    return [
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
        ("Logits", f"{signed(analysis.logits[0])} and {signed(analysis.logits[1])}",
         "Scores of the negative and the positive class, before they are made a probability"),
        ("Temperature", _temperature(card), "Fitted on validation data only; changes how sure, not which class"),
        ("Device", ", ".join(filter(None, (analysis.device, analysis.precision, analysis.runtime)))),
        (
            "Time",
            f"{sum(analysis.timings_ms.values()):.0f} ms",
            "\n".join(f"{k}: {v:.1f} ms" for k, v in analysis.timings_ms.items()),
        ),
    ]


def _temperature(card: Card | None) -> str:
    if card is None or not card.calibration.get("folded"):
        return ""
    return f"{card.calibration.get('temperature', 1.0):.2f}"


def _preprocessing(p: Mapping[str, Any]) -> str:
    parts = []
    if "size" in p:
        parts.append(f"{p['size']} × {p['size']} px")
    if "colour" in p:
        parts.append(str(p["colour"]))
    if p.get("inverted"):
        parts.append("MONOCHROME1 inverted")
    return ", ".join(parts)


def image_rows(record: ImageRecord, identity: bool) -> list[Row]:
    """What an image is; ``identity``: also what identifies the patient."""
    from divisive_desktop.imaging import identifying  # with a record there, it is loaded

    spacing = "unknown"
    if record.spacing is not None:
        s = record.spacing
        spacing = f"{s.row_mm:.4g} × {s.column_mm:.4g} mm {CALIBRATIONS[s.calibration]}"
    rows: list[Row] = [
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
