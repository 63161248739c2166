"""The settings that suit a task, and how a file or single values change them. Torch-free."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.foreign.files import read_settings as text_of
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.tasks import TASKS
from divisive_desktop.library.tasks import task as task_of
from divisive_desktop.training.augment import TEXTURE, Augmentation
from divisive_desktop.training.settings import Settings


def default_settings(task: str) -> Settings:
    """Settings that suit a task: its colours, flips only where they keep the label, texture against shortcuts.

    Raises
    ------
    TrainingError
        There is no such task.
    """
    try:
        about = task_of(task)
    except KeyError as e:
        known = ", ".join(t.id for t in TASKS)
        raise TrainingError(f"There is no task called {task}.", f"Choose one of: {known}.") from e
    grey = about.colour == "grey"
    # A face's manipulation is a matter of texture: destroying it would take away what is to be learnt.
    texture = TEXTURE.texture if task == "chest-xray" else 0.0
    return Settings(
        task=task, lr=1e-3, batch=16, epochs=8,
        augmentation=Augmentation(flip=about.flips_allowed, texture=texture),
        preprocessing=Preprocessing(
            448, about.colour, 0.5 if grey else 0.0, 99.5 if grey else 100.0
        ),
    )


def read_settings(task: str, config: Path | None, changes: Mapping[str, Any]) -> Settings:
    """A task's defaults, changed by a TOML file and then by single values (None: not given).

    Raises
    ------
    TrainingError
        The file can't be read, or a name or value is wrong.
    """
    base = default_settings(task)
    raw: dict[str, Any] = base.to_dict()
    if config is not None:
        try:
            given = tomllib.loads(text_of(config))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
            raise TrainingError(f"The settings {config} can't be read: {in_words(e)}.", "Correct the file.") from e
        for name, value in given.items():
            raw[name] = {**raw[name], **value} if isinstance(value, dict) and isinstance(raw.get(name), dict) else value
    raw.update({name: value for name, value in changes.items() if value is not None})
    return Settings.from_dict(raw)
