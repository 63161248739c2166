"""``train`` and ``evaluate`` on real films, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from divisive_desktop import paths
from divisive_desktop.cli.training import evaluate_command, train_command
from divisive_desktop.library.store import GUARD
from divisive_desktop.training.dataset import read_index
from divisive_desktop.training.guard import read_guard
from divisive_desktop.training.loading import load_network


def test_train_then_evaluate_from_the_command_line(
    small_data: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    config = tmp_path / "quick.toml"
    config.write_text('epochs = 1\nbatch = 4\ncopies = 1\n[preprocessing]\nsize = 96\n')
    out = paths.user_models_dir() / "mine-1"
    code, text = train_command(
        task="chest-planted", data=[small_data], out=out, config=config, changes={"method": "difference"},
        controls=False, say=said.append,
    )
    assert code == 0
    assert "mine-1" in text
    assert "test_open" in text
    assert any("Epoch 1 of 1" in line for line in said)
    result = tmp_path / "figures.json"
    code, text = evaluate_command(
        model="mine-1", data=small_data, split="test_open", json_file=result, faithfulness=True, device="cpu",
        say=said.append,
    )
    assert code == 0
    figures = json.loads(result.read_text())
    assert figures["splits"]["test_open"]["images"] == 4
    assert "border_only_auroc" in figures["splits"]["test_open"]
    # Its guard set holds for the network as it is stored.
    network, _ = load_network("mine-1")
    guard = read_guard((out / GUARD).read_bytes(), network)
    assert guard is not None
    assert len(guard.examples) == 6
    # A second run starts from the first and says so.
    code, _ = train_command(
        task="chest-planted", data=[small_data], out=paths.user_models_dir() / "mine-2", config=config,
        parent="mine-1", controls=False, say=said.append,
    )
    card = json.loads((paths.user_models_dir() / "mine-2" / "card.json").read_text())
    assert card["parent"] == "mine-1"


def test_mixed_in_data_lose_what_the_first_set_holds_out(small_data: Path, tmp_path: Path) -> None:
    held_out = {e.group for e in read_index(small_data) if e.split != "train"}
    more = tmp_path / "more"
    more.mkdir()
    lines = ["file,label,split,group"]
    sources = [e for e in read_index(small_data) if e.split == "train"]
    for i, (group, source) in enumerate(zip([*sorted(held_out)[:1], "new"], sources, strict=False)):
        (more / f"{i}.jpg").write_bytes(source.file.read_bytes())
        lines.append(f"{i}.jpg,{source.label},train,{group}")
    (more / "index.csv").write_text("\n".join(lines))
    config = tmp_path / "quick.toml"
    config.write_text('epochs = 1\nbatch = 4\ncopies = 1\n[preprocessing]\nsize = 96\n')
    train_command(
        task="chest-planted", data=[small_data, more], out=tmp_path / "m", config=config, controls=False,
        say=lambda _: None,
    )
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    assert card["training"]["images"]["train"] == 13
