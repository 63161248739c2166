"""The settings that suit a task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop.errors import TrainingError
from divisive_desktop.training.defaults import default_settings, read_settings


@pytest.mark.parametrize("text", ["epochs = ", "epoch = 3", "method = 'x'\nstages = 'none'"])
def test_mistakes_in_a_settings_file_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(TrainingError):
        read_settings("chest-xray", tmp_path / "c.toml", {})
    with pytest.raises(TrainingError, match="no task"):
        default_settings("tea-leaves")


def test_flips_only_where_the_task_allows() -> None:
    assert not default_settings("chest-xray").augmentation.flip
    assert default_settings("face-manipulation").augmentation.flip
    assert default_settings("face-manipulation").preprocessing.colour == "rgb"
    assert replace(default_settings("chest-xray"), epochs=2).epochs == 2
