"""A new version's scope: the parent's references and the casebook's training images together."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.engine.finetuning.messages import ScopeChange
from divisive_desktop.engine.finetuning.scope import version_scope, widened
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import CancelledError
from divisive_desktop.library.scope import MOST_BYTES, Features, References, verified_references
from divisive_desktop.training.dataset import Example
from tests.engine.conftest import TINY, picture
from tests.engine.test_scope import scoped_models, worker

__all__ = ["scoped_models", "worker"]  # fixtures


def seen(count: int, seed: int, move: float = 0.0) -> list[Features]:
    rng = np.random.default_rng(seed)
    return [
        Features(rng.normal(move, 1, 8).astype(np.float32), rng.normal(move, 1, 20).astype(np.float32))
        for _ in range(count)
    ]


def references(training: list[Features]) -> References:
    """Without shrinkage, so that it can be compared with what both sets together give."""
    grid, pooled = np.stack([f.grid for f in training]), np.stack([f.pooled for f in training]).astype(np.float64)
    axes = np.linalg.svd(grid - grid.mean(0), full_matrices=False)[2][:4].astype(np.float32)
    draft = References(
        grid.mean(0), axes, np.zeros((len(training), 5), np.float32), pooled.mean(0).astype(np.float32),
        np.linalg.cholesky(np.linalg.inv(np.cov(pooled.T, bias=True))).astype(np.float32),
    )  # fmt: skip
    return replace(draft, points=draft.project(grid))


def test_mean_and_covariance_are_those_of_both_sets_together() -> None:
    first, more = seen(200, 0), seen(100, 1, 2.0)
    made, whole = widened(references(first), 200, more), references([*first, *more])
    for features in seen(20, 2, 1.0):
        assert made.unlike(features) == pytest.approx(whole.unlike(features), rel=1e-3)
    assert len(made.points) == 300


def test_the_file_of_a_very_large_casebook_can_be_read_again() -> None:
    """Of more images than it has room for an even share becomes references."""
    parent, new = references(seen(200, 0)), seen(50, 1, 3.0)
    data = widened(parent, 200, new * 5000).to_bytes()
    assert 0.99 * MOST_BYTES < len(data) <= MOST_BYTES
    back = References.from_bytes(data)
    assert all(back.far(features) < parent.far(features) - 0.5 for features in new)


def test_images_like_the_new_ones_come_nearer_and_a_handful_moves_little() -> None:
    parent, like = references(seen(200, 0)), seen(10, 3, 3.0)
    made, handful = widened(parent, 200, seen(100, 1, 3.0)), widened(parent, 200, seen(3, 1, 3.0))
    assert all(made.far(f) < parent.far(f) - 0.5 for f in like)
    assert all(made.unlike(f) < parent.unlike(f) - 2 for f in like)
    assert all(handful.unlike(f) > made.unlike(f) + 1 for f in like)
    assert widened(parent, 200, []) is parent


def test_a_parent_that_calls_nothing_familiar_has_such_a_child() -> None:
    parent = replace(
        references(seen(200, 0)), pooled_mean=np.zeros(0, np.float32), pooled_whitener=np.zeros((0, 0), np.float32)
    )
    assert widened(parent, 200, seen(50, 1)).pooled_mean.size == 0


def _stripes(folder: Path, count: int) -> list[Example]:
    """Pictures unlike everything that the parent was made with; the last third is held out."""
    folder.mkdir()
    found = []
    for i in range(count):
        rows = np.tile((np.arange(96) // 4 + i) % 2 * 200, (96, 1)).astype(np.uint8)
        noisy = np.clip(rows + np.random.default_rng(i).normal(0, 8, rows.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), noisy)
        split = "train" if i < 2 * count // 3 else "holdout"
        found.append(Example(folder / f"{i}.png", i % 2, split, group=str(i)))
    return found


def test_what_a_version_learned_from_is_no_longer_withheld(worker: Worker, tmp_path: Path) -> None:
    examples = _stripes(tmp_path / "stripes", 18)
    told: list[tuple[int, int]] = []
    made = version_scope(worker.model(TINY), examples, lambda done, total: told.append((done, total)))
    assert made is not None
    assert told[-1] == (18, 18)
    assert made.change.images == 18
    assert made.change.withheld_before == 18
    assert made.change.withheld_after <= 2, "held-out images of that kind pass, too"
    assert made.scope.references is not None
    assert made.scope.references.sha256 == hashlib.sha256(made.references).hexdigest()
    assert "12 training images of a casebook" in made.scope.references.data
    assert verified_references(made.scope, made.references, "new") is not None
    assert made.scope.references.limits == worker.model(TINY).card.scope.references.limits  # type: ignore[union-attr]


def test_a_base_without_measured_scope_has_a_child_without(worker: Worker, tmp_path: Path) -> None:
    base = worker.model(TINY)
    example = Example(picture(tmp_path / "a.png", 1, 0)[0], 0)
    bare = replace(base, references=None)
    assert version_scope(bare, [example], lambda done, total: None) is None


def test_looking_can_be_cancelled(worker: Worker, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise CancelledError

    with pytest.raises(CancelledError):
        version_scope(worker.model(TINY), _stripes(tmp_path / "stripes", 3), stop)


def test_the_change_is_said_in_a_sentence() -> None:
    words = ScopeChange(40, 12, 1, 20, 9).words
    assert "Of 40 images" in words
    assert "withheld 12" in words
    assert "withholds 1 now" in words
