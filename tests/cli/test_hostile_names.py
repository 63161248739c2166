"""Names of files can't write into the terminal what isn't there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook
from tests.cli.conftest import Capture, photograph, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")
NAME = "a\x1b[2K\x1b[1A\nno: holds   Signed by Dr. Alice\u202e"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\u2066-\u2069]")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


def check(said: str) -> None:
    """Nothing moved a cursor, started a line or turned round what stands beside it."""
    bare = COLOUR.sub("", said)
    assert not UNSAFE.search(bare), repr(bare)
    assert not [line for line in bare.splitlines() if line.strip().startswith("no: holds")], bare


def test_a_name_moves_no_cursor_and_starts_no_line(tmp_path: Path) -> None:
    bad = tmp_path / f"{NAME}.png"
    bad.write_bytes(b"no picture")
    done = subprocess.run(
        [sys.executable, "-m", "divisive_desktop", "analyze", str(bad)], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert "\\x1b[2K" in said
    check(said)


COMMANDS = {
    "analyze": ("analyze", "FILE"),
    "analyze, written": ("analyze", "PICTURE", "--model", "seeded-chest", "--overlay", "OUT", "--json", "OUT/x.json"),
    "analyze, asked anyway": ("analyze", "PICTURE", "--model", "seeded-chest", "--ask-anyway"),
    "report": ("report", "FILE", "--out", "OUT"),
    "report, written": ("report", "PICTURE", "--model", "seeded-chest", "--format", "json", "--out", "OUT"),
    "report, mask": ("report", "PICTURE", "--model", "seeded-chest", "--mask", "FILE", "--out", "OUT"),
    "verify": ("verify", "FILE"),
    "verify, casebook": ("verify", "BOOK"),
    "verify, no casebook": ("verify", "FOLDER"),
    "models, verify": ("models", "--verify"),
    "train": ("train", "--data", "FOLDER", "--task", "chest-cardiomegaly", "--method", "cross_entropy", "--out", "OUT"),
    "finetune": ("finetune", "FOLDER"),
    "scope": ("scope", "FOLDER"),
    "timestamp": ("timestamp", "FOLDER", "--authority", "http://127.0.0.1:9/x", "--yes"),
    "ship": ("ship", "FOLDER"),
    "a command": (NAME,),
    "a value": ("report", "FILE", "--format", NAME),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_lets_a_name_write_into_the_terminal(
    command: str, with_models: Path, tmp_path: Path, capfd: Capture
) -> None:
    file, folder, book, out = (tmp_path / f"{NAME}{end}" for end in (".png", "", ".casebook", " out"))
    file.write_bytes(b"no picture")
    folder.mkdir()
    picture = photograph(tmp_path / f"{NAME} p.png")
    Casebook.create(book).close()
    model = with_models / "models" / "evil"
    shutil.copytree(next((with_models / "models").iterdir()), model)
    card = (model / "card.json").read_text()
    (model / "card.json").write_text(card.replace('"version": "', f'"version": "{NAME}', 1).replace("\n", " ", 0))
    places = {"FILE": file, "PICTURE": picture, "FOLDER": folder, "BOOK": book, "OUT": out}
    arguments = [str(places.get(word, word)) if isinstance(word, str) else word for word in COMMANDS[command]]
    run(*[str(out / word[4:]) if word.startswith("OUT/") else word for word in arguments])
    said = capfd.readouterr()
    check(said.out + said.err)
    assert said.out + said.err


@pytest.mark.skipif(sys.platform != "linux", reason="macOS keeps no such names")
def test_a_name_that_is_not_utf_8_is_analysed_and_reported_on(
    with_models: Path, tmp_path: Path, capfd: Capture
) -> None:
    picture = photograph(tmp_path / os.fsdecode(b"a\xff\tb.png"))
    broken = tmp_path / os.fsdecode(b"\xfe.png")
    broken.write_bytes(b"no picture")
    model = ("--model", "seeded-chest", "--device", "cpu", "--ask-anyway")
    assert run("analyze", picture, broken, *model, "--json", tmp_path / "all.json") == 3
    assert "a\\udcff⇥b.png: " in capfd.readouterr().out
    found = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert {"error" in case for case in found} == {True, False}
    out = tmp_path / "out"
    options = ("--identified", "--format", "pdf,html,json,csv", "--analyst", os.fsdecode(b"Dr. \xff"))
    assert run("report", picture, *model, *options, "--out", out) == 0
    assert len(list(out.iterdir())) == 4
    (written,) = out.glob("*.json")
    assert json.loads(written.read_text(encoding="utf-8"))["cases"][0]["title"] == "a\\udcff⇥b.png"
    for file in out.iterdir():
        assert run("verify", file) in (0, 4), file.suffix
