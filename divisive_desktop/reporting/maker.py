"""What gives a report's pages their exact look: two programs with the same one make the same pages of one content."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from divisive_desktop import paths
from divisive_desktop.reporting.finding import Finding
from divisive_desktop.version import build

_CODE, _ROOMS = Path(__file__).resolve().parent.parent, ("explanation", "library", "reporting")
_LIBRARIES = ("fpdf2", "fonttools", "jinja2", "pillow", "uharfbuzz", "highdicom", "pydicom", "numpy")
_SILENT = ("0.1.0",)
"""Releases whose reports don't say what made their pages, and have no statements either."""


@cache
def maker(language: str) -> Mapping[str, str]:
    """Program, wording in this language, template and the libraries that lay out pages, each with its version or hash.

    A packaged program's version names its commit; elsewhere the code is asked, which may change under one version.
    """
    parts = {"build": build(), "zlib": zlib.ZLIB_RUNTIME_VERSION}
    for name in _LIBRARIES:
        try:
            parts[name] = version(name)
        except PackageNotFoundError:
            parts[name] = "not installed"
    code, wording = hashlib.sha256(), hashlib.sha256()
    for room in _ROOMS:
        for source in sorted((_CODE / room).rglob("*.py")):
            code.update(source.read_bytes())
    for file in (f"i18n/{language}.json", "i18n/en.json", "templates/report.html.j2"):
        path = paths.resources_dir() / file
        wording.update(path.read_bytes() if path.is_file() else b"")
    return MappingProxyType({**parts, "code": code.hexdigest()[:16], "wording": wording.hexdigest()[:16]})


def fingerprint_of(parts: Mapping[str, str]) -> str:
    """Short hash of what `maker` gives."""
    return hashlib.sha256(json.dumps(dict(parts), sort_keys=True).encode()).hexdigest()[:16]


def pages_of(language: str) -> str:
    """The fingerprint of this program."""
    return fingerprint_of(maker(language))


def same_maker(content: Mapping[str, Any]) -> tuple[bool, list[Finding]]:
    """Whether this very program made a report, and what is wrong with what the report says of its maker.

    Only with the same maker is every letter compared, so whoever changes a report would like to name another one:
    what is stated must agree with itself, and a maker that isn't this program is named, part by part.
    """
    generator = content["generator"]
    pages, stated = generator.get("pages"), generator.get("maker")
    here, said = maker(content["language"]), generator["version"]
    if pages is None and stated is None and said in _SILENT and not any("statement" in c for c in content["cases"]):
        return False, [_other(f"Version {said}")]
    if not isinstance(stated, dict) or not all(isinstance(part, str) for part in stated.values()):
        what = f"Version {said} says in every report what made its pages, and this one doesn't"
        return False, [Finding("broken", f"The report was changed: {what}.")]
    wrong = []
    if fingerprint_of(stated) != pages:
        wrong.append("what it says made its pages doesn't have the fingerprint that it states (generator.pages)")
    if str(stated.get("build")).partition("+")[0] != said:
        wrong.append(f"it names version {said} and build {stated.get('build')}")
    libraries = generator["libraries"]
    wrong += [f"it names {name} {libraries[name]} and {stated[name]}" for name in sorted({*libraries} & {*stated})
              if libraries[name] != stated[name]]  # fmt: skip
    differs = [name for name in sorted({*here, *stated}) if stated.get(name) != here.get(name)]
    if stated.get("build") == here["build"] and "+" in here["build"] and {*differs} & {"code", "wording"}:
        wrong.append(f"it names this very build, {here['build']}, whose {' and '.join(differs)} are others")
    if wrong:
        return False, [Finding("broken", f"The report was changed: {'; '.join(wrong)}.")]
    if not differs:
        return True, []
    parts = (f"{name} {stated.get(name, 'unnamed')} (here {here.get(name, 'unnamed')})" for name in differs)
    return False, [_other(f"Another program than this one: {', '.join(parts)}")]


def _other(who: str) -> Finding:
    what = "words, features and pages that this program would make otherwise are named, and can't be called changed"
    return Finding("unknown", f"{who} made this report, as it says itself. A forger can say so, too: {what}.")
