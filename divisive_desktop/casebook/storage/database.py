"""Opening ``casebook.sqlite``: connections, checks, migration with a backup, the seal of a closed casebook."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from divisive_desktop.casebook.storage import migrations
from divisive_desktop.casebook.storage.blobs import hash_file, make_folder, sync_file, sync_folder, write_durably
from divisive_desktop.casebook.storage.chain import canonical, sha256
from divisive_desktop.casebook.storage.layout import check_layout
from divisive_desktop.casebook.storage.schema import APPLICATION_ID, FORMAT
from divisive_desktop.errors import (
    CasebookDamagedError,
    CasebookError,
    CasebookFullError,
    CasebookReadOnlyError,
    CasebookTooNewError,
    in_words,
)

DATABASE = "casebook.sqlite"
BACKUPS = "backups"
SEAL = "seal.json"
LARGEST = 256 << 20
"""Bytes of a value or row: SQLite hands out no larger ones, whatever a file says."""
STAMP = "%Y%m%dT%H%M%S%f"
"""Begins the name of a backup; sorts by time."""


def connect(path: Path, *, mode: str = "rw", immutable: bool = False) -> sqlite3.Connection:
    """Open SQLite with the settings that durability rests on.

    Parameters
    ----------
    mode : str
        ``rwc``, ``rw`` or ``ro``.
    immutable : bool
        The medium can't change: read without the files that WAL would need beside the database.
    """
    uri = f"file:{quote(str(path))}?mode={mode}" + ("&immutable=1" if immutable else "")
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=10)
    if mode != "ro":
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = 1")  # macOS
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
    connection.execute("PRAGMA cell_size_check = ON")
    return connection


def engine_for(path: Path, *, mode: str = "rw", immutable: bool = False) -> sa.Engine:
    """SQLAlchemy engine whose transactions begin when we say so (SQLite's DDL is transactional then)."""
    engine = sa.create_engine(
        "sqlite://", creator=lambda: connect(path, mode=mode, immutable=immutable), poolclass=QueuePool, pool_size=4
    )

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer takes the write lock at once: no deadlock half-way through.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


_GONE = tuple(getattr(errno, name) for name in ("EIO", "ENOTDIR", "ENXIO", "ENODEV", "ESTALE", "EHOSTDOWN", "ETIMEDOUT")
              if hasattr(errno, name))  # fmt: skip
"""What a disk or drive says that isn't there any more."""


_DAMAGE = ("malformed", "decode to UTF-8", "user-defined function raised")
"""What SQLite says of values that this program wouldn't have written."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say into words for the user."""
    try:
        yield
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as e:
        name = getattr(getattr(e, "orig", e), "sqlite_errorname", "") or ""
        detail = str(getattr(e, "orig", e))
        if name == "SQLITE_FULL" or (name.startswith("SQLITE_IOERR") and "READ" not in name):
            raise CasebookFullError(
                f"The disk can't take more of the casebook {path.name} ({detail}).",
                "Free some space and do the last step again; everything before it is saved.",
            ) from e
        known = any(words in detail for words in _DAMAGE)
        if known or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR", "SQLITE_TOOBIG")):
            raise damaged(path, detail) from e
        if name.startswith("SQLITE_BUSY"):
            raise CasebookError(
                f"Another program is busy with the casebook {path.name}.", "Close that program and try again."
            ) from e
        if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
            raise CasebookReadOnlyError(
                f"The casebook {path.name} can't be written ({detail}).", "Check the permissions of its folder."
            ) from e
        raise
    except UnicodeDecodeError as e:  # a text, or SQLite's own message about one, that isn't UTF-8
        raise damaged(path, in_words(e)) from e
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise CasebookFullError(
                f"The disk can't take more of the casebook {path.name} ({in_words(e)}).",
                "Free some space and do the last step again; everything before it is saved.",
            ) from e
        if e.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise CasebookReadOnlyError(
                f"A file of the casebook {path.name} can't be accessed ({in_words(e)}: {e.filename}).",
                "Check the permissions of the file and its folder.",
            ) from e
        if e.errno in _GONE:
            raise CasebookError(
                f"A file of the casebook {path.name} can't be reached ({in_words(e)}: {e.filename}).",
                "Check that the disk or the network drive that it lies on is there, and do the last step again.",
            ) from e
        raise


def damaged(path: Path, detail: str) -> CasebookDamagedError:
    """The error for a database that can't be trusted; names the newest backup."""
    backups = sorted((path / BACKUPS).glob("*.sqlite")) if (path / BACKUPS).is_dir() else []
    remedy = (
        f"Nothing was changed. Restore the backup {BACKUPS}/{backups[-1].name}, or a copy of the folder."
        if backups
        else "Nothing was changed. Restore a copy of the folder."
    )
    return CasebookDamagedError(f"The database of the casebook {path.name} is damaged ({detail}).", remedy)


def check_header(folder: Path) -> int:
    """Read the database's header by hand, before SQLite touches the file; returns the schema's number.

    Raises
    ------
    CasebookError
        It isn't a casebook.
    CasebookDamagedError
        Not SQLite, cut off, or of another application.
    CasebookTooNewError
        Written by a newer version of this program.
    """
    path = folder / DATABASE
    if folder.is_dir():
        check_layout(folder, DATABASE)
    if not path.is_file():
        raise CasebookError(f"{folder.name} is not a casebook: it holds no {DATABASE}.", "Choose another folder.")
    with open(path, "rb") as f:
        header = f.read(100)
        size = os.fstat(f.fileno()).st_size
    if len(header) < 100 or header[:16] != b"SQLite format 3\0":
        raise damaged(folder, "it is not an SQLite file or it is cut off")
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    wal = folder / f"{DATABASE}-wal"
    if size < pages * (65536 if page == 1 else page) and not (wal.is_file() and wal.stat().st_size):
        raise damaged(folder, f"it is cut off: {size} bytes instead of {pages * page}")
    # With a write-ahead log the newest header page may be in it: SQLite answers this one.
    with translated(folder), contextlib.closing(peek(folder)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if application != APPLICATION_ID:
        raise CasebookError(f"{folder.name} is not a casebook of this program.", "Choose another folder.")
    if version < 1:
        raise damaged(folder, f"it says that it is of schema {version}, which never was")
    if version > FORMAT:
        raise CasebookTooNewError(
            f"The casebook {folder.name} was written by a newer version of this program "
            f"(schema {version}, this program knows {FORMAT}).",
            "Update the program. The casebook was not changed.",
        )
    return version


def peek(folder: Path) -> sqlite3.Connection:
    """A connection that reads and leaves no file behind."""
    path = folder / DATABASE
    # Without a log beside it the file is all there is; "immutable" then leaves no new file behind.
    in_place = Path(f"{path}-wal").exists() and readable_in_place(path)
    return connect(path, mode="ro", immutable=not in_place)


def create(path: Path, version: int = FORMAT) -> None:
    """Make an empty database, mode 0600, with the tables of this schema number."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    engine = engine_for(path)
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            migrations.upgrade(connection, 0, version)
    finally:
        engine.dispose()
    sync_folder(path.parent)


def readable_in_place(path: Path) -> bool:
    """Whether a reading connection works where the file lies (it needs the log's shared memory beside it)."""
    if not (os.access(path.parent, os.W_OK) or Path(f"{path}-wal").exists()):
        return False
    try:
        with contextlib.closing(connect(path, mode="ro")) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False
    return True


def private_copy(path: Path, folder: Path) -> Path:
    """Copy a database with its log into a folder of our own, bring it up to date there; returns the copy."""
    copy = folder / DATABASE
    for suffix in ("", "-wal"):
        if Path(f"{path}{suffix}").exists():
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
            os.chmod(f"{copy}{suffix}", 0o600)
    with contextlib.closing(connect(copy)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version < FORMAT:
        migrate(folder, version)
    return copy


def migrate(folder: Path, version: int) -> Path:
    """Bring an older database up to date in one transaction; returns the backup that was made before."""
    saved = backup(folder, f"before-schema-{FORMAT}")
    engine = engine_for(folder / DATABASE)
    try:
        with translated(folder), engine.connect().execution_options(writes=True) as connection, connection.begin():
            migrations.upgrade(connection, version)
    finally:
        engine.dispose()
    return saved


def backup(folder: Path, reason: str) -> Path:
    """Write a consistent copy of the database to ``backups/``, durably."""
    make_folder(folder / BACKUPS)
    stamp = datetime.now(UTC).strftime(STAMP)
    target = folder / BACKUPS / f"{stamp}-{reason}.sqlite"
    copy_database(folder / DATABASE, target)
    return target


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as of one moment, without its write-ahead log, to a file with mode 0600."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        with (
            translated(source.parent),
            contextlib.closing(connect(source, mode="ro")) as old,
            contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as new,
        ):
            old.backup(new)
        with open(temporary, "r+b") as f:
            sync_file(f.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(target.parent)


# ---- the seal -------------------------------------------------------------------------------------------------


def seal(folder: Path, head: tuple[int, str]) -> str:
    """After a proper close: note the hash of the whole database file, and give it. '' when a log is still beside it."""
    wal = folder / f"{DATABASE}-wal"
    if wal.exists() and wal.stat().st_size:
        return ""
    content: dict[str, Any] = {"database": hash_file(folder / DATABASE), "seq": head[0], "head": head[1]}
    content["check"] = sha256(canonical(content).encode())
    write_durably(folder / SEAL, (canonical(content) + "\n").encode())
    return str(content["database"])


def break_seal(folder: Path) -> None:
    """Before the first change: from here on the file's hash means nothing."""
    path = folder / SEAL
    if path.exists():
        path.unlink()
        sync_folder(folder)


def read_seal(folder: Path) -> dict[str, Any] | None:
    """What the seal says, None when there is none.

    Raises
    ------
    ValueError
        The seal itself was changed.
    """
    path = folder / SEAL
    if not path.exists():
        return None
    data = path.read_bytes()
    content = json.loads(data)
    if not isinstance(content, dict) or set(content) != {"database", "seq", "head", "check"}:
        raise ValueError("the seal lacks an entry")
    check = content.pop("check")
    expected = canonical({**content, "check": sha256(canonical(content).encode())}) + "\n"
    if check != sha256(canonical(content).encode()) or data != expected.encode():
        raise ValueError("the seal was changed")
    return content


def check_integrity(folder: Path) -> str | None:
    """Check the file before it is opened for writing.

    Sealed and unchanged: nothing to do. After a crash SQLite's own check runs. Returns a warning when the file was
    changed by something else since it was closed.

    Raises
    ------
    CasebookDamagedError
    """
    path = folder / DATABASE
    try:
        content = read_seal(folder)
        wal = folder / f"{DATABASE}-wal"
        if content and content["database"] == hash_file(path) and not (wal.exists() and wal.stat().st_size):
            return None
        warning = "The database was changed by something else since it was closed." if content else None
    except ValueError as e:
        warning = f"{e}"
    with translated(folder), contextlib.closing(connect(path)) as connection:
        result = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if result != "ok":
        raise damaged(folder, str(result))
    return warning
