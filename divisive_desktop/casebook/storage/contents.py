"""Whether a database holds what the program writes: its own tables, and in each column values of its kind.

SQLite lets any value stand in any column, and a view, a trigger or a computed column in place of what was asked for.
Somebody else may have written the file, so it is looked through once, before anything in it is used.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from divisive_desktop.casebook.storage import migrations, schema
from divisive_desktop.casebook.storage.chain import sha256
from divisive_desktop.casebook.storage.database import damaged
from divisive_desktop.foreign.text import plain

SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
KNOWN: Mapping[int, str] = {
    1: "6c93f9ca2ccba1ce", 2: "8c854b1d0bb3a309", 3: "8710a03a6afb15b8", 4: "2fb9420c1002b1ed",
}
"""Schema -> `digest_of` its definitions, so that opening a casebook needn't make them anew to compare."""
LONGEST = 64 << 20
"""Characters of one value. Class maps are some kilobytes, records of acts on many rows a few millions."""
_SHORT = 100_000
"""Characters of names, paths, hashes, dates and the like."""
_LONG = {"notes": 10_000_000, "tags": 1_000_000, "names": 1_000_000, "value": 10_000_000, "data": LONGEST,
         "parameters": LONGEST, "rows": LONGEST, "metrics": LONGEST, "preprocessing": 1_000_000}  # fmt: skip
_LARGEST = 1 << 31
"""Of whole numbers: sizes, counts, numbers of rows. A file's size may be larger."""
_WIDEST = 1e300
_CHOICES = {
    ("cases", "side"): "'train', 'holdout'", ("cases", "review"): "'new', 'in_review', 'done', 'flagged'",
    ("cases", "label"): "0, 1", ("cases", "file_state"): "'ok', 'missing', 'altered'",
    ("labels", "value"): "0, 1", ("analyses", "predicted"): "0, 1", ("analyses", "pointing"): "0, 1",
    ("run_cases", "label"): "0, 1", ("splits", "side"): "'train', 'holdout'",
}  # fmt: skip
_WORDS = (("cases", "tags"), ("masks", "names"))
"""JSON arrays of texts."""
_POSITIVE = {"width", "height", "image_width", "image_height", "region_width", "region_height"}
_SIDE = 4096
"""Cells along a side of a class map."""


def strange_definitions(connection: sqlite3.Connection, version: int) -> list[str]:
    """Tables, views, triggers and indexes that aren't as this program makes them; what it makes and is missing, too."""
    actual = {tuple(row)[:2]: tuple(row) for row in connection.execute(SCHEMA)}
    if digest_of(actual.values()) == KNOWN.get(version):
        return []
    expected = {tuple(row)[:2]: tuple(row) for row in fresh_schema(version)}
    return [f"{kind} {name}" for kind, name in sorted(actual.keys() | expected.keys())
            if actual.get((kind, name)) != expected.get((kind, name))]  # fmt: skip


def digest_of(rows: Iterable[tuple[object, ...]]) -> str:
    """Short hash of definitions."""
    return sha256(repr(sorted(rows, key=repr)).encode())[:16]


@cache
def fresh_schema(version: int) -> tuple[tuple[str, ...], ...]:
    """What this program itself would have made."""
    engine = sa.create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(":memory:", isolation_level=None), poolclass=StaticPool
    )
    try:
        with engine.connect() as connection:
            migrations.upgrade(connection, 0, version)
            return tuple(tuple(row) for row in connection.exec_driver_sql(SCHEMA))
    finally:
        engine.dispose()


def strange_value(connection: sqlite3.Connection) -> str | None:
    """The first value that no column of its kind can hold, in words; None where all are of their kind."""
    for table in schema.metadata.sorted_tables:
        there = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
        conditions = {column.name: _condition(table.name, column) for column in table.columns if column.name in there}
        if not conditions:
            continue
        wrong = " ".join(f"WHEN NOT ({condition}) THEN '{name}'" for name, condition in conditions.items())
        found = connection.execute(
            f"SELECT rowid, CASE {wrong} END FROM {table.name} WHERE NOT ({' AND '.join(conditions.values())}) LIMIT 1"
        ).fetchone()
        if found is not None:
            return f"{table.name} {found[0]} holds a {found[1]} that isn't one"
    return None


def _condition(table: str, column: sa.Column[object]) -> str:
    """What must hold of a column, in SQL; never NULL."""
    name, kind = f'"{column.name}"', column.type
    if isinstance(kind, sa.Float):
        must = f"typeof({name}) IN ('real', 'integer') AND abs({name}) <= {_WIDEST}"
    elif isinstance(kind, sa.Integer):
        least = 1 if column.name in _POSITIVE else -_LARGEST
        most = 1 << 62 if column.name == "size" else _SIDE if table == "cams" and column.name in _POSITIVE else _LARGEST
        must = f"typeof({name}) = 'integer' AND {name} BETWEEN {least} AND {most}"
    elif isinstance(kind, sa.LargeBinary):
        must = f"typeof({name}) = 'blob'"
    else:
        must = f"typeof({name}) = 'text' AND length({name}) <= {_LONG.get(column.name, _SHORT)}"
    if (table, column.name) in _CHOICES:
        must += f" AND {name} IN ({_CHOICES[table, column.name]})"
    if (table, column.name) in _WORDS:  # CASE alone is sure to stop at the first that fits
        must += (
            f" AND CASE WHEN {name} = '[]' THEN 1 WHEN NOT json_valid({name}) THEN 0 WHEN json_type({name}) <> 'array' "
            f"THEN 0 ELSE NOT EXISTS (SELECT 1 FROM json_each({name}) WHERE type <> 'text') END"
        )
    if (table, column.name) == ("analyses", "preprocessing"):
        figures = (f"typeof(json_extract({name}, '$.decision.{key}[{i}]')) IN ('real', 'integer', 'null')"
                   for key in ("p", "rates") for i in (0, 1))  # fmt: skip
        must += (f" AND CASE WHEN NOT json_valid({name}) THEN 0 WHEN json_type({name}) <> 'object' THEN 0 "
                 f"ELSE {' AND '.join(figures)} END")  # fmt: skip
    return f"CASE WHEN {name} IS NULL THEN {int(bool(column.nullable))} ELSE {must} END"


def check_contents(connection: sqlite3.Connection, version: int, folder: Path) -> None:
    """Look through a database before anything in it is used.

    Raises
    ------
    CasebookDamagedError
        It holds something that the program doesn't write; nothing was changed.
    """
    there = {f"{kind} {name}" for kind, name in connection.execute("SELECT type, name FROM sqlite_schema")}
    # A trigger that guards the chain, or an index, that was taken away endangers nobody: `verify` tells of it.
    found = [what for what in strange_definitions(connection, version) if what in there or what.startswith("table ")]
    if found:
        raise damaged(folder, in_words(found))
    value = strange_value(connection)
    if value is not None:
        raise damaged(folder, f"{value}: it was changed outside the program")


def in_words(found: list[str]) -> str:
    """Which definitions are strange."""
    named = ", ".join(plain(name[:60]) for name in found[:3])
    return f"{named}: the definition was changed outside the program" + (", and others" if len(found) > 3 else "")
