"""One act, one transaction: changed rows, the audit record that vouches for them, and the acknowledgement."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from divisive_desktop import __version__
from divisive_desktop.casebook.storage import chain, database, schema
from divisive_desktop.casebook.storage.blobs import Blobs
from divisive_desktop.errors import CasebookError, CasebookReadOnlyError
from divisive_desktop.explanation.analysis import ModelRef

_SELECT = {name: f"SELECT * FROM {name} WHERE id = ?" for name in schema.TRACKED}


def now() -> str:
    """UTC, ISO 8601 with microseconds: what the machine's clock says."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Found:
    """What a SELECT found, row by row."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)

    def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    def first(self) -> Any:
        """The first row; None: there is none."""
        return self._cursor.fetchone()

    def one(self) -> Any:
        """The one row that must be there."""
        row = self._cursor.fetchone()
        if row is None:
            raise sa.exc.NoResultFound("No row was found when one was required")
        return row


class Transaction:
    """A write transaction. Every changed row must be covered by a ``record`` before it ends.

    It speaks to SQLite's own connection: a case that is taken in is a dozen statements, and SQLAlchemy's way with each
    costs several times what SQLite does for it.
    """

    def __init__(self, connection: sa.Connection, user: tuple[str, str]) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self._connection = driver
        self._user = user
        self._hashers: dict[str, Callable[[Sequence[Any]], str]] = {}
        """By table, of rows as ``SELECT *`` gives them."""
        self._touched: dict[tuple[str, int], None] = {}
        self.records: list[tuple[int, str]] = []
        self.cases: set[int] = set()
        """Those that something was recorded about."""
        head = driver.execute("SELECT seq, hash, time FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        self._seq: int = head[0] if head else 0
        self._head: str = head[1] if head else chain.GENESIS
        self._last_time: str = head[2] if head else ""

    def sql(self, statement: str, parameters: Sequence[Any] = ()) -> Found:
        """Run a SELECT inside the transaction."""
        return Found(self._connection.execute(statement, tuple(parameters)))

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        names = ", ".join(values)
        marks = ", ".join("?" * len(values))
        result = self._connection.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values())
        )
        row = int(result.lastrowid or 0)
        self._touched[table, row] = None
        return row

    def update(self, table: str, row: int, values: Mapping[str, Any]) -> None:
        sets = ", ".join(f"{name} = ?" for name in values)
        result = self._connection.execute(f"UPDATE {table} SET {sets} WHERE id = ?", (*values.values(), row))
        if result.rowcount != 1:
            raise CasebookError(f"There is no {table} {row} in this casebook.", "Reload the list.")
        self._touched[table, row] = None

    def delete(self, table: str, row: int) -> None:
        self._connection.execute(f"DELETE FROM {table} WHERE id = ?", (row,))
        self._touched[table, row] = None

    def record(self, act: str, *, case: int | None = None, model: ModelRef | None = None, **parameters: Any) -> int:
        """Append to the chain what was done; it covers the rows touched since the last record. Returns its number."""
        if case is not None:
            self.cases.add(case)
        rows = [[table, row, self._content(table, row)] for table, row in self._touched]
        self._touched.clear()
        time = now()
        if time < self._last_time:
            # The order is the sequence's; the clock is quoted as it is, and that it was wrong once is kept.
            parameters["clock_went_back_from"] = self._last_time
        values: dict[str, Any] = {
            "seq": self._seq + 1,
            "time": time,
            "user": self._user[0],
            "role": self._user[1],
            "app": __version__,
            "act": act,
            "case_id": case,
            "model": model.id if model else None,
            "model_version": model.version if model else None,
            "model_sha256": model.weights_sha256 if model else None,
            "parameters": chain.canonical(parameters),
            "rows": chain.canonical(rows),
            "previous": self._head,
        }
        values["hash"] = chain.values_hash([values[name] for name in chain.FIELDS])
        self._connection.execute(
            f"INSERT INTO audit ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values())
        )
        self._seq, self._head, self._last_time = self._seq + 1, values["hash"], max(time, self._last_time)
        self.records.append((self._seq, self._head))
        return self._seq

    def check_covered(self) -> None:
        if self._touched:
            raise AssertionError(f"rows changed without an audit record: {list(self._touched)}")

    def _content(self, table: str, row: int) -> str | None:
        cursor = self._connection.execute(_SELECT[table], (row,))
        found = cursor.fetchone()
        if found is None:
            return None
        hasher = self._hashers.get(table)
        if hasher is None:
            hasher = self._hashers[table] = chain.row_hasher([column[0] for column in cursor.description])
        return hasher(found)


class Store:
    """What every table of a casebook is made with: its files, reading, and acting durably.

    It may be used from several threads.
    """

    def __init__(
        self, path: Path, engine: sa.Engine, read_only: str | None, user: tuple[str, str], *, foreign: bool = False
    ) -> None:
        self.path = path
        """The casebook's folder."""
        self.engine = engine
        self.read_only = read_only
        """Why nothing can be written, in a sentence; None for the writer."""
        self.foreign = foreign
        """Somebody else made it, and nobody here has accepted it: its rows don't say which files are opened."""
        self.user = user
        """Name and role that acts are recorded under."""
        self.blobs = Blobs(path)
        self.witness = chain.Witness(path)
        self.write_lock = threading.RLock()
        """Held during an act; by others who mustn't have one in between."""
        self.sealed = (path / database.SEAL).exists()
        self.closed = False
        self.warnings: tuple[str, ...] = ()
        """What the user should know."""
        self.listeners: list[Callable[[frozenset[int]], None]] = []
        """Called after each act, on the thread that acted, with the ids of the cases it was about."""

    # ---- reading ---------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one moment."""
        if self.closed:
            raise CasebookError("The casebook is closed.", "Open it again.")
        with database.translated(self.path), self.engine.connect() as connection, connection.begin():
            yield connection

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        """All rows of a SELECT."""
        with self.read() as connection:
            return connection.exec_driver_sql(statement, tuple(parameters)).fetchall()

    def one(self, statement: str, parameters: Sequence[Any], what: str) -> Any:
        """The first row of a SELECT; ``CasebookError`` says that there is no ``what``."""
        rows = self.rows(statement, parameters)
        if not rows:
            raise CasebookError(f"There is no {what} in this casebook.", "Reload the list.")
        return rows[0]

    def head(self) -> tuple[int, str]:
        """Number and hash of the chain's newest record."""
        rows = self.rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        return (rows[0][0], rows[0][1]) if rows else (0, chain.GENESIS)

    # ---- acting ----------------------------------------------------------------------------------------------

    @contextmanager
    def act(self) -> Iterator[Transaction]:
        """A durable transaction: on leaving it without an exception everything in it is on the disk.

        Raises
        ------
        CasebookReadOnlyError
            Someone else holds the casebook, or the medium is read-only.
        CasebookFullError
            The disk is full: nothing of this act was kept, everything before it was.
        """
        with self.write_lock, database.translated(self.path):
            if self.read_only is not None or self.closed:
                raise CasebookReadOnlyError(
                    self.read_only or "The casebook is closed.", "Open it again when it is free, or save a copy."
                )
            if self.sealed:
                database.break_seal(self.path)
                self.sealed = False
            with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
                act = Transaction(connection, self.user)
                yield act
                act.check_covered()
            self._acknowledge(act.records)
        for listener in self.listeners:
            listener(frozenset(act.cases))

    def _acknowledge(self, records: list[tuple[int, str]]) -> None:
        try:
            if records:
                self.witness.append(records)
        except OSError as e:
            # The act itself is saved; the second witness follows with the next act or at the next opening.
            warning = f"The chain's witness {chain.WITNESS} can't be written now: {e.strerror}."
            if warning not in self.warnings:
                self.warnings = (*self.warnings, warning)

    # ---- opening and closing ---------------------------------------------------------------------------------

    def catch_up_witness(self) -> str | None:
        """Write into the witness what a crash kept from it. Returns a warning when the two don't fit each other."""
        lines, rest = self.witness.read()
        seq = lines[-1][0] if lines else 0
        records = self.rows("SELECT seq, hash FROM audit WHERE seq >= ? ORDER BY seq", (max(seq, 1),))
        known = {row[0]: row[1] for row in records}
        if rest:
            expected = f"{seq + 1} {known.get(seq + 1, '')}\n".encode()
            if not expected.startswith(rest):
                return f"{chain.WITNESS} was changed by something else."
            self.witness.cut(rest)
        if seq and known.get(seq) != lines[-1][1]:
            return "The audit chain doesn't continue where it ended: records are missing or were changed."
        self._acknowledge([(row[0], row[1]) for row in records if row[0] > seq])
        return None

    def seal(self) -> str:
        """Write down the hash of the whole database, so that any later change of a byte is found; gives it."""
        with database.translated(self.path):
            self.witness.append([])  # what couldn't be written before
            head = self.head()
            with self.engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.engine.dispose()
            return database.seal(self.path, head)

    def close(self) -> None:
        """From here on nothing can be read or written."""
        self.closed = True
        self.engine.dispose()
