"""Whatever is changed behind the program's back is found, or carries no content."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.chain import (
    FIELDS,
    WITNESS,
    canonical,
    record_hash,
    row_hash,
    row_hasher,
    values_hash,
)
from divisive_desktop.cli.verify import verify_command
from divisive_desktop.masks.mask import Mask


@pytest.fixture
def closed(tmp_path: Path, photos: list[Path], kill) -> Path:
    """A casebook with something in every table, properly closed."""
    with Casebook.create(tmp_path / "full.casebook") as book:
        book.set_user("Ann", "reader")
        ids = [*book.cases.add_all(photos[:4]), *book.cases.add_all(photos[4:6], copy=False)]
        book.cases.set_thumbnails({ids[0]: b"png"})
        for case in ids:
            book.cases.set_label(case, case % 2)
            book.splits.set_side(case, "train")
            book.masks.save(case, Mask.from_array(np.full((30, 40), case, np.uint8)))
            book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, case))
        book.cases.set_notes(ids[0], "effusion")
        run = book.runs.start("difference", [(case, "train") for case in ids], base=kill.MODEL)
        book.runs.finish(run, "done", metrics={"auroc": 0.9})
        batch = book.batches.start(ids)
        item = book.batches.next_items(batch)[0]
        book.batches.finish_item(item.id, kill.make_analysis(book.cases.get(ids[0]).sha256, 9))
        book.backup()
        book.trash.put(ids[1])
    return book.path


def edit(path: Path, *statements: str) -> None:
    """Change the database with another program's hands."""
    with sqlite3.connect(path / database.DATABASE) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def without_seal(path: Path) -> Path:
    """As after a crash: content is all that vouches."""
    (path / database.SEAL).unlink()
    return path


def content(path: Path) -> list[str] | None:
    """Everything the database says, None when SQLite can't read it."""
    connection = sqlite3.connect(f"file:{path / database.DATABASE}?mode=ro&immutable=1", uri=True)
    try:
        return list(connection.iterdump())
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return None
    finally:
        connection.close()


def test_an_untouched_casebook_is_in_order(closed: Path) -> None:
    report = verify(closed)
    assert report.ok, report.breaks
    assert report.sealed
    assert report.remarks == []
    assert report.originals == 2
    assert report.blobs == 11
    code, text = verify_command(closed)
    assert code == 0
    assert report.head in text


def test_verifying_changes_nothing(closed: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in closed.rglob("*") if p.is_file()}

    before = state()
    verify(closed)
    assert state() == before


def test_an_open_casebook_can_be_verified(book: Casebook, photos: list[Path]) -> None:
    book.cases.add(photos[0])
    report = verify(book.path)
    assert report.ok
    assert not report.sealed


def test_any_byte_flipped_in_any_file_is_found(closed: Path) -> None:
    """The closed casebook: no exception, whether the byte holds content or not."""
    rng = random.Random(0)
    files = [p for p in closed.rglob("*") if p.is_file() and p.name != "lock"]
    assert {database.DATABASE, WITNESS, database.SEAL} < {p.name for p in files}
    checked = 0
    for file in files:
        good = file.read_bytes()
        places = range(len(good)) if len(good) < 20 else rng.sample(range(len(good)), 20)
        for at in [*places, 0, len(good) - 1]:
            flipped = bytearray(good)
            flipped[at] ^= 1 << rng.randrange(8)
            file.write_bytes(flipped)
            assert not verify(closed).ok, f"byte {at} of {file.relative_to(closed)}"
            checked += 1
        file.write_bytes(good)
    assert checked > 300
    assert verify(closed).ok


def test_after_a_crash_a_flipped_byte_is_found_or_carries_no_content(closed: Path) -> None:
    rng = random.Random(1)
    file = without_seal(closed) / database.DATABASE
    good, said = file.read_bytes(), content(closed)
    harmless = 0
    for at in rng.sample(range(len(good)), 400):
        flipped = bytearray(good)
        flipped[at] ^= 1 << rng.randrange(8)
        file.write_bytes(flipped)
        if verify(closed, originals=False).ok:
            assert content(closed) == said, f"byte {at}"
            harmless += 1
    assert harmless < 390, "unused space only"


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE cases SET label = 1 - label WHERE id = 2", "cases 2"),
        ("UPDATE cases SET notes = 'nothing' WHERE id = 1", "cases 1"),
        ("UPDATE labels SET value = 1 WHERE id = 2", "labels 2"),
        ("UPDATE labels SET user = 'bob' WHERE id = 1", "labels 1"),
        ("DELETE FROM labels WHERE id = 3", "labels 3"),
        ("INSERT INTO labels (case_id, value, user, time) VALUES (1, 1, 'x', 'y')", "labels 7"),
        ("UPDATE cams SET data = zeroblob(length(data)) WHERE id = 2", "cams 2"),
        ("UPDATE cams SET data = CAST(data AS TEXT) WHERE id = 2", "cams 2"),
        ("UPDATE analyses SET probability = 0.5 WHERE id = 1", "analyses 1"),
        ("UPDATE masks SET blob = (SELECT blob FROM masks WHERE id = 2) WHERE id = 1", "masks 1"),
        ("UPDATE runs SET metrics = '{\"auroc\":0.99}'", "runs 1"),
        ("UPDATE settings SET value = '0.9' WHERE key = 'holdout_share'", "settings 3"),
        ("UPDATE users SET name = 'Bob'", "users 1"),
        ("UPDATE splits SET side = 'holdout' WHERE id = 1", "splits 1"),
        ("UPDATE models SET version = '9'", "models 1"),
        ("UPDATE batch_items SET state = 'pending' WHERE id = 1", "batch_items 1"),
        ("UPDATE run_cases SET label = 1 - label WHERE id = 1", "run_cases 1"),
        ("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'cases'", "sqlite_sequence cases"),
        ("DROP TRIGGER audit_no_update", "trigger audit_no_update"),
        ("DROP INDEX cases_sha256", "index cases_sha256"),
        ("CREATE TRIGGER evil AFTER INSERT ON labels BEGIN UPDATE cases SET label = 1; END", "trigger evil"),
    ],
)
def test_an_edited_row_is_named(closed: Path, statement: str, where: str) -> None:
    edit(without_seal(closed), statement)
    report = verify(closed)
    named = [finding.where for finding in report.breaks if not finding.where.startswith("sqlite_sequence")]
    assert (named or [report.breaks[0].where]) == [where]
    code, text = verify_command(closed)
    assert code == 1
    assert f"First break: {where}" in text


def test_the_database_refuses_to_change_the_chain(closed: Path) -> None:
    for statement in ("UPDATE audit SET user = 'bob' WHERE seq = 3", "DELETE FROM audit WHERE seq = 3"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            edit(closed, statement)


_NO_TRIGGERS = ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete")


def _with_triggers_back(path: Path, *statements: str) -> None:
    with sqlite3.connect(path / database.DATABASE) as connection:
        triggers = [row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'")]
    connection.close()
    edit(path, *_NO_TRIGGERS, *statements, *triggers)


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE audit SET user = 'bob' WHERE seq = 5", "audit record 5"),
        ("UPDATE audit SET time = '2020-01-01' WHERE seq = 4", "audit record 4"),
        ("UPDATE audit SET parameters = '{}' WHERE seq = 6", "audit record 6"),
        ("UPDATE audit SET rows = '[]' WHERE seq = 6", "audit record 6"),
        ("DELETE FROM audit WHERE seq = 7", "audit record 7"),
    ],
)
def test_an_edited_record_is_the_first_break(closed: Path, statement: str, where: str) -> None:
    _with_triggers_back(without_seal(closed), statement)
    assert verify(closed).breaks[0].where == where


def test_a_record_whose_hash_was_made_to_fit_breaks_at_the_next_one(closed: Path) -> None:
    with sqlite3.connect(closed / database.DATABASE) as connection:
        connection.row_factory = sqlite3.Row
        record = dict(connection.execute("SELECT * FROM audit WHERE seq = 5").fetchone()) | {"user": "bob"}
    connection.close()
    _with_triggers_back(
        without_seal(closed), f"UPDATE audit SET user = 'bob', hash = '{record_hash(record)}' WHERE seq = 5"
    )
    assert verify(closed).breaks[0].where == "audit record 6"


def test_the_chains_tail_cut_off_with_everything_it_did_is_found(closed: Path) -> None:
    """The last act undone without a trace in the database: only the witness knows of it."""
    with sqlite3.connect(closed / database.DATABASE) as connection:
        connection.row_factory = sqlite3.Row
        last = dict(connection.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT 1").fetchone())
    connection.close()
    assert last["act"] == "trash"
    _with_triggers_back(
        without_seal(closed), "UPDATE cases SET trashed = NULL WHERE id = 2",
        f"DELETE FROM audit WHERE seq = {last['seq']}",
    )  # fmt: skip
    report = verify(closed)
    assert [str(f) for f in report.breaks] == [f"audit record {last['seq']}: it is missing from the end of the chain"]
    with Casebook.open(closed) as book:
        assert any("chain" in warning for warning in book.warnings)


def test_a_whole_forgery_is_found_with_the_head_from_a_report(closed: Path) -> None:
    """Someone who recomputes everything can't be found from the inside; the printed head gives it away."""
    head = verify(closed).head
    without_seal(closed)
    with sqlite3.connect(closed / database.DATABASE) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("DROP TRIGGER audit_no_update")
        case = dict(connection.execute("SELECT * FROM cases WHERE id = 1").fetchone())
        connection.execute("UPDATE cases SET notes = 'forged' WHERE id = 1")
        old, new, previous, lines = row_hash(case), row_hash(case | {"notes": "forged"}), None, []
        for row in connection.execute("SELECT * FROM audit ORDER BY seq").fetchall():
            record = dict(row)
            record["rows"] = record["rows"].replace(old, new)
            record["previous"] = previous or record["previous"]
            previous = record_hash(record)
            connection.execute(
                "UPDATE audit SET rows = ?, previous = ?, hash = ? WHERE seq = ?",
                (record["rows"], record["previous"], previous, record["seq"]),
            )
            lines.append(f"{record['seq']} {previous}\n")
        connection.execute(
            "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only'); END"
        )
    connection.close()
    (closed / WITNESS).write_text("".join(lines))
    shutil.rmtree(closed / "backups", ignore_errors=True)  # one that is older tells, too
    assert verify(closed).ok
    assert verify(closed, expected_head=head).breaks[0].where == "audit"


@pytest.mark.parametrize(
    "change", [lambda data: data[:-5], lambda data: data + b"99 " + b"a" * 64 + b"\n", lambda data: b""]
)
def test_a_changed_witness_of_a_closed_casebook_is_found(closed: Path, change: Callable[[bytes], bytes]) -> None:
    file = closed / WITNESS
    file.write_bytes(change(file.read_bytes()))
    assert not verify(closed).ok


def test_a_missing_blob_is_named(closed: Path) -> None:
    for file in sorted(p for p in (closed / "blobs").rglob("*") if p.is_file()):
        data = file.read_bytes()
        file.unlink()
        report = verify(closed)
        assert [f.where for f in report.breaks] == [f"blobs/{file.parent.name}/{file.name}"]
        assert "missing" in report.breaks[0].what
        file.write_bytes(data)


def test_an_altered_original_is_a_break_and_a_missing_one_a_remark(closed: Path, photos: list[Path]) -> None:
    photos[4].write_bytes(b"another picture")
    photos[5].unlink()
    report = verify(closed)
    assert [f.where for f in report.breaks] == ["case 5"]
    assert [f.where for f in report.remarks] == ["case 6"]
    assert verify(closed, originals=False).ok


def test_a_sealed_casebook_changed_by_another_program_is_noticed_at_opening(closed: Path) -> None:
    edit(closed, "UPDATE cases SET notes = 'x' WHERE id = 1")
    with Casebook.open(closed) as book:
        assert any("changed by something else" in warning for warning in book.warnings)
        assert book.audit.trail(limit=1)[0].act == "warning"
    assert not verify(closed).ok, "opening and closing must not make it good again"


def test_a_cut_off_database_is_a_break_and_not_a_crash(closed: Path) -> None:
    file = closed / database.DATABASE
    data = file.read_bytes()
    for size in (0, 50, 100, 4096, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:size])
        assert verify(closed).breaks[0].where == database.DATABASE


def test_the_command_says_when_it_is_no_casebook_and_speaks_json(closed: Path, tmp_path: Path) -> None:
    assert verify_command(tmp_path)[0] == 2
    code, text = verify_command(closed, as_json=True)
    assert code == 0
    assert json.loads(text)["ok"] is True


def test_canonical_json_is_one_for_equal_values() -> None:
    assert canonical({"b": 1, "a": [1.5, "ü"]}) == '{"a":[1.5,"ü"],"b":1}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical(float("nan"))


def test_columns_that_a_later_schema_adds_leave_old_hashes_alone() -> None:
    assert row_hash({"id": 1, "a": "x"}) == row_hash({"id": 1, "a": "x", "new": None})
    assert row_hash({"id": 1, "a": "x"}) != row_hash({"id": 1, "a": "y"})


def test_a_copied_casebook_verifies(closed: Path, tmp_path: Path) -> None:
    shutil.copytree(closed, tmp_path / "b.casebook")
    assert verify(tmp_path / "b.casebook").ok


VALUES = (
    None, "", "x", 'quote " back \\ tab \t', "ä中😀\u2028\x7f\x00\x1f", 0, -1, 2**62, 0.1, 1e300, -0.0, 5e-324, 1.0,
    b"", b"\xff\x00",
)  # fmt: skip


def test_the_quick_hashes_of_rows_and_records_are_the_plain_ones() -> None:
    """Hashes that were written before must be found again, whichever of the two wrote them."""
    chance = random.Random(7)
    for _ in range(500):
        names = chance.sample(["id", "b", "a", "Z", "ä", "a_b", "aB", "10", "9"], chance.randint(1, 9))
        row = [chance.choice(VALUES) for _ in names]
        assert row_hasher(names)(row) == row_hash(dict(zip(names, row, strict=True)))
        record = {name: chance.choice([v for v in VALUES if not isinstance(v, bytes)]) for name in FIELDS}
        assert values_hash([record[name] for name in FIELDS]) == record_hash(record)
    for odd in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            row_hasher(["a"])([odd])


def test_a_text_that_is_no_longer_utf_8_is_a_changed_row_among_others(closed: Path) -> None:
    edit(
        without_seal(closed), "UPDATE cases SET notes = CAST(X'FF' AS TEXT) WHERE id = 1",
        "UPDATE cases SET name = 'b' WHERE id = 3",
    )  # fmt: skip
    found = verify(closed)
    assert [finding.where for finding in found.breaks] == ["cases 1", "cases 3"]
