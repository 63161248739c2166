"""What of PDF/A-3u (ISO 19005-3) can be checked without a validator of that name: by pikepdf, qpdf and poppler.

Checked: header and binary mark, file identifier, no encryption, XMP with part and conformance that agrees with the
document information, output intent with an ICC profile, every font embedded with a map to Unicode, no transparency,
no scripts, actions or forms, no external content, the attached file's relationship, type and date, language,
title, alternative texts of pictures. Not checked: the inside of font programs and ICC profiles, every operator.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.export import export
from divisive_desktop.reporting.options import Options

pikepdf = pytest.importorskip("pikepdf")


@pytest.fixture(params=["one", "several"])
def path(request: pytest.FixtureRequest, case: CaseContent, tmp_path: Path) -> Path:
    logo = io.BytesIO()
    from PIL import Image

    Image.new("RGB", (60, 20), "navy").save(logo, format="PNG")
    changed = {"words": "A", "rows": [("M", "1", "2", "1")]}
    written = replace(case, conclusion="Γνώμη 王小东 نزار قباني", before_after=changed)
    cases = [written] if request.param == "one" else [written] * 4
    report = build_report(cases, Options(logo=logo.getvalue(), institution="医院", conclusion="All."))
    return export(report, ["pdf"], tmp_path, "report", paper="Letter")[0]


@pytest.fixture
def pdf(path: Path) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(path) as opened:
        yield opened


def fonts_of(pdf: pikepdf.Pdf) -> list[pikepdf.Dictionary]:
    return [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and o.get("/Type") == "/Font"]


def test_file_structure(path: Path, pdf: pikepdf.Pdf) -> None:
    data = path.read_bytes()
    assert re.match(rb"%PDF-1\.[4-7]\r?\n%[\x80-\xff]{4}", data)
    assert len(pdf.trailer.ID) == 2
    assert not pdf.is_encrypted
    assert data.rstrip().endswith(b"%%EOF")
    if shutil.which("qpdf"):
        done = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_metadata_agree(pdf: pikepdf.Pdf) -> None:
    stream = pdf.Root.Metadata
    assert "/Info" not in pdf.trailer, "what is said only once can't disagree"
    assert "/Filter" not in stream
    with pdf.open_metadata() as xmp:
        assert (xmp["pdfaid:part"], xmp["pdfaid:conformance"]) == ("3", "U")
        assert xmp.pdfa_status == "3U"
        assert xmp["dc:title"] == "Image analysis report"
        assert xmp["pdf:Keywords"].startswith("divisive-seal:1:")
        assert xmp["xmp:CreatorTool"].startswith("Divisive Desktop ")


def test_colours_are_defined(pdf: pikepdf.Pdf) -> None:
    (intent,) = pdf.Root.OutputIntents
    assert intent.S == "/GTS_PDFA1"
    assert intent.DestOutputProfile.read_bytes()[36:40] == b"acsp"
    spaces = {str(o.get("/ColorSpace")) for o in pdf.objects if isinstance(o, pikepdf.Stream) and "/ColorSpace" in o}
    assert spaces <= {"/DeviceRGB", "/DeviceGray"}


def test_fonts_are_embedded_and_tell_their_letters(pdf: pikepdf.Pdf) -> None:
    composite = [font for font in fonts_of(pdf) if font.Subtype == "/Type0"]
    assert len(composite) >= 2
    for font in composite:
        assert "/ToUnicode" in font
        (descendant,) = font.DescendantFonts
        assert "/FontFile2" in descendant.FontDescriptor
        assert descendant.get("/CIDToGIDMap") is not None
    assert {str(font.Subtype) for font in fonts_of(pdf)} <= {"/Type0", "/CIDFontType2"}


def test_nothing_that_the_standard_forbids(pdf: pikepdf.Pdf) -> None:
    for o in pdf.objects:
        if not isinstance(o, pikepdf.Dictionary | pikepdf.Stream):
            continue
        assert str(o.get("/S")) not in ("/Transparency", "/JavaScript", "/Launch", "/GoToR", "/Movie", "/Sound")
        assert o.get("/SMask") in (None, pikepdf.Name("/None"))
        assert o.get("/ca", 1) == 1
        assert o.get("/CA", 1) == 1
        assert o.get("/Filter") not in ("/LZWDecode", "/Crypt")
        assert "/AA" not in o
        assert not (isinstance(o, pikepdf.Stream) and "/F" in o), "external stream"
        assert o.get("/Interpolate") is not True
    assert "/AcroForm" not in pdf.Root
    assert "/JavaScript" not in pdf.Root.Names


def test_the_content_is_attached_as_data(pdf: pikepdf.Pdf) -> None:
    (associated,) = pdf.Root.AF
    assert associated.AFRelationship == "/Data"
    assert str(associated.F) == str(associated.UF) == "report.json"
    assert associated.Desc
    file = associated.EF.F
    assert file.Subtype == "/application/json"
    assert "/ModDate" in file.Params
    content = json.loads(file.read_bytes())
    assert content["schema"].startswith("divisive-desktop-report/")
    assert associated.objgen == pdf.Root.Names.EmbeddedFiles.Names[1].objgen


def test_it_can_be_read_aloud(pdf: pikepdf.Pdf) -> None:
    assert str(pdf.Root.Lang) == "en"
    assert pdf.Root.MarkInfo.Marked
    figures = [
        o
        for o in pdf.objects
        if isinstance(o, pikepdf.Dictionary) and o.get("/Type") == "/StructElem" and o.S == "/Figure"
    ]
    pictures = [o for o in pdf.objects if isinstance(o, pikepdf.Stream) and o.get("/Subtype") == "/Image"]
    assert len(figures) >= len(pictures)
    assert all(str(figure.Alt) for figure in figures)


def test_every_text_is_tagged_or_decoration(pdf: pikepdf.Pdf) -> None:
    tree = pdf.Root.StructTreeRoot.ParentTree.Nums
    parents = {int(tree[i]): tree[i + 1] for i in range(0, len(tree), 2)}
    kinds = set()
    for page in pdf.pages:
        numbers: list[int] = []
        depth = 0
        for operands, operator in pikepdf.parse_content_stream(page):
            if str(operator) in ("BDC", "BMC"):
                assert depth == 0, "pieces don't nest"
                depth += 1
                if str(operator) == "BDC":
                    numbers.append(int(operands[1].MCID))
            elif str(operator) == "EMC":
                depth -= 1
            elif str(operator) in ("Tj", "TJ", "Do"):
                assert depth == 1, "text or a picture that no one is told of"
        assert depth == 0
        assert numbers == list(range(len(numbers)))
        elements = parents[int(page.StructParents)]
        assert len(elements) == len(numbers)
        assert [int(e.K[0]) for e in elements] == numbers
        assert all(e.Pg.objgen == page.objgen for e in elements)
        kinds |= {str(e.S) for e in elements}
    assert kinds == {"/H1", "/H2", "/P", "/Caption", "/Figure"}


@pytest.mark.skipif(shutil.which("pdfinfo") is None, reason="poppler-utils")
def test_a_long_text_stays_one_after_a_page_break(case: CaseContent, tmp_path: Path) -> None:
    long = replace(case, conclusion="Every word counts. " * 210, audit=())
    report = build_report([long] * 2, Options(conclusion="Word. " * 600))
    (path,) = export(report, ["pdf"], tmp_path, "long")
    with pikepdf.open(path) as pdf:
        test_every_text_is_tagged_or_decoration(pdf)
    text = subprocess.run(["pdfinfo", "-struct-text", path], capture_output=True, text=True, check=True).stdout
    assert text.count("Every word counts") >= 300
    assert text.index("Analyst's conclusion") < text.index("Every word counts")


def test_marks_are_balanced_also_where_a_page_ends_within_a_block(case: CaseContent, tmp_path: Path) -> None:
    long = replace(case, conclusion="A sentence that is there again and again. " * 400)
    (path,) = export(build_report([long, *[case] * 60], Options()), ["pdf"], tmp_path, "long")
    with pikepdf.open(path) as opened:
        assert len(opened.pages) > 60
        for number, page in enumerate(opened.pages):
            depth = 0
            for _, operator in pikepdf.parse_content_stream(page, "BMC BDC EMC"):
                depth += 1 if str(operator) in ("BMC", "BDC") else -1
                assert 0 <= depth <= 1, f"page {number + 1}"
            assert depth == 0, f"page {number + 1}"


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils")
def test_what_fine_tuning_changed_stands_on_one_page(case: CaseContent, tmp_path: Path) -> None:
    row = "0.94 (0.92–0.95)", "0.92 (0.90–0.94)", "-0.02 (-0.03 – -0.002)"
    for sentences in range(1, 30, 4):
        changed = {
            "words": "Nothing can be said of what was held out: the interval includes 0. " * sentences,
            "rows": [(f"Hold-out, 24 images: measure {i} of a name that takes two lines", *row) for i in range(6)],
        }  # fmt: skip
        report = build_report([replace(case, before_after=changed)], Options())
        (path,) = export(report, ["pdf"], tmp_path, f"changed{sentences}")
        command = ["pdftotext", "-layout", path, "-"]
        pages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\f")
        (page,) = [text for text in pages if "Before and after fine-tuning" in text]
        assert page.count("Hold-out, 24 images") == 6, sentences
        full = [text for text in pages if text.strip()][:-1]
        assert all(len(text.split()) > 100 for text in full), "no page with next to nothing"
