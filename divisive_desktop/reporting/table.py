"""A report's CSV table: who it says signed it, and whether its cells are what the content of the report gives."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

from divisive_desktop.reporting.export import write_csv
from divisive_desktop.reporting.finding import Finding
from divisive_desktop.reporting.maker import same_maker
from divisive_desktop.reporting.reread import reread
from divisive_desktop.reporting.seal import unsealed

_BEGIN = b"\xef\xbb\xbfcase,sha256,"


def is_table(data: bytes) -> bool:
    """Whether a file is a table, the one format without content of its own."""
    return data.startswith(_BEGIN)


def stated_in_table(data: bytes) -> dict[str, str]:
    """Who signs, as a table states it; nothing for other files."""
    try:
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error):
        return {}
    said = {(row.get("signer_key") or "", row.get("signer") or "") for row in rows[:-1]}  # the last one is the seal
    key, name = max(said, default=("", ""))
    return {"public_key": key, "name": name} if key or name else {}


def table_shows_content(data: bytes, content: Mapping[str, Any] | None, name: str) -> list[Finding]:
    """Compare a table, cell by cell, with the one that the content of a report gives.

    Parameters
    ----------
    data : bytes
        The table.
    content : mapping, optional
        Of the report.
    name : str
        The report's file, for the finding.
    """
    if content is None:
        return [Finding("broken", f"{name} holds no content to compare the table with.")]
    try:
        made = write_csv(reread(content))
        if made == unsealed(data):
            return [Finding("holds", f"Every cell of the table is what the content of {name} gives.")]
        own, given = (_rows(text) for text in (unsealed(data), made))
        columns = Finding("broken" if same_maker(content)[0] else "unknown", f"The table has other columns than {name} "
                          "gives here.")  # fmt: skip
    except (LookupError, TypeError, ValueError, AttributeError, csv.Error) as e:
        return [Finding("broken", f"The table can't be compared with {name} ({type(e).__name__}).")]
    if own[0] != given[0]:
        return [columns]
    none: list[str] = []
    for number, (row, other) in enumerate(zip_longest(own[1:], given[1:], fillvalue=none), 1):
        for column, cell, right in zip_longest(given[0], row, other, fillvalue=""):
            if cell != right:
                what = f"row {number}, {column or 'behind the last column'}: “{cell[:60]}” instead of “{right[:60]}”"
                return [Finding("broken", f"The table is not what the content of {name} gives: {what}.")]
    return [Finding("broken", f"The table is not written as the content of {name} gives it.")]


def _rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
