"""A run of a study becomes a model without training: its weights, words and terms; bad runs are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from divisive_desktop.cli.app import run
from divisive_desktop.errors import TrainingError
from divisive_desktop.library.store import GUARD, verify
from divisive_desktop.training.loading import read_network
from divisive_desktop.training.study import Study, finished_run, run_study

STUDY = """
name = "small"
task = "face-manipulation"
methods = ["cross_entropy"]
seeds = [0]

[settings]
stages = "head"
epochs = 1
copies = 1
batch = 8
lr = 1e-3
device = "cpu"
preprocessing = { size = 96, colour = "grey" }
"""
WORDS = """
intended_use = "Tests."
data = "squares"
data_terms = "Research only: the weights carry that."
[framing]
kind = "face"
factor = 3.0
mouth = 0.92
centre = 0.3
"""


@pytest.fixture
def study(small_data: Path, tmp_path: Path) -> tuple[Path, Path]:
    toml = tmp_path / "study.toml"
    toml.write_text(STUDY)
    run_study(Study.read(toml), small_data, tmp_path / "out", say=lambda line: None)
    return toml, tmp_path / "out" / "runs" / "cross_entropy-0"


def test_a_run_is_shipped_as_it_was_trained(study: tuple[Path, Path], small_data: Path, tmp_path: Path) -> None:
    toml, folder = study
    words = tmp_path / "words.toml"
    words.write_text(WORDS)
    before = (folder / "best.safetensors").read_bytes()
    arguments = ["ship", str(toml), str(small_data), "--run", str(folder), "--out", str(tmp_path / "new-1")]
    with pytest.raises(SystemExit) as left:
        run([*arguments, "--features", str(tmp_path / "out" / "features"), "--description", str(words)])
    assert left.value.code == 0
    assert (folder / "best.safetensors").read_bytes() == before, "nothing was trained"
    card = verify(tmp_path / "new-1")
    assert (card.id, card.task, card.data_terms) == (
        "new-1", "face-manipulation", "Research only: the weights carry that."
    )  # fmt: skip
    assert card.framing is not None
    assert card.framing.factor == 3.0
    assert card.training["study"] == "small"
    assert {"val", "test_open"} <= set(card.metrics)
    assert "border_only_auroc" in card.metrics["test_open"]
    assert (tmp_path / "new-1" / GUARD).is_file()
    # The head is the run's, divided by the temperature.
    network = read_network(tmp_path / "new-1")[0]
    fresh = finished_run(Study.read(toml), folder)[1]
    scaled = fresh.head.weight.detach() / card.calibration["temperature"]
    assert network.head.weight.detach().numpy() == pytest.approx(scaled.numpy(), abs=2e-3)


def test_what_is_no_finished_run_of_the_study_is_refused(study: tuple[Path, Path], tmp_path: Path) -> None:
    toml, folder = study
    read = Study.read(toml)
    with pytest.raises(TrainingError, match="no finished run"):
        finished_run(read, tmp_path)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    result = json.loads((other / "result.json").read_text())
    (other / "result.json").write_text(json.dumps({**result, "collapsed": True}))
    with pytest.raises(TrainingError, match="collapsed"):
        finished_run(read, other)
    (other / "result.json").write_text(json.dumps({**result, "settings": {**result["settings"], "lr": 0.5}}))
    with pytest.raises(TrainingError, match="other settings"):
        finished_run(read, other)
