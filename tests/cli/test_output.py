"""Where the array of results goes: into files, through links, and into what is no file without taking its place."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest

from divisive_desktop.cli.output import JsonArray, OutputError


def write(target: Path) -> None:
    with JsonArray(str(target)) as array:
        array.add({"n": 1})


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links of Unix")
def test_a_pipe_and_a_link_stay_what_they_are(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(pipe)
    reader.join(10)
    assert json.loads(read[0]) == [{"n": 1}]
    assert pipe.is_fifo()
    (tmp_path / "link").symlink_to(tmp_path / "real.json")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == [{"n": 1}]
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "pipe", "real.json"]


def test_a_folder_is_no_place_for_results(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write(tmp_path)
    assert tmp_path.is_dir()
