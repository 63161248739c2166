"""The inspector's words: what is said about a case, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
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
from divisive_desktop.library import store

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
    assert not verdict.number.isVisible(), "no number without an analysis"


def test_predicted_becomes_your_label(verdict: VerdictPanel, analysis: Analysis) -> None:
    case = Case(Path("a.png"), analysis=analysis)
    verdict.show_case(case)
    assert verdict.classes.text()["True class"] == "abnormal (predicted)"
    case.label = 0
    verdict.show_case(case)
    assert verdict.classes.text() == {"True class": "no finding (your label)", "False class": "abnormal"}
    assert verdict.verdict.text() == "Abnormal", "the verdict stays the model's"


def test_the_table_names_the_class_that_each_feature_argues_for(qtbot: QtBot, analysis: Analysis) -> None:
    panel = FeaturePanel()
    qtbot.addWidget(panel)
    found = explaining.find_features(analysis, 1, None, None)
    panel.show_features(found, ("abnormal", "no finding"))
    rows = [[panel.table.item(r, c).text() for c in range(4)] for r in range(panel.table.rowCount())]
    assert [r[:2] for r in rows] == [["1", "abnormal"], ["2", "no finding"], ["3", "abnormal"]]
    shares = [int(r[2].split()[0]) for r in rows]
    assert shares == sorted(shares, reverse=True)
    chosen: list[int] = []
    panel.chosen.connect(chosen.append)
    panel.select(2)
    assert chosen == [2]
    panel.show_features(found, ("abnormal", "no finding"))
    assert chosen == [2], "filling the table anew is no click"


def test_no_content_is_cut_off_at_the_right(
    inspector: Inspector, verdict: VerdictPanel, analysis: Analysis, rg1: Path
) -> None:
    from divisive_desktop.imaging import open_image

    rows = {PROVENANCE: provenance_rows(analysis, None), IMAGE: image_rows(open_image(rg1), identity=True)}
    for title, shown in rows.items():
        form = Form()
        inspector.add_section(title, form)
        form.set_rows(shown)
    verdict.show_case(Case(rg1, analysis=analysis), "Does this chest radiograph show an abnormality?", None)
    assert inspector.widget().minimumSizeHint().width() <= inspector.viewport().width()


@pytest.mark.parametrize(
    ("probability", "words", "number"),
    [(0.5, "undecided", "50 %"), (0.7, "weak score", "70 %"), (0.85, "high score", "85 %"),
     (0.97, "very high score", "97 %"), (0.9999, "very high score", "> 99 %")],
)  # fmt: skip
def test_words_never_claim_certainty(probability: float, words: str, number: str) -> None:
    assert wording.degree(probability) == words
    assert wording.percent(probability) == number


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
