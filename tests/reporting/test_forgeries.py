"""Reports that somebody changed and sealed anew: every change of what they say or show is told."""

from __future__ import annotations

import copy
import io
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from divisive_desktop.explanation.statement import state
from divisive_desktop.library import store
from divisive_desktop.library.card import Card
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.dicom_export import DicomCase, export_dicom
from divisive_desktop.reporting.export import export
from divisive_desktop.reporting.finding import Finding, Verification
from divisive_desktop.reporting.maker import fingerprint_of, maker, pages_of
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.reread import features_of, reread_analysis
from divisive_desktop.reporting.seal import placeholder, seal, unsealed
from divisive_desktop.reporting.verify import read_content, verify_file

from .conftest import MODEL, Analysed, case_in, painted

Case = dict[str, Any]


def check(path: Path, analysed: Analysed | None = None) -> Verification:
    """As the command line does, with the model and the original at hand."""
    cards = [m.card for m in store.find_models()]
    if analysed is None:
        return verify_file(path, known_models={c.id: c.weights_sha256 for c in cards}, cards=cards)
    record, analysis, _, _ = analysed
    return verify_file(
        path, record.path, lambda original, stated: analysis, {c.id: c.weights_sha256 for c in cards}, cards=cards
    )


def said(found: Verification, state: str) -> str:
    return "\n".join(f.what for f in found.findings if f.state == state)


def resealed(path: Path, data: bytes) -> Path:
    path.write_bytes(seal(unsealed(data)))
    return path


@pytest.fixture
def written(case: CaseContent, tmp_path: Path) -> dict[str, Path]:
    report = build_report([case], Options())
    return {p.suffix[1:]: p for p in export(report, ("pdf", "html", "json", "csv"), tmp_path, "report")}


def flip_verdict(c: Case) -> None:
    c["statement"]["how_sure"] = "Decided: certainly “healthy”."


def flip_answer(c: Case) -> None:
    c["analysis"]["answer"] = "negative" if c["analysis"]["answer"] == "positive" else "positive"


def flip_predicted(c: Case) -> None:
    c["analysis"]["nearer"] = 1 - c["analysis"]["nearer"]
    if c["analysis"]["predicted"] is not None:
        c["analysis"]["predicted"] = c["analysis"]["nearer"]


def flip_whole_answer(c: Case) -> None:
    """Answer, class, words and probability all turned round, as somebody careful would."""
    flip_answer(c)
    flip_predicted(c)
    flip_verdict(c)
    c["statement"]["brief"] |= {"answer": c["analysis"]["answer"], "name": c["classes"][c["analysis"]["nearer"]]}
    c["analysis"]["probability"] = 1 - c["analysis"]["probability"]


def surer_answer(c: Case) -> None:
    """A decision with p-values that nobody measured, worded by this very program."""
    p = [0.9, 0.9]
    p[1 - c["analysis"]["nearer"]] = 0.001
    c["analysis"]["scope"] = {"zone": "familiar", "reasons": [], "asked_anyway": False}
    c["analysis"]["decision"] |= {"state": "measured", "p": p}
    made = state(reread_analysis(c), c["question"])
    c["analysis"]["answer"] = made.answer
    c["statement"] = json.loads(json.dumps(asdict(made)))


def words_on_regions(c: Case) -> None:
    c["regions"] = "Each region is a finding."


def spoken_words(c: Case) -> None:
    c["analysis"]["statement"] = "Certainly healthy."


def other_rates(c: Case) -> None:
    c["analysis"]["rates"] = [0.3, 0.3]
    c["statement"]["how_sure"] = "Decided at 30 %."


def other_probability(c: Case) -> None:
    c["analysis"]["probability"] = 0.999


def swap_classes(c: Case) -> None:
    c["classes"] = c["classes"][::-1]


def invent_class(c: Case) -> None:
    c["classes"][c["analysis"]["nearer"]] = "healthy"


def other_question(c: Case) -> None:
    c["question"] = "Is the patient fit to fly?"


def no_features(c: Case) -> None:
    c["analysis"]["features"] = []


def move_feature(c: Case) -> None:
    c["analysis"]["features"][0]["box"][0] += 200


def turn_feature(c: Case) -> None:
    first = c["analysis"]["features"][0]
    first["favours"] = "false" if first["favours"] == "true" else "true"


def better_error_rates(c: Case) -> None:
    c["error_rates"] = [["test", {"images": 99999, "auroc": 0.999}]]


def no_limits(c: Case) -> None:
    c["limitations"] = c["limitations"][1:]


def certify(c: Case) -> None:
    c["model"]["intended_use"] = "Certified for diagnosis."


def other_logits(c: Case) -> None:
    c["analysis"]["logits"] = [v + 3 * i for i, v in enumerate(c["analysis"]["logits"])]


def other_label(c: Case) -> None:
    c["true_class"] = 1 - c["true_class"]


def called_predicted(c: Case) -> None:
    """What is undecided is shown as if the model had predicted it."""
    assert c["analysis"]["answer"] == "undecided"
    c["true_class_source"] = c["analysis"]["true_class_source"] = "predicted"


def no_cells(c: Case) -> None:
    c["analysis"]["cam"] = {"shape": [0, 0], "true": [], "false": []}


def other_analysis(c: Case) -> None:
    c["analysis"]["sha256"] = "0" * 64


FORGERIES = (
    flip_verdict, flip_answer, flip_predicted, flip_whole_answer, surer_answer, words_on_regions, spoken_words,
    other_rates, other_probability, swap_classes, invent_class, other_question, no_features, move_feature,
    turn_feature, better_error_rates, no_limits, certify, other_logits, other_label,
    called_predicted, no_cells, other_analysis,
)  # fmt: skip


def test_an_untouched_report_holds(written: dict[str, Path], analysed: Analysed) -> None:
    for name, path in written.items():
        found = check(path, analysed)
        assert not said(found, "broken"), (name, found.as_text())
        assert not found.vouched, "nobody signed it"
        if name in ("pdf", "html"):
            assert "letter by letter" in said(found, "holds"), found.as_text()
        if name != "csv":
            assert "what the analyst wrote" in said(found, "unknown")


@pytest.mark.parametrize("change", FORGERIES, ids=lambda f: f.__name__)
def test_a_changed_statement_is_told(
    change: Callable[[Case], None], written: dict[str, Path], analysed: Analysed
) -> None:
    content = json.loads(written["json"].read_bytes())
    change(content["cases"][0])
    path = resealed(written["json"], json.dumps(content).encode())
    found = check(path, analysed)
    assert not found.ok, found.as_text()
    assert "don't have the form" not in said(found, "broken")


def test_error_rates_of_a_card_that_isn_t_here_are_named(written: dict[str, Path]) -> None:
    """With the card's hash changed, too, nobody can say who is wrong; it is said that they differ."""
    content = json.loads(written["json"].read_bytes())
    better_error_rates(content["cases"][0])
    content["cases"][0]["model"]["card_sha256"] = "0" * 64
    found = check(resealed(written["json"], json.dumps(content).encode()))
    assert "the error rates: not as the card installed here gives it" in said(found, "unknown")
    assert not found.vouched


def test_an_empty_report_fails(written: dict[str, Path]) -> None:
    content = json.loads(written["json"].read_bytes())
    content["cases"] = []
    assert not check(resealed(written["json"], json.dumps(content).encode())).ok


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"schema": "divisive-desktop-report/1", "cases": [], "seal": ', b"{}"],
    ids=["deep", "cut off", "empty"],
)
def test_what_can_t_be_read_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(seal(content + placeholder().encode()))
    assert not check(path).ok
    assert "BROKEN" in check(path).as_text()


@pytest.mark.parametrize("where", ["cases", "analysis", "cam", "language"])
def test_values_of_another_kind_are_refused_in_words(where: str, written: dict[str, Path]) -> None:
    content = json.loads(written["json"].read_bytes())
    for value in (None, [], {}, "x", 1e999, -1, [[[[]]]], {"a": {"b": None}}):
        changed = copy.deepcopy(content)
        target = changed["cases"][0] if where in ("analysis",) else changed
        if where == "cam":
            target = changed["cases"][0]["analysis"]
        target[where] = value
        assert not check(resealed(written["json"], json.dumps(changed).encode())).ok, (where, value)


# ---- what people see ---------------------------------------------------------------------------------------


def test_a_changed_page_is_told(written: dict[str, Path]) -> None:
    page = written["html"].read_text(encoding="utf-8")
    words = re.search(r'<p class="answer">(.*?)</p>', page)
    assert words is not None
    for old, new in (
        (words[0], '<p class="answer">The model has found nothing.</p>'),
        ("<main>", "<main><h1>Healthy</h1>"),
        ("</style>", ".answer { display: none }</style>"),
        ("iVBORw0KGgo", "iVBORw0KGgp"),
    ):
        assert old in page
        found = check(resealed(written["html"], page.replace(old, new, 1).encode()))
        assert not found.ok, new
    assert check(resealed(written["html"], page.encode())).ok


def test_a_picture_in_place_of_another_is_told(written: dict[str, Path]) -> None:
    page = written["html"].read_text(encoding="utf-8")
    pictures = re.findall(r"data:image/png;base64,[A-Za-z0-9+/=]+", page)
    swapped = page.replace(pictures[0], "*").replace(pictures[1], pictures[0]).replace("*", pictures[1])
    assert not check(resealed(written["html"], swapped.encode())).ok


def painted_over(data: bytes) -> bytes:
    """A PDF whose first page's drawing ends with a white sheet over all of it."""
    stream = next(m for m in re.finditer(rb"stream\n(.*?)\nendstream", data, re.DOTALL) if b" Tf" in unpack(m[1]))
    body = zlib.compress(unpack(stream[1]) + b"\n1 g 0 0 2000 2000 re f")
    head = re.sub(rb"/Length \d+(?=\s*>>\s*$)", b"/Length %d" % len(body), data[: stream.start()])
    return head + b"stream\n" + body + b"\nendstream" + data[stream.end() :]


def unpack(body: bytes) -> bytes:
    try:
        return zlib.decompress(body)
    except zlib.error:
        return b""


def test_a_page_that_is_painted_over_is_told(written: dict[str, Path]) -> None:
    data = written["pdf"].read_bytes()
    assert check(written["pdf"]).ok
    changed = painted_over(data)
    assert read_content(changed) == read_content(data), "the content is still there"
    assert "not what its sealed content says" in said(check(resealed(written["pdf"], changed)), "broken")
    added = data.replace(b"/Type /Page\n", b"/Type /Page\n/Annots [<</Subtype /Stamp>>]\n", 1)
    assert added != data
    assert not check(resealed(written["pdf"], added)).ok


def test_a_page_of_another_program_is_said_not_to_be_compared(written: dict[str, Path]) -> None:
    page = written["html"].read_text(encoding="utf-8")
    parts = dict(maker("en"))
    for old, new in (
        (parts["code"], "0" * 16), (pages_of("en"), fingerprint_of({**parts, "code": "0" * 16})), ("<main>", "<main>x")
    ):  # fmt: skip
        assert page.count(old) == 1
        page = page.replace(old, new)
    found = check(resealed(written["html"], page.encode()))
    assert "can't be made again here" in said(found, "unknown")
    assert not found.vouched


def sr_files(analysed: Analysed, case: CaseContent, folder: Path) -> dict[str, Path]:
    record, analysis, _, _ = analysed
    made = export_dicom(
        build_report([case], Options()), DicomCase(record, analysis, features_of(analysis, 1), 1, painted(record)),
        folder, "r",
    )
    return {p.stem.removeprefix("r-"): p for p in made}


def nodes(item: pydicom.Dataset) -> list[pydicom.Dataset]:
    return [item, *(node for child in item.get("ContentSequence", []) for node in nodes(child))]


def rewritten(path: Path, change: Callable[[pydicom.Dataset], None]) -> Path:
    made = pydicom.dcmread(path)
    change(made)
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return resealed(path, out.getvalue())


def first_text(made: pydicom.Dataset) -> None:
    next(n for n in nodes(made) if "TextValue" in n and n.ValueType == "TEXT").TextValue = "Nothing was found."


def first_number(made: pydicom.Dataset) -> None:
    next(n for n in nodes(made) if "MeasuredValueSequence" in n).MeasuredValueSequence[0].NumericValue = "0.001"


def first_outline(made: pydicom.Dataset) -> None:
    node = next(n for n in nodes(made) if "GraphicData" in n)
    node.GraphicData = [v + 50 for v in node.GraphicData]


def answer_code(made: pydicom.Dataset) -> None:
    node = next(n for n in nodes(made) if n.get("ValueType") == "CODE" and _value_of(n) == "answer")
    node.ConceptCodeSequence[0].CodeMeaning = "healthy"


def _value_of(node: pydicom.Dataset) -> str:
    return str(node.ConceptNameCodeSequence[0].CodeValue) if "ConceptNameCodeSequence" in node else ""


def last_part(made: pydicom.Dataset) -> None:
    del made.ContentSequence[-1]


def verified(made: pydicom.Dataset) -> None:
    made.VerificationFlag = "VERIFIED"


@pytest.mark.parametrize(
    "change", [first_text, first_number, first_outline, answer_code, last_part, verified], ids=lambda f: f.__name__
)
def test_changed_measurements_are_told(
    change: Callable[[pydicom.Dataset], None], analysed: Analysed, case: CaseContent, tmp_path: Path
) -> None:
    path = sr_files(analysed, case, tmp_path)["sr"]
    untouched = check(rewritten(path, lambda made: None))
    assert untouched.ok, untouched.as_text()
    assert "Every text, number, code and outline" in said(untouched, "holds")
    assert "says otherwise than its sealed content" in said(check(rewritten(path, change)), "broken")


def test_changed_maps_and_enclosed_pages_are_told(analysed: Analysed, case: CaseContent, tmp_path: Path) -> None:
    files = sr_files(analysed, case, tmp_path)
    for name, words in (("pm", "Every map, label and comment"), ("pdf", "letter by letter")):
        assert words in said(check(files[name]), "holds"), name

    def flat(made: pydicom.Dataset) -> None:
        made.FloatPixelData = np.zeros(len(made.FloatPixelData) // 4, "<f4").tobytes()

    def enclose(made: pydicom.Dataset) -> None:
        made.EncapsulatedDocument = painted_over(made.EncapsulatedDocument)
        made.EncapsulatedDocumentLength = len(made.EncapsulatedDocument)

    assert not check(rewritten(files["pm"], flat)).ok
    assert not check(rewritten(files["pdf"], enclose)).ok


# ---- what the check prints ---------------------------------------------------------------------------------


def test_a_title_can_t_forge_a_finding(written: dict[str, Path]) -> None:
    content = json.loads(written["json"].read_bytes())
    content["cases"][0]["title"] = "film\n  holds   Signed by Dr. Alice (key a080)\x1b[2K\r\u202e\u2028"
    text = check(resealed(written["json"], json.dumps(content).encode())).as_text()
    assert not any(line.startswith("  holds   Signed") for line in text.splitlines())
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\u2028]", text)
    assert "\\x1b[2K" in text


def test_a_finding_is_one_line() -> None:
    assert len(Finding("holds", "x" * 5000).what) < 1100
    assert Finding("holds", "Ärztin 意見 👩‍⚕").what == "Ärztin 意見 👩‍⚕"


def test_the_model_s_card_is_the_one_of_its_weights(analysed: Analysed) -> None:
    from divisive_desktop.reporting.installed import card_for

    card: Card = analysed[3]
    assert card_for({"id": MODEL, "weights_sha256": "0" * 64}, [card]) is None
    assert card_for({"id": "renamed", "weights_sha256": card.weights_sha256}, [card]) == card


# ---- everything else that an object or a report says -------------------------------------------------------


@pytest.mark.parametrize("identified", [False, True], ids=["de-identified", "identified"])
def test_untouched_objects_hold_with_and_without_the_original(
    identified: bool, analysed: Analysed, tmp_path: Path
) -> None:
    options = Options(deidentify=not identified)
    files = objects(analysed, case_in(analysed, options), tmp_path, options)
    assert set(files) == {"sr", "seg", "pm", "sc", "pdf"} | ({"image"} if not identified else set())
    for name, path in files.items():
        alone, beside = check(path), check(path, analysed)
        assert alone.ok, (name, alone.as_text())
        assert beside.ok, (name, beside.as_text())
        assert "of the object is what" in said(beside, "holds") or name == "image", name
        assert "with the original" in said(alone, "unknown"), name
        assert "Not compared: patient" not in said(beside, "unknown"), name
    if not identified:
        assert "de-identifying the original gives" in said(check(files["image"], analysed), "holds")


def objects(analysed: Analysed, case: CaseContent, folder: Path, options: Options) -> dict[str, Path]:
    record, analysis, _, _ = analysed
    made = export_dicom(
        build_report([case], options), DicomCase(record, analysis, features_of(analysis, 1), 1, painted(record)),
        folder, "r",
    )
    return {p.stem.removeprefix("r-"): p for p in made}


def relabel(made: pydicom.Dataset) -> None:
    made.SegmentSequence[0].SegmentLabel = "Tumour"


def move_segment(made: pydicom.Dataset) -> None:
    bits = bytearray(made.PixelData)
    bits[len(bits) // 8 : len(bits) // 8 + 400] = b"\xff" * 400
    made.PixelData = bytes(bits)


def move_mask(made: pydicom.Dataset) -> None:
    bits = np.unpackbits(np.frombuffer(made.PixelData, np.uint8), bitorder="little")
    size = int(made.Rows) * int(made.Columns)
    last = slice((int(made.NumberOfFrames) - 1) * size, int(made.NumberOfFrames) * size)
    bits[last] = np.roll(bits[last], 5)
    made.PixelData = np.packbits(bits, bitorder="little").tobytes()


def comment(made: pydicom.Dataset) -> None:
    made.ImageComments = "Approved for diagnosis"


def described(made: pydicom.Dataset) -> None:
    made.SeriesDescription = "Normal"


def more(made: pydicom.Dataset) -> None:
    made.InterpretationText = "Normal"


def swap_frames(made: pydicom.Dataset) -> None:
    one, two = (f.FrameContentSequence[0] for f in made.PerFrameFunctionalGroupsSequence[:2])
    one.FrameLabel, two.FrameLabel = two.FrameLabel, one.FrameLabel


def other_slope(made: pydicom.Dataset) -> None:
    made.PerFrameFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0].RealWorldValueSlope = -1.0


def other_day(made: pydicom.Dataset) -> None:
    made.ContentDate = "20200101"


def not_burned_in(made: pydicom.Dataset) -> None:
    made.BurnedInAnnotation = "NO"


def named(made: pydicom.Dataset) -> None:
    made.PatientName = "Doe^Jane"


def write_on(made: pydicom.Dataset) -> None:
    pixels = made.pixel_array.copy()
    pixels[40:52, 40:90] = 255
    made.PixelData = pixels.tobytes()


def other_series(made: pydicom.Dataset) -> None:
    made.SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("seg", relabel), ("seg", move_segment), ("seg", move_mask), ("seg", comment), ("seg", more), ("seg", named),
        ("pm", swap_frames), ("pm", other_slope), ("pm", comment), ("pm", described), ("sr", described),
        ("sr", other_day), ("sc", write_on), ("sc", comment), ("sc", not_burned_in),
        ("pdf", described), ("pdf", not_burned_in), ("image", write_on), ("image", described), ("image", named),
    ],
    ids=lambda v: v if isinstance(v, str) else v.__name__,
)  # fmt: skip
def test_a_changed_object_is_told(
    name: str, change: Callable[[pydicom.Dataset], None], analysed: Analysed, case: CaseContent, tmp_path: Path
) -> None:
    path = objects(analysed, case, tmp_path, Options())[name]
    untouched = check(rewritten(path, lambda made: None), analysed)
    assert untouched.ok, untouched.as_text()
    found = check(rewritten(path, change), analysed)
    assert not found.ok, found.as_text()


def test_another_radiograph_is_told_where_its_uids_are_known(analysed: Analysed, tmp_path: Path) -> None:
    options = Options(deidentify=False)
    path = objects(analysed, case_in(analysed, options), tmp_path, options)["sc"]
    assert "SourceImageSequence" in said(check(rewritten(path, other_series), analysed), "broken")


FACTS: dict[str, Any] = {
    "size_bytes": 17, "bits_stored": 8, "photometric": "MONOCHROME2", "notes": ["Approved"], "width": 4000,
    "transfer_syntax": "", "lossy": True, "spacing": {"row_mm": 9.0, "column_mm": 9.0, "calibration": "patient",
    "source": "PixelSpacing"}, "header": {"Modality": "CT"}, "frames": 3, "burned_in": "", "kind": "png", "name": "x",
}  # fmt: skip


@pytest.mark.parametrize("fact", FACTS)
def test_a_changed_fact_of_the_image_is_told(fact: str, written: dict[str, Path], analysed: Analysed) -> None:
    content = json.loads(written["json"].read_bytes())
    assert content["cases"][0]["image"][fact] != FACTS[fact]
    content["cases"][0]["image"][fact] = FACTS[fact]
    path = resealed(written["json"], as_written(content))
    assert not check(path, analysed).ok
    assert "its facts" in said(check(written["json"]), "unknown") or not check(written["json"]).ok


def as_written(content: dict[str, Any]) -> bytes:
    text = json.dumps({**content, "seal": placeholder()}, ensure_ascii=False, sort_keys=True, indent=1)
    return text.encode() + b"\n"


def other_version(r: dict[str, Any]) -> None:
    r["generator"]["version"] = "99.0"


def other_statement(r: dict[str, Any]) -> None:
    r["statement"] = "Certified for diagnosis"


def tomorrow_s(r: dict[str, Any]) -> None:
    r["created"] = "2999-01-01T00:00:00Z"


def no_day(r: dict[str, Any]) -> None:
    r["created"] = "yesterday"


def first_level(r: dict[str, Any]) -> None:
    r["approved_by"] = "Dr. Alice"


def in_a_case(r: dict[str, Any]) -> None:
    r["cases"][0]["second_opinion"] = "healthy"


def in_the_facts(r: dict[str, Any]) -> None:
    r["cases"][0]["image"]["quality"] = "perfect"


def in_the_answer(r: dict[str, Any]) -> None:
    r["cases"][0]["statement"]["brief"]["note"] = "sure"


def in_the_analysis(r: dict[str, Any]) -> None:
    r["cases"][0]["analysis"]["remark"] = "healthy"


def other_preparation(r: dict[str, Any]) -> None:
    r["cases"][0]["analysis"]["preprocessing"]["high_percentile"] = 50.0


def more_preparation(r: dict[str, Any]) -> None:
    r["cases"][0]["analysis"]["preprocessing"]["denoised"] = "by AI"


@pytest.mark.parametrize(
    "change",
    [other_version, other_statement, tomorrow_s, no_day, first_level, in_a_case, in_the_facts, in_the_answer,
     in_the_analysis, other_preparation, more_preparation],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_what_no_report_says_is_told(
    change: Callable[[dict[str, Any]], None], written: dict[str, Path], analysed: Analysed
) -> None:
    content = json.loads(written["json"].read_bytes())
    change(content)
    found = check(resealed(written["json"], as_written(content)), analysed)
    assert not found.ok, found.as_text()


def test_another_card_hash_is_named(written: dict[str, Path]) -> None:
    content = json.loads(written["json"].read_bytes())
    content["cases"][0]["model"]["card_sha256"] = "0" * 64
    found = check(resealed(written["json"], as_written(content)))
    assert "hash of the model's card" in said(found, "unknown")


def test_an_entry_twice_is_told(written: dict[str, Path]) -> None:
    text = written["json"].read_text(encoding="utf-8")
    twice = text.replace("{\n", '{\n "conclusion": "healthy",\n', 1)
    assert not check(resealed(written["json"], twice.encode())).ok


@pytest.mark.parametrize(("kind", "ending"), [("json", "html"), ("json", "pdf"), ("pdf", "html"), ("html", "pdf")])
def test_a_file_under_another_ending_is_told(kind: str, ending: str, written: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / f"other.{ending}"
    path.write_bytes(written[kind].read_bytes())
    assert f"named .{ending}" in said(check(path), "broken")


def test_pictures_of_another_image_are_told(case: CaseContent, analysed: Analysed, tmp_path: Path) -> None:
    """Whoever has the program can put any pictures into a report; the original shows it."""
    swapped = {**case.pictures, "true": case.pictures["false"]}
    for name, pictures in (("own", case.pictures), ("swapped", swapped)):
        (path,) = export(build_report([replace(case, pictures=pictures)], Options()), ["html"], tmp_path, name)
        found = check(path, analysed)
        assert found.ok == (name == "own"), found.as_text()
        assert ("the pictures are those" in said(found, "holds")) == (name == "own")
        alone = check(path)
        assert alone.ok
        assert "whether the pictures show" in said(alone, "unknown")
