"""Out of scope the window shows no verdict but the reasons; an answer that is insisted on stays marked."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.inspection.verdict import VerdictPanel
from divisive_desktop.desktop.session.case import Case, verdict_line
from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.scope import BEFORE, FAMILIAR, ScopeCheck
from divisive_desktop.explanation.statement import state
from divisive_desktop.library.scope import Scope
from tests.conftest import dicom_sample
from tests.desktop.pages import Start
from tests.desktop.pages.waiting import until

MS = 60_000
CT = "CT, not a frontal chest radiograph"


@pytest.fixture
def scoped_model(home: Path, made_model: Path) -> None:
    """The small model with a card that says what it was made for."""
    installed = home / "models" / made_model.name
    shutil.copytree(made_model, installed)
    card = installed / "card.json"
    scope = asdict(Scope("a frontal chest radiograph", modalities=("CR", "DX"), body_parts=("CHEST",)))
    card.write_text(json.dumps({**json.loads(card.read_text()), "scope": scope}))


@pytest.mark.usefixtures("scoped_model")
def test_a_ct_gets_its_reasons_and_an_answer_only_for_the_asking(qtbot: QtBot, start: Start) -> None:
    page = start(engine=True)
    page.open(dicom_sample("CT_small.dcm"))
    case = page.current
    assert case is not None
    page.trigger("analyse")
    until(lambda: case.analysis_error is not None, "the refusal", MS)
    assert page.verdict.text == "Out of scope"
    assert CT in page.verdict.error
    assert page.verdict.error.startswith("No verdict by ")
    assert isinstance(case.analysis_error, OutOfScopeError)
    assert case.analysis_error.asked["task"].startswith("chest-"), "it crossed from the engine's process"
    assert page.verdict.anyway.isVisible()
    assert not page.verdict.panel.again.isVisible(), "the same question gets the same answer"
    assert not page.verdict.chance
    assert page.features is None
    assert verdict_line(case) == "No verdict (out of scope)"
    assert not page.messages.texts, "the inspector says it; a folder of them would fill the window"

    qtbot.mouseClick(page.verdict.anyway, Qt.MouseButton.LeftButton)
    page.wait_analysed()
    assert page.verdict.scope.startswith("Asked although out of scope: CT")
    assert page.verdict.chance.startswith("P(abnormal) ")
    assert page.verdict.text == "Undecided (asked although out of scope)", "it counts for nothing"
    assert verdict_line(case) == "Undecided (asked although out of scope)"
    page.wait_written()
    book = page.casebook.current
    assert book is not None
    (act,) = [r for r in book.audit.trail(case.id) if r.act == "asked-anyway"]
    assert act.parameters["reasons"] == [CT]
    page.close()

    again = start()
    (kept,) = again.cases
    assert verdict_line(kept) == "Undecided (asked although out of scope)", "also before its maps are loaded"


def test_what_is_to_be_known_of_an_answer_stands_with_it(qtbot: QtBot, analysis: Analysis) -> None:
    panel = VerdictPanel()
    qtbot.addWidget(panel)
    panel.show()
    for scope, shown in (
        (FAMILIAR, "Familiar: like the images"), (BEFORE, "Scope not checked: analysed before"),
        (ScopeCheck("unfamiliar", ("enlarged 3.0 times",)), "Unfamiliar: enlarged 3.0 times."),
    ):  # fmt: skip
        checked = replace(analysis, scope=scope)
        panel.show_case(Case(Path("a.png"), analysis=checked), statement=state(checked, ""))
        assert panel.answer.zone.isVisible()
        assert panel.answer.zone.text().startswith(shown)
        assert not panel.anyway.isVisible()
