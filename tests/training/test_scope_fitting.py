"""References come from training images, limits from validation images, and both from the model's own sources alone."""

from __future__ import annotations

import numpy as np
import pytest

from divisive_desktop.errors import TrainingError
from divisive_desktop.library.scope import MOST_BYTES, Features
from divisive_desktop.training.scope_fitting import COMPONENTS, NOTHING, fit


def seen(count: int, seed: int, kind: float = 0.0, origin: float = 0.0) -> list[Features]:
    """Images of a kind, made in a certain way; ``kind`` and ``origin`` move them away from the others."""
    rng = np.random.default_rng(seed)
    return [
        Features(
            rng.normal(origin, 1, 12).astype(np.float32), rng.normal(kind, 1, 160).astype(np.float32)
        )
        for _ in range(count)
    ]  # fmt: skip


def test_own_images_pass_and_others_do_not() -> None:
    references, limits = fit((seen(200, 0), seen(80, 1)))
    test = seen(100, 2)
    assert sum(references.far(f) > limits.far for f in test) <= 1
    assert limits.unlike is not None
    assert sum(references.unlike(f) > limits.unlike for f in test) <= 5
    assert all(references.far(f) > limits.far for f in seen(20, 3, kind=3))
    assert all(references.unlike(f) > limits.unlike for f in seen(20, 4, origin=4))
    assert references.grid_axes.shape[0] == COMPONENTS
    assert len(references.to_bytes()) < MOST_BYTES


def test_other_images_of_the_kind_widen_what_it_is_of_and_not_how_it_is_made() -> None:
    own = (seen(200, 0), seen(80, 1))
    elsewhere = (seen(150, 5, kind=3, origin=4), seen(60, 6, kind=3, origin=4))
    references, limits = fit(own, elsewhere)
    alone, alone_limits = fit(own)
    test = seen(40, 7, kind=3, origin=4)
    assert sum(references.far(f) <= limits.far for f in test) >= 38
    assert not any(alone.far(f) <= alone_limits.far for f in test)
    assert limits.unlike == alone_limits.unlike
    assert all(references.unlike(f) > limits.unlike for f in test)  # type: ignore[operator]


def test_without_own_images_nothing_can_be_said_of_how_they_were_made() -> None:
    references, limits = fit(NOTHING, (seen(200, 0), seen(80, 1)))
    assert limits.unlike is None
    assert references.pooled_mean.size == 0
    assert references.far(seen(1, 2)[0]) < limits.far


@pytest.mark.parametrize("own", [(seen(10, 0), seen(80, 1)), (seen(200, 0), seen(3, 1)), (seen(200, 0), []), NOTHING])
def test_too_few_images_make_no_scope(own: tuple[list[Features], list[Features]]) -> None:
    with pytest.raises(TrainingError, match="40 training"):
        fit(own)


def test_images_that_are_all_the_same_make_no_scope() -> None:
    with pytest.raises(TrainingError, match="all the same"):
        fit((seen(200, 0), seen(1, 1) * 60))
