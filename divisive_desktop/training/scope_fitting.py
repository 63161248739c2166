"""What a model was made for, measured: references from its training images, limits from its validation images.

Two questions are kept apart. *What is it of?* may be learned from any images of the right kind; *how was it made?*
only from the model's own sources, since the card's figures hold for no others. So ``also`` widens the first alone.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from divisive_desktop import paths
from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.foreign.files import read_settings as text_of
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.scope import FILE, Features, Limits, ReferenceNote, References, Scope
from divisive_desktop.library.store import CARD, StoredModel, write_files
from divisive_desktop.networks.network import SCOPE_GRID, Network
from divisive_desktop.networks.preprocessing import prepare
from divisive_desktop.networks.torch_runtime import features_of
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.loading import read_network
from divisive_desktop.training.trunk_features import trunk_digest

COMPONENTS = 64
FAR_SD = 4.0
"""Out of scope from so many standard deviations above the mean log distance of validation images of one source."""
SHARE = 0.995
"""Share of validation images that is to be familiar; of several sources, whose distances are no bell together, also the
share that is to be in scope."""
FEWEST = 40
"""Images below which neither references nor limits mean anything."""

MOST_IMAGES = 8_000
"""Of a split that are looked at, and of all training images that become references: with them the file stays well below
`library.scope.MOST_BYTES` (130 bytes each), so that a casebook's images fit in beside them."""
_SEED = 0

T = TypeVar("T")
Pair = tuple[Sequence[Features], Sequence[Features]]
"""Of training and of validation images."""
NOTHING: Pair = ((), ())


def drawn(images: Sequence[T]) -> list[T]:
    """All of them, or of very many `MOST_IMAGES` that are drawn by a fixed seed, in their order."""
    if len(images) <= MOST_IMAGES:
        return list(images)
    chosen = np.random.default_rng(_SEED).choice(len(images), MOST_IMAGES, replace=False)
    return [images[i] for i in np.sort(chosen)]


def draw_in_words(images: int) -> str:
    """What is to be said of a split of so many images; '' where all of them are looked at."""
    return f"{MOST_IMAGES:,} of {images:,} images, drawn by a fixed seed" if images > MOST_IMAGES else ""


def read_rules(path: Path) -> Scope:
    """The card's section without references: what headers and sizes must say, from a TOML file.

    Raises
    ------
    TrainingError
        The file can't be read or names something else.
    """
    try:
        return Scope.from_json(tomllib.loads(text_of(path)))
    except (OSError, ValueError, TypeError, KeyError) as e:
        raise TrainingError(
            f"The rules {path} can't be read: {in_words(e)}.", "Compare them with those in models/scopes."
        ) from e


def default_rules(task: str) -> Scope | None:
    """The rules of a task's kind of image among the shipped ones; None where there are none.

    Raises
    ------
    TrainingError
        They can't be read.
    """
    path = paths.shipped_models_dir() / "scopes" / f"{task.partition('-')[0]}.toml"
    return read_rules(path) if path.is_file() else None


def scope_trained(
    stored: StoredModel, examples: Sequence[Example], data: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> bool:
    """Give a model that was just trained its scope, from its training and validation images.

    Parameters
    ----------
    data : str
        What it was trained on, in one line.

    Returns
    -------
    bool
        False where nobody has written rules for its task.

    Raises
    ------
    TrainingError
        Too few images, or scikit-learn isn't installed: the model's scope is what headers, sizes and shapes say, and
        no pixels are compared.
    """
    rules = default_rules(stored.card.task)
    if rules is None:
        return False
    # First what needs no images: whatever happens to the rest, an MR of the abdomen is no chest film.
    alone = replace(stored.card, scope=replace(rules, references=None))
    write_files(stored.folder, {CARD: alone.to_json().encode()})
    network = read_network(stored.folder)[0]
    seen = read_network(stored.folder)[0].fold()
    parts = [[e for e in examples if e.split == split] for split in ("train", "val")]
    training, validation = (look_at(seen, drawn(part), stored.card.preprocessing, progress) for part in parts)
    references, limits = fit((training, validation))
    drew = draw_in_words(len(parts[0]))
    data = f"{data}; {drew}" if drew else data
    add_scope([stored], [network], rules, data, references, limits, len(validation))
    return True


def look_at(
    network: Network, examples: Sequence[Example], preprocessing: Preprocessing,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Features]:
    """Features of images as an analysis sees them.

    Parameters
    ----------
    network : Network
        Folded, in eval mode, on the CPU.
    """

    @torch.inference_mode()
    def one(example: Example) -> Features:
        record = open_image(example.file, example.frame, example.correction)
        pixels = prepare(record, preprocessing, example.crop).pixels
        x = torch.from_numpy(pixels)[None].contiguous(memory_format=torch.channels_last)
        return features_of(network.tap(x)[1])[0]

    found = []
    with Cores(usable_cores("cpu")) as cores:
        for features in cores.map(one, examples):
            found.append(features)
            progress(len(found), len(examples))
    return found


def fit(own: Pair, also: Pair = NOTHING, *, mixed: bool = False) -> tuple[References, Limits]:
    """References and limits.

    Parameters
    ----------
    own : Pair
        Images that the model learned from, and images of the same sources that it didn't learn from. `NOTHING`: they
        aren't at hand; no image is then familiar.
    also : Pair, optional
        The same of further images of the right kind, from elsewhere.
    mixed : bool
        The model's own images are of several sources: their distances form no bell, and a multiple of its width would
        let other kinds of image in.

    Raises
    ------
    TrainingError
        There are too few images, or they are all the same; or scikit-learn isn't installed.
    """
    try:
        from sklearn.covariance import LedoitWolf
    except ImportError as e:  # the packaged program leaves it out
        raise TrainingError(
            "Fitting a scope needs scikit-learn, which isn't installed here.",
            'Install it with: pip install "divisive-desktop[studies]".',
        ) from e

    training, validation = [*own[0], *also[0]], [*own[1], *also[1]]
    for images in (own, (training, validation)):
        if min(len(images[0]), len(images[1])) < FEWEST and images != NOTHING:
            raise TrainingError(
                f"A scope needs {FEWEST} training and as many validation images; there are {len(images[0])} and "
                f"{len(images[1])}.",
                "Add images, or leave the model without a scope: its answers then read 'scope not checked'.",
            )
    grid = np.stack([f.grid for f in drawn(training)])
    mean = grid.mean(0)
    axes = np.linalg.svd(grid - mean, full_matrices=False)[2][:COMPONENTS]
    centre, whitener = np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
    if own != NOTHING:
        pooled = LedoitWolf().fit(np.stack([f.pooled for f in own[0]]).astype(np.float64))
        centre = pooled.location_.astype(np.float32)
        whitener = np.linalg.cholesky(pooled.precision_).astype(np.float32)
    draft = References(
        grid_mean=mean.astype(np.float32),
        grid_axes=axes.astype(np.float32),
        points=np.zeros((len(grid), len(axes) + 1), np.float32),
        pooled_mean=centre,
        pooled_whitener=whitener,
    )
    points = replace(draft, points=draft.project(grid))
    references = References.from_bytes(points.to_bytes())  # limits hold for what is stored
    far = np.array([references.far(f) for f in validation])
    unlike = [references.unlike(f) for f in own[1]]
    if not far.std() > 0:
        raise TrainingError("The validation images are all the same.", "Choose other data.")
    mean_far, sd = float(far.mean()), float(far.std())
    limit = float(np.quantile(far, SHARE)) if mixed or also != NOTHING else mean_far + FAR_SD * sd
    return references, Limits(
        far_mean=round(mean_far, 5), far_sd=round(sd, 5), far=round(limit, 5),
        unlike=round(float(np.quantile(unlike, SHARE)), 4) if unlike else None,
    )  # fmt: skip


def add_scope(
    models: Sequence[StoredModel], networks: Sequence[Network], rules: Scope, data: str, references: References,
    limits: Limits, validation: int,
) -> int:
    """Put references beside the weights of models that share their early parts, and the section on their cards.

    Returns
    -------
    int
        Bytes of the references.

    Raises
    ------
    TrainingError
        The models differ in what the features come from.
    """
    if len({trunk_digest(network, SCOPE_GRID) for network in networks}) > 1:
        raise TrainingError(
            "The models differ up to the part that the features come from.", "Make a scope for each of them alone."
        )
    content = references.to_bytes()
    note = ReferenceNote(hashlib.sha256(content).hexdigest(), data, len(references.points), validation, limits)
    for model in models:
        card = replace(model.card, scope=replace(rules, references=note))
        write_files(model.folder, {FILE: content, CARD: card.to_json().encode()})
    return len(content)


def restate(models: Sequence[StoredModel], rules: Scope) -> None:
    """Put other rules on cards, for header, shape and size; references and what was fitted beside them stay.

    Raises
    ------
    TrainingError
        A card has no references.
    """
    stated = [(model, model.card.scope) for model in models]
    for model, scope in stated:
        if scope is None or scope.references is None:
            raise TrainingError(
                f"The card of {model.card.id} names no references of scope.", "Measure its scope on data: --data DIR."
            )
    for model, scope in stated:
        if scope is not None:
            section = replace(rules, mends=scope.mends, treatments=scope.treatments, references=scope.references)
            write_files(model.folder, {CARD: replace(model.card, scope=section).to_json().encode()})
