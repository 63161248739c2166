from __future__ import annotations

import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.spool import Spool


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_pictures_wait_on_the_disk_and_go_with_it(case: CaseContent, own_temporary_folder: Path) -> None:
    with Spool() as spool:
        kept = spool.keep(case)
        assert dict(kept.pictures) == dict(case.pictures)
        assert len(kept.pictures) == len(case.pictures)
        assert replace(kept, pictures=case.pictures) == case
        (folder,) = own_temporary_folder.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(own_temporary_folder.iterdir())


def test_it_goes_after_an_error_too(case: CaseContent, own_temporary_folder: Path) -> None:
    def broken_off() -> None:
        with Spool() as spool:
            spool.keep(case)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert not list(own_temporary_folder.iterdir())


def test_what_a_killed_process_left_is_swept(case: CaseContent, own_temporary_folder: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stale = own_temporary_folder / f"divisive-report-{gone.pid}-abc"
    others = [own_temporary_folder / name for name in ("divisive-report-notes", "report-1-a", "divisive-report-x-y")]
    for folder in (stale, *others):
        folder.mkdir()
        (folder / "1.png").touch()
    with Spool() as spool:
        kept = spool.keep(case)
        assert not stale.exists()
        with Spool():  # the living process's own stays
            assert dict(kept.pictures)
    assert all((folder / "1.png").exists() for folder in others)


def test_a_full_disk_is_said(case: CaseContent, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with Spool() as spool:
        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(ReportError, match="No space left"):
            spool.keep(case)
        monkeypatch.undo()
