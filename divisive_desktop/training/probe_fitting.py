"""Probes that tell turned, upside down, inverted and mirrored films, fitted on training films and their transforms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from divisive_desktop.errors import TrainingError
from divisive_desktop.imaging.correction import MENDS, named
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.probes import MIRROR, Probes
from divisive_desktop.library.scope import FILE, SCHEMA, Limits, References, Scope
from divisive_desktop.library.store import CARD, StoredModel, read_references, write_files
from divisive_desktop.networks.network import SCOPE_GRID, Network
from divisive_desktop.networks.preprocessing import correct_input, prepare
from divisive_desktop.networks.torch_runtime import features_of
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.trunk_features import trunk_digest

STRENGTH = 1e-4
"""Inverse strength of the penalty on standardised features: chosen on validation films."""
SHARE = 0.995
"""Share of validation films that isn't to be suspected of any fault."""
FEWEST = 40

Grids = npt.NDArray[np.float32]
"""(n, 1 + faults, g): features of each film as it should be, then with each fault."""


def look_at_faults(
    network: Network, examples: Sequence[Example], preprocessing: Preprocessing, mends: Sequence[str] = MENDS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Grids:
    """Coarse layouts of films as they are and with each fault, as an analysis would see them.

    Parameters
    ----------
    network : Network
        Folded, in eval mode, on the CPU.
    """
    faults = [named(name).inverse() for name in mends]

    @torch.inference_mode()
    def one(example: Example) -> Grids:
        seen = prepare(open_image(example.file, example.frame, example.correction), preprocessing, example.crop).pixels
        rows = []
        for pixels in (seen, *(correct_input(seen, fault, preprocessing) for fault in faults)):
            x = torch.from_numpy(pixels)[None].contiguous(memory_format=torch.channels_last)
            rows.append(features_of(network.tap(x)[1])[0].grid)
        return np.stack(rows)

    found = []
    with Cores(usable_cores("cpu")) as cores:
        for grids in cores.map(one, examples):
            found.append(grids)
            progress(len(found), len(examples))
    return np.stack(found)


def apart(folders: Sequence[Sequence[Example]], split: str) -> list[Example]:
    """Films of one split of several folders, each once; nobody who is in a later split of another folder.

    Parameters
    ----------
    split : str
        ``train`` or ``val``.
    """
    kept_apart = {e.group for f in folders for e in f if e.split not in ("train", "val")}
    if split == "train":
        kept_apart |= {e.group for f in folders for e in f if e.split == "val"}
    chosen = {e.file: e for f in folders for e in f if e.split == split and e.group not in kept_apart}
    return list(chosen.values())


def fit_probes(training: Grids, validation: Grids, mends: tuple[str, ...] = MENDS) -> tuple[Probes, float, float]:
    """Probes, and from where on a film is suspected.

    Returns
    -------
    (Probes, float, float)
        With `Limits.askew` and `Limits.mirrored`.

    Raises
    ------
    TrainingError
        Too few films, or scikit-learn isn't installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as e:  # the packaged program leaves it out
        raise TrainingError(
            "Fitting probes needs scikit-learn, which isn't installed here.",
            'Install it with: pip install "divisive-desktop[studies]".',
        ) from e

    if min(len(training), len(validation)) < FEWEST:
        raise TrainingError(
            f"Probes need {FEWEST} training and as many validation films; there are {len(training)} and "
            f"{len(validation)}.",
            "Add films.",
        )
    mean, spread = training[:, 0].mean(0), training[:, 0].std(0) + 1e-6
    scaled = (training - mean) / spread
    rows = [0, *(1 + i for i, name in enumerate(mends) if name != MIRROR)]
    weights = np.zeros((1 + len(mends), training.shape[2]))
    bias = np.zeros(1 + len(mends))

    def learn(which: Sequence[int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        x = scaled[:, list(which)].reshape(-1, training.shape[2])
        fitted = LogisticRegression(C=STRENGTH, max_iter=500).fit(x, np.tile(np.arange(len(which)), len(training)))
        return fitted.coef_ / spread, fitted.intercept_ - (fitted.coef_ / spread) @ mean

    weights[rows], bias[rows] = learn(rows)
    if MIRROR in mends:
        row = 1 + mends.index(MIRROR)
        weights[row : row + 1], bias[row : row + 1] = learn([0, row])
    # Limits hold for what is stored.
    probes = Probes(mends, weights.astype(np.float16).astype(np.float32), bias.astype(np.float32))
    margins = [probes.askew(film[0])[1] for film in validation]
    askew = max(0.0, float(np.quantile(margins, SHARE)))
    mirrored = 0.0
    if MIRROR in mends:
        other = 1 + mends.index(MIRROR)
        sides = [probes.mirrored(film[0]) - probes.mirrored(film[other]) for film in validation]
        mirrored = max(0.0, float(np.quantile(sides, SHARE)))
    return probes, round(askew, 4), round(mirrored, 4)


def add_probes(
    models: Sequence[StoredModel], networks: Sequence[Network], probes: Probes, askew: float, mirrored: float
) -> None:
    """Put probes beside the references of models that have a scope, and the faults that they tell on their cards.

    Raises
    ------
    TrainingError
        A model has no scope with references, or another early part than the first one.
    """
    put_beside(
        models, networks,
        lambda references, limits, scope: (
            replace(references, probes=probes), replace(limits, askew=askew, mirrored=mirrored),
            replace(scope, mends=probes.mends),
        ),
    )  # fmt: skip


def put_beside(
    models: Sequence[StoredModel], networks: Sequence[Network],
    change: Callable[[References, Limits, Scope], tuple[References, Limits, Scope]],
) -> None:
    """Change the references of models that have a scope, with the limits and the section on their cards.

    Raises
    ------
    TrainingError
        A model has no scope with references, or another early part than the first one.
    """
    if len({trunk_digest(network, SCOPE_GRID) for network in networks}) > 1:
        raise TrainingError(
            "The models differ up to the part that the features come from.", "Fit probes for each of them alone."
        )
    for model in models:
        references, scope = read_references(model.card, model.folder), model.card.scope
        if references is None or scope is None or scope.references is None:
            raise TrainingError(
                f"The model {model.card.id} has no scope with references.", "Fit one first: divisive-desktop scope."
            )
        references, limits, scope = change(references, scope.references.limits, scope)
        assert scope.references is not None
        content = references.to_bytes()
        note = replace(scope.references, sha256=hashlib.sha256(content).hexdigest(), limits=limits)
        card = replace(model.card, scope=replace(scope, references=note, schema=SCHEMA))
        write_files(model.folder, {FILE: content, CARD: card.to_json().encode()})
