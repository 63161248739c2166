"""What must be known of an answer first is said first, in every format; what is withheld isn't reported."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.scope import FAMILIAR, ScopeCheck
from divisive_desktop.reporting.build import build_case, build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.export import write_csv
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.rows import Wording
from tests.reporting.conftest import Analysed

OUT = ScopeCheck("out_of_scope", ("MR ABDOMEN, not a frontal chest radiograph",))


def reported(analysed: Analysed, scope: ScopeCheck, language: str = "en") -> CaseContent:
    record, analysis, features, card = analysed
    return build_case(record, replace(analysis, scope=scope), features, card, Options(language=language))


def test_what_is_withheld_is_not_reported(analysed: Analysed) -> None:
    with pytest.raises(OutOfScopeError, match="MR ABDOMEN"):
        reported(analysed, OUT)


@pytest.mark.parametrize(
    ("language", "begin"), [("en", "Asked although out of scope"), ("de", "Trotz fremder Bildart gefragt")]
)
def test_an_answer_that_was_insisted_on_begins_with_that(analysed: Analysed, language: str, begin: str) -> None:
    made = reported(analysed, OUT.insisted_on(), language)
    assert made.statement.sentences[0].startswith(begin)
    assert "MR ABDOMEN" in made.statement.sentences[0]
    assert made.statement.answer == "undecided"
    assert made.asked_anyway
    assert made.analysis["scope"]["asked_anyway"] is True


def test_unfamiliar_and_unchecked_images_say_so_and_familiar_ones_need_not(
    analysed: Analysed, case: CaseContent
) -> None:
    assert "enlarged" in reported(analysed, ScopeCheck("unfamiliar", ("enlarged 3.0 times",))).statement.scope
    assert case.statement.scope.startswith("Scope not checked")
    familiar = reported(analysed, FAMILIAR)
    assert familiar.statement.scope == "Familiar: like the images that the model was made with."
    assert familiar.statement.brief.mark == ""
    assert not familiar.asked_anyway


def test_tables_mark_it(analysed: Analysed) -> None:
    report = build_report([reported(analysed, OUT.insisted_on()), reported(analysed, FAMILIAR)], Options())
    insisted, familiar = (Wording(report).overview_row(i, c)[2] for i, c in enumerate(report.cases))
    assert insisted == f"{familiar} (asked although out of scope)" == "undecided (asked although out of scope)"
    first, second = list(csv.DictReader(io.StringIO(write_csv(report).decode("utf-8-sig"))))[:2]
    assert (first["scope"], second["scope"]) == ("out_of_scope, asked although out of scope", "familiar")


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils")
def test_each_page_says_that_it_was_insisted_on(analysed: Analysed, tmp_path: Path) -> None:
    (tmp_path / "r.pdf").write_bytes(write_pdf(build_report([reported(analysed, OUT.insisted_on())], Options())))
    text = subprocess.run(["pdftotext", tmp_path / "r.pdf", "-"], capture_output=True, text=True, check=True).stdout
    pages = text.rstrip("\f").split("\f")
    assert len(pages) > 1
    assert all("Asked although out of scope" in page for page in pages)
