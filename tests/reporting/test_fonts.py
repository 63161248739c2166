from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop import paths
from divisive_desktop.errors import ReportError
from divisive_desktop.reporting import fonts
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.export import export
from divisive_desktop.reporting.options import Options

SHIPPED = {
    "Latin": "Ünal, Łódź, Đặng", "Greek": "Διονύσιος Παπαδόπουλος", "Cyrillic": "Иванов Їжак", "Arabic": "نزار قباني",
    "Hebrew": "שלום", "Chinese": "王小东，胸部正位片。", "kana": "やまだ タロウ", "math": "≤ ± × ² µ …",
}  # fmt: skip


@pytest.fixture
def shipped_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a computer without any further font."""
    monkeypatch.setattr(fonts, "_installed", lambda: ())


@pytest.mark.parametrize("words", SHIPPED.values(), ids=SHIPPED)
def test_shipped_fonts_show_these_scripts(shipped_only: None, words: str) -> None:
    plan = fonts.plan(words)
    assert plan.missing == frozenset()
    assert plan.printable(words) == words


def test_letters_are_joined_only_where_needed(shipped_only: None) -> None:
    assert fonts.plan("نزار").shaping
    assert fonts.plan("שלום").shaping
    assert not fonts.plan("Παπαδόπουλος 王").shaping


def test_what_no_font_shows_is_a_number_and_said(shipped_only: None) -> None:
    plan = fonts.plan("A ꦗꦮꦗꦮꦗ B")
    assert plan.missing_scripts == ("Javanese",)
    assert plan.printable("A ꦗꦮꦗꦮꦗ B") == "A [U+A997 U+A9AE U+A997 U+A9AE …] B"


@pytest.mark.parametrize(
    ("line", "turned"),
    [
        ("Name: قباني 1923 نزار", "Name: قباني \u202e3291\u202c نزار"),
        ("Name: نزار عام ١٩٢٣.", "Name: نزار عام \u202e٣٢٩١\u202c."),
        ("born 1923 in Damascus", "born 1923 in Damascus"),
        ("قباني 1923", "قباني 1923"),  # the line itself runs from right to left: FPDF has that right
        ("", ""),
    ],
)
def test_numbers_inside_right_to_left_text(line: str, turned: str) -> None:
    assert fonts.turn_numbers(line) == turned


def test_a_missing_font_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "resources_dir", lambda: tmp_path)
    with pytest.raises(ReportError, match=r"DejaVuSans\.ttf"):
        fonts.plan("A")


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils")
def test_names_of_all_scripts_are_on_the_page(case: CaseContent, tmp_path: Path) -> None:
    words = " | ".join(SHIPPED.values())
    long = (words + ". ") * (4000 // (len(words) + 2))
    assert len(long) > 3700
    report = build_report(
        [replace(case, conclusion=long, analyst="王小东 / نزار قباني 1923", title="Wang^XiaoDong=王^小东")],
        Options(deidentify=False, institution="Νοσοκομείο Αθηνών · مستشفى · 医院"),
    )  # fmt: skip
    (path,) = export(report, ["pdf"], tmp_path, "report")
    text = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
    for name in ("Παπαδόπουλος", "王小东", "שלום", "Иванов", "やまだ", "Wang^XiaoDong=王^小东", "1923"):
        assert name in text, name
    assert "U+" not in text
    fonts_used = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    assert fonts_used
    assert all(line.split()[-5] == "yes" for line in fonts_used), "every font is embedded"
