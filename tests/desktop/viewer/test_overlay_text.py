"""Corner texts: what they say, and what the privacy switch keeps back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFont, QImage, QPainter
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.viewer.overlay_text import corners, edge_letters, overlay_font, plate_text, zoom_text
from divisive_desktop.imaging.record import ImageRecord, Voi


def words(record: ImageRecord, visible: bool) -> str:
    made = corners(record, record.voi[0], False, 0.5, visible)
    return "\n".join((*made.top_left, *made.top_right, *made.bottom_left, *made.bottom_right))


def test_identity_is_hidden_until_asked_for(radiograph: ImageRecord) -> None:
    header = radiograph.header
    secrets = [header[k] for k in ("PatientID", "PatientBirthDate", "InstitutionName", "AccessionNumber", "StudyDate")]
    hidden = words(radiograph, False)
    assert not any(secret in hidden for secret in [*secrets, "CompressedSamples", "1940-03-05", "2004-08-26"])
    assert "Identity hidden" in hidden
    assert "THORAX" not in hidden, "free text may name people"
    assert "CHEST" in hidden
    shown = words(radiograph, True)
    assert all(text in shown for text in ("CompressedSamples, RG1", "9RG1", "1940-03-05", "2004-08-26", "18:50"))


def test_window_zoom_series_and_inversion_are_told(radiograph: ImageRecord) -> None:
    made = corners(radiograph, replace(radiograph.voi[0], explanation="BONE"), True, 0.174, False)
    assert made.bottom_left == ("W 30000  L 15000  BONE  inverted", "Zoom 17 %")
    assert made.bottom_right == ("CR  CHEST  PA", "Se 1  Im 1")
    assert not made.lossy
    assert corners(replace(radiograph, lossy=True), radiograph.voi[0], False, 1, False).lossy


def test_the_side_is_told_by_whichever_attribute_names_it(radiograph: ImageRecord) -> None:
    for keyword in ("ImageLaterality", "Laterality"):
        hand = replace(radiograph, header={"Modality": "DX", "BodyPartExamined": "HAND", keyword: "L"})
        assert corners(hand, hand.voi[0], False, 1, False).bottom_right == ("DX  HAND  L",)


def test_frames_are_counted_from_one(radiograph: ImageRecord) -> None:
    many = replace(radiograph, frame=2, frames=9)
    assert corners(many, many.voi[0], False, 1, False).bottom_right[-1] == "Se 1  Im 1  Fr 3/9"


def test_a_photograph_has_no_patient(radiograph: ImageRecord) -> None:
    bare = replace(radiograph, header={})
    made = corners(bare, Voi("identity", explanation="Full range"), False, 2.0, False)
    assert made.top_left == made.top_right == made.bottom_right == ()
    assert made.bottom_left == ("Full range", "Zoom 200 %")


def test_orientation_letters_stand_at_their_edges() -> None:
    assert edge_letters(("L", "F")) == ("R", "L", "H", "F")
    assert edge_letters(("PL", "FA")) == ("AR", "PL", "HP", "FA")
    assert edge_letters(None) == ("", "", "", "")


def test_zoom_in_words() -> None:
    assert [zoom_text(z) for z in (64, 1, 0.098, 0.0123)] == ["6400 %", "100 %", "9.8 %", "1.2 %"]


def test_a_plate_makes_text_readable_on_text(qtbot: QtBot) -> None:
    picture = QImage(300, 120, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.white)
    with QPainter(picture) as painter:
        for y in range(10, 120, 8):  # a page of text
            painter.drawText(0, y, "of the and is " * 8)
        plate_text(painter, QRectF(0, 0, 300, 120), "Out of scope", overlay_font(QFont(), 13))
    rows = np.array(picture.constBits()).reshape(120, 300, 4)[..., :3]
    middle = rows[52:68, 115:185].astype(int)
    assert np.median(middle) < 60, "a dark plate"
    assert middle.max() > 150, "with light letters"
    assert np.median(rows[:30]) > 200, "and the picture around it"
