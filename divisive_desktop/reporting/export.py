"""A report into files: sealed, whole or not at all, never over an existing file."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from divisive_desktop.errors import ReportError, in_words
from divisive_desktop.explanation.scope import ASKED_ANYWAY
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.reporting.content import Report
from divisive_desktop.reporting.html import write_html
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.seal import placeholder, seal


def write_json(report: Report) -> bytes:
    """Canonical content with the seal's place under the key ``seal``."""
    document = {**report.as_dict(), "seal": placeholder()}
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()


def write_csv(report: Report) -> bytes:
    """One row a case (RFC 4180, UTF-8 with BOM so that spreadsheets read names right); the last row is the seal."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        [
            "case",
            "sha256",
            "question",
            "answer",
            "probability",
            "true_class",
            "true_class_source",
            "model",
            "version",
            "weights_sha256",
            "method",
            "features",
            "mask_energy_inside",
            "conclusion",
            "notice",
            "signer",
            "signer_key",
            "scope",
            "statement",
            "answer_class",
            "correction",
            "error_rate_negative",
            "error_rate_positive",
            "error_rates_chosen_by",
        ]
    )
    signer = report.signer or {"name": "", "public_key": ""}
    for case in report.cases:
        model = case.analysis["model"]
        rates = case.analysis.get("error_rates", {})
        energy = "" if case.mask is None or case.mask.energy_inside is None else case.mask.energy_inside
        table.writerow(
            [
                _plain(cell)
                for cell in (
                    case.title,
                    case.image.sha256,
                    case.question,
                    case.statement.answer or "",
                    case.probability,
                    case.classes[case.true_class],
                    case.true_class_source,
                    model["id"],
                    model["version"],
                    model["weights_sha256"],
                    model["method"],
                    len(case.analysis["features"]),
                    energy,
                    case.conclusion,
                    report.statement,
                    signer["name"],
                    signer["public_key"],
                    f"{case.zone}, {ASKED_ANYWAY}" if case.asked_anyway else case.zone,
                    f"{case.statement.full} {case.regions}".strip(),
                    case.statement.answer_class,
                    Correction.parse(case.analysis["preprocessing"].get("correction")).words,
                    *(rates.get(name, "") for name in ("negative", "positive", "chosen_by")),
                )
            ]
        )
    table.writerow([placeholder()])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


WRITERS: Mapping[str, Callable[[Report], bytes]] = {
    "pdf": write_pdf,
    "html": write_html,
    "json": write_json,
    "csv": write_csv,
}


def export(
    report: Report,
    formats: Sequence[str],
    folder: Path,
    stem: str,
    *,
    paper: str = "A4",
    key: Ed25519PrivateKey | None = None,
) -> list[Path]:
    """Write a report in several formats; the parameters are those of `export_one`.

    Returns
    -------
    list of Path
        The files, in the order of ``formats``.

    Raises
    ------
    ReportError
        Unknown format, or the folder can't be written to.
    """
    for name in formats:
        _known(name)
    return [export_one(report, name, folder, stem, paper=paper, key=key) for name in formats]


def export_one(
    report: Report,
    name: str,
    folder: Path,
    stem: str,
    *,
    paper: str = "A4",
    key: Ed25519PrivateKey | None = None,
    beat: Callable[[], None] = lambda: None,
) -> Path:
    """Write a report in one format.

    Parameters
    ----------
    name : a name in `WRITERS`
    stem : str
        File name without ending. An existing file is kept: the new one gets a number.
    key : Ed25519 key, optional
        Signs the seal.
    beat : callable
        Called after each case; it may raise to stop.

    Raises
    ------
    ReportError
        Unknown format, or the folder can't be written to.
    """
    _known(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ReportError(f"The folder {folder} can't be made: {in_words(e)}.", "Choose another folder.") from e
    if name == "pdf":
        data = write_pdf(report, paper, beat)
    elif name == "html":
        data = write_html(report, beat)
    else:
        data = WRITERS[name](report)
    return write_new(folder, stem, name, seal(data, key))


def _known(name: str) -> None:
    if name not in WRITERS:
        raise ReportError(f"There is no report format '{name}'.", f"Choose among {', '.join(WRITERS)}.")


def write_new(folder: Path, stem: str, suffix: str, data: bytes) -> Path:
    """Write ``stem.suffix``, or ``stem-2.suffix`` and so on where that exists: nothing is ever overwritten.

    Raises
    ------
    ReportError
        The folder can't be written to, or is full; no partial file is left.
    """
    partial = None
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{stem[:40]}.", suffix=".part", dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        for number in range(1, 10_000):
            target = folder / (f"{stem}.{suffix}" if number == 1 else f"{stem}-{number}.{suffix}")
            try:
                # Reserves the name; the reservation is then replaced by the whole file.
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                continue
            os.replace(partial, target)
            return target
        raise ReportError(f"{folder} holds too many reports of this name.", "Choose another folder.")
    except OSError as e:
        raise ReportError(
            f"The report could not be written to {folder}: {in_words(e)}.", "Choose another folder, or free some space."
        ) from e
    finally:
        if partial is not None and os.path.exists(partial):
            os.unlink(partial)


def _plain(cell: object) -> object:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell
