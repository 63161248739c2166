from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from divisive_desktop import paths
from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.options import CONCLUSION_LIMIT, LOGO_LIMIT, Options, load_last, read_logo, save_last


def _kept() -> Path:
    return paths.user_data_dir() / "report.json"


def test_first_report_has_safe_defaults() -> None:
    options = load_last()
    assert options == Options()
    assert options.deidentify
    assert options.dates == "remove"


def test_last_settings_come_back_without_the_conclusion(tmp_path: Path) -> None:
    Image.new("RGB", (30, 10), "red").save(tmp_path / "logo.png")
    options = Options(
        formats=("html", "dicom"), language="de", paper="Letter", institution="Ínstitut 王", left_out=("audit",),
        analyst="A", conclusion="About somebody", dates="shift", pixelate_faces=True, sign=True,
        logo=read_logo(tmp_path / "logo.png"),
    )  # fmt: skip
    save_last(options)
    assert load_last() == replace(options, conclusion="")
    assert "About somebody" not in _kept().read_text(encoding="utf-8")
    assert [p.name for p in _kept().parent.iterdir() if p.name.startswith(".report")] == []


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"paper": 3, "logo": "%%"}', "\x00"])
def test_settings_that_make_no_sense_are_defaults(text: str) -> None:
    _kept().parent.mkdir(parents=True, exist_ok=True)
    _kept().write_text(text, encoding="utf-8")
    assert load_last() == Options()


def test_one_bad_setting_spares_the_others() -> None:
    raw: dict[str, Any] = {**asdict(Options()), "logo": "", "language": "de", "paper": "A9", "dates": "guess",
                           "left_out": ["all"], "deidentify": "no", "future": 1}  # fmt: skip
    _kept().parent.mkdir(parents=True, exist_ok=True)
    _kept().write_text(json.dumps(raw), encoding="utf-8")
    assert load_last() == Options(language="de")


@pytest.mark.parametrize(
    "wrong",
    [
        {"paper": "A9"},
        {"dates": "guess"},
        {"left_out": ("error_rates",)},
        {"conclusion": "x" * (CONCLUSION_LIMIT + 1)},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ReportError) as raised:
        Options(**wrong)
    assert raised.value.remedy


def test_a_logo_loses_metadata_size_and_transparency(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Secret place"
    file = tmp_path / "Λογότυπο.jpg"
    Image.new("RGB", (3000, 1000), "blue").save(file, exif=exif)
    logo = read_logo(file)
    assert b"Secret" not in logo
    with Image.open(io.BytesIO(logo)) as picture:
        assert (picture.format, picture.mode, max(picture.size)) == ("PNG", "RGB", 600)


def test_what_is_no_logo_is_said(tmp_path: Path) -> None:
    text, huge = tmp_path / "logo.svg", tmp_path / "huge.png"
    text.write_text("<svg/>")
    with huge.open("wb") as file:
        file.truncate(LOGO_LIMIT + 1)
    for path in (text, huge, tmp_path / "gone.png"):
        with pytest.raises(ReportError, match=path.name):
            read_logo(path)
