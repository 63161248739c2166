"""Every entry of a report's content: a change is told, or the check says that it can't judge it."""

from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.export import export
from divisive_desktop.reporting.finding import Verification
from divisive_desktop.reporting.maker import fingerprint_of, maker
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.verify import verify_file

from .conftest import Analysed
from .test_forgeries import as_written, check, resealed, said

At = tuple[str | int, ...]

LISTED = {
    "conclusion": "conclusion", "cases.0.conclusion": "conclusion", "cases.0.analyst": "names",
    "institution": "institution", "logo": "logo", "sections": "left out",
    "cases.0.mask": "the mask's figures and SHA-256", "cases.0.audit": "the history",
    "cases.0.casebook": "the casebook it names", "generator.python": "versions of Python",
    "generator.libraries": "libraries", "cases.0.analysis.device": "device",
    "cases.0.analysis.timings_ms": "times taken",
    "cases.0.pictures": "in JSON the SHA-256 of the pictures", "created": "the day of the report",
}  # fmt: skip
"""What no comparison can tell -> the words that say so."""


@pytest.fixture
def written(case: CaseContent, tmp_path: Path) -> Path:
    (path,) = export(build_report([case], Options()), ("json",), tmp_path, "report")
    return path


def leaves(value: Any, at: At = ()) -> Iterator[At]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from leaves(item, (*at, key))
        if at[-1:] in (("true",), ("false",)) and isinstance(value, list):
            break  # one cell of a class map stands for all
    if not isinstance(value, dict | list) or not value:
        yield at


def other(value: Any) -> Any:
    """Something of the same kind, or of another where there is none."""
    match value:
        case bool():
            return not value
        case int():
            return value + 3
        case float():
            return value * 1.5 + 0.25
        case str():
            return "0" * 64 if len(value) == 64 else f"{value} healthy"
        case list():
            return ["x"]
        case None:
            return "x"
    return {"x": "y"}


def replaced(content: dict[str, Any], at: At) -> dict[str, Any]:
    changed: Any = copy.deepcopy(content)
    target = changed
    for key in at[:-1]:
        target = target[key]
    target[at[-1]] = other(target[at[-1]])
    return dict(changed)


def told(found: Verification) -> set[tuple[str, str]]:
    return {(f.state, f.what) for f in found.findings if "(seal " not in f.what}


def test_a_change_of_any_entry_is_told_or_said_not_to_be_compared(written: Path, analysed: Analysed) -> None:
    content = json.loads(written.read_bytes())
    before = check(written, analysed)
    assert before.ok, before.as_text()
    silent = []
    for at in leaves(content):
        name = ".".join(map(str, at))
        if name == "seal":
            continue
        found = check(resealed(written, as_written(replaced(content, at))), analysed)
        words = next((words for entry, words in LISTED.items() if f"{name}.".startswith(f"{entry}.")), None)
        if found.ok and told(found) == told(before) and (words is None or words not in said(found, "unknown")):
            silent.append(name)
    assert not silent


# ---- who made it ---------------------------------------------------------------------------------------------------


def other_pages(generator: dict[str, Any]) -> None:
    generator["pages"] = "0" * 16


def no_pages(generator: dict[str, Any]) -> None:
    del generator["pages"]


def no_maker(generator: dict[str, Any]) -> None:
    del generator["maker"]


def neither(generator: dict[str, Any]) -> None:
    """As reports of 0.1.0 are, which had no statements."""
    del generator["maker"], generator["pages"]


def other_code(generator: dict[str, Any]) -> None:
    generator["maker"]["code"] = "0" * 16


def later_version(generator: dict[str, Any]) -> None:
    generator["version"] = "99.0"
    generator["pages"] = fingerprint_of(generator["maker"])


def other_library(generator: dict[str, Any]) -> None:
    generator["libraries"]["numpy"] = "99.0"


@pytest.mark.parametrize(
    "change", [other_pages, no_pages, no_maker, neither, other_code, later_version, other_library],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_a_maker_that_contradicts_itself_is_told(
    change: Callable[[dict[str, Any]], None], written: Path
) -> None:
    """Only with the same maker is every letter compared: whoever changes a page would like to name another one."""
    content = json.loads(written.read_bytes())
    change(content["generator"])
    found = check(resealed(written, as_written(content)))
    assert "The report was changed: " in said(found, "broken"), found.as_text()


def test_another_maker_is_named_part_by_part(written: Path) -> None:
    content = json.loads(written.read_bytes())
    parts = content["generator"]["maker"] | {"code": "0" * 16, "fonttools": "99"}
    content["generator"] |= {"maker": parts, "pages": fingerprint_of(parts)}
    found = check(resealed(written, as_written(content)))
    assert found.ok
    words = said(found, "unknown")
    assert f"code {'0' * 16} (here {maker('en')['code']})" in words
    assert "fonttools 99 (here " in words
    assert "A forger can say so, too" in words


def test_a_packaged_build_has_one_code(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from divisive_desktop.reporting import maker as module

    built = {**maker("en"), "build": "0.1.0+g1234567"}
    monkeypatch.setattr(module, "maker", lambda language: built)
    content = json.loads(written.read_bytes())
    parts = {**built, "code": "0" * 16}
    content["generator"] |= {"maker": parts, "pages": fingerprint_of(parts)}
    found = check(resealed(written, as_written(content)))
    assert "names this very build" in said(found, "broken")


def named_signer(content: dict[str, Any]) -> None:
    content["signer"] = {"name": "Dr. Alice", "public_key": ""}


def signer_of_another_form(content: dict[str, Any]) -> None:
    content["signer"] = ["Dr. Alice"]


def volume(content: dict[str, Any]) -> None:
    content["first_number"], content["total"] = 7, 9


def section(content: dict[str, Any]) -> None:
    content["sections"] = ["limitations"]


def day_of_signing(content: dict[str, Any]) -> None:
    content["cases"][0]["signed_on"] = "2026-01-01"


def name_of_a_person(content: dict[str, Any]) -> None:
    content["cases"][0]["title"] = "Jane Doe"


@pytest.mark.parametrize(
    "change", [named_signer, signer_of_another_form, volume, section, day_of_signing, name_of_a_person],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_what_contradicts_the_rest_is_told(change: Callable[[dict[str, Any]], None], written: Path) -> None:
    content = json.loads(written.read_bytes())
    change(content)
    assert not check(resealed(written, as_written(content))).ok


# ---- tables --------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(case: CaseContent, tmp_path: Path) -> dict[str, Path]:
    report = build_report([case], Options())
    return {p.suffix[1:]: p for p in export(report, ("json", "html", "csv"), tmp_path, "report")}


def test_a_table_alone_is_said_to_prove_nothing(files: dict[str, Path]) -> None:
    found = verify_file(files["csv"])
    assert found.ok
    assert "proves nothing by itself" in said(found, "unknown")
    assert "JSON, PDF or HTML" in said(found, "unknown")


def test_every_cell_of_a_table_is_compared_with_the_report(files: dict[str, Path]) -> None:
    for kind in ("json", "html"):
        found = verify_file(files["csv"], against=files[kind])
        assert found.ok, found.as_text()
        assert "Every cell of the table" in said(found, "holds")
        assert f"{files[kind].name}: The bytes are as they were exported" in said(found, "holds")
    table = files["csv"].read_text(encoding="utf-8-sig")
    head, row, _ = csv.reader(io.StringIO(table))
    for number, name in enumerate(head):
        changed = [*row[:number], f"{row[number]}1", *row[number + 1 :]]
        out = io.StringIO()
        lines = csv.writer(out)
        lines.writerows((head, changed))
        data = "\ufeff" + out.getvalue() + table.splitlines(keepends=True)[-1]
        found = verify_file(resealed(files["csv"], data.encode()), against=files["json"])
        assert f"row 1, {name}: " in said(found, "broken"), found.as_text()


def test_a_table_beside_a_broken_report_or_another_one_is_broken(files: dict[str, Path]) -> None:
    content = json.loads(files["json"].read_bytes())
    content["cases"][0]["conclusion"] = "Healthy."
    other_report = resealed(files["json"], as_written(content))
    assert not verify_file(files["csv"], against=other_report).ok
    content["cases"][0]["analysis"]["probability"] = 0.999
    found = verify_file(files["csv"], against=resealed(files["json"], as_written(content)))
    assert "the probability" in said(found, "broken")
    assert not verify_file(files["csv"], against=files["csv"]).ok


def test_who_a_table_says_signed_it_must_have(files: dict[str, Path]) -> None:
    rows = list(csv.reader(io.StringIO(files["csv"].read_text(encoding="utf-8-sig"))))
    rows[1][rows[0].index("signer")] = "Dr. Alice"
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    found = verify_file(resealed(files["csv"], ("\ufeff" + out.getvalue()).encode()))
    assert "says that it is signed" in said(found, "broken")
