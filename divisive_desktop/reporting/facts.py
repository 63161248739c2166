"""What a report states of the image's file, against the file itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.reporting.build import image_facts, stated_name
from divisive_desktop.reporting.deid import HIDDEN
from divisive_desktop.reporting.finding import Finding

NO_ORIGINAL = (
    "Not compared, without the image (--original): its facts (name, size in bytes and pixels, greys, bits, coding, "
    "spacing, header, notes)"
)
_ELSEWHERE = ("decoder", "burned_in")
"""Facts in words of the program: another version may say them otherwise."""


def facts_of_original(content: Mapping[str, Any], record: ImageRecord, *, same_maker: bool) -> list[Finding]:
    """Compare the facts on an image with its file.

    Parameters
    ----------
    content : mapping
        Of the whole report.
    record : ImageRecord
        The original, opened as it was analysed; cases of other images aren't looked at.
    """
    findings = []
    hidden = bool(content["deidentified"])
    for case in content["cases"]:
        stated = case["image"]
        if stated["sha256"] != record.sha256:
            findings.append(Finding("unknown", f"{case['title']}: facts on the image not compared: it isn't here."))
            continue
        given = json.loads(json.dumps(asdict(image_facts(record, stated_name(record, hidden), hidden))))
        held = {**stated, "notes": [note for note in stated.get("notes", ()) if HIDDEN not in note]}
        differs = [name for name in sorted({*given, *held}) if _plain(held.get(name)) != _plain(given.get(name))]
        if "name" in differs and not hidden:  # whoever got the file may have given it another name
            differs.remove("name")
            findings.append(Finding("unknown", f"{case['title']}: the image is called {stated['name']} in the report, "
                                    f"and {record.path.name} here."))  # fmt: skip
        words = [name for name in differs if name in _ELSEWHERE and (not same_maker or name == "decoder")]
        differs = [name for name in differs if name not in words]
        if differs and (same_maker or set(differs) & {"size_bytes", "width", "height", "frame", "frames"}):
            findings.append(Finding("broken", f"{case['title']}: the original contradicts {_named(differs)}."))
        elif differs or words:
            findings.append(Finding("unknown", f"{case['title']}: this program reads {_named([*differs, *words])} of "
                                    "the original otherwise."))  # fmt: skip
        else:
            what = "size, greys, bits, coding, spacing, header and notes are those of the original"
            findings.append(Finding("holds", f"{case['title']}: {what}."))
    return findings


def _named(facts: list[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in facts)


def _plain(value: object) -> object:
    """Empty is empty, whether it is written or left out."""
    return value or None
