"""Weights of a very small model, and a folder in place of the one with the shipped models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from divisive_desktop import paths

ARRAYS = {"head.weight": np.arange(20, dtype=np.float16).reshape(2, 10), "head.bias": np.zeros(2, np.float16)}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder in place of the shipped models, empty."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(paths, "shipped_models_dir", lambda: folder)
    return folder
