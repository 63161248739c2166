"""Faces in the real window with the real engine: picked, cropped by hand, remembered; none found; other questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.features.faces.feature import SECTION
from divisive_desktop.desktop.features.faces.panel import FramingPanel
from divisive_desktop.desktop.features.inspection import model_input
from divisive_desktop.desktop.selftest.run import pixels
from divisive_desktop.desktop.shell.inspector import Inspector
from divisive_desktop.desktop.ui.theme import Theme

Begin = Callable[[], Any]


def test_many_faces_are_no_wider_than_the_inspector(qapp: QApplication, qtbot: QtBot) -> None:
    Theme(qapp, "light")  # its buttons are wider
    inspector, panel = Inspector(), FramingPanel()
    qtbot.addWidget(inspector)
    inspector.add_section(SECTION, panel)
    picture = QImage(56, 56, QImage.Format.Format_RGB888)
    panel.set_faces([picture] * 24, 0)
    inspector.resize(inspector.sizeHint())
    inspector.show()
    for other in range(30):  # so that there is a scroll bar, too
        inspector.add_head(QPushButton(str(other)))
    qtbot.waitUntil(lambda: inspector.verticalScrollBar().isVisible())
    assert inspector.widget().width() == inspector.viewport().width()
    shown = [face for face in panel.faces if face.isVisible()]
    assert len(shown) == 8
    assert all(panel.rect().contains(face.geometry().translated(face.parentWidget().pos())) for face in shown)
    assert len({(face.x(), face.y()) for face in shown}) == 8


def test_one_of_several_faces_is_picked_and_the_choice_remembered(
    begin: Begin, two_faces: Path, tmp_path: Path
) -> None:
    program = begin()
    page = program.page
    program.open(two_faces)
    assert program.framing.how == "detected"
    assert len(program.framing.found) == 2
    first = program.analysis
    assert first.region[0] > 560, "the larger face is at the right"
    assert "2 faces" in page.messages[0].text
    shown = [b for b in page.faces.panel.faces if b.isVisible()]
    assert [b.isChecked() for b in shown] == [True, False]

    x, y, width, height = program.framing.found[1].box
    program.click(x + width / 2, y + height / 2)
    program.quiet()
    assert (program.framing.how, program.framing.chosen) == ("picked", 1)
    left, top, side, _ = program.analysis.region
    assert left < x < x + width < left + side
    assert top < y < y + height < top + side
    assert page.messages.texts == []
    assert [b.isChecked() for b in shown] == [False, True]
    assert "chosen by hand" in page.faces.panel.words.text()
    features = page.features.features
    assert all(left <= f.box[0] and f.box[0] + f.box[2] <= left + side for f in features)

    # A click beside the faces changes nothing; one on the small picture goes back to the first face.
    program.click(480, 300)
    assert not page.faces.waiting
    shown[0].click()
    program.quiet()
    assert program.framing.chosen == 0
    assert program.analysis.region == first.region
    assert np.allclose(program.analysis.cams, first.cams, atol=1e-5)
    shown[1].click()
    program.quiet()
    region = program.analysis.region
    page.close()

    again = begin()
    case = next(iter(again.page.cases))
    assert case.framing.chosen == 1, "known before the case is looked at: batches need it"
    again.choose(case.path)
    assert again.framing.how == "picked"
    again.page.analyse(case)
    again.quiet()
    assert (again.framing.how, again.analysis.region) == ("picked", region)
    again.page.batch.start([case])
    again.quiet()
    assert again.analysis.region == region
    again.page.faces.panel.automatic.click()
    again.quiet()
    assert again.framing.how == "detected"
    again.page.close()
    with Casebook.open_default() as book:
        assert len(book.analyses.rows(case.id)) == 7
        assert book.analyses.framings() == {}


def test_the_part_is_moved_sized_nudged_and_given_back(begin: Begin, two_faces: Path) -> None:
    program = begin()
    page = program.page
    program.open(two_faces)
    x, y, side, _ = before = program.analysis.region
    page.trigger("crop")
    assert page.faces.adjusting
    assert page.faces.panel.adjust.isChecked()

    program.drag((x + side / 2, y + side / 2), (x + side / 2 - 30, y + side / 2 + 20))
    program.quiet()
    assert program.framing.how == "manual"
    moved = program.analysis.region
    assert np.allclose(moved, (x - 30, y + 20, side, side), atol=2)

    corner = moved[0] + moved[2], moved[1] + moved[3]
    program.drag(corner, (corner[0] - 60, corner[1] - 20))
    program.quiet()
    smaller = program.analysis.region
    assert smaller[:2] == moved[:2]
    assert smaller[2] == smaller[3] < moved[2]

    program.drag((smaller[0], smaller[1] + smaller[3] / 2), (smaller[0] - 40, smaller[1]),
                 Qt.KeyboardModifier.ShiftModifier)  # fmt: skip
    program.quiet()
    free = program.analysis.region
    assert free[3] == smaller[3] < free[2], "Shift frees the shape"

    # A drag that is given up changes nothing.
    program.drag((free[0] + 50, free[1] + 50), (free[0] + 90, free[1] + 90), release=False)
    program.key(Qt.Key.Key_Escape)
    program.quiet()
    assert page.faces.tool.box.crop == free == program.analysis.region

    for _ in range(3):
        program.key(Qt.Key.Key_Left)
    program.key(Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    program.quiet()
    assert program.analysis.region == (free[0] - 3, free[1] + 10, *free[2:])
    analyses = len(page.book.analyses.rows(page.current.id))
    assert analyses == 5, "nudges that follow each other are analysed once"

    program.key(Qt.Key.Key_Escape)  # back to what was there when the tool was taken up
    program.quiet()
    assert (program.framing.how, program.analysis.region) == ("detected", before)
    assert page.faces.adjusting
    program.key(Qt.Key.Key_Escape)
    assert not page.faces.adjusting
    assert not page.faces.panel.adjust.isChecked()


def test_without_a_face_a_box_is_offered(begin: Begin, nobody: Path) -> None:
    program = begin()
    page = program.page
    program.open(nobody)
    message = page.messages[0]
    assert "No face was found" in message.text
    assert page.verdict.text == "No verdict"
    assert page.faces.panel.warning.text() == "No face was found."
    assert page.current.analysis_error.kind == "no-face"

    assert len(message.findChildren(QPushButton)) == 2
    page.messages.press(message=message)
    assert page.faces.adjusting
    assert page.messages.texts == []
    program.drag((80, 60), (220, 130))
    program.quiet()
    assert program.framing.how == "manual"
    assert np.allclose(program.analysis.region, (80, 60, 140, 140), atol=2)
    page.faces.panel.whole.click()
    program.quiet()
    assert program.framing.how == "whole"
    assert program.analysis.region == (0, 0, 400, 300)


def test_an_iris_is_found_framed_and_moved_as_a_face_is(begin: Begin, eye: Path) -> None:
    program = begin()
    page = program.page
    program.open(eye)
    assert program.analysis.model.task == "iris-attack", "a grey picture that surely shows one"
    assert page.verdict.questions.currentData() == "iris-attack"
    assert "The one iris that was found" in page.faces.panel.words.text()
    x, y, side, _ = found = program.analysis.region
    assert side == pytest.approx(2.5 * 105, rel=0.1)
    page.faces.panel.adjust.click()
    program.drag((x + side / 2, y + side / 2), (x + side / 2 + 30, y + side / 2 + 20))
    program.quiet()
    assert np.allclose(program.analysis.region, (x + 30, y + 20, side, side), atol=1)
    assert program.framing.how == "manual"
    program.key(Qt.Key.Key_Escape)
    program.quiet()
    assert program.analysis.region == found


def test_without_an_iris_there_is_no_verdict_on_one(begin: Begin, grey_face: Path) -> None:
    program = begin()
    page = program.page
    program.open(grey_face)
    page.verdict.ask("iris-attack")
    program.quiet()
    assert page.current.analysis is None
    assert "No iris was found" in page.messages[0].text
    assert page.verdict.text == "No verdict"
    assert page.faces.panel.warning.text() == "No iris was found."
    page.messages.press(message=page.messages[0])
    program.drag((80, 60), (220, 200))
    program.quiet()
    assert program.analysis.model.task == "iris-attack"
    assert program.analysis.region[2] == program.analysis.region[3]


def test_another_question_can_be_asked_of_a_grey_picture(begin: Begin, grey_face: Path) -> None:
    program = begin()
    page = program.page
    chooser = page.verdict.questions
    program.open(grey_face)
    assert program.analysis.model.task == "face-manipulation"
    assert "guessed" in page.faces.panel.words.text()
    assert chooser.isVisible()
    assert chooser.currentData() == "face-manipulation"
    page.verdict.ask("chest-cardiomegaly")
    program.quiet()
    assert program.analysis.model.id == "seeded-chest"
    assert program.framing is None
    assert chooser.currentData() == "chest-cardiomegaly"
    page.analyse(page.current)
    program.quiet()
    assert program.analysis.model.task == "chest-cardiomegaly"
    page.close()
    with Casebook.open_default() as book:
        assert [row.task for row in book.cases.rows()] == ["chest-cardiomegaly"], "known at the next start"


def test_what_the_model_saw_is_shown_and_saved(
    qtbot: QtBot, begin: Begin, two_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = begin()
    page = program.page
    program.open(two_faces)
    section = page.inspector.section(model_input.SECTION)
    panel = section.findChild(model_input.ModelInputPanel)
    assert not section.is_open
    assert panel.picture.image is None, "nothing is computed that nobody looks at"
    for name in ("Important features", SECTION):
        page.inspector.unfold(name)
    page.inspector.unfold(model_input.SECTION)
    qtbot.waitUntil(lambda: panel.picture.image is not None, timeout=20_000)

    x, y, side, _ = program.analysis.region
    image = panel.picture.image
    assert image.width() == image.height() == program.analysis.preprocessing["size"]
    part = f"{side} × {side} px at {x}, {y} (the largest of 2 faces that were found)"
    assert part in panel.words.text()
    assert "(value − 127) / 128" in panel.words.text()

    target = tmp_path / "seen.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    panel.save.click()
    assert np.array_equal(pixels(QImage(str(target))), pixels(image))

    first = pixels(image)
    page.faces.pick(1)
    program.quiet()
    assert panel.picture.image.size() == image.size()
    assert not np.array_equal(pixels(panel.picture.image), first)
