"""What was done with a case, from the casebook's audit chain, in words that name no one but the analyst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from divisive_desktop.casebook import AuditRecord, Casebook
from divisive_desktop.casebook.storage.blobs import hash_file
from divisive_desktop.errors import ReportError, in_words
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.language import term, text

_SILENT = ("time", "thumbnails", "restore", "report", "batch-item", "split")
"""Acts that say nothing about how the answer came about."""
LIMIT = 5000


def extract(book: Casebook, case_id: int, classes: tuple[str, str], language: str) -> tuple[Mapping[str, Any], ...]:
    """The acts on one case, oldest first; repeated ones (strokes of a brush) are one row with their number.

    Each row names the last record's place and hash in the chain, so that the casebook can confirm it later
    (``divisive-desktop verify REPORT --casebook CASEBOOK``). Free text, names of files and patients stay out.
    """
    rows: list[dict[str, Any]] = []
    for record in reversed(book.audit.trail(case_id, limit=LIMIT)):
        if record.act in _SILENT:
            continue
        shown = _words(record, classes, language)
        last = rows[-1] if rows else None
        if last is not None and (last["act"], last["user"], last["what"]) == (record.act, record.user, shown):
            last.update(time=_minute(record.time), seq=record.seq, hash=record.hash, times=last["times"] + 1)
            continue
        rows.append({
            "seq": record.seq, "time": _minute(record.time), "user": record.user, "act": record.act, "what": shown,
            "times": 1, "hash": record.hash,
        })  # fmt: skip
    return tuple(rows)


def exported(files: Sequence[Path]) -> tuple[list[str], list[str]]:
    """What the casebook keeps of a report's files, so that it can vouch for them later: names without folders, SHA-256.

    Raises
    ------
    ReportError
        One of them can't be read any more.
    """
    try:
        digests = [hash_file(file) for file in files]
    except OSError as e:
        raise ReportError(
            f"The report is written, but not in the casebook's record: {in_words(e)}.", "Write it again."
        ) from e
    return [file.name for file in files], digests


def anchor(book: Casebook, case_id: int, analysis_id: int) -> dict[str, Any]:
    """Names the casebook and the end of its chain: the report pins everything that was recorded before it."""
    seq, digest = book.head()
    return {
        "identity": book.settings.get("identity", ""), "case": case_id, "analysis": analysis_id, "chain_length": seq,
        "chain_head": digest,
    }  # fmt: skip


def _words(record: AuditRecord, classes: tuple[str, str], language: str) -> str:
    given = record.parameters
    if record.act == "label":
        value = given.get("value")
        name = text(language, "act_no_label") if value is None else term(language, classes[int(value)])
        return text(language, "act_label", name=name)
    if record.act == "review":
        return text(language, "act_review", state=text(language, f"review_{given.get('value')}"))
    if record.act in ("analysis", "show-analysis"):
        return text(language, "act_analysis", model=record.model or given.get("analysis", ""))
    if record.act == "correct":
        names = Correction.parse(given.get("correction")).names
        what = ", ".join(text(language, f"mend_{name}") for name in names)
        return text(language, "act_correct", what=what) if names else text(language, "act_correct_back")
    if record.act == "mask":
        return text(language, "act_mask", n=len(given.get("regions") or ()))
    if record.act == "mask finished":
        return text(language, "act_mask_finished_blind" if given.get("blind") else "act_mask_finished")
    known = (
        "import", "agreement", "notes", "tags", "rename", "export", "trash", "task", "measure", "file-state",
        "adopt-original", "relink", "patient", "asked-anyway",
    )  # fmt: skip
    return text(language, f"act_{record.act}") if record.act in known else record.act


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
