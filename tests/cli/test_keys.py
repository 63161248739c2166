"""``keys``: whose a signature is."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Capture, run
from tests.reporting.conftest import MemoryKeyring, keyring_in_memory, no_keyring  # noqa: F401  # fixtures


def test_a_report_is_signed_and_its_key_introduced(
    with_models: Path,
    rg1: Path,
    tmp_path: Path,
    keyring_in_memory: MemoryKeyring,  # noqa: F811
    capsys: Capture,
) -> None:
    assert run("keys") == 0
    assert "no signing key yet" in capsys.readouterr().out
    arguments = ("--format", "json,dicom", "--out", tmp_path, "--sign", "--analyst", "Ann", "--device", "cpu")
    assert run("report", rg1, *arguments) == 0
    capsys.readouterr()
    assert run("keys") == 0
    public = capsys.readouterr().out.split()[3]
    assert len(public) == 64
    files = [*tmp_path.glob("*.json"), *tmp_path.glob("*.dcm")]
    assert len(files) >= 6
    for file in files:
        assert run("verify", file) == 0
        assert "Signed by the owner of this account" in capsys.readouterr().out
    assert run("keys", public, "--forget") == 0
    assert run("verify", files[0]) == 4
    assert "Nobody has introduced the key" in capsys.readouterr().out
    assert run("verify", files[0], "--trust", "Ann") == 0
    assert "Signed by Ann" in capsys.readouterr().out
    assert run("keys", public, "--name", "Ann B.") == 0
    assert "Ann B." in capsys.readouterr().out, "it says what it did"
    assert run("keys") == 0
    assert "Ann B." in capsys.readouterr().out
    assert run("keys", public) == 2
    assert run("keys", "--name", "Ann") == 2
    assert run("keys", "nonsense", "--name", "Ann") == 1
