from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest

from divisive_desktop import RESEARCH_USE
from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.build import build_case, build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.export import export
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.pdf_page import MARGIN
from divisive_desktop.reporting.verify import read_content, verify_file

from .conftest import Analysed, case_in

POINTS = 72 / 25.4
FORMATS = ("pdf", "html", "json", "csv")


@pytest.fixture
def files(analysed: Analysed, tmp_path: Path) -> dict[str, Path]:
    options = Options(institution="Ínstitute", language="de")
    report = build_report([case_in(analysed, options)], options)
    return dict(zip(FORMATS, export(report, FORMATS, tmp_path / "out", "report"), strict=True))


def test_every_format_verifies_and_knows_its_image(files: dict[str, Path], rg1: Path) -> None:
    for name, path in files.items():
        found = verify_file(path, rg1)
        assert found.ok, (name, found.as_text())
        if name != "csv":
            assert any("is the image" in f.what for f in found.findings), name
            assert any("agree" in f.what for f in found.findings), name


def test_a_changed_byte_is_caught(files: dict[str, Path]) -> None:
    for path in files.values():
        data = path.read_bytes()
        for position in range(7, len(data), max(1, len(data) // 40)):
            changed = bytearray(data)
            changed[position] ^= 0x01
            path.write_bytes(changed)
            assert not verify_file(path).ok, (path.name, position)
        path.write_bytes(data)


def test_another_image_is_told_apart(files: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.dcm"
    other.write_bytes(b"something else")
    assert not verify_file(files["json"], other).ok


def test_content_is_the_same_in_pdf_html_and_json(files: dict[str, Path]) -> None:
    contents = [read_content(files[name].read_bytes()) for name in ("pdf", "html", "json")]
    for content in contents:
        assert content is not None
        content.pop("seal", None)
    assert contents[0] == contents[1] == contents[2]
    assert contents[0] is not None
    assert contents[0]["statement"] == RESEARCH_USE
    assert contents[0]["cases"][0]["mask"]["energy_inside"] == 0.25


def test_contradicting_numbers_are_found(case: CaseContent, tmp_path: Path) -> None:
    analysis = {**case.analysis, "logits": [case.analysis["logits"][0] + 1, case.analysis["logits"][1]]}
    report = build_report([replace(case, analysis=analysis)], Options())
    (path,) = export(report, ["json"], tmp_path, "forged")
    found = verify_file(path)
    assert not found.ok
    assert "contradict" in found.as_text()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils")
def test_pdf_can_be_read(files: dict[str, Path]) -> None:
    text = subprocess.run(
        ["pdftotext", "-layout", files["pdf"], "-"], capture_output=True, text=True, check=True
    ).stdout
    assert "Nur für die Forschung, nicht zur Diagnose" in text
    assert "Γνώμη" in text
    pages = subprocess.run(["pdfinfo", files["pdf"]], capture_output=True, text=True, check=True).stdout
    assert "Pages:           2" in pages
    attached = subprocess.run(["pdfdetach", "-list", files["pdf"]], capture_output=True, text=True, check=True).stdout
    assert "report.json" in attached


@pytest.mark.skipif(shutil.which("qpdf") is None, reason="qpdf")
def test_sealing_leaves_the_pdf_whole(files: dict[str, Path]) -> None:
    subprocess.run(["qpdf", "--check", files["pdf"]], check=True, capture_output=True)


def test_pdf_states_its_conformance(files: dict[str, Path]) -> None:
    data = files["pdf"].read_bytes()
    assert b"<pdfaid:part>3</pdfaid:part>" in data
    assert b"<pdfaid:conformance>U</pdfaid:conformance>" in data


def test_html_escapes_what_people_write(files: dict[str, Path]) -> None:
    page = files["html"].read_text(encoding="utf-8")
    assert "<b>& done</b>" not in page
    assert "&lt;b&gt;&amp; done" in page
    assert "http://" not in page
    assert 'src="http' not in page


def test_what_people_write_turns_nothing_round_and_moves_no_cursor(case: CaseContent, tmp_path: Path) -> None:
    hostile = "before\u202eretfa\x1b[2K<img src=x>"
    report = build_report([replace(case, conclusion=hostile)], Options())
    page, document = export(report, ["html", "pdf"], tmp_path, "hostile")
    visible = page.read_text(encoding="utf-8").partition('<script type="application/json"')[0]
    assert "before\\u202eretfa\\x1b[2K&lt;img src=x&gt;" in visible
    assert "\u202e" not in visible
    assert "\x1b" not in visible
    assert verify_file(page).ok
    assert verify_file(document).ok


def test_csv_runs_no_formulas(case: CaseContent, tmp_path: Path) -> None:
    report = build_report([replace(case, conclusion="=SUM(A1)")], Options())
    (path,) = export(report, ["csv"], tmp_path, "table")
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert rows[1][rows[0].index("conclusion")] == "'=SUM(A1)"


def test_nothing_is_overwritten(case: CaseContent, tmp_path: Path) -> None:
    report = build_report([case], Options())
    first = export(report, ["json"], tmp_path, "report")[0]
    before = first.read_bytes()
    second = export(report, ["json"], tmp_path, "report")[0]
    assert second.name == "report-2.json"
    assert first.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="a path below a file")
def test_an_unwritable_folder_is_said(case: CaseContent, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(ReportError, match="can't be made"):
        export(build_report([case], Options()), ["json"], blocked / "below", "report")
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".part"]


def test_a_changed_original_blocks_the_report(analysed: Analysed) -> None:
    record, analysis, features, card = analysed
    with pytest.raises(ReportError, match="has changed"):
        build_case(replace(record, sha256="0" * 64), analysis, features, card, Options())


def test_deidentified_content_names_no_file(files: dict[str, Path], analysed: Analysed) -> None:
    record = analysed[0]
    text = files["json"].read_text(encoding="utf-8")
    assert record.path.stem not in text
    assert "PatientName" not in json.loads(text)["cases"][0]["image"]["header"]


@pytest.mark.parametrize("name", ["W" * 300, "Dr. " + "Anna Maria " * 40, "A. Nalyst"])
def test_a_name_of_any_length_keeps_to_its_place(case: CaseContent, name: str) -> None:
    report = build_report([replace(case, analyst=name)], Options())
    document = pypdfium2.PdfDocument(write_pdf(report))
    try:
        text = document[len(document) - 1].get_textpage()
        at = text.get_text_range().rindex(name[:8])
        base = text.get_charbox(at)[1]
        boxes = [text.get_charbox(index) for index in range(text.count_chars())]
        third = (document[0].get_width() - 2 * MARGIN * POINTS) / 3
        end = MARGIN * POINTS + third  # the date begins here
        in_gap = [box for box in boxes if abs(box[1] - base) < 3 and end - 5 * POINTS < (box[0] + box[2]) / 2 < end]
        assert not in_gap
        assert text.get_text_range().count("W") < 300
    finally:
        document.close()
