from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop.errors import CancelledError, ImageMissingError, ReportError
from divisive_desktop.imaging import open_image
from divisive_desktop.reporting import produce as module
from divisive_desktop.reporting.build import plain_header
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.dicom_export import DicomCase
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.produce import ProducedFiles, produce
from divisive_desktop.reporting.verify import read_content, verify_file

from .conftest import Analysed

Build = Callable[[int, bool], CaseContent]


@pytest.fixture
def build(case: CaseContent) -> Build:
    return lambda side, lossless: case


def gone(side: int, lossless: bool) -> CaseContent:
    raise ImageMissingError("film.dcm is not where it was.", "Plug the disk in.")


def told() -> tuple[list[float], Callable[[float, str, float | None], None]]:
    fractions: list[float] = []
    return fractions, lambda fraction, what, left: fractions.append(fraction)


def test_every_format_is_written_and_verifies(build: Build, tmp_path: Path) -> None:
    fractions, progress = told()
    options = Options(formats=("pdf", "html", "json", "csv"), conclusion="On all.")
    made = produce([("a", build), ("b", build)], options, tmp_path, progress=progress)
    assert [f.name for f in made.files] == [f"report-2-cases.{e}" for e in ("pdf", "html", "json", "csv")]
    assert made.failures == ()
    assert all(verify_file(f).ok for f in made.files)
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    content = read_content(made.files[2].read_bytes())
    assert content is not None
    assert content["conclusion"] == "On all."
    assert len(content["cases"]) == 2


def test_one_case_gets_lossless_pictures_and_many_smaller_ones(case: CaseContent, tmp_path: Path) -> None:
    asked: list[tuple[int, bool]] = []

    def build(side: int, lossless: bool) -> CaseContent:
        asked.append((side, lossless))
        return case

    produce([("a", build)], Options(formats=("csv",)), tmp_path)
    produce([("a", build)] * 4, Options(formats=("csv",)), tmp_path)
    assert asked[0][1]
    assert not asked[1][1]
    assert asked[1][0] < asked[0][0]


def test_a_case_that_fails_is_left_out_and_named(build: Build, tmp_path: Path) -> None:
    made = produce([("a", build), ("b", gone)], Options(formats=("json",)), tmp_path)
    ((name, error),) = made.failures
    assert name == "b"
    assert error.remedy == "Plug the disk in."
    assert len(made.files) == 1
    with pytest.raises(ImageMissingError):
        produce([("b", gone)], Options(formats=("json",)), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_many_cases_come_in_volumes(
    build: Build, case: CaseContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VOLUME", 2)
    made = produce([(str(i), build) for i in range(5)], Options(formats=("html", "json")), tmp_path)
    names = [f.name for f in made.files]
    assert names == [*(f"report-5-cases-part-0{i}-of-03.html" for i in (1, 2, 3)), "report-5-cases.json"]
    contents = [read_content(f.read_bytes()) for f in made.files]
    assert [len(c["cases"]) for c in contents if c] == [2, 2, 1, 5]
    assert [c["first_number"] for c in contents if c] == [1, 3, 5, 1]
    assert {c["total"] for c in contents if c} == {5}


@pytest.mark.parametrize("moment", [0.0, 0.3, 0.7, 0.9])
def test_cancelling_leaves_nothing_behind(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: float
) -> None:
    monkeypatch.setattr(module, "VOLUME", 2)
    fractions, progress = told()
    with pytest.raises(CancelledError):
        produce(
            [(str(i), build) for i in range(5)], Options(formats=("csv", "html", "pdf")), tmp_path,
            progress=progress, cancelled=lambda: not fractions or fractions[-1] >= moment,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_other_people_s_files_survive(build: Build, tmp_path: Path) -> None:
    mine = tmp_path / "report-2-cases.json"
    mine.write_text("mine")
    fractions, progress = told()
    with pytest.raises(CancelledError):
        produce(
            [("a", build)] * 2, Options(formats=("json", "html")), tmp_path, progress=progress,
            cancelled=lambda: bool(fractions) and fractions[-1] > 0.8,
        )  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == [mine.name]
    made = produce([("a", build)] * 2, Options(formats=("json",)), tmp_path)
    assert made.files[0].name == "report-2-cases-2.json"
    assert mine.read_text() == "mine"


def test_an_unwritable_folder_leaves_nothing(build: Build, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(ReportError, match="can't be made") as raised:
        produce([("a", build)], Options(formats=("json", "pdf")), blocked / "below")
    assert "another folder" in raised.value.remedy
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_dicom_and_pages_together(case: CaseContent, analysed: Analysed, tmp_path: Path) -> None:
    record, analysis, features, _ = analysed
    cases = [("film", lambda side, lossless: case), ("photo", lambda side, lossless: case)]

    def film() -> DicomCase:
        return DicomCase(record, analysis, features)

    def photo() -> DicomCase:
        return DicomCase(replace(record, transfer_syntax=""), analysis, features)

    def write(formats: tuple[str, ...], dicom: list[Callable[[], DicomCase]], folder: str) -> ProducedFiles:
        return produce(cases[: len(dicom)], Options(formats=formats), tmp_path / folder, dicom=dicom)

    made = write(("json", "dicom"), [film, photo], "both")
    assert [name for name, _ in made.failures] == ["photo"]
    assert {f.suffix for f in made.files} == {".json", ".dcm"}
    with pytest.raises(ReportError, match="not a DICOM file"):
        write(("json", "dicom"), [photo], "photo")
    assert not (tmp_path / "photo").exists() or not list((tmp_path / "photo").iterdir())


@pytest.mark.parametrize("formats", [("dicom", "json"), ("json", "dicom"), ("dicom",)])
def test_bytes_behind_the_end_of_a_dicom_file_cost_its_objects_only(
    case: CaseContent, analysed: Analysed, tmp_path: Path, formats: tuple[str, ...]
) -> None:
    record, analysis, features, _ = analysed
    longer = tmp_path / "longer.dcm"
    # Of a value representation that there is none of.
    longer.write_bytes(record.path.read_bytes() + b"\xfc\x7f\x10\x00ZZ\x02\x00ab")
    odd = open_image(longer)
    cases = [("film", lambda side, lossless: case), ("odd", lambda side, lossless: case)]
    dicom = [
        lambda: DicomCase(record, analysis, features),
        lambda: DicomCase(odd, replace(analysis, sha256=odd.sha256), features),
    ]
    options = Options(formats=formats)
    made = produce(cases, options, tmp_path / "both", dicom=dicom)
    ((name, error),) = made.failures
    assert (name, type(error)) == ("odd", ReportError)
    assert "longer.dcm" in error.message
    assert {f.suffix for f in made.files} == {"." + {"dicom": "dcm"}.get(f, f) for f in formats}
    assert made.left_out == ({"odd"} if formats == ("dicom",) else set())
    if formats == ("dicom",):
        with pytest.raises(ReportError, match=r"longer\.dcm"):
            produce(cases[1:], options, tmp_path / "odd", dicom=dicom[1:])
    else:
        alone = produce(cases[1:], options, tmp_path / "odd", dicom=dicom[1:])
        assert [f.suffix for f in alone.files] == [".json"]


@pytest.mark.parametrize(
    ("count", "options", "said"),
    [
        (0, Options(), "No case"),
        (1, Options(formats=()), "No format"),
        (1, Options(formats=("dicom",)), "DICOM objects can't"),
        (1, Options(formats=("docx",)), "no report format 'docx'"),
        (1, Options(language="xx"), "no translation"),
    ],
)
def test_what_can_t_be_is_said_before_anything_is_written(
    build: Build, tmp_path: Path, count: int, options: Options, said: str
) -> None:
    with pytest.raises(ReportError, match=said):
        produce([("a", build)] * count, options, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_de_identified_report_repeats_codes_of_dicom_s_own_words_alone() -> None:
    codes = {"Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}
    header = {**codes, "Manufacturer": "Maker", "Other": "x"}
    assert plain_header(header) == {name: header[name] for name in header if name != "Other"}
    named = {**header, "Modality": "JOHN DOE", "BodyPartExamined": "ROSE MARY", "ViewPosition": "PETER SMITH"}
    assert plain_header(named) == {"Manufacturer": "Maker"}
