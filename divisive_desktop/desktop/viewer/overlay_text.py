"""Text in the corners and at the edges of the image, where radiologists look for it."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from divisive_desktop.desktop.viewer.windowing import describe
from divisive_desktop.imaging import identifying
from divisive_desktop.imaging.record import ImageRecord, Voi

INK = QColor(232, 234, 237)
DIM = QColor(176, 181, 188)
WARN = QColor(255, 196, 87)
_HALO = QColor(0, 0, 0, 195)
_PLATE_INK, _PLATE = QColor(16, 17, 19, 225), 12.0
"""Colour of the plate below a text, and how far it reaches beyond it, logical pixels."""
_OFFSETS = ((-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1))
_OPPOSITE = str.maketrans("LRAPHF", "RLPAFH")

PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge")


@dataclass(frozen=True)
class Corners:
    """Lines of text for the four corners, top to bottom."""

    top_left: tuple[str, ...] = ()
    top_right: tuple[str, ...] = ()
    bottom_left: tuple[str, ...] = ()
    bottom_right: tuple[str, ...] = ()
    lossy: bool = False
    """Show the mark for irreversible compression above the bottom-left corner."""


def corners(record: ImageRecord, voi: Voi, invert: bool, zoom: float, identity_visible: bool) -> Corners:
    """What the corners say about a record as it is shown now. ``zoom``: screen pixels per image pixel."""
    header = record.header

    def get(key: str) -> str:
        value = str(header.get(key, "")).strip()
        return "" if key in identifying.HEADER and not identity_visible else _tidy(key, value)

    if not any(header.get(key) for key in PATIENT):
        patient: list[str] = []
    elif not identity_visible:
        patient = ["Identity hidden"]
    else:
        about = "  ".join(t for t in (get("PatientBirthDate"), get("PatientSex"), get("PatientAge")) if t)
        patient = [get("PatientName"), get("PatientID"), about]
    date = "  ".join(t for t in (get("StudyDate"), get("StudyTime")) if t)
    study = [get("InstitutionName"), get("StudyDescription"), date]
    if get("AccessionNumber"):
        study.append(f"Acc. {get('AccessionNumber')}")
    view = "  ".join(t for t in (get("BodyPartExamined"), get("ViewPosition"), record.laterality) if t)
    series = [get("SeriesDescription"), "  ".join(t for t in (get("Modality"), view) if t)]
    numbers = [f"Se {get('SeriesNumber')}"] if get("SeriesNumber") else []
    numbers += [f"Im {get('InstanceNumber')}"] if get("InstanceNumber") else []
    numbers += [f"Fr {record.frame + 1}/{record.frames}"] if record.frames > 1 else []
    series.append("  ".join(numbers))
    bottom_left = [describe(voi) + ("  inverted" if invert else ""), f"Zoom {zoom_text(zoom)}"]
    return Corners(
        tuple(t for t in patient if t),
        tuple(t for t in study if t),
        tuple(bottom_left),
        tuple(t for t in series if t),
        record.lossy,
    )


def pixel_format(record: ImageRecord) -> str:
    """'1841 × 1955   15 bit'"""
    bits = record.bits_stored
    return f"{record.width} × {record.height}   {f'RGB {bits} bit' if record.is_colour else f'{bits} bit'}"


def zoom_text(zoom: float) -> str:
    percent = zoom * 100
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def edge_letters(orientation: tuple[str, str] | None) -> tuple[str, str, str, str]:
    """Patient direction at the left, right, top and bottom edge; '' where unknown."""
    if orientation is None:
        return "", "", "", ""
    right, bottom = (part.upper() for part in orientation)
    return right.translate(_OPPOSITE), right, bottom.translate(_OPPOSITE), bottom


def overlay_font(base: QFont, pixels: int = 12, bold: bool = False) -> QFont:
    font = QFont(base)
    font.setPixelSize(pixels)
    font.setBold(bold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def halo_text(painter: QPainter, baseline: QPointF, text: str, ink: QColor = INK) -> None:
    """Text that is readable on black, white and anything between: a dark rim one pixel wide around the letters."""
    painter.setPen(_HALO)
    for dx, dy in _OFFSETS:
        painter.drawText(baseline + QPointF(dx, dy), text)
    painter.setPen(ink)
    painter.drawText(baseline, text)


def plate_text(painter: QPainter, area: QRectF, text: str, font: QFont) -> None:
    """Text in the middle of ``area`` on a dark plate, for what is read on pictures that have text of their own."""
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
    room = area.adjusted(_PLATE, _PLATE, -_PLATE, -_PLATE)
    place = metrics.boundingRect(room, int(flags), text)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_PLATE_INK)
    painter.drawRoundedRect(place.adjusted(-_PLATE, -_PLATE / 2, _PLATE, _PLATE / 2), _PLATE / 2, _PLATE / 2)
    painter.setPen(INK)
    painter.drawText(place, int(flags), text)


def draw_corners(painter: QPainter, area: QRectF, content: Corners, font: QFont) -> None:
    """Draw the four corners inside ``area``, elided so that left and right never meet."""
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    line = round(metrics.height())
    half = area.width() / 2 - 6
    for lines, right, bottom in (
        (content.top_left, False, False),
        (content.top_right, True, False),
        (content.bottom_left, False, True),
        (content.bottom_right, True, True),
    ):
        first = area.bottom() - line * len(lines) if bottom else area.top()
        # The longest line is at the bottom left; it may take what the bottom right leaves.
        room = half
        if bottom and not right:
            widest = max((metrics.horizontalAdvance(t) for t in content.bottom_right), default=0.0)
            room = max(half, area.width() - min(widest, half) - 16)
        for i, text in enumerate(lines):
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            x = area.right() - metrics.horizontalAdvance(shown) if right else area.left()
            halo_text(painter, QPointF(round(x), round(first + i * line + metrics.ascent())), shown)
    if content.lossy:
        y = area.bottom() - line * len(content.bottom_left) - metrics.descent() - 2
        halo_text(painter, QPointF(area.left(), round(y)), "Lossy compression", WARN)


def draw_edges(painter: QPainter, area: QRectF, letters: tuple[str, str, str, str], font: QFont) -> None:
    """Orientation letters in the middle of the edges of ``area``."""
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    left, right, top, bottom = letters
    widths = {letter: metrics.horizontalAdvance(letter) for letter in letters}
    middle = area.center().y() + metrics.ascent() / 2 - 1
    x = area.center().x()
    for letter, at_x, at_y in (
        (left, area.left(), middle),
        (right, area.right() - widths[right], middle),
        (top, x - widths[top] / 2, area.top() + metrics.ascent()),
        (bottom, x - widths[bottom] / 2, area.bottom() - metrics.descent()),
    ):
        halo_text(painter, QPointF(round(at_x), round(at_y)), letter)


def _tidy(key: str, value: str) -> str:
    if key == "PatientName":
        return ", ".join(part.strip() for part in value.split("=")[0].split("^") if part.strip())
    if key.endswith("Date") and len(value) == 8 and value.isdigit():
        return f"{value[:4]}-{value[4:6]}-{value[6:]}"
    if key.endswith("Time") and len(value) >= 4 and value[:4].isdigit():
        return f"{value[:2]}:{value[2:4]}"
    return value
