from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.dicom_export import dicom_objects, one_case
from divisive_desktop.reporting.items import Item, image_case, kept_case, parse_item
from divisive_desktop.reporting.options import Options
from tests.reporting.conftest import Analysed


def test_items_are_told_apart(tmp_path: Path) -> None:
    Casebook.create(tmp_path / "Knees.casebook").close()
    odd = tmp_path / "film#3"
    odd.write_bytes(b"x")
    assert parse_item(str(odd)) == Item(odd)
    assert parse_item(f"{tmp_path}/Knees#12") == Item(tmp_path / "Knees.casebook", 12)
    assert parse_item(f"{tmp_path}/Knees.casebook#12").case == 12
    assert parse_item("nowhere.dcm").case is None
    for wrong in (f"{tmp_path}/Knees.casebook", f"{tmp_path}/Elbows#1", "#1"):
        with pytest.raises(ReportError) as raised:
            parse_item(wrong)
        assert "CASEBOOK#ID" in raised.value.remedy


def test_a_kept_case_brings_analysis_label_and_history(analysed: Analysed, tmp_path: Path) -> None:
    record, analysis, _, _ = analysed
    with Casebook.create(tmp_path / "A.casebook") as book:
        case = book.cases.add(record)
        book.analyses.add(case, analysis)
        book.cases.set_label(case, 0)
        book.cases.set_notes(case, "Seen twice.")
        kept = kept_case(book, case, Options())
        content = kept.content(200, True)
        assert (content.true_class, content.true_class_source, content.conclusion) == (0, "label", "Seen twice.")
        assert any(row["act"] == "label" for row in content.audit)
        assert "burned" in content.image.burned_in
        report = one_case(build_report([content], Options()), content)
        objects = dicom_objects(report, kept.dicom())
    assert set(objects) >= {"sr", "pm", "sc", "pdf", "image"}


def test_a_report_is_on_the_analysis_that_it_began_with(analysed: Analysed, tmp_path: Path) -> None:
    record, analysis, _, _ = analysed
    later = replace(analysis, model=replace(analysis.model, id="later", weights_sha256="f" * 64))
    with Casebook.create(tmp_path / "A.casebook") as book:
        case = book.cases.add(record)
        book.analyses.add(case, analysis)
        kept = kept_case(book, case, Options())
        again = book.analyses.add(case, later)
        assert book.cases.get(case).analysis == again, "the window shows the later one"
        content = kept.content(200, True)
        assert content.statement.version == f"{analysis.model.id} version {analysis.model.version}"
        assert content.casebook is not None
        assert content.casebook["analysis"] != again
        assert kept.dicom().analysis.model == analysis.model
        assert kept_case(book, case, Options()).content(200, True).statement.version.startswith("later ")


def test_what_a_mask_file_could_not_bring_is_said_once(analysed: Analysed, tmp_path: Path) -> None:
    record, analysis, _, _ = analysed
    shapes = [
        {"label": "heart", "shape_type": "rectangle", "points": [[5, 5], [40, 40]]},
        {"label": "wire", "shape_type": "line", "points": [[1, 1], [9, 9]]},
    ]
    document = {"shapes": shapes, "imagePath": "another.png", "imageData": None, "imageWidth": record.width,
                "imageHeight": record.height}  # fmt: skip
    mask = tmp_path / "m.json"
    mask.write_text(json.dumps(document))
    said: list[str] = []
    case = image_case(record.path, lambda _: analysis, Options(), mask_file=mask, say=said.append)
    for _ in range(2):
        assert case.content(200, True).mask is not None
    (text,) = said
    assert "1 line (wire)" in text
    assert "another.png" in text
