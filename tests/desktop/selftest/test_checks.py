"""The checks of an installed program fail when what they check is broken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydicom import dcmread

from divisive_desktop import paths
from divisive_desktop.desktop.selftest import checks
from divisive_desktop.desktop.selftest.checks import CheckError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging import ImageRecord


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped sample files that may be broken."""
    folder = tmp_path / "resources"
    shutil.copytree(paths.resources_dir() / "selftest", folder / "selftest")
    monkeypatch.setattr(paths, "resources_dir", lambda: folder)
    return folder / "selftest"


def test_all_transfer_syntaxes_that_ship_are_decoded(shipped: Path) -> None:
    syntaxes = {dcmread(file, stop_before_pixels=True).file_meta.TransferSyntaxUID for file in shipped.glob("*.dcm")}
    assert checks.decoders().startswith(f"{len(syntaxes)} transfer syntaxes")
    assert len(syntaxes) == 16


def test_a_picture_that_is_decoded_wrongly_is_named(shipped: Path) -> None:
    turned = dcmread(shipped / "explicit-big.dcm")
    turned.PixelData = turned.PixelData[::-1]
    turned.save_as(shipped / "explicit-big.dcm")
    with pytest.raises(CheckError, match=r"1 of 16 .*explicit-big"):
        checks.decoders()


def test_a_syntax_that_cannot_be_decoded_is_named(shipped: Path) -> None:
    whole = (shipped / "rle.dcm").read_bytes()
    (shipped / "rle.dcm").write_bytes(whole[:-2000])
    with pytest.raises(CheckError, match=r"1 of 16 .*rle\.dcm"):
        checks.decoders()


def test_missing_samples_are_no_success(shipped: Path) -> None:
    for file in shipped.glob("*.dcm"):
        file.unlink()
    with pytest.raises(CheckError, match="missing"):
        checks.decoders()


def test_an_export_that_fails_is_told(tmp_path: Path) -> None:
    def analyse(record: ImageRecord) -> Analysis:
        raise CheckError("The engine is gone.")

    with pytest.raises(CheckError, match="engine is gone"):
        checks.exports(analyse, paths.resources_dir() / "selftest" / "explicit-little.dcm", tmp_path)
