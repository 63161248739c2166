"""``divisive-desktop verify``: is a casebook or a report as it was written?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from divisive_desktop.cli.exit_codes import EXIT_FAILED, EXIT_OK, EXIT_UNKNOWN_TRUST, EXIT_USAGE
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis

SHOWN = 20
"""Findings that are written out; of more only the number is said."""


def verify(
    path: Annotated[Path, typer.Argument(help="A casebook folder, or an exported report.")],
    original: Annotated[Path | None, typer.Option(help="The image that the report is about.")] = None,
    casebook: Annotated[
        Path | None, typer.Option(help="The casebook that the report comes from; it is only read.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Of a CSV table: the same report as JSON, PDF or HTML, to compare every cell.")
    ] = None,
    trust: Annotated[
        str | None, typer.Option(metavar="NAME", help="Remember that the key that signed the report is NAME's.")
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Code of the chain's head as you noted it, or as a report shows it."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Check that a casebook (audit chain, files, originals) or a sealed report is as it was written."""
    code = None if head is None else re.sub(r"[\s-]", "", head).lower()
    if code is not None and not re.fullmatch(r"[0-9a-f]{16,64}", code):
        raise typer.BadParameter("--head takes the code of a record: 16 to 64 hexadecimal digits, spaces allowed")
    if path.is_file():
        if head is not None:
            raise typer.BadParameter("--head belongs to a casebook; a report names its own, see --casebook")
        return _verify_report(path, original, casebook, against, trust, as_json)
    if any(option is not None for option in (original, casebook, against, trust)):
        raise typer.BadParameter("--original, --casebook, --against and --trust belong to the file of a report")
    ended, text = verify_command(path, expected_head=code, as_json=as_json)
    typer.echo(text)
    return ended


def verify_command(
    path: Path, *, originals: bool = True, expected_head: str | None = None, as_json: bool = False
) -> tuple[int, str]:
    """Check a casebook and say what was found.

    Returns
    -------
    (int, str)
        Exit code (0: everything fits; 1: something was changed; 2: it isn't a casebook), and the text to print.
    """
    from divisive_desktop.casebook.storage import database
    from divisive_desktop.casebook.storage.chain import short
    from divisive_desktop.casebook.verify import verify as check
    from divisive_desktop.explanation.export import file_text

    if not (path / database.DATABASE).is_file():
        text = plain(f"{path} is not a casebook: it holds no {database.DATABASE}.")
        return EXIT_USAGE, json.dumps({"ok": False, "path": str(path), "error": text}) if as_json else text
    report = check(path, originals=originals, expected_head=expected_head)
    code = EXIT_OK if report.ok else EXIT_FAILED
    if as_json:
        return code, file_text(json.dumps(report.as_dict(), indent=1, ensure_ascii=False))
    lines = [f"{path.name}: {report.records} records, {report.rows} rows, {report.blobs} stored files"]
    lines[0] += f", {report.originals} originals" if originals else ""
    lines.append(f"Head of the chain: {report.head} (code {short(report.head)})")
    if report.ok:
        lines.append("Everything is as it was written.")
    else:
        lines.append(f"NOT as it was written. First break: {report.breaks[0]}")
        lines += [f"  also: {finding}" for finding in report.breaks[1:SHOWN]]
        if len(report.breaks) > SHOWN:
            lines.append(f"  and {len(report.breaks) - SHOWN} more")
    lines += [f"  note: {finding}" for finding in report.remarks[:SHOWN]]
    if len(report.remarks) > SHOWN:
        lines.append(f"  and {len(report.remarks) - SHOWN} more notes")
    return code, "\n".join(map(plain, lines))  # names and words of the casebook are among them


def _verify_report(
    path: Path, original: Path | None, casebook: Path | None, against: Path | None, trust: str | None, as_json: bool
) -> int:
    from divisive_desktop.library import store
    from divisive_desktop.reporting import keys as ring
    from divisive_desktop.reporting.verify import trust_signer, verify_file

    if trust is not None:
        trust_signer(path, trust)
    cards = [m.card for m in store.find_models()]
    known = {card.id: card.weights_sha256 for card in cards}
    with ExitStack() as stack:
        confirm = recorded = None
        if casebook is not None:
            from divisive_desktop.casebook import Casebook
            from divisive_desktop.reporting.confirm import Confirmer

            confirm = Confirmer(stack.enter_context(Casebook.open(casebook, read_only=True)))
            recorded = confirm.recorded
        found = verify_file(
            path, original, _recomputed, known, known_keys=ring.known_keys(), confirm=confirm, cards=cards,
            recorded=recorded, against=against,
        )
    typer.echo(json.dumps({"ok": found.ok, **asdict(found)}, indent=1) if as_json else found.as_text())
    if not found.ok:
        return EXIT_FAILED
    return EXIT_OK if found.vouched else EXIT_UNKNOWN_TRUST


def _recomputed(original: Path, analysis: Mapping[str, Any]) -> Analysis:
    from divisive_desktop.engine import dispatch
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.reporting.verify import analysed_again

    made: Analysis = dispatch.answer(Worker("cpu"), analysed_again(original, analysis))
    return made
