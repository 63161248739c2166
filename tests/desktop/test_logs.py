"""After a session on a patient's image nothing of the patient is in the logs."""

from __future__ import annotations

import logging
from pathlib import Path

import pydicom
import pytest

from divisive_desktop import paths
from divisive_desktop.desktop.startup import crash
from tests.desktop.pages import Page

SECRET = "Qzxvwolski"
"""Occurs nowhere else."""


@pytest.fixture
def identified(rg1: Path, tmp_path: Path) -> Path:
    """A film of which everything that can say who it is says so, its file and folder too."""
    dataset = pydicom.dcmread(rg1)
    for keyword in (
        "PatientName", "PatientID", "OtherPatientIDs", "AccessionNumber", "InstitutionName", "OperatorsName",
        "StudyDescription", "SeriesDescription", "PatientAddress", "ReferringPhysicianName",
    ):  # fmt: skip
        setattr(dataset, keyword, SECRET)
    folder = tmp_path / f"{SECRET} Jane"
    folder.mkdir()
    dataset.save_as(folder / f"{SECRET} 1950.dcm")
    damaged = (folder / f"{SECRET} 1950.dcm").read_bytes()[:90_000]
    (folder / f"damaged {SECRET}.dcm").write_bytes(damaged)
    (folder / f"{SECRET}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + SECRET.encode())
    return folder


def test_logs_name_nobody(page: Page, identified: Path) -> None:
    handler = crash.start_log()
    try:
        with page.loading():
            page.drop(identified / f"{SECRET} 1950.dcm", identified)
        page.wait_idle()
        page.note(f"{SECRET} came again")
        page.messages.clear()
        page.open_casebook()
        page.wait_idle()
        # What would be logged of an unexpected error that names the file and its header.
        log = logging.getLogger("divisive_desktop.test")
        try:
            raise ValueError(f"no such tag in {identified / f'{SECRET} 1950.dcm'}")
        except ValueError:
            log.exception("could not read '%s'", identified)
        log.warning("a message that is no secret")
    finally:
        crash.stop_log(handler)
    files = [file for file in paths.user_log_dir().rglob("*") if file.is_file()]
    texts = {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files}
    assert "a message that is no secret" in texts["desktop.log"]
    assert not {name: text for name, text in texts.items() if SECRET.lower() in text.lower()}
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
