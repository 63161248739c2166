"""``models``: what is listed, and that a changed file is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import MODEL, photograph, run


def flip_a_byte(home: Path) -> None:
    weights = home / "models" / "seeded-chest" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 3] ^= 4
    weights.write_bytes(data)


def test_lists_and_verifies_models(with_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("models") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("seeded-chest" in line and "chest-cardiomegaly" in line for line in lines)
    assert run("models", "--verify", "--json") == 0
    cards = {card["id"]: card for card in json.loads(capsys.readouterr().out)}
    assert cards["seeded-face"]["verified"]
    assert not cards["seeded-face"]["shipped"]


def test_a_flipped_byte_is_found_and_refused(
    with_models: Path, rg1: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_byte(with_models)
    assert run("models", "--verify") == 1
    assert "seeded-chest" in capsys.readouterr().err
    assert run("analyze", rg1, *MODEL) == 1
    assert "damaged" in capsys.readouterr().err
    out = tmp_path / "out.json"  # by kind of image: the radiograph fails, the photograph is done
    assert run("analyze", rg1, photograph(tmp_path / "a.png"), "--no-face", "--device", "cpu", "--json", out) == 3
    radiograph, face = json.loads(out.read_text())
    assert radiograph["error"]["kind"] == "model-integrity"
    assert face["model"]["id"] == "seeded-face"
