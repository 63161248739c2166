"""References come from training images, limits from validation images, and both from the model's own sources alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.errors import TrainingError
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.scope import MOST_BYTES, Features
from divisive_desktop.library.store import CARD, read_card
from divisive_desktop.networks.analyse import analyse, load_model
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.reference import reference_image
from divisive_desktop.networks.saving import save_network
from divisive_desktop.training.scope_fitting import (
    COMPONENTS,
    MOST_IMAGES,
    NOTHING,
    draw_in_words,
    drawn,
    fit,
    scope_trained,
)


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


def test_of_very_many_images_some_are_drawn_and_always_the_same() -> None:
    many = seen(15_000, 0)
    references, limits = fit((many, seen(80, 1)))
    assert len(references.points) == MOST_IMAGES
    assert references.to_bytes() == fit((many, seen(80, 1)))[0].to_bytes()
    shipped = 456_000  # bytes beside the points in the largest of the shipped ones
    assert len(references.points) * 2 * (COMPONENTS + 1) + shipped < MOST_BYTES
    assert sum(references.far(f) > limits.far for f in seen(100, 2)) <= 1
    assert all(references.far(f) > limits.far for f in seen(20, 3, kind=3))
    assert draw_in_words(15_000) == "8,000 of 15,000 images, drawn by a fixed seed"
    assert draw_in_words(MOST_IMAGES) == ""
    assert drawn(range(100)) == list(range(100))


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


def test_several_sources_of_its_own_don_t_let_other_kinds_in() -> None:
    two = [(a + b) for a, b in ((seen(100, 0), seen(100, 1, kind=3)), (seen(40, 2), seen(40, 3, kind=3)))]
    others = seen(40, 4, kind=1.5)
    references, wide = fit((two[0], two[1]))
    same, narrow = fit((two[0], two[1]), mixed=True)
    assert narrow.far < wide.far
    assert sum(same.far(f) > narrow.far for f in seen(50, 5) + seen(50, 6, kind=3)) <= 3
    assert sum(same.far(f) > narrow.far for f in others) >= sum(references.far(f) > wide.far for f in others)


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


def test_too_few_images_leave_what_headers_sizes_and_shapes_say(home: Path) -> None:
    """A version that was made of a handful of films still refuses an MR, a grey square and a film of another part."""
    card = Card(
        "few", "1", "chest-cardiomegaly", ("ratio up to 0.50", "ratio above 0.50"), "efficientnet-lite0", "focus", "",
        Preprocessing(size=224, colour="grey"),
    )  # fmt: skip
    stored = save_network(home / "models" / "few", pretrained_network(seed=7), card)
    with pytest.raises(TrainingError, match="A scope needs"):
        scope_trained(stored, [], "nothing")
    scope = read_card(stored.folder / CARD).scope
    assert scope is not None
    assert scope.references is None
    model = load_model(stored.folder, "cpu")
    blank = np.full((600, 600), 7, np.uint16)
    grey = ImageRecord(Path("grey.png"), "0" * 64, "radiograph", blank, "MONOCHROME2")
    assert analyse(model, grey).scope.zone == "out_of_scope"
    assert analyse(model, reference_image("grey")).scope.zone == "not_checked"
