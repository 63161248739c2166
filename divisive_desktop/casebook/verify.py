"""Is a casebook what was written? Database, chain, content, blobs and originals against each other.

What can be found: any change of what the program wrote, as long as the seal, the witness ``chain.log`` or the chain
itself don't fit it. What can't: someone who rewrites the *whole* casebook consistently (all of it can be recomputed, no
secret is involved), or who goes back to an older state of the whole folder. Against that, compare with the chain's
head as a report printed it (``expected_head``), keep backups elsewhere, or have the head stamped (`timestamps`).
"""

from __future__ import annotations

import contextlib
import copy
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from divisive_desktop.casebook.backup_chains import RESTORE, partings
from divisive_desktop.casebook.storage import chain, contents, database, schema
from divisive_desktop.casebook.storage.blobs import Blobs, hash_file, is_blob_name
from divisive_desktop.casebook.timestamps import ACT, kept_stamps
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.files import is_elsewhere

_TOLD = ("migrate", "backup", RESTORE, ACT)
"""Acts whose records say something about files or other records."""
_PARAMETERS, _ROWS = chain.FIELDS.index("parameters"), chain.FIELDS.index("rows")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Finding:
    """One thing that isn't as it was written (a break), or that is worth knowing (a remark)."""

    where: str
    """File, table and row, or record number."""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Report:
    """What ``verify`` found. The first break is the first in the order database, chain, content, blobs, originals."""

    path: str
    breaks: list[Finding] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)
    records: int = 0
    head: str = chain.GENESIS
    sealed: bool = False
    rows: int = 0
    blobs: int = 0
    originals: int = 0

    @property
    def ok(self) -> bool:
        return not self.breaks

    def as_dict(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


def verify(
    path: Path,
    *,
    originals: bool = True,
    expected_head: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Report:
    """Check a casebook without changing anything in it.

    Parameters
    ----------
    path : Path
        The casebook's folder; it may be open elsewhere.
    originals : bool
        Also read the images that are referred to by path.
    expected_head : str, optional
        Hash of a record or its first digits, for instance from a printed report: the chain must contain it.
    progress : callable, optional
        Told the fraction done, 0..1, while files are read.
    """
    told = progress or (lambda _: None)
    report = _verify(path, originals, expected_head, told)
    for _ in range(2):
        # Someone may be working in it: a mask painted over meanwhile is not a missing one. Look again.
        if report.ok or not _still_open(path):
            break
        report = _verify(path, originals, expected_head, told)
    return report


def _still_open(path: Path) -> bool:
    wal = path / f"{database.DATABASE}-wal"
    return wal.exists() and not (path / database.SEAL).exists()


def _verify(path: Path, originals: bool, expected_head: str | None, progress: Callable[[float], None]) -> Report:
    report = Report(str(path))
    try:
        version = database.check_header(path)
    except UserFacingError as e:
        report.breaks.append(Finding(database.DATABASE, e.message))
        return report
    except OSError as e:
        report.breaks.append(Finding(database.DATABASE, f"can't be read ({e.strerror})"))
        return report
    _check_seal(path, report)
    lines, rest = chain.Witness(path).read()  # before the database: that one is never behind it
    try:
        with _reading(path) as connection:
            before = copy.deepcopy(report)
            try:
                told, files = _check_rows(connection, version, (lines, rest), expected_head, report)
            except sqlite3.OperationalError as e:
                if "decode to UTF-8" not in str(e):
                    raise
                # A text that isn't UTF-8 any more is a changed row like others, not the end of the check: once more.
                connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
                report = before
                told, files = _check_rows(connection, version, (lines, rest), expected_head, report)
    except (sqlite3.DatabaseError, UnicodeDecodeError, LookupError) as e:
        report.breaks.append(Finding(database.DATABASE, f"can't be read ({e})"))
        return report
    _check_backups(path, told, report)
    for number, seq, said in kept_stamps(told.told, told.hashes):
        if isinstance(said, str):
            report.breaks.append(Finding(f"audit record {number}", f"its time stamp doesn't hold: {said}"))
        else:
            what = f"record {seq} existed on {said.time}, says {said.authority} (certificate {said.certificate[:16]}…)"
            report.remarks.append(Finding(f"audit record {number}", what))
    _check_files(path, files, originals, report, progress)
    return report


def _check_rows(
    connection: sqlite3.Connection, version: int, witness: tuple[list[tuple[int, str]], bytes],
    expected_head: str | None, report: Report,
) -> tuple[_Chain, _Files]:  # fmt: skip
    """All that stands in the database; what the chain says of it, and the files that it names."""
    if not _check_database(connection, version, report):
        return _Chain(), _Files({}, [])
    told = _check_chain(connection, report, expected_head)
    _check_witness(*witness, told.hashes, report)
    _check_content(connection, told, report)
    strange = contents.strange_value(connection)
    if strange is None:
        return told, _files(connection)
    if report.ok:  # else the rows that were changed are named already
        report.breaks.append(Finding(database.DATABASE, f"{strange}: it was changed outside the program"))
    return told, _Files({}, [])


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that sees one moment and leaves no file behind."""
    source = path / database.DATABASE
    with contextlib.ExitStack() as stack:
        if not Path(f"{source}-wal").exists():
            connection = database.connect(source, mode="ro", immutable=True)
        elif database.readable_in_place(source):
            connection = database.connect(source, mode="ro")
        else:  # a read-only medium with a log on it
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casebook-")))
            connection = database.connect(database.private_copy(source, folder))
        stack.enter_context(contextlib.closing(connection))
        connection.execute("BEGIN")
        yield connection


def _check_seal(path: Path, report: Report) -> None:
    try:
        seal = database.read_seal(path)
    except ValueError as e:
        report.breaks.append(Finding(database.SEAL, str(e) or "it can't be read"))
        return
    if seal is None:
        report.remarks.append(
            Finding(database.SEAL, "the casebook is open or wasn't closed: bytes that hold no content aren't covered")
        )
        return
    report.sealed = True
    wal = path / f"{database.DATABASE}-wal"
    if seal["database"] != hash_file(path / database.DATABASE) or (wal.exists() and wal.stat().st_size):
        report.breaks.append(Finding(database.DATABASE, "its bytes were changed since the casebook was closed"))


def _check_database(connection: sqlite3.Connection, version: int, report: Report) -> bool:
    """Gives whether its tables are this program's: of others nothing is read, for a view may give rows for ever."""
    for (line,) in connection.execute("PRAGMA integrity_check(20)"):
        if line != "ok":
            report.breaks.append(Finding(database.DATABASE, str(line)))
    for row in connection.execute("PRAGMA foreign_key_check"):
        report.breaks.append(Finding(f"{row[0]} {row[1]}", f"refers to a row of {row[2]} that isn't there"))
    strange = contents.strange_definitions(connection, version)
    for what in strange:
        report.breaks.append(Finding(what, "the definition was changed outside the program"))
    tables = {f"table {row[1]}" for row in contents.fresh_schema(version) if row[0] == "table"} if strange else ()
    return not {*strange} & {*tables}


@dataclass
class _Chain:
    """What the rest of the check needs to know of the records that hold."""

    hashes: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    """Records of acts in ``_TOLD``, whole; of hundreds of thousands the others would fill the memory."""
    left: dict[str, dict[int, tuple[str | None, int]]] = field(default_factory=dict)
    """Table -> row -> hash of the content that it was left with (None: deleted), and the record that says so."""


def _check_chain(connection: sqlite3.Connection, report: Report, expected_head: str | None) -> _Chain:
    found = _Chain()
    previous, latest = chain.GENESIS, ""
    contained = expected_head is None
    cursor = connection.execute("SELECT * FROM audit ORDER BY seq")
    names = [column[0] for column in cursor.description]
    intact = set(names) >= {*chain.FIELDS, "hash"}  # otherwise a column's name was changed
    places = [names.index(name) if name in names else 0 for name in (*chain.FIELDS, "hash")]
    for row in cursor:
        *values, digest = map(row.__getitem__, places)
        number, time, _, _, _, act, *_, before = values
        seq = len(found.hashes) + 1
        where = f"audit record {number}"
        if number != seq:
            report.breaks.append(Finding(f"audit record {seq}", "it is missing"))
            break
        try:
            good = intact and digest == chain.values_hash(values)
            parameters, rows = _parsed(values[_PARAMETERS]), _parsed(values[_ROWS])
            good = good and isinstance(time, str) and isinstance(parameters, dict) and all(map(_is_row, rows))
        except (ValueError, TypeError):
            good = False
        if not good:
            record = dict(zip(names, row, strict=True))
            said = f"its content was changed ({record.get('act')}, {record.get('time')})"
            report.breaks.append(Finding(where, said.encode("utf-8", "replace").decode()))
            break
        if before != previous:
            report.breaks.append(Finding(where, "it doesn't follow the record before it"))
            break
        if time < latest:
            report.remarks.append(Finding(where, f"the clock had gone back to {time}"))
        previous, latest = digest, max(latest, time)
        contained = contained or previous.startswith(expected_head or "")
        found.hashes.append(previous)
        if act in _TOLD:
            found.told.append({"seq": seq, "act": act, "hash": previous, "parameters": parameters})
        for table, changed, content in rows:
            found.left.setdefault(table, {})[changed] = (content, seq)
    report.records, report.head = len(found.hashes), previous
    if not contained:
        report.breaks.append(Finding("audit", f"it doesn't contain the record {chain.short(expected_head or '')} …"))
    return found


def _is_row(entry: object) -> bool:
    """Table, row, and the hash of what it was left with."""
    match entry:
        case [str(), int(), str() | None]:
            return True
    return False


def _parsed(text: str) -> Any:
    """JSON as the program writes it, without the blanks that others may put around it."""
    value, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError("there is something after it")
    return value


def _check_witness(
    lines: list[tuple[int, str]], rest: bytes, hashes: list[str], report: Report
) -> None:
    for number, (seq, digest) in enumerate(lines, 1):
        if seq != number:
            report.breaks.append(Finding(f"{chain.WITNESS} line {number}", "it was changed"))
            return
        if number > len(hashes):
            if report.ok:  # a broken chain was cut short above: that has been said already
                report.breaks.append(Finding(f"audit record {number}", "it is missing from the end of the chain"))
            return
        if digest != hashes[number - 1]:
            report.breaks.append(Finding(f"audit record {number}", f"{chain.WITNESS} holds another hash for it"))
            return
    unwitnessed = len(hashes) - len(lines)
    if rest:
        following = hashes[len(lines)] if unwitnessed else ""
        if report.sealed or not unwitnessed or not f"{len(lines) + 1} {following}\n".encode().startswith(rest):
            report.breaks.append(Finding(f"{chain.WITNESS} line {len(lines) + 1}", "it was changed"))
            return
    if unwitnessed and report.sealed:
        report.breaks.append(Finding(chain.WITNESS, f"its last {unwitnessed} lines were taken away"))
    elif unwitnessed:
        report.remarks.append(
            Finding(chain.WITNESS, f"the program ended before the last {unwitnessed} records were written here too")
        )


def _check_content(connection: sqlite3.Connection, told: _Chain, report: Report) -> None:
    if report.records == 0 and not report.ok:
        return
    present = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    highest = {table: max(rows) for table, rows in told.left.items()}
    for table in schema.TRACKED:
        if table not in present:
            continue
        expected = told.left.get(table, {})
        cursor = connection.execute(f"SELECT * FROM {table} ORDER BY id")
        names = [column[0] for column in cursor.description]
        at, hashed = names.index("id"), chain.row_hasher(names)
        for row in cursor:
            digest, seq = expected.pop(row[at], (None, 0))
            report.rows += 1
            if digest is None:
                report.breaks.append(Finding(f"{table} {row[at]}", "no audit record knows of this row"))
            elif not _same(hashed, row, digest):
                report.breaks.append(Finding(f"{table} {row[at]}", f"it was changed after audit record {seq}"))
    for table, rows in sorted(told.left.items()):
        for number, (digest, seq) in sorted(rows.items()):
            if digest is not None:
                what = f"it is missing (last written by audit record {seq})"
                report.breaks.append(Finding(f"{table} {number}", what))
    counters = dict(tuple(row) for row in connection.execute("SELECT name, seq FROM sqlite_sequence"))
    for table, counter in sorted(counters.items(), key=str):
        if counter != highest.get(table, 0):
            report.breaks.append(Finding(f"sqlite_sequence {table}", "its counter was changed"))


def _same(hashed: Callable[[Sequence[Any]], str], row: Sequence[Any], digest: str) -> bool:
    try:
        return hashed(row) == digest
    except (TypeError, ValueError):  # a value of a type that was never written
        return False


@dataclass(frozen=True)
class _Files:
    blobs: dict[str, str]
    """File name -> what it is."""
    originals: list[tuple[int, str, str | None, str]]


def _files(connection: sqlite3.Connection) -> _Files:
    blobs: dict[str, str] = {}
    for sql in (
        "SELECT mask, 'mask of run ' || run_id FROM run_cases WHERE mask IS NOT NULL",
        "SELECT blob, 'mask of case ' || case_id FROM masks",
        "SELECT thumbnail, 'thumbnail of case ' || id FROM cases WHERE thumbnail IS NOT NULL",
        "SELECT sha256 || copy, 'image of case ' || id FROM cases WHERE copy IS NOT NULL",
    ):
        blobs |= dict(connection.execute(sql))
    rows = connection.execute("SELECT id, path, relative, sha256 FROM cases WHERE copy IS NULL ORDER BY id")
    return _Files(blobs, [tuple(row) for row in rows])


def _check_backups(path: Path, told: _Chain, report: Report) -> None:
    for record in told.told:
        parameters = record["parameters"]
        name = parameters.get("backup" if record["act"] == "migrate" else "file")
        digest = parameters.get("backup_sha256" if record["act"] == "migrate" else "sha256")
        if record["act"] in ("migrate", "backup"):
            file = path / database.BACKUPS / Path(str(name)).name
            if file.is_file() and hash_file(file) != digest:
                report.breaks.append(Finding(f"{database.BACKUPS}/{name}", "it was changed since it was made"))
    for parting in partings(path, told.hashes, {r["seq"] for r in told.told if r["act"] == RESTORE}):
        where = f"{database.BACKUPS}/{parting.name}"
        says = f"after record {parting.common} it has another history than the casebook"
        if parting.restored is None:
            report.breaks.append(Finding(where, f"{says}: one of the two was rewritten, or cut off"))
        else:
            report.remarks.append(Finding(where, f"{says}, which went back to a backup by record {parting.restored}"))


def _check_files(
    path: Path, files: _Files, originals: bool, report: Report, progress: Callable[[float], None]
) -> None:
    blobs = Blobs(path)
    total = max(1, len(files.blobs) + (len(files.originals) if originals else 0))
    for number, (name, what) in enumerate(sorted(files.blobs.items()), 1):
        where = f"blobs/{name[:2]}/{name}"
        if not is_blob_name(name):
            report.breaks.append(Finding(f"the {what}", f"it names a file that can't be the casebook's: {name!r}"))
            continue
        file = blobs.path(name)
        if not blobs.holds(name):
            report.breaks.append(Finding(where, f"the {what} is missing"))
        elif hash_file(file) != name[:64]:
            report.breaks.append(Finding(where, f"the {what} was changed"))
        report.blobs += 1
        progress(number / total)
    if blobs.folder.is_dir():
        for file in blobs.names():
            where = f"blobs/{file.parent.name}/{file.name}"
            if file.name in files.blobs:
                continue
            if not file.is_file() or file.is_symlink():
                report.breaks.append(Finding(where, "it is no plain file"))
                continue
            if not file.name.startswith(".") and not is_blob_name(file.name):
                report.breaks.append(Finding(where, "no file of a casebook is called so (nothing refers to it)"))
                continue
            if file.name.startswith(".") or hash_file(file) == file.name[:64]:
                report.remarks.append(Finding(where, "nothing refers to it (left over, or from an interrupted act)"))
            else:
                report.breaks.append(Finding(where, "it was changed (nothing refers to it)"))
    if not originals:
        return
    for number, (case, text, relative, digest) in enumerate(files.originals, 1):
        place = Path(text)
        if is_elsewhere(text):
            report.remarks.append(Finding(f"case {case}", f"its original {text} isn't looked at: another machine's"))
            continue
        if not place.is_file() and relative is not None and (path / relative).is_file():
            place = path / relative
        if not place.is_file():
            report.remarks.append(Finding(f"case {case}", f"its original is not at {text}"))
        elif hash_file(place) != digest:
            report.breaks.append(Finding(f"case {case}", f"its original {text} was altered since import"))
        report.originals += 1
        progress((len(files.blobs) + number) / total)
