"""The inspector's words: what is said about a case, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.inspection.feature import IMAGE, PROVENANCE
from divisive_desktop.desktop.features.inspection.feature_table import FeaturePanel
from divisive_desktop.desktop.features.inspection.rows import _words, image_rows, provenance_rows
from divisive_desktop.desktop.features.inspection.verdict import VerdictPanel
from divisive_desktop.desktop.session import explaining, wording
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.shell.inspector import Inspector
from divisive_desktop.desktop.ui.sections import Form
from divisive_desktop.errors import EngineError, ModelNotFoundError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Decision, Pointing
from divisive_desktop.explanation.scope import FAMILIAR
from divisive_desktop.explanation.share import Share
from divisive_desktop.explanation.statement import state
from divisive_desktop.library import store
from tests.desktop.pages import Page

CLASSES = ("authentic", "manipulated")


@pytest.fixture
def inspector(qtbot: QtBot) -> Inspector:
    made = Inspector()
    qtbot.addWidget(made)
    made.resize(344, 800)
    made.show()
    return made


@pytest.fixture
def verdict(inspector: Inspector) -> VerdictPanel:
    made = VerdictPanel()
    inspector.add_head(made)
    return made


def test_a_missing_model_is_said_and_trying_again_is_not_offered(verdict: VerdictPanel) -> None:
    case = Case(Path("face.png"))
    with pytest.raises(ModelNotFoundError) as missing:
        store.default_model("face-nobody-trains")
    case.analysis_error = missing.value
    verdict.show_case(case, "Is this face synthetic?", CLASSES)
    assert verdict.verdict.text() == "No verdict"
    assert "No model" in verdict.error.text()
    assert missing.value.remedy in verdict.error.text()
    assert not verdict.again.isVisible()
    assert verdict.positive.isVisible(), "the analyst can label without a model"


def test_a_failed_analysis_can_be_repeated(verdict: VerdictPanel) -> None:
    case = Case(Path("face.png"), analysis_error=EngineError("The engine stopped.", "Try again."))
    verdict.show_case(case, "Is this face synthetic?", CLASSES)
    assert verdict.again.isVisible()
    assert not verdict.answer.isVisible(), "no number without an analysis"


def test_the_bar_s_line_is_called_a_threshold_only_where_the_card_names_one(
    verdict: VerdictPanel, analysis: Analysis
) -> None:
    for decision, said in (
        (Decision("measured", (0.02, 0.6)), "is the model's threshold."),
        (Decision("unmeasured", threshold=-0.7), "is the model's threshold."),
        (Decision("unmeasured"), "is at even odds: the model's card names no threshold."),
    ):
        made = replace(analysis, scope=FAMILIAR, decision=decision)
        verdict.show_case(Case(Path("a.png"), analysis=made), statement=state(made, ""))
        assert verdict.answer.bar.toolTip().endswith(said)


def test_predicted_becomes_your_label(verdict: VerdictPanel, analysis: Analysis) -> None:
    decided = replace(analysis, scope=FAMILIAR, decision=Decision("measured", (0.02, 0.6)))
    case = Case(Path("a.png"), analysis=decided)
    verdict.show_case(case, statement=state(decided, ""))
    assert verdict.classes.text() == {"Predicted class": "abnormal", "Other class": "no finding"}
    case.label = 0
    verdict.show_case(case, statement=state(decided, ""))
    assert verdict.classes.text() == {"True class": "no finding (label)", "False class": "abnormal"}
    assert verdict.answer.title.text() == "Abnormal", "the verdict stays the model's"
    case.label = None
    verdict.show_case(case, statement=state(decided, "", (0.01, 0.01)))
    assert verdict.answer.title.text() == "Undecided"
    assert verdict.classes.text() == {"Nearer class": "abnormal", "Other class": "no finding"}


def test_the_table_names_the_class_that_each_feature_argues_for(qtbot: QtBot, analysis: Analysis) -> None:
    panel = FeaturePanel()
    qtbot.addWidget(panel)
    found = explaining.find_features(analysis, 1, None, None)
    panel.show_features(found, ("abnormal", "no finding"), state(analysis, ""))
    rows = [[panel.table.item(r, c).text() for c in range(4)] for r in range(panel.table.rowCount())]
    assert [r[:2] for r in rows] == [
        ["Map region 1", "abnormal"], ["Map region 2", "no finding"], ["Map region 3", "abnormal"]
    ]  # fmt: skip
    assert "not shown to point at findings" in panel.meaning.text()
    assert "Together" not in panel.meaning.text()
    shares = [int(r[2].split()[0]) for r in rows]
    assert shares == sorted(shares, reverse=True)
    chosen: list[int] = []
    panel.chosen.connect(chosen.append)
    panel.select(2)
    assert chosen == [2]
    panel.show_features(found, ("abnormal", "no finding"))
    assert chosen == [2], "filling the table anew is no click"


def test_regions_that_are_most_of_an_organ_are_said_to_be_no_place(qtbot: QtBot, analysis: Analysis) -> None:
    cams = np.zeros((2, 14, 14), np.float32)
    cams[1, 3:11, 1:6] = cams[1, 3:11, 8:13] = 3.0  # as two lungs lie
    found = explaining.find_features(replace(analysis, cams=cams), 1, None, None)
    assert len(found.features.features) == 2
    panel = FeaturePanel()
    qtbot.addWidget(panel)
    panel.show_features(found, ("abnormal", "no finding"), state(analysis, ""))
    assert panel.meaning.text().endswith(
        "of the analysed area, on both sides: about the whole organ or face, so they localise nothing within it."
    )


def test_a_model_that_was_shown_to_point_at_findings_may_say_so(qtbot: QtBot, analysis: Analysis) -> None:
    points = Pointing("the opacities", True, Share.of(80, 100), 0.1)
    shown = replace(analysis, decision=replace(analysis.decision, pointing=points))
    panel = FeaturePanel()
    qtbot.addWidget(panel)
    panel.show_features(explaining.find_features(shown, 1, None, None), ("abnormal", "no finding"), state(shown, ""))
    assert panel.table.item(0, 0).text() == "Finding 1"
    assert "80\u00a0%" in panel.meaning.text()


def test_no_content_is_cut_off_at_the_right(
    inspector: Inspector, verdict: VerdictPanel, analysis: Analysis, rg1: Path
) -> None:
    from divisive_desktop.imaging import open_image

    rows = {PROVENANCE: provenance_rows(analysis, None), IMAGE: image_rows(open_image(rg1), identity=True)}
    for title, shown in rows.items():
        form = Form()
        inspector.add_section(title, form)
        form.set_rows(shown)
    asked = "Does this chest radiograph show an abnormality?"
    verdict.show_case(Case(rg1, analysis=analysis), asked, None, state(analysis, asked))
    assert inspector.widget().minimumSizeHint().width() <= inspector.viewport().width()


def test_areas_have_the_best_known_unit() -> None:
    assert wording.area(5000.0, None) == "5000 px"
    assert wording.area(374_000.0, None) == "374k px"
    assert wording.area(374_000.0, 84.2) == "84 mm²"
    assert wording.area(374_000.0, 2340.0) == "23.4 cm²"


@pytest.mark.parametrize(
    ("keyword", "words"),
    [("BodyPartExamined", "Body part examined"), ("KVP", "KVP"), ("PatientID", "Patient ID"), ("Modality", "Modality")],
)
def test_dicom_keywords_become_words(keyword: str, words: str) -> None:
    assert _words(keyword) == words


def test_tab_leads_through_the_table_without_moving_the_picture(
    qtbot: QtBot, page: Page, pictures: Callable[[int], Path], analysis: Analysis
) -> None:
    page.open(pictures(1))
    page.take_analysis_of_this_size(analysis)
    page.wait_analysed()
    table, chosen = page.inspector.features.table, []
    page.inspector.features.chosen.connect(chosen.append)
    page.activate()
    table.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(table.hasFocus)
    assert chosen == []
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert chosen == [1]
    for _ in range(table.columnCount()):
        qtbot.keyClick(table, Qt.Key.Key_Tab)
    assert chosen == [1]
    assert not table.hasFocus()
