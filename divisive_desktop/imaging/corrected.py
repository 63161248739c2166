"""An image record after a `Correction`: pixels, spacing, directions, overlays and shutter follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.graphics import Overlay, Shutter
from divisive_desktop.imaging.record import ImageRecord, Spacing

_MONOCHROME = {"MONOCHROME1": "MONOCHROME2", "MONOCHROME2": "MONOCHROME1"}


def corrected(record: ImageRecord, correction: Correction) -> ImageRecord:
    """The record as the analyst wants it seen; ``record.correction`` and its notes say what was done.

    Greys are inverted as DICOM does it, by the photometric interpretation: stored and modality values stay the file's.
    Colours are inverted themselves.

    Parameters
    ----------
    record : ImageRecord
        As it was opened; a correction that it has already is kept, this one comes on top.
    """
    if not correction:
        return record
    stored, photometric = correction.pixels(record.stored), record.photometric
    if correction.invert and record.is_colour:
        stored = np.subtract(np.iinfo(stored.dtype).max, stored, dtype=stored.dtype)
    elif correction.invert:
        photometric = _MONOCHROME.get(photometric, "MONOCHROME1")
    spacing, aspect = record.spacing, record.pixel_aspect
    if correction.swaps:
        aspect = 1 / aspect
        if spacing is not None:
            spacing = Spacing(spacing.column_mm, spacing.row_mm, spacing.calibration, spacing.source)
    whole = record.correction.then(correction)
    notes = tuple(note for note in record.notes if note != _note(record.correction))
    return replace(
        record,
        stored=stored,
        photometric=photometric,
        spacing=spacing,
        pixel_aspect=aspect,
        orientation=correction.directions(*record.orientation) if record.orientation is not None else None,
        overlays=tuple(_overlay(o, record, correction) for o in record.overlays)
        if correction.moves else record.overlays,
        shutter=_shutter(record.shutter, record, correction) if record.shutter is not None else None,
        notes=(*notes, _note(whole)) if whole else notes,
        correction=whole,
    )  # fmt: skip


def _note(correction: Correction) -> str:
    words = correction.words
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _overlay(overlay: Overlay, record: ImageRecord, correction: Correction) -> Overlay:
    """The plane as it lies on the image, cut to it."""
    plane = correction.pixels(overlay.mask(record.height, record.width))
    bits = np.packbits(plane.astype(np.uint8).reshape(-1), bitorder="little").tobytes()
    return replace(overlay, rows=plane.shape[0], columns=plane.shape[1], origin=(0, 0), bits=bits)


def _shutter(shutter: Shutter, record: ImageRecord, correction: Correction) -> Shutter:
    width, height = record.width, record.height

    def moved(row: int, column: int) -> tuple[int, int]:
        x, y = correction.point((column - 0.5, row - 0.5), width, height)
        return round(y + 0.5), round(x + 0.5)

    rectangle, circle = shutter.rectangle, shutter.circle
    if rectangle is not None:
        left, right, upper, lower = rectangle
        (top, one), (bottom, other) = moved(upper, left), moved(lower, right)
        rectangle = min(one, other), max(one, other), min(top, bottom), max(top, bottom)
    if circle is not None:  # its radius is in pixels along a row
        radius = round(circle[2] / record.pixel_aspect) if correction.swaps else circle[2]
        circle = (*moved(circle[0], circle[1]), radius)
    polygon = tuple(moved(row, column) for row, column in shutter.polygon)
    return replace(shutter, rectangle=rectangle, circle=circle, polygon=polygon)
