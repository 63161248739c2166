"""The casebook: the folder that remembers."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import stat
import tempfile
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import sqlalchemy as sa

from divisive_desktop.casebook.exports.results import Results
from divisive_desktop.casebook.exports.transfer import Transfer, restore_backup
from divisive_desktop.casebook.folder import SUFFIX, with_suffix
from divisive_desktop.casebook.imported import IMPORTED, Imported, mark_of
from divisive_desktop.casebook.storage import chain, database, seen
from divisive_desktop.casebook.storage.blobs import hash_file, make_folder, sync_folder
from divisive_desktop.casebook.storage.contents import check_contents
from divisive_desktop.casebook.storage.lock import Holder, Lock, account
from divisive_desktop.casebook.storage.schema import FORMAT
from divisive_desktop.casebook.storage.transaction import Store
from divisive_desktop.casebook.tables.analyses import Analyses
from divisive_desktop.casebook.tables.audit import Audit
from divisive_desktop.casebook.tables.batches import Batches
from divisive_desktop.casebook.tables.cases import Cases
from divisive_desktop.casebook.tables.corrections import Corrections
from divisive_desktop.casebook.tables.listing import Listing
from divisive_desktop.casebook.tables.masks import Masks
from divisive_desktop.casebook.tables.measurements import Measurements
from divisive_desktop.casebook.tables.originals import Originals
from divisive_desktop.casebook.tables.runs import Runs
from divisive_desktop.casebook.tables.settings import Settings, put_setting
from divisive_desktop.casebook.tables.splits import Splits
from divisive_desktop.casebook.tables.trash import Trash, strange_names
from divisive_desktop.casebook.tables.waiting import WAITING, Waiting
from divisive_desktop.errors import CasebookError, CasebookFullError
from divisive_desktop.foreign.text import plain
from divisive_desktop.paths import user_data_dir

BACKUPS_KEPT = 5
BACKUP_EVERY = timedelta(days=1)
"""At closing, when something was changed and the newest backup is older."""


class Casebook:
    """Cases, labels, masks, analyses, runs and the audit chain, in one folder.

    Open it with ``create``, ``open`` or ``open_default``; close it (or use it in a ``with`` statement). It may be
    used from several threads. A method that writes returns when the act is on the disk.

    Attributes
    ----------
    path : Path
        The casebook's folder.
    holder : Holder or None
        Who holds the casebook when it is someone else.
    blobs : Blobs
        Its files: masks, thumbnails, imported images.
    listeners : list of callable
        Called after each act, on the thread that acted, with the ids of the cases it was about.
    """

    def __init__(self, path: Path, *, reason: str | None, holder: Holder | None, lock: Lock | None) -> None:
        # Not for callers: the class methods below have checked everything that this relies on.
        self.path = path
        self.holder = holder
        self._lock = lock
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        foreign = lock is None and mark_of(path) is not None
        self._store = store = Store(path, self._open_engine(), reason, (account(), ""), foreign=foreign)
        self.blobs = store.blobs
        self.listeners = store.listeners

        self.settings = Settings(store)
        self.audit = Audit(store)
        self.splits = Splits(store)
        self.cases = Cases(store, self.splits)
        self.listing = Listing(store)
        self.originals = Originals(store)
        self.corrections = Corrections(store)
        self.masks = Masks(store)
        self.measurements = Measurements(store)
        self.analyses = Analyses(store)
        self.batches = Batches(store, self.analyses)
        self.runs = Runs(store, self.originals)
        self.waiting = Waiting(store)
        self.trash = Trash(store)

        self.results = Results(store, self.cases, self.batches, self.audit)
        self.transfer = Transfer(store)

    @property
    def read_only(self) -> str | None:
        """Why nothing can be written, in a sentence; None for the writer."""
        return self._store.read_only

    @property
    def imported(self) -> Imported | None:
        """Where the casebook came from and what was found then, while it hasn't been accepted."""
        return mark_of(self.path)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know."""
        return self._store.warnings

    # ---- opening and closing ---------------------------------------------------------------------------------

    @classmethod
    def create(
        cls, path: Path, *, patient_keys: Literal["hashed", "plain"] = "hashed", holdout_share: float = 0.25
    ) -> Self:
        """Make an empty casebook and open it.

        Parameters
        ----------
        path : Path
            A folder that doesn't exist or is empty; ``.casebook`` is added to the name when it lacks it.
        patient_keys : "hashed" or "plain"
            How patient keys are stored.
        holdout_share : float
            Share of patients that are held out from training, 0..1.

        Raises
        ------
        CasebookError
            There is something at that place.
        CasebookReadOnlyError, CasebookFullError
        """
        if not 0 <= holdout_share <= 1:
            raise ValueError("the hold-out share lies in 0..1")
        path = with_suffix(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise CasebookError(f"There is something at {path} already.", "Choose another name.")
        with database.translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Built aside and renamed: a crash can't leave half a casebook behind.
            building = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            try:
                make_folder(building / "blobs")
                database.create(building / database.DATABASE)
                with cls.open(building) as casebook:
                    casebook._found({"patient_keys": patient_keys, "holdout_share": float(holdout_share)})
                if path.exists():
                    path.rmdir()
                try:
                    os.replace(building, path)
                except OSError as e:
                    raise CasebookError(f"There is something at {path} already.", "Choose another name.") from e
                sync_folder(path.parent)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
        return cls.open(path)

    @classmethod
    def open(
        cls, path: Path, *, read_only: bool = False, take_over: bool = False, accept_import: bool = False
    ) -> Self:
        """Open a casebook: for writing when nobody else holds it and the medium allows, otherwise for reading.

        ``read_only`` on the result says why it can't be written, ``holder`` who holds it, ``warnings`` what the user
        should know. An older schema is migrated, with a backup.

        Parameters
        ----------
        read_only : bool
            Don't try to write.
        take_over : bool
            Ignore a lock held from another machine (the user knows that it is gone).
        accept_import : bool
            A casebook that was imported becomes one's own: it can be changed from now on. An act in its chain.

        Raises
        ------
        CasebookError
            It isn't a casebook.
        CasebookDamagedError
            The database is cut off or corrupt; nothing was changed.
        CasebookTooNewError
            Written by a newer version of this program; nothing was changed.
        """
        path = Path(os.path.abspath(path))
        with database.translated(path):
            version = database.check_header(path)
            if version < FORMAT:  # it is migrated, or a copy of it
                with contextlib.closing(database.peek(path)) as before:
                    check_contents(before, version, path)
            lock, holder, reason = _take(path, read_only, take_over, accept_import)
            try:
                warnings: list[str] = []
                migrated, known = None, False
                if lock is not None:
                    sealed_warning = database.check_integrity(path)
                    if sealed_warning:
                        warnings.append(sealed_warning)
                    elif (sealed := database.read_seal(path)) is not None:
                        known = seen.is_known(path, str(sealed["database"]))
                    if version < FORMAT:
                        database.break_seal(path)
                        migrated = database.migrate(path, version)
                casebook = cls(path, reason=reason, holder=holder, lock=lock)
            except BaseException:
                if lock is not None:
                    lock.release()
                raise
            try:
                if not known:
                    with casebook._store.read() as connection:
                        driver = connection.connection.driver_connection
                        assert isinstance(driver, sqlite3.Connection)
                        check_contents(driver, FORMAT, path)
                if lock is not None:
                    casebook._begin(warnings, version, migrated)
            except BaseException:
                casebook._store.close()
                if lock is not None:
                    lock.release()
                if casebook._temporary is not None:
                    casebook._temporary.cleanup()
                raise
        casebook._store.warnings = (
            *warnings, *casebook.warnings, *_permission_warnings(path), *_name_warnings(casebook._store),
        )  # fmt: skip
        return casebook

    @classmethod
    def default_path(cls) -> Path:
        """Where the casebook lies that opens when none was chosen."""
        return user_data_dir() / f"Casebook{SUFFIX}"

    @classmethod
    def open_default(cls) -> Self:
        """The user's own casebook; made at the first start."""
        path = cls.default_path()
        if not (path / database.DATABASE).exists():
            try:
                return cls.create(path)
            except CasebookError:
                if not (path / database.DATABASE).exists():  # otherwise a second window was quicker
                    raise
        return cls.open(path)

    @classmethod
    def restore_backup(cls, path: Path, backup: str) -> None:
        """Put a backup of the database in place; the present one is set aside in ``damaged/``, never overwritten.

        Acts since the backup are no longer in the database: the chain says from which record on.

        Parameters
        ----------
        backup : str
            Name of a file in ``backups/``.
        """
        set_aside = restore_backup(path, backup)
        with cls.open(path) as casebook:
            casebook.audit.record("restore-backup", file=backup, set_aside=set_aside)

    def close(self) -> None:
        """Let go: seal the database so that any later change of a byte is found, and free the lock."""
        store = self._store
        with store.write_lock:
            if store.closed:
                return
            try:
                self.listing.close()  # the database must be nobody's any more when it is sealed
                if store.read_only is None:
                    self._tidy()
                if self._lock is not None and not store.sealed:
                    self._seal()
            finally:
                store.close()
                if self._lock is not None:
                    self._lock.release()
                if self._temporary is not None:
                    self._temporary.cleanup()

    def _seal(self) -> None:
        try:
            seen.note(self.path, self._store.seal())
        except CasebookFullError as e:
            # As after a crash: everything is in the write-ahead log, which the next opening reads.
            logging.getLogger(__name__).warning("not sealed: %s", e.message)

    def _tidy(self) -> None:
        """Before closing: masks that were painted over go, and once a day the database is backed up."""
        try:
            if self.masks.superseded:
                self.trash.collect_garbage()
            backups = sorted((self.path / database.BACKUPS).glob("*.sqlite"))
            due = (datetime.now(UTC) - BACKUP_EVERY).strftime(database.STAMP)
            if not self._store.sealed and not (backups and backups[-1].name > due) and self.cases.count():
                self.backup()
        except CasebookFullError as e:
            # Both can wait: what was acknowledged is safe, and closing frees the lock.
            logging.getLogger(__name__).warning("not tidied up: %s", e.message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _open_engine(self) -> sa.Engine:
        path = self.path / database.DATABASE
        if self._lock is not None:
            return database.engine_for(path)
        if not _older(path) and database.readable_in_place(path):
            return database.engine_for(path, mode="ro")
        # SQLite can't read a write-ahead log, nor we migrate, where nothing may be written: work on a private copy.
        self._temporary = tempfile.TemporaryDirectory(prefix="casebook-")
        return database.engine_for(database.private_copy(path, Path(self._temporary.name)), mode="ro")

    def _begin(self, warnings: list[str], version: int, migrated: Path | None) -> None:
        """The writer's first duties: bring the witness up to date, say what happened since the last time."""
        accepted = mark_of(self.path)
        written = (chain.WITNESS, database.SEAL, WAITING)
        for pattern in (*(f".{name}.*" for name in written), f".{database.DATABASE}*", "backups/.*.sqlite.*"):
            for leftover in self.path.glob(pattern):  # of writes that a crash interrupted
                leftover.unlink()
        warning = self._store.catch_up_witness()
        if warning is not None:
            warnings.append(warning)
        self._store.user = self._known_user()
        self.originals.adopt()
        running = bool(self._store.rows("SELECT 1 FROM runs WHERE state = 'running' LIMIT 1"))
        if migrated is None and not warnings and not running and accepted is None:
            return
        with self._store.act() as act:
            if migrated is not None:
                act.record(
                    "migrate", before=version, after=FORMAT, backup=migrated.name, backup_sha256=hash_file(migrated)
                )
            for warning in warnings:
                act.record("warning", text=warning)
            if accepted is not None:
                act.record(
                    "accept-import", source=accepted.source, imported=accepted.time, breaks=list(accepted.breaks),
                    outside=accepted.outside,
                )  # fmt: skip
            self.runs.interrupt(act)
        (self.path / IMPORTED).unlink(missing_ok=True)

    def _found(self, settings: Mapping[str, Any]) -> None:
        with self._store.act() as act:
            put_setting(act, "identity", str(uuid.uuid4()))
            for key, value in settings.items():
                put_setting(act, key, value)
            act.record("create", settings=dict(settings))

    # ---- people, the chain's head, backups -------------------------------------------------------------------

    @property
    def user(self) -> tuple[str, str]:
        """Name and role that acts are recorded under."""
        return self._store.user

    @property
    def reader(self) -> str:
        """The user's name, '' while nobody has said one: the account's is none that belongs on a report."""
        return "" if self.user[0] == account() else self.user[0]

    def set_user(self, name: str, role: str = "") -> None:
        """Change how this operating system account is called in this casebook from now on."""
        if not name.strip():
            raise CasebookError("A user needs a name.", "Type one.")
        with self._store.act() as act:
            found = act.sql("SELECT id FROM users WHERE account = ?", (account(),)).first()
            values: dict[str, Any] = {"account": account(), "name": name.strip(), "role": role.strip()}
            if found is None:
                act.insert("users", values)
            else:
                act.update("users", found[0], values)
            act.record("user", **values)
            self._store.user = (values["name"], values["role"])

    def _known_user(self) -> tuple[str, str]:
        rows = self._store.rows("SELECT name, role FROM users WHERE account = ?", (account(),))
        return (rows[0][0], rows[0][1]) if rows else (account(), "")

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest record. Printed on a report it pins everything before it."""
        return self._store.head()

    def backup(self) -> Path:
        """Copy the database to ``backups/``; the newest five are kept."""
        with self._store.act() as act:
            saved = database.backup(self.path, "backup")
            act.record("backup", file=saved.name, sha256=hash_file(saved))
        for old in sorted((self.path / database.BACKUPS).glob("*-backup.sqlite"))[:-BACKUPS_KEPT]:
            old.unlink()
        return saved

    def restrict_access(self) -> None:
        """Take the casebook out of other people's sight: folders 0700, files 0600."""
        stale = _permission_warnings(self.path)
        with database.translated(self.path):
            for root, _, files in os.walk(self.path):
                os.chmod(root, 0o700)
                for name in files:
                    if not Path(root, name).is_symlink():
                        os.chmod(Path(root, name), 0o600)
        self._store.warnings = tuple(warning for warning in self.warnings if warning not in stale)


def _take(
    path: Path, read_only: bool, take_over: bool, accept_import: bool
) -> tuple[Lock | None, Holder | None, str | None]:
    if read_only:
        return None, None, "The casebook was opened for reading only."
    if not (os.access(path, os.W_OK) and os.access(path / database.DATABASE, os.W_OK)):
        return None, None, "The casebook lies on a read-only medium or belongs to someone else."
    found = mark_of(path)
    if found is not None and not accept_import:
        return None, None, f"This casebook was imported from {plain(found.source)} and isn't yours yet."
    lock = Lock(path)
    try:
        holder = lock.acquire(take_over=take_over)
    except OSError as e:
        return None, None, f"The casebook can't be locked ({e.strerror})."
    if holder is not None:
        return None, holder, f"The casebook is held by {holder}."
    return lock, None, None


def _older(path: Path) -> bool:
    with open(path, "rb") as f:
        return int.from_bytes(f.read(64)[60:64], "big") < FORMAT  # user_version in the file's header


def _name_warnings(store: Store) -> tuple[str, ...]:
    """Rows that name files which can't be the casebook's; those are never opened."""
    with store.read() as connection:
        found = strange_names(connection.exec_driver_sql)
    if not found:
        return ()
    return (
        f"The casebook names files that can't be its own ({', '.join(plain(name[:80]) for name in found)}): it was "
        "changed outside the program. Check it with: divisive-desktop verify CASEBOOK",
    )


def _permission_warnings(path: Path) -> tuple[str, ...]:
    if os.name == "nt":
        return ()
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return (f"Other users of this computer can get at the casebook {path} (mode {mode:04o}, should be 0700).",)
    return ()

