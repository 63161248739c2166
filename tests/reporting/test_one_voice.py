"""Command line, JSON, CSV, HTML, PDF and DICOM SR say the same of one answer, for every zone and kind of answer."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import highdicom as hd
import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.cli.analyze import verdict_line
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Answer, Decision, Experience, Pointing
from divisive_desktop.explanation.export import analysis_json
from divisive_desktop.explanation.scope import FAMILIAR, UNSTATED, ScopeCheck
from divisive_desktop.explanation.share import Share
from divisive_desktop.explanation.statement import Statement, state
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.library.tasks import question_of
from divisive_desktop.reporting.build import build_case, build_report
from divisive_desktop.reporting.dicom_export import DicomCase, export_dicom
from divisive_desktop.reporting.export import write_csv
from divisive_desktop.reporting.html import write_html
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.pdf import write_pdf
from tests.reporting.conftest import Analysed

OUT = ScopeCheck("out_of_scope", ("MR ABDOMEN, not a frontal chest radiograph",))
OWN = Experience(True, 1, Share.of(108, 114), Share.of(114, 126), "", None, Share.of(50, 60), Share.of(62, 66))
ELSEWHERE = Experience(False, 2, Share.of(60, 80), Share.of(80, 200), "south", Share.of(20, 40))
FACE = {"box": [0, 0, 9, 9], "landmarks": [[1, 1]] * 5, "score": 0.99}
MANY = {"framing": {"how": "detected", "crop": [0, 0, 9, 9], "faces": [FACE] * 3, "chosen": 0, "detector": None}}


@dataclass(frozen=True)
class Kind:
    """One kind of answer; ``p`` is what speaks for the class that the model is nearer to, and for the other."""

    answer: Answer
    scope: ScopeCheck
    p: tuple[float, float] | None = None
    experience: Experience | None = None
    says: str = ""
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    def made(self, analysis: Analysis) -> Analysis:
        """The analysis as a model with such a card would have given it."""
        threshold = analysis.logits[1] - analysis.logits[0] - (0.5 if analysis.predicted else -0.5)
        p = self.p if self.p is None or not analysis.predicted else (self.p[1], self.p[0])
        decision = Decision(
            "measured" if p else "unmeasured", p, (0.1, 0.1), threshold, self.experience,
            calibration=(0.031, 265), pointing=Pointing("the finding", True, Share.of(90, 100), 0.2),
        )  # fmt: skip
        recipe = {**analysis.preprocessing, **self.preprocessing}
        return replace(analysis, scope=self.scope, decision=decision, preprocessing=recipe)


SURE, TORN = (0.8, 0.02), (0.4, 0.3)
KINDS = {
    "decided": Kind("negative", FAMILIAR, SURE, OWN, "Decided:"),
    "undecided": Kind("undecided", FAMILIAR, TORN, OWN, "both answers are possible"),
    "unfamiliar, decided": Kind("negative", ScopeCheck("unfamiliar", ("another device",)), SURE, ELSEWHERE, "2 source"),
    "unfamiliar, unmeasured": Kind("undecided", ScopeCheck("unfamiliar", ("another device",)), says="sets no error"),
    "asked anyway": Kind("undecided", OUT.insisted_on(), says="counts for nothing"),
    "fine-tuned without scope": Kind("undecided", UNSTATED, says="nobody checked"),
    "mended": Kind("undecided", FAMILIAR, TORN, OWN, "turned by 180°", {"correction": "turn-over"}),
    "one of many faces": Kind("negative", FAMILIAR, SURE, OWN, "3 faces were found", MANY),
}


def flat(text: str) -> str:
    """Without the breaks that a page's width makes, also within words."""
    return re.sub(r"\s+", "", text)


@pytest.fixture
def outputs(analysed: Analysed, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Statement, dict[str, str]]:
    """What is stated, and everything that was written about it, by name."""
    record, found, features, card = analysed
    analysis = KINDS[request.param].made(found)
    stated = state(analysis, question_of(card.task))
    case = build_case(record, analysis, features, card, Options(deidentify=False), side=120)
    report = build_report([case], Options(deidentify=False))
    files = export_dicom(report, DicomCase(record, analysis, features, None, None), tmp_path, "r")
    content = hd.sr.srread(next(f for f in files if f.stem.endswith("-sr"))).content
    texts = [str(item.TextValue) for item in content[0].ContentSequence if item.ValueType == "TEXT"]
    (tmp_path / "r.pdf").write_bytes(write_pdf(report))
    written = {
        "command line": verdict_line(record.path, analysis, features, stated),
        "json": analysis_json(analysis, features, stated)["statement"],
        "html": html.unescape(write_html(report).decode()),
        "report json": json.dumps(report.as_dict(), ensure_ascii=False),
        "report csv": write_csv(report).decode("utf-8-sig"),
        "dicom sr": " ".join(texts),
        **casebook(tmp_path, record.path, analysis),
    }
    if shutil.which("pdftotext"):
        command = ["pdftotext", "-layout", tmp_path / "r.pdf", "-"]
        written["pdf"] = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return stated, written


def casebook(folder: Path, path: Path, analysis: Analysis) -> dict[str, str]:
    """What a casebook keeps, lists and exports."""
    book = Casebook.create(folder / "my.casebook")
    try:
        case = book.cases.add(path, copy=False)
        if analysis.correction:
            assert book.corrections.set(case, Correction.parse(analysis.correction))
        kept = book.analyses.add(case, analysis)
        book.results.export(folder / "r.csv")
        book.results.export(folder / "r.json")
        again = book.analyses.load(kept)
        (row,) = book.cases.rows()
        brief = row.brief()
        assert brief is not None
        question = question_of(analysis.model.task)
        assert brief == state(analysis, question).brief, "the list"
        assert row.p_negative == (None if analysis.decision.p is None else analysis.decision.p[0])
        (line,) = csv.DictReader((folder / "r.csv").read_text("utf-8-sig").splitlines())
        (entry,) = json.loads((folder / "r.json").read_text())["results"]
        assert line["answer"] == entry["answer"] == brief.answer
        assert line["verdict"] == entry["verdict"] == brief.words
        decided = brief.answer in ("negative", "positive")
        assert line["answer_class"] == (entry["answer_class"] or "") == (brief.name if decided else "")
    finally:
        book.close()
    return {"casebook": state(again, question).full, "csv": line["statement"], "results json": entry["statement"]}


@pytest.mark.parametrize(("outputs", "kind"), [(name, name) for name in KINDS], indirect=["outputs"])
def test_all_say_the_same(outputs: tuple[Statement, dict[str, str]], kind: str) -> None:
    stated, written = outputs
    expected = KINDS[kind].answer
    assert (stated.answer == "undecided") is (expected == "undecided")
    assert KINDS[kind].says in stated.full
    assert ("Familiar: " in stated.full) is (stated.zone == "familiar")
    assert ("Picture as mended by the analyst: " in stated.full) is (kind == "mended")
    assert len(written) >= 8
    for name, text in written.items():
        assert flat(stated.line[1:]) in flat(text), f"{name} doesn't say {stated.line!r}"
        for sentence in stated.sentences:
            assert flat(sentence) in flat(text), f"{name} doesn't say {sentence!r}"
        assert ("iscalibrated:" in flat(text)) is (stated.zone == "familiar"), name
        assert name == "casebook" or flat(stated.regions) in flat(text), f"{name} doesn't say what the regions are"


def said_in(written: Mapping[str, str], name: str) -> str:
    """What an output says without the keys of JSON, one of which is ``predicted``."""
    return re.sub(r'"\w+"\s*:', "", written[name]).lower()


@pytest.mark.parametrize(("outputs", "kind"), [(name, name) for name in KINDS], indirect=["outputs"])
def test_nothing_is_called_predicted_that_is_not_decided(outputs: tuple[Statement, dict[str, str]], kind: str) -> None:
    stated, written = outputs
    decided = KINDS[kind].answer != "undecided"
    for name in written:
        said = said_in(written, name)
        assert decided or "predicted" not in said, name
        assert not (decided and "nearer" in said), name
    for name in ("html", "pdf"):
        assert ("Whatdecided" in flat(written[name])) is decided, name
        assert ("Whatspeaksforeitherclass" in flat(written[name])) is not decided, name
    for name in ("html", "pdf", "dicom sr", "report csv"):
        assert ("predicted" if decided else "nearer") in flat(said_in(written, name)), name
    (line, _) = csv.DictReader(written["report csv"].splitlines())
    assert line["answer"] == stated.answer
    assert line["answer_class"] == (line["true_class"] if decided else "")
    assert line["true_class_source"] == ("predicted" if decided else "nearer")


def test_a_change_of_the_rate_words_what_was_kept_again(analysed: Analysed, tmp_path: Path) -> None:
    record, found, _, card = analysed
    analysis = Kind("negative", FAMILIAR, (0.8, 0.07), OWN).made(found)
    book = Casebook.create(tmp_path / "my.casebook")
    book.analyses.add(book.cases.add(record.path, copy=False), analysis)
    (row,) = book.cases.rows()
    loose, strict = row.brief(), row.brief((0.05, 0.05))
    assert loose is not None
    assert strict is not None
    assert loose.name == analysis.model.classes[analysis.predicted]
    assert strict.name == "undecided"
    book.results.export(tmp_path / "r.json", rates=(0.05, 0.05))
    book.close()
    (entry,) = json.loads((tmp_path / "r.json").read_text())["results"]
    stated = state(analysis, question_of(card.task), (0.05, 0.05))
    assert entry["statement"] == f"{stated.full} {stated.regions}"


def test_a_report_of_several_versions_says_so_first(analysed: Analysed) -> None:
    record, found, features, card = analysed
    cases = [
        build_case(record, replace(found, model=replace(found.model, version=v)), features, card, Options(), side=120)
        for v in ("1", "2")
    ]
    page = html.unescape(write_html(build_report(cases, Options())).decode())
    first = page[page.index("<main>") : page.index('id="case-1"')]
    assert f"several model versions: {found.model.id} version 1, {found.model.id} version 2" in first
    one = html.unescape(write_html(build_report(cases[:1] * 2, Options())).decode())
    assert "several model versions" not in one
