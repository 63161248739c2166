"""The window says of one answer what command line, exports and reports say of it, for every zone and kind of answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from divisive_desktop.desktop.features.worklist.columns import COLUMNS
from divisive_desktop.desktop.viewer import PaneKind
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.explanation.statement import state, version_of, withheld
from divisive_desktop.language import capitalised
from divisive_desktop.library.scope_check import refusal
from divisive_desktop.library.tasks import question_of
from tests.desktop.pages import Page, until
from tests.reporting.test_one_voice import KINDS, OUT, flat


def inspector(page: Page) -> str:
    """All that the inspector says about the answer, what speaks against it unfolded."""
    verdict = page.verdict
    page.wait_quiet()  # until everything has its place
    if verdict.panel.answer.fold.isVisible() and not verdict.against:
        verdict.unfold_against()
    said = [verdict.text, verdict.chance, verdict.by, verdict.words, verdict.scope, verdict.measured, verdict.against]
    said.append(verdict.mended)
    said += [f"{name}: {value}" for name, value in verdict.classes.items()]
    return " ".join(said)


def panes(page: Page) -> str:
    """The titles above the pictures, with what stands at their right."""
    headers = [page.viewer.panes[kind].header for kind in PaneKind]
    return " ".join(f"{header.title} {header.detail}" for header in headers)


@pytest.mark.parametrize("kind", KINDS)
def test_inspector_tool_tip_and_panes_say_the_same(page: Page, rg1: Path, analysis: Analysis, kind: str) -> None:
    page.open(rg1)
    made = KINDS[kind].made(analysis)
    page.take_analysis_of_this_size(made)
    stated = state(made, question_of(made.model.task))
    decided = stated.answer in ("negative", "positive")
    assert decided is (KINDS[kind].answer != "undecided")

    shown = inspector(page)
    assert page.verdict.text == capitalised(stated.brief.words), "with its mark, as in the list"
    assert page.verdict.chance == stated.brief.chance
    for sentence in stated.sentences:
        assert flat(sentence) in flat(shown), f"the inspector doesn't say {sentence!r}"
    assert stated.version in page.verdict.by
    assert stated.brief.mark.lower() in shown.lower()
    page.update_features()
    until(lambda: page.features is not None, "the regions")
    assert stated.regions in page.inspector.features.meaning.text()
    assert page.inspector.features.table.item(0, 0).text() == f"{capitalised(stated.region)} 1"

    tip = page.worklist.tip(0)
    assert stated.question in tip
    assert capitalised(stated.line) in tip

    for said in (shown, panes(page)):
        assert ("predicted" in said.lower()) is decided, said
        assert ("nearer" in said.lower()) is not decided, said
    page.label(0)
    for said in (inspector(page), panes(page)):
        assert "predicted" not in said.lower(), said
        assert "nearer class" not in said.lower(), said
        assert f"True class: {made.model.classes[0]} (label)" in said


def test_of_an_image_that_is_out_of_scope_only_the_reason_is_said(page: Page, rg1: Path, analysis: Analysis) -> None:
    page.open(rg1)
    case = page.current
    assert case is not None
    scope = ScopeCheck("out_of_scope", OUT.reasons)
    model = analysis.model
    page.session.analyses.reject(case, refusal(scope, model))
    stated = withheld("", scope, version_of(model))
    assert page.verdict.text == "Out of scope"
    assert page.verdict.error.lower().count("no verdict") == 1
    assert page.verdict.error.startswith(stated.how_sure)
    everything = f"{inspector(page)} {panes(page)} {page.worklist.tip(0)} {page.worklist.cells()}".lower()
    for word in ("predicted", "nearer", "undecided", *analysis.model.classes, "p("):
        assert word not in everything, word
    assert not page.inspector.section("Important features").isVisible()
    assert page.viewer.state.waiting_text == "No verdict (out of scope)"
    assert stated.how_sure in page.worklist.tip(0)
    shown = {column.name: column.text(case) for column in COLUMNS if column.text is not None}
    assert shown["question"] == question_of(model.task)
    assert shown["model"] == version_of(model)
    assert shown["verdict"] == "No verdict (out of scope)"
    assert shown["probability"] == shown["margin"] == ""
