"""Weights of a very small model, and a folder in place of the one with the shipped models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop import paths
from divisive_desktop.library.scope import References

ARRAYS = {"head.weight": np.arange(20, dtype=np.float16).reshape(2, 10), "head.bias": np.zeros(2, np.float16)}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder in place of the shipped models, empty."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(paths, "shipped_models_dir", lambda: folder)
    return folder


def made_references(seed: int = 0) -> References:
    """References of images that are noise."""
    grid, pooled, components, images = 32, 6, 4, 20
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(grid, components)))[0].T.astype(np.float32)
    draft = References(
        rng.normal(size=grid).astype(np.float32), axes, np.zeros((images, components + 1), np.float32),
        rng.normal(size=pooled).astype(np.float32), np.eye(pooled, dtype=np.float32),
    )  # fmt: skip
    points = draft.project(draft.grid_mean + rng.normal(size=(images, grid)).astype(np.float32))
    return replace(draft, points=points)
