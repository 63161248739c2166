"""Only plain files are read, and none is asked for on another machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from divisive_desktop.foreign.files import is_elsewhere, read_whole
from divisive_desktop.reporting.content import SCHEMA
from divisive_desktop.reporting.seal import placeholder, seal


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_whole(tmp_path / "a", 3) == b"abc"
    with pytest.raises(OSError, match="more than 2"):
        read_whole(tmp_path / "a", 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_pipes_devices_sockets_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    for place in (tmp_path / "pipe", tmp_path / "socket", tmp_path, Path("/dev/zero"), tmp_path / "missing"):
        with pytest.raises(OSError, match=r"\w"):
            read_whole(place, 1 << 20)
    listening.close()


@pytest.mark.parametrize(
    "path", [r"\\evil.example\share\a.dcm", "//evil.example/share/a.dcm", r"\\?\UNC\evil\a", r"\\.\pipe\x"]
)
def test_network_paths_are_known_by_their_text(path: str) -> None:
    assert is_elsewhere(path)


@pytest.mark.skipif(sys.platform == "win32", reason="paths of other systems")
def test_devices_are_known_by_their_text(tmp_path: Path) -> None:
    assert all(is_elsewhere(path) for path in ("/dev/zero", "/tmp/../dev/stdin", "/proc/self/mem"))
    assert not any(is_elsewhere(path) for path in ("/devices/a.dcm", "/home/a/dev/b.dcm", tmp_path / "a.dcm", "a.dcm"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize(
    "command",
    [
        ("report", "x.png", "--out", "out", "--logo", "PIPE"),
        ("report", "x.png", "--out", "out", "--logo", "/dev/zero"),
        ("verify", "report.json", "--original", "PIPE"),
        ("verify", "report.json", "--original", "/dev/zero"),
        ("train", "--data", "FOLDER", "--task", "chest-cardiomegaly", "--method", "cross_entropy", "--out", "out"),
        ("train", "--data", "FOLDER", "--task", "chest-cardiomegaly", "--config", "PIPE", "--out", "out"),
        ("study", "PIPE", "FOLDER", "--out", "out"),
        ("scope", "MODEL", "--rules", "PIPE"),
    ],
    ids=" ".join,
)
def test_no_command_waits_for_what_is_no_plain_file(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for pipe in (tmp_path / "pipe", tmp_path / "folder" / "index.csv"):
        os.mkfifo(pipe)
    case = {"title": "a", "image": {"sha256": "0" * 64}, "analysis": {"model": {"id": "m"}}}
    document = {"schema": SCHEMA, "language": "en", "generator": {}, "cases": [case], "seal": placeholder()}
    (tmp_path / "report.json").write_bytes(seal(json.dumps(document).encode()))
    places = {"PIPE": "pipe", "FOLDER": "folder", "MODEL": "chest-cardiomegaly-focus-1"}
    done = subprocess.run(
        [sys.executable, "-m", "divisive_desktop", *(places.get(word, word) for word in command)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no plain file" in done.stderr
