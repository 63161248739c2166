"""``divisive-desktop decision`` says what it needs, before any card is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from divisive_desktop import paths
from divisive_desktop.cli import training
from divisive_desktop.cli.decision import _others, decision, summary
from divisive_desktop.errors import ModelNotFoundError, TrainingError
from divisive_desktop.library.card import read_card


def test_a_folder_without_index_and_a_model_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"index\.csv"):
        decision(["any"], tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "index.csv").write_text("file,label,split\na.png,0,val\n")
    with pytest.raises(ModelNotFoundError):
        decision(["no-such-model"], tmp_path)


@pytest.mark.parametrize(
    ("given", "splits", "tests", "words"),
    [
        ("self={}", ("val",), ("test_a", "test_b"), "north films"),
        ("self={}=the north", ("val",), ("test_a", "test_b"), "the north"),
        ("self={}:test_a+test_b=the north", ("test_a", "test_b"), (), "the north"),
        ("seeded-chest={}:val+train:test_b=a = b", ("val", "train"), ("test_b",), "a = b"),
    ],
)
def test_other_sources_are_written_in_one_word(
    with_models: Path, tmp_path: Path, given: str, splits: tuple[str, ...], tests: tuple[str, ...], words: str
) -> None:
    folder = tmp_path / "north_films"
    folder.mkdir()
    rows = [f"{s}.png,{i % 2},{s}" for i, s in enumerate(("train", "val", "test_a", "test_b"))]
    for row in rows:
        (folder / row.split(",")[0]).write_bytes(row.encode())
    (folder / "index.csv").write_text("\n".join(["file,label,split", *rows]))
    (other,) = _others([given.format(folder)], "seeded-chest")
    assert (other.calibration, other.test, other.source) == (splits, tests, words)
    assert other.itself is given.startswith("self")


def test_a_summary_says_no_interval_of_no_width() -> None:
    card = read_card(paths.shipped_models_dir() / "iris-attack-true-correlation-1" / "card.json")
    assert card.decision is not None
    said = summary(card.decision)
    assert "AUROC 1.00 (at least 0.97: exact 95 % bound from 100 images of the rarer class), coverage" in plain(said)
    assert "AUROC 0.98 (0.96–1.00), coverage" in said
    measured = training.summary({name: card.metrics[name] for name in ("test_closed", "test_open")})
    closed, opened = plain(measured).splitlines()
    assert "AUROC 1.00 (at least 0.97: exact 95 % bound from 100 images" in closed
    assert "AUROC 0.986 [0.970, 0.999]" in opened


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")
