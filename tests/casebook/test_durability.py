"""Nothing that was acknowledged is lost: kill -9, a full disk, a clock that goes backwards."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.casebook.storage import transaction
from divisive_desktop.errors import CasebookFullError
from divisive_desktop.masks.mask import Mask


@pytest.mark.slow
def test_ten_kills_lose_nothing_that_was_acknowledged(kill, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    code = kill.main(kills=10, seed=seed)
    text = f"seed {seed}\n{capsys.readouterr().out}"
    assert code == 0, text
    assert "failures: 0" in text, text


def fill(book: Casebook, case: int, seed: int = 0) -> int:
    """Save masks that hardly compress until the disk is full; returns how many were acknowledged."""
    rng = np.random.default_rng(seed)
    saved = 0
    while True:
        mask = Mask.from_array(rng.integers(0, 255, (300, 300), np.uint8))
        try:
            book.masks.save(case, mask)
        except CasebookFullError:
            return saved
        saved += 1
        book.cases.set_notes(case, f"saved {saved}: {mask.digest()}")
        assert saved < 500, "the disk never filled"


def write_notes(book: Casebook, case: int) -> None:
    for i in range(100_000):
        book.cases.set_notes(case, f"saved {i} " + "x" * 1000)


def check_after_full(book: Casebook, case: int) -> None:
    """Readable at once, whole, and writable again when there is space."""
    mask = book.masks.load(case)
    assert mask is not None
    notes = book.cases.get(case).notes
    assert verify(book.path, originals=False).ok
    assert notes.startswith("saved"), notes


def test_a_full_disk_is_said_and_what_was_acknowledged_stays(tmp_path: Path, photos: list[Path]) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(mount)], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting isn't permitted here")
    try:
        ballast = mount / "ballast"
        ballast.write_bytes(b"x" * 300_000)
        with Casebook.create(mount / "x") as book:
            case = book.cases.add(photos[0])
            fill(book, case)
            check_after_full(book, case)
            with pytest.raises(CasebookFullError, match="can't take more") as error:
                write_notes(book, case)
            assert "Free some space" in error.value.remedy
            check_after_full(book, case)
            ballast.unlink()
            book.cases.set_label(case, 1)
        report = verify(mount / "x.casebook")
        assert report.ok, report.breaks
        with Casebook.open(mount / "x.casebook") as book:
            assert book.cases.get(case).label == 1
            assert book.warnings == ()
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_file_size_limit_is_a_full_disk_too(
    tmp_path: Path, photos: list[Path], in_child: Callable[[Callable[[], object]], None]
) -> None:
    def limited() -> None:
        book = Casebook.create(tmp_path / "x")
        case = book.cases.add(photos[0])
        book.masks.save(case, Mask.from_array(np.full((30, 40), 9, np.uint8)))
        log = (book.path / "casebook.sqlite-wal").stat().st_size
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (log + 20_000, hard))
        last = -1
        try:
            for i in range(10_000):
                book.cases.set_notes(case, f"saved {i} " + "x" * 500)
                last = i
        except CasebookFullError:
            pass
        else:
            raise AssertionError("the limit was never met")
        assert last >= 0
        assert book.cases.get(case).notes.startswith(f"saved {last} ")
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        book.cases.set_notes(case, "saved again")
        book.close()
        assert verify(book.path).ok
        with Casebook.open(book.path) as again:
            assert again.cases.get(case).notes == "saved again"

    in_child(limited)


def test_a_witness_that_cannot_be_written_is_made_good_later(book: Casebook, photos: list[Path]) -> None:
    """The act itself is saved then: it must not be reported as failed."""
    case = book.cases.add(photos[0])
    witness = book.path / "chain.log"
    witness.rename(book.path / "away")
    witness.mkdir()
    book.cases.set_label(case, 1)
    assert any("chain.log" in warning for warning in book.warnings)
    witness.rmdir()
    (book.path / "away").rename(witness)
    book.cases.set_label(case, 0)
    book.close()
    report = verify(book.path)
    assert report.ok, report.breaks
    assert report.sealed


def test_a_clock_that_goes_backwards_changes_no_order(
    book: Casebook, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = book.cases.add(photos[0])
    book.cases.set_label(case, 1)
    with monkeypatch.context() as clock:
        clock.setattr(transaction, "now", lambda: "2001-01-01T00:00:00.000000+00:00")
        book.cases.set_label(case, 0)
    book.cases.set_label(case, None)
    trail = book.audit.trail(case)
    assert [record.parameters["value"] for record in trail[:3]] == [None, 0, 1]
    assert [record.seq for record in trail] == sorted((r.seq for r in trail), reverse=True)
    assert trail[1].time.startswith("2001"), "the clock is quoted as it was"
    assert trail[1].parameters["clock_went_back_from"] == trail[2].time
    book.close()
    report = verify(book.path)
    assert report.ok
    assert any("clock" in finding.what for finding in report.remarks)


def test_an_act_that_fails_half_way_leaves_nothing(book: Casebook, photos: list[Path]) -> None:
    ids = book.cases.add_all(photos[:3])
    head = book.head()

    def half() -> None:
        with book._store.act() as act:
            act.update("cases", ids[0], {"notes": "half"})
            act.record("notes", case=ids[0])
            act.update("cases", ids[1], {"notes": "half"})
            raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        half()
    assert book.head() == head
    assert [book.cases.get(case).notes for case in ids] == ["", "", ""]


def test_a_change_without_an_audit_record_is_impossible(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    with pytest.raises(AssertionError, match="without an audit record"), book._store.act() as act:
        act.update("cases", case, {"notes": "secretly"})
    assert book.cases.get(case).notes == ""


def test_a_users_name_and_role_go_into_the_chain(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    book.set_user("Ann Smith", "radiologist")
    book.cases.set_label(case, 1)
    record = book.audit.trail(case)[0]
    assert (record.user, record.role) == ("Ann Smith", "radiologist")
    book.close()
    with Casebook.open(book.path) as again:
        assert again.user == ("Ann Smith", "radiologist")


def test_settings_are_kept(book: Casebook) -> None:
    book.settings.set("columns", ["name", "verdict"])
    book.settings.set("columns", ["name"])
    assert book.settings.get("columns") == ["name"]
    assert book.settings.get("nothing", 7) == 7
