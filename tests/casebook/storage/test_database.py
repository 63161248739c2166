"""Opening: schema, migration, permissions, media that can't be written, damage."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.casebook.storage import contents, database, schema
from divisive_desktop.errors import (
    CasebookDamagedError,
    CasebookError,
    CasebookReadOnlyError,
    CasebookTooNewError,
)


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "lock"}


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    database.create(tmp_path / "x.sqlite")
    engine = database.engine_for(tmp_path / "x.sqlite")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        assert connection.exec_driver_sql("PRAGMA user_version").scalar() == schema.FORMAT
    engine.dispose()


def test_a_writers_connection_is_set_up_to_survive_a_power_cut(book: Casebook) -> None:
    with book._store.engine.connect() as connection:

        def pragma(name: str) -> object:
            return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert pragma("journal_mode") == "wal"
        assert pragma("synchronous") == 2  # FULL
        assert pragma("foreign_keys") == 1


def test_every_write_is_flushed_before_it_is_acknowledged(
    book: Casebook, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = book.cases.add(photos[0])
    flushed: list[str] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (flushed.append(os.readlink(f"/proc/self/fd/{fd}")), real(fd))[1])
    book.cases.set_thumbnails({case: b"a picture"})
    blob = book.blobs.path(book.cases.get(case).thumbnail or "")
    names = [Path(name).name for name in flushed]
    assert any(name.startswith(f".{blob.name}") for name in names), "the file, before it got its name"
    assert str(blob.parent) in flushed, "its name"
    assert str(blob.parent.parent) in flushed, "its folder's name"
    assert names[-1] == "chain.log"


# ---- first start, names, permissions -----------------------------------------------------------------------------


def test_the_default_casebook_is_made_once_and_opened_again(photos: list[Path]) -> None:
    with Casebook.open_default() as book:
        case = book.cases.add(photos[0])
        path = book.path
    assert path == Casebook.default_path()
    with Casebook.open_default() as book:
        assert book.cases.get(case).name == photos[0].name


def test_an_existing_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.casebook").mkdir()
    (tmp_path / "x.casebook" / "thesis.txt").write_text("mine")
    with pytest.raises(CasebookError):
        Casebook.create(tmp_path / "x")
    assert files(tmp_path) == {"x.casebook/thesis.txt": b"mine"}


def test_something_else_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(CasebookError):
        Casebook.open(tmp_path)
    with closing(sqlite3.connect(tmp_path / database.DATABASE)) as other:
        other.execute("CREATE TABLE t (a)")
    with pytest.raises(CasebookError, match="not a casebook"):
        Casebook.open(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_nobody_else_may_look_in_and_a_casebook_that_lets_them_warns(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    book.cases.set_thumbnails({case: b"x"})
    book.backup()
    for path in [book.path, *book.path.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert book.warnings == ()
    book.path.chmod(0o755)
    book.close()
    with Casebook.open(book.path) as again:
        (warning,) = again.warnings
        assert "0755" in warning
        again.restrict_access()
        assert again.warnings == ()
        assert stat.S_IMODE(book.path.stat().st_mode) == 0o700


# ---- other schemas ------------------------------------------------------------------------------------------------


def test_an_older_casebook_is_migrated_with_a_backup(tmp_path: Path, kill) -> None:
    path = kill.make_old(tmp_path / "old.casebook")
    before = content(path / database.DATABASE)
    assert verify(path).ok
    with Casebook.open(path) as book:
        assert book.warnings == ()
        assert book.cases.count() == 20
        assert [row.label for row in book.cases.rows()][:3] == [0, 1, 0]
        book.batches.start([1])
        record = next(r for r in book.audit.trail() if r.act == "migrate")
        backup = path / database.BACKUPS / record.parameters["backup"]
    assert content(backup) == before
    report = verify(path)
    assert report.ok, report.breaks
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_a_migration_that_fails_leaves_the_old_casebook(
    tmp_path: Path, kill, monkeypatch: pytest.MonkeyPatch
) -> None:
    from divisive_desktop.casebook.storage.migrations import v0002_batches

    path = kill.make_old(tmp_path / "old.casebook")
    before = content(path / database.DATABASE)
    upgrade = v0002_batches.upgrade

    def breaks() -> None:
        upgrade()
        raise RuntimeError("power cut")

    monkeypatch.setattr(v0002_batches, "upgrade", breaks)
    with pytest.raises(RuntimeError):
        Casebook.open(path)
    assert content(path / database.DATABASE) == before
    monkeypatch.undo()
    with Casebook.open(path) as book:
        assert book.cases.count() == 20


def test_a_newer_casebook_is_refused_and_left_alone(book: Casebook) -> None:
    book.close()
    with closing(sqlite3.connect(book.path / database.DATABASE)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.FORMAT + 1}")
    before = files(book.path)
    with pytest.raises(CasebookTooNewError, match="newer version"):
        Casebook.open(book.path)
    assert files(book.path) == before


# ---- media that can't be written ----------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that other users may enter (pytest's own are private)."""
    folder = Path(tempfile.mkdtemp(prefix="casebook-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(function: Callable[[], object]) -> Callable[[], object]:
    """Root may write anything: give that right up first."""

    def run() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        function()

    return run


def readable_by_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("state", ["closed", "crashed", "old"])
def test_a_folder_that_may_only_be_read_works_for_reading(
    elsewhere: Path, photos: list[Path], in_child: Callable[[Callable[[], object]], None], kill, state: str
) -> None:
    path = elsewhere / "x.casebook"
    if state == "old":
        kill.make_old(path)
    else:
        book = Casebook.create(path)
        case = book.cases.add(photos[0])
        book.cases.set_notes(case, "seen")
        if state == "crashed":  # with its write-ahead log, as a memory stick pulled out
            shutil.copytree(path, elsewhere / "y.casebook")
        book.close()
        if state == "crashed":
            path = elsewhere / "y.casebook"
            assert (path / f"{database.DATABASE}-wal").stat().st_size > 0
    readable_by_all(path)
    before = files(path)

    def look() -> None:
        with Casebook.open(path) as book:
            assert book.read_only is not None
            assert "read-only" in book.read_only
            row = book.cases.rows()[0]
            assert row.notes == ("" if state == "old" else "seen")
            with pytest.raises(CasebookReadOnlyError):
                book.cases.set_label(row.id, 1)
            assert book.batches.rows() == []
        assert verify(path, originals=False).ok

    in_child(as_nobody(look))
    assert files(path) == before


def test_making_a_casebook_where_nothing_may_be_written_says_so(
    elsewhere: Path, in_child: Callable[[Callable[[], object]], None]
) -> None:
    elsewhere.chmod(0o555)

    def make() -> None:
        with pytest.raises(CasebookReadOnlyError):
            Casebook.create(elsewhere / "x")

    in_child(as_nobody(make))
    elsewhere.chmod(0o755)


def test_a_medium_mounted_for_reading_works(tmp_path: Path, photos: list[Path]) -> None:
    mount = tmp_path / "disc"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", str(mount)], capture_output=True, check=False).returncode:
        pytest.skip("mounting isn't permitted here")
    try:
        with Casebook.create(mount / "x") as book:
            case = book.cases.add(photos[0])
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        with Casebook.open(mount / "x.casebook") as book:
            assert book.read_only is not None
            assert book.originals.path(case, check=True).exists()
        assert verify(mount / "x.casebook").ok
    finally:
        subprocess.run(["umount", str(mount)], check=True)


# ---- damage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 10, 100, 5000, -4096, -1])
def test_a_cut_off_database_is_refused_left_alone_and_the_backup_named(
    book: Casebook, photos: list[Path], cut: int
) -> None:
    ids = book.cases.add_all(photos)
    book.cases.set_label(ids, 1)
    backup = book.backup()
    book.close()
    file = book.path / database.DATABASE
    data = file.read_bytes()
    file.write_bytes(data[:cut])
    before = files(book.path)
    with pytest.raises(CasebookDamagedError) as error:
        Casebook.open(book.path)
    assert backup.name in error.value.remedy
    assert files(book.path) == before

    Casebook.restore_backup(book.path, backup.name)
    with Casebook.open(book.path) as again:
        assert again.cases.count() == len(photos)
        assert {row.label for row in again.cases.rows()} == {1}
        assert again.audit.trail(limit=1)[0].act == "restore-backup"
    kept = [p for p in (book.path / "damaged").iterdir() if p.name.endswith(database.DATABASE)]
    assert [p.read_bytes() for p in kept] == [data[:cut]]
    assert verify(book.path).ok


@pytest.mark.parametrize("sealed", [True, False])
def test_a_page_of_rubbish_is_refused(book: Casebook, photos: list[Path], sealed: bool) -> None:
    book.cases.add_all(photos)
    book.close()
    if not sealed:
        (book.path / database.SEAL).unlink()
    file = book.path / database.DATABASE
    data = bytearray(file.read_bytes())
    page = int.from_bytes(data[16:18], "big")
    for start in range(page, len(data), page):
        data[start : start + 64] = os.urandom(64)
    file.write_bytes(data)
    with pytest.raises(CasebookDamagedError):
        Casebook.open(book.path)
    with Casebook.create(book.path.with_name("other")) as other:
        assert other.read_only is None


def test_only_the_newest_backups_are_kept(book: Casebook) -> None:
    names = [book.backup().name for _ in range(8)]
    assert sorted(p.name for p in (book.path / database.BACKUPS).iterdir()) == names[3:]


def test_the_database_is_backed_up_once_a_day_when_something_changed(
    book: Casebook, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from divisive_desktop.casebook import casebook

    def backups() -> int:
        folder = book.path / database.BACKUPS
        return len(list(folder.iterdir())) if folder.is_dir() else 0

    book.cases.add(photos[0])
    book.close()
    assert backups() == 1
    with Casebook.open(book.path) as again:
        again.cases.set_label(1, 1)
    assert backups() == 1, "there is one of today"
    monkeypatch.setattr(casebook, "BACKUP_EVERY", timedelta(0))
    Casebook.open(book.path).close()
    assert backups() == 1, "nothing was changed"
    with Casebook.open(book.path) as again:
        again.cases.set_label(1, 0)
    assert backups() == 2
    assert verify(book.path).ok


def test_a_closed_casebook_answers_no_more(book: Casebook) -> None:
    book.close()
    with pytest.raises(CasebookError, match="closed"):
        book.cases.rows()
    with pytest.raises(CasebookError, match="closed"):
        book.set_user("Ann")
    book.close()


def test_migrations_need_no_files_of_their_own(tmp_path: Path) -> None:
    """As in a frozen program: the package lies in an archive, there is nothing on the disk to list."""
    package = Path(schema.__file__).parents[2]
    archive = shutil.make_archive(str(tmp_path / "frozen"), "zip", package.parent, package.name)
    code = (
        "import sys; from pathlib import Path; import divisive_desktop.casebook as c; assert '.zip' in c.__file__\n"
        "with c.Casebook.create(Path(sys.argv[1])) as book: print(book.head()[0])"
    )
    environment = os.environ | {"PYTHONPATH": archive}
    run = [sys.executable, "-c", code, str(tmp_path / "x")]
    done = subprocess.run(run, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "1", done.stderr


def test_errors_of_sqlalchemy_itself_are_not_swallowed(book: Casebook) -> None:
    with pytest.raises(sa.exc.OperationalError):
        book._store.rows("SELECT nonsense FROM nowhere")


def test_casebooks_made_at_the_same_time_get_their_own_tables(tmp_path: Path) -> None:
    """Alembic has one place for the connection that it works on."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: database.create(tmp_path / f"{n}.sqlite"), range(24)))
    for n in range(24):
        with closing(database.connect(tmp_path / f"{n}.sqlite")) as connection:
            assert contents.strange_definitions(connection, schema.FORMAT) == []
