"""Casebook folders that somebody else prepared: whatever lies in them, nothing outside is touched, and it is said."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.casebook.storage import contents
from divisive_desktop.casebook.storage.schema import FORMAT
from divisive_desktop.errors import CasebookDamagedError, CasebookError

OLD = Path(__file__).resolve().parents[1] / "data" / "v0_1_0" / "Divisive" / "Old.casebook"
posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and links of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A casebook of this version with cases, masks, analyses and a run."""
    path = tmp_path / "theirs.casebook"
    shutil.copytree(OLD, path)
    path.chmod(0o700)
    with Casebook.open(path):
        pass
    return path


def changed(path: Path, *statements: str) -> None:
    """Whoever writes the database by hand needn't heed its triggers, and takes the seal away."""
    connection = sqlite3.connect(path / "casebook.sqlite", isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for statement in statements:
        connection.executescript(statement)
    connection.close()
    (path / "seal.json").unlink(missing_ok=True)


def refused(path: Path) -> str:
    """What is said when it is opened, to write and to read; nothing is left open or locked."""
    said = []
    for read_only in (False, True):
        with pytest.raises(CasebookDamagedError) as error:
            Casebook.open(path, read_only=read_only)
        assert error.value.remedy
        said.append(error.value.message)
    return said[0]


# ---- what lies in the folder ---------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    "name",
    ["lock", "chain.log", "seal.json", "imported.json", "casebook.sqlite", "casebook.sqlite-wal", "casebook.sqlite-shm",
     "casebook.sqlite-journal", "waiting.jsonl", "blobs", "backups", "damaged", "originals", "blobs/aa",
     "backups/x.sqlite"],
)  # fmt: skip
def test_a_link_leads_nowhere(name: str, folder: Path, tmp_path: Path) -> None:
    """The lock is emptied, the witness appended to, unused files of blobs removed: not those of other people."""
    theirs = tmp_path / "precious"
    place = folder / name
    real = place.exists() and not place.is_symlink()
    if real:
        place.rename(tmp_path / "was")
    if "." in name or name == "lock":
        theirs.write_bytes((tmp_path / "was").read_bytes() if real and "sqlite" in name else b"my own words\n")
    else:
        theirs.mkdir()
        (theirs / ("a" * 64)).write_bytes(b"my own words\n")
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(theirs)
    before = _all_bytes(theirs)
    assert "a link to something else" in refused(folder)
    found = verify(folder)
    assert not found.ok
    assert "a link" in str(found.breaks[0])
    assert _all_bytes(theirs) == before


def _all_bytes(path: Path) -> dict[str, bytes]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name: file.read_bytes() for file in files}


@posix
def test_unused_files_behind_a_link_are_not_tidied_away(folder: Path, tmp_path: Path) -> None:
    """A link that is made while the casebook is open."""
    theirs = tmp_path / "precious"
    theirs.mkdir()
    (theirs / "letter.txt").write_text("my own words")
    with Casebook.open(folder) as book:
        (folder / "blobs" / "zz").symlink_to(theirs)
        book.trash.collect_garbage()
    assert (theirs / "letter.txt").read_text() == "my own words"


@posix
@pytest.mark.parametrize("name", ["lock", "chain.log", "seal.json", "imported.json", "casebook.sqlite", "waiting.jsonl",
                                  "casebook.sqlite-wal", "casebook.sqlite-shm", "casebook.sqlite-journal"])  # fmt: skip
def test_nothing_waits_for_a_pipe(name: str, folder: Path) -> None:
    place = folder / name
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    code = (
        "import sys; from pathlib import Path; from divisive_desktop.casebook import Casebook, verify\n"
        "from divisive_desktop.errors import CasebookError\n"
        "path = Path(sys.argv[1]); assert not verify(path).ok\n"
        "try:\n    Casebook.open(path)\nexcept CasebookError as e:\n    print(e.message)"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=60, check=True)
    assert "neither a file nor a folder" in done.stdout


def test_a_journal_that_names_another_one_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """SQLite would read the other one, and remove it when it finds nothing in it."""
    theirs = tmp_path / "precious"
    theirs.write_bytes(b"my own words\n")
    name = os.fsencode(theirs)
    end = len(name).to_bytes(4, "big") + sum(name).to_bytes(4, "big") + b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
    head = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(3) + b"\x01" + bytes(500)
    (folder / "casebook.sqlite-journal").write_bytes(head + b"\x00\x00\x00\x01" + name + end)
    assert "names another journal" in refused(folder)
    assert theirs.read_bytes() == b"my own words\n"


# ---- what stands in the database -----------------------------------------------------------------------------------

DEFINITIONS = {
    "view for a table": "ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people;",
    "endless view": "DROP TABLE measurements; CREATE VIEW measurements AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL "
    "SELECT id + 1 FROM n) SELECT id, 1 AS case_id, '[]' AS data, '' AS user, '' AS time FROM n;",
    "trigger": "CREATE TRIGGER more AFTER INSERT ON labels BEGIN UPDATE cases SET label = 0; END;",
    "table": "CREATE TABLE more (x);",
    "computed column": "ALTER TABLE users ADD COLUMN bomb TEXT AS (hex(zeroblob(200000000)));",
    "index": "CREATE INDEX more ON cases (hex(notes));",
    "virtual table": "CREATE VIRTUAL TABLE more USING fts5(x);",
    "no table": "DROP TABLE splits;",
}  # fmt: skip


@pytest.mark.parametrize("name", DEFINITIONS)
def test_other_definitions_are_refused(name: str, folder: Path) -> None:
    changed(folder, DEFINITIONS[name])
    said = refused(folder)
    assert "definition was changed" in said or "too big" in said
    assert not verify(folder).ok


def test_definitions_are_looked_at_before_an_older_casebook_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "old.casebook"
    shutil.copytree(OLD, path)
    changed(path, "CREATE TRIGGER more AFTER UPDATE ON cases BEGIN DELETE FROM labels; END;")
    before = (path / "casebook.sqlite").read_bytes()
    assert "definition was changed" in refused(path)
    assert (path / "casebook.sqlite").read_bytes() == before


def test_the_definitions_are_known_by_their_hash() -> None:
    for version in range(1, FORMAT + 1):
        assert contents.digest_of(contents.fresh_schema(version)) == contents.KNOWN[version]


VALUES = {
    "number for a path": "UPDATE cases SET path = CAST(x'00' AS BLOB)",
    "text for a number": "UPDATE cases SET frame = 'first'",
    "text for a label": "UPDATE cases SET label = 'yes'",
    "third label": "UPDATE cases SET label = 2",
    "third class": "UPDATE analyses SET predicted = 7",
    "unknown state": "UPDATE cases SET review = 'approved'",
    "blob for notes": "UPDATE cases SET notes = zeroblob(5)",
    "giant name": "UPDATE cases SET name = printf('%.*c', 5000000, 'x')",
    "giant notes": "UPDATE cases SET notes = printf('%.*c', 20000000, 'x')",
    "tags that aren't JSON": "UPDATE cases SET tags = '{['",
    "tags that aren't texts": "UPDATE cases SET tags = '[1, null, {\"a\": []}]'",
    "tags that are an object": "UPDATE cases SET tags = '{\"a\": \"b\"}'",
    "deep tags": "UPDATE cases SET tags = printf('%.*c', 900, '[') || printf('%.*c', 900, ']')",
    "endless seconds": "UPDATE cases SET seconds = 9e999",
    "endless logit": "UPDATE analyses SET logit0 = -9e999",
    "text for a logit": "UPDATE analyses SET logit1 = 'much'",
    "no width": "UPDATE cases SET width = 0",
    "negative width": "UPDATE analyses SET region_width = -5",
    "giant map": "UPDATE cams SET height = 1000000000",
    "text for a map": "UPDATE cams SET data = 'map'",
    "side": "UPDATE cases SET side = 'both'",
    "region names": "UPDATE masks SET names = '[[]]'",
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("version", ["old", "migrated"])
def test_values_of_another_kind_are_refused_in_words(name: str, version: str, folder: Path) -> None:
    if version == "old":
        shutil.rmtree(folder)
        shutil.copytree(OLD, folder)
    changed(folder, "PRAGMA writable_schema = ON", VALUES[name])
    said = refused(folder)
    assert "changed outside the program" in said, said
    assert not verify(folder).ok


JSON = {
    "preprocessing": ("analyses", ['"x"', "[]", "{", '{"scope": []}', '{"scope": {"zone": 1, "reasons": 7}}',
                      '{"decision": {"p": ["a", {}], "rates": 1}}', '{"framing": 1}', "[" * 200 + "]" * 200]),
    "timings": ("analyses", ["[]", "1", '{"forward": "long"}', "nothing"]),
    "value": ("settings", ["{", "[]", "1e999", "null", "9" * 5000]),
    "parameters": ("runs", ["[]", "{", '"x"']),
    "metrics": ("runs", ["[]", "{", '"x"']),
}  # fmt: skip


@pytest.mark.parametrize("column", JSON)
def test_json_of_another_form_ends_in_words(column: str, folder: Path) -> None:
    table, values = JSON[column]
    for value in values:
        changed(folder, f"UPDATE {table} SET {column} = '{value}'")
        with suppress(CasebookError), Casebook.open(folder, read_only=True) as book:
            used(book)
        verify(folder)


def used(book: Casebook) -> None:
    """What the window asks of a casebook when it is opened and looked through."""
    from divisive_desktop.casebook.tables.listing import LIST_SORTS, ListFilter, ListView

    rows = book.cases.rows()
    for row in rows:
        assert all(isinstance(tag, str) for tag in row.tags)
        assert isinstance(row.region_names, tuple)
        row.brief()
        book.analyses.rows(row.id)
        book.masks.load(row.id)
        book.measurements.load(row.id)
        if row.analysis is not None:
            book.analyses.load(row.analysis)
    view = ListView()
    book.listing.groups(view)
    book.listing.tags()
    for sort in LIST_SORTS:
        book.listing.find(ListFilter(text="a"), view, sort)
    book.analyses.framings()
    book.audit.trail()
    for run in book.runs.rows():
        book.runs.cases(run.id)
    for key in ("identity", "patient_keys", "holdout_share"):
        book.settings.get(key)


def test_an_honest_casebook_is_used_as_before(folder: Path) -> None:
    with Casebook.open(folder) as book:
        used(book)
        book.cases.set_notes(book.cases.rows()[0].id, "ß 意見")
    assert verify(folder, originals=False).ok


def test_what_this_program_closed_isn_t_looked_through_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only as long as not a byte of it was changed."""
    looked: list[int] = []
    look = contents.strange_value
    monkeypatch.setattr(contents, "strange_value", lambda connection: looked.append(1) or look(connection))
    for expected in (0, 0, 1):
        looked.clear()
        with Casebook.open(folder) as book:
            book.cases.set_notes(book.cases.rows()[0].id, f"{expected}")
        assert len(looked) == expected
        if looked:
            break
        if expected == 0 and (folder / "once").exists():
            changed(folder, "UPDATE users SET name = 'x'")
        (folder / "once").touch()
    moved = folder.with_name("moved.casebook")
    folder.rename(moved)
    looked.clear()
    with Casebook.open(moved):
        assert looked
