"""What the command line runs on a casebook."""

from __future__ import annotations

import json
from pathlib import Path

from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.verify import verify

SHOWN = 20


def verify_command(
    path: Path, *, originals: bool = True, expected_head: str | None = None, as_json: bool = False
) -> tuple[int, str]:
    """Check a casebook and say what was found.

    Returns
    -------
    (int, str)
        Exit code (0: everything fits; 1: something was changed; 2: it isn't a casebook), and the text to print.
    """
    if not (path / database.DATABASE).is_file():
        text = f"{path} is not a casebook: it holds no {database.DATABASE}."
        return 2, json.dumps({"ok": False, "path": str(path), "error": text}) if as_json else text
    report = verify(path, originals=originals, expected_head=expected_head)
    code = 0 if report.ok else 1
    if as_json:
        return code, json.dumps(report.as_dict(), indent=1, ensure_ascii=False)
    lines = [f"{path.name}: {report.records} records, {report.rows} rows, {report.blobs} stored files"]
    lines[0] += f", {report.originals} originals" if originals else ""
    lines.append(f"Head of the chain: {report.head}")
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
    return code, "\n".join(lines)
