"""Whether a report's content has the form that the program gives it: no more, no less, and as its name says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from divisive_desktop import RESEARCH_USE, __version__
from divisive_desktop.explanation.export import analysis_json
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.finding import Finding
from divisive_desktop.reporting.options import SECTIONS, VOLUME
from divisive_desktop.reporting.reread import features_of, reread, reread_analysis
from divisive_desktop.reporting.seal import placeholder, unsealed
from divisive_desktop.reporting.table import is_table

_AHEAD = timedelta(days=1)
"""Clocks of two machines may differ."""
_GENERATOR = {"name", "version", "python", "libraries", "pages", "maker"}


def named_as_it_is(name: str, data: bytes) -> list[Finding]:
    """Programs open a file by its name's ending: under another one it shows something that nobody sealed."""
    kind = "json"
    if data[128:132] == b"DICM":
        kind = "dcm"
    elif data.startswith(b"%PDF"):
        kind = "pdf"
    elif is_table(data):
        kind = "csv"
    elif b'id="report">' in data and not data.startswith(b"{"):
        kind = "html"
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    known = {"pdf", "html", "htm", "xhtml", "svg", "xml", "dcm", "dicom", "csv", "json"}
    if ending in known and ending != kind and (kind, ending) not in (("html", "htm"), ("dcm", "dicom")):
        what = f"The file is named .{ending}, but what is sealed in it is a report as .{kind}"
        return [Finding("broken", f"{what}: programs may show another page.")]
    return []


def agrees_in_form(content: Mapping[str, Any], data: bytes, *, same_maker: bool) -> list[Finding]:
    """Compare names of entries, and what every report states alike, with what this program writes.

    Parameters
    ----------
    content : mapping
        As it was read from the file.
    data : bytes
        The file; of JSON, which is nothing but its content, every letter is compared.
    same_maker : bool
        This very program made the report; entries that another one has are named, not called changed.
    """
    findings = []
    more = list(_more(content))
    if more:
        what = f"The content holds what no report has: {', '.join(more[:5])}"
        findings.append(Finding("broken" if same_maker else "unknown", f"{what}."))
    wrong = []
    generator = content["generator"]
    if content.get("statement") != RESEARCH_USE:
        wrong.append(f"its statement is not “{RESEARCH_USE}”")
    if generator["name"] != "Divisive Desktop" or (same_maker and generator["version"] != __version__):
        wrong.append(f"it was made by {generator['name']} {generator['version']}, which this program isn't")
    wrong += _dated(content["created"])
    wrong += _placed(content)
    if wrong:
        findings.append(Finding("broken", f"The report was changed: {'; '.join(wrong)}."))
    if data.startswith(b"{"):
        text = json.dumps({**content, "seal": placeholder()}, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
        if text.encode() != unsealed(data):
            what = "The file isn't written as this program writes it: entries may be there twice"
            findings.append(Finding("broken" if same_maker else "unknown", f"{what}."))
    if not findings:
        findings.append(Finding("holds", "The content has the entries of a report and no others; statement, program "
                                "and form of the date are those of this program."))  # fmt: skip
    return findings


def _dated(created: str) -> Iterator[str]:
    try:
        made = datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        yield "its date isn't one"
        return
    if made > datetime.now(UTC) + _AHEAD:
        yield f"its date, {created}, lies in the future"


def _placed(content: Mapping[str, Any]) -> Iterator[str]:
    """Which of how many cases a file says that it holds, and what it says was left out."""
    first, held = content.get("first_number", 1), len(content["cases"])
    total = content.get("total", 0) or held
    volumes = held == min(VOLUME, total - first + 1) and first % VOLUME == 1
    if (first, total) != (1, held) and not volumes:
        yield f"it has {held} cases, and says that they are those from number {first} on of {total}"
    for case in content["cases"] if content["deidentified"] else ():
        if not case["image"]["name"].startswith(case["image"]["sha256"][:12]) or case["title"] != case["image"]["name"]:
            yield f"{case['title']} is called otherwise than by its hash, as in a de-identified report"
    unknown = [name for name in content.get("sections", ()) if name not in SECTIONS]
    if unknown:
        yield f"no section is called {unknown[0]}"


def _more(content: Mapping[str, Any]) -> Iterator[str]:
    """Entries that a report doesn't have."""
    report = reread(content)
    made = report.as_dict()
    yield from _others(content, {**made, "seal": ""}, "", deep=("cases",))
    yield from (name for name in content["generator"] if name not in _GENERATOR)
    for case, raw, again in zip(report.cases, content["cases"], made["cases"], strict=True):
        old = {"verdict"}  # of reports before there were statements
        yield from _others(raw, {**again, **dict.fromkeys(old)}, "", deep=("image", "statement", "mask"))
        yield from _others(raw["analysis"], _analysis(case, raw), "analysis.")


def _others(held: Mapping[str, Any], known: Mapping[str, Any], where: str, deep: tuple[str, ...] = ()) -> Iterator[str]:
    for name, value in held.items():
        if name not in known:
            yield re.sub(r"\s+", " ", f"{where}{name}")[:60]
        elif name in deep and isinstance(value, Mapping) and isinstance(known[name], Mapping):
            inner = ("brief",) if name == "statement" else ()
            yield from _others(value, known[name], f"{where}{name}.", inner)


def _analysis(case: CaseContent, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of an analysis."""
    analysis = reread_analysis(raw)
    if analysis.scope.withheld:
        return dict(raw["analysis"])
    label = case.true_class if case.true_class_source == "label" else None
    known = analysis_json(analysis, features_of(analysis, case.true_class), case.statement, label)
    return {**known, "decision": None, "rates": None, "bias": None, "nearer": None}
