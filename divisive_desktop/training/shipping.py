"""From a trained network to a model version: calibrated, evaluated, described, saved."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from divisive_desktop import __version__
from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.foreign.files import read_settings as text_of
from divisive_desktop.imaging.framing_rule import FramingRule
from divisive_desktop.library.card import Card
from divisive_desktop.library.decision import DecisionRules
from divisive_desktop.library.store import StoredModel
from divisive_desktop.library.tasks import task as task_of
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.saving import save_network
from divisive_desktop.training import scores
from divisive_desktop.training.augment import keep_border
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.decision_fitting import Choices, fit
from divisive_desktop.training.decision_sets import default_choices, enough, measured
from divisive_desktop.training.evaluate import (
    Predictions,
    agreement,
    deletion_insertion,
    predict,
    predict_cached,
    randomised_head,
    report,
)
from divisive_desktop.training.settings import CancelCheck, ProgressCallback, Settings, TrainProgress
from divisive_desktop.training.trunk_features import Change, compute_features

CONTROL_IMAGES = 24
"""Deletion/insertion and the random head are measured on this many images of the first test split."""


@dataclass(frozen=True)
class Description:
    """The words on a card."""

    intended_use: str = "Research and teaching: to look at how the network decides. Not for diagnosis or evidence."
    limits: tuple[str, ...] = ("Trained on a small data set; not validated for any real decision.",)
    attribution: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    author: str = ""
    data: str = ""
    """What it was trained on, in one line."""
    data_terms: str = ""
    """What the owners of the training data ask of whoever uses the weights."""
    framing: FramingRule | None = None
    """How the pictures were cut around a face or an iris; None: as all models of its kind were in 0.1.0."""

    @classmethod
    def read(cls, path: Path) -> Description:
        """From a TOML file with these names.

        Raises
        ------
        TrainingError
            The file can't be read or names something else.
        """
        try:
            raw = tomllib.loads(text_of(path))
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
            if "framing" in values:
                values["framing"] = FramingRule.from_json(values["framing"])
            return cls(**values)
        except (OSError, TypeError, ValueError) as e:
            remedy = "Compare it with the ones in models/descriptions."
            raise TrainingError(f"The description {path} can't be read: {in_words(e)}.", remedy) from e


def calibrate(network: Network, validation: Predictions) -> float:
    """Fit a temperature on validation answers and divide the head by it, in place.

    W/T and b/T give logits and CAMs that are all divided by T: they stay exact, and the probability is calibrated.
    """
    t = scores.fit_temperature(validation.labels, validation.margins)
    with torch.no_grad():
        network.head.weight.div_(t)
        network.head.bias.div_(t)
    return t


def rescaled(p: Predictions, temperature: float) -> Predictions:
    """The answers after :func:`calibrate`."""
    return replace(p, logits=p.logits / np.float32(temperature), cams=p.cams / np.float32(temperature))


def ship(
    folder: Path,
    network: Network,
    settings: Settings,
    examples: Sequence[Example],
    *,
    model_id: str,
    version: str = "1",
    description: Description | None = None,
    training: Mapping[str, Any] | None = None,
    open_sets: Mapping[str, Sequence[Example]] | None = None,
    default: bool = False,
    parent: str | None = None,
    replace_existing: bool = False,
    controls: bool = True,
    features: Path | None = None,
    choices: Choices | None = None,
    progress: ProgressCallback | None = None,
    cancelled: CancelCheck | None = None,
) -> StoredModel:
    """Calibrate on ``val``, evaluate every other split but ``train``, and save a model folder.

    Parameters
    ----------
    folder : Path
        To be made.
    network : Network
        Trained; its head is divided by the temperature.
    open_sets : mapping, optional
        Further test data by name, from sources never trained on.
    controls : bool
        Also measure border-only input, deletion/insertion and a random head.
    features : Path, optional
        Folder of cached features of the frozen part (float16): quicker where a study has filled it.
    choices : Choices, optional
        When it is to decide; None: what is usual for the task.
    """
    words = description or Description()
    sets: dict[str, Sequence[Example]] = {
        split: [e for e in examples if e.split == split]
        for split in ["val", *sorted({e.split for e in examples} - {"train", "val"})]
    }
    sets |= dict(open_sets or {})
    total = sum(len(s) for s in sets.values())
    done = 0
    answers: dict[str, Predictions] = {}
    for name, members in sets.items():

        def tell(i: int, n: int, name: str = name, before: int = done) -> None:
            if progress is not None:
                fraction = (before + i) / total
                progress(TrainProgress(stage="evaluation", fraction=fraction, text=f"Evaluating {name}: {i} of {n}"))

        answers[name] = _answers(network, members, settings, features, None, tell, cancelled)
        done += len(members)
    cosine = network.head_cosine()
    before = scores.reliability(answers["val"].labels, answers["val"].margins)[0]
    t = calibrate(network, answers["val"])
    answers = {name: rescaled(p, t) for name, p in answers.items()}
    metrics: dict[str, Any] = {name: report(p, settings.task) for name, p in answers.items()}
    for name, members in sets.items():
        if controls and (name == "val" or name.startswith("test")):
            blanked = _answers(network, members, settings, features, keep_border, None, cancelled)
            metrics[name]["border_only_auroc"] = round(scores.auroc(blanked.labels, blanked.margins), 5)
    first = next((n for n in sets if n.startswith("test")), "val")
    if controls:
        some = answers[first].where(_every(answers[first].examples, CONTROL_IMAGES))
        metrics["faithfulness"] = {
            "split": first, "images": len(some.examples),
            **deletion_insertion(network, some.examples, settings.preprocessing, some),
            "random_head_correlation": randomised_head(network, some.examples, some, settings.preprocessing),
        }
    metrics["head_cosine"] = round(cosine, 4)
    card = Card(
        id=model_id, version=version, task=settings.task, classes=task_of(settings.task).classes,
        backbone=settings.backbone, method=settings.method, weights_sha256="", preprocessing=settings.preprocessing,
        training={"settings": settings.to_dict(), "data": words.data, "program": __version__, **(training or {})},
        metrics=metrics,
        calibration={"temperature": round(t, 5), "folded": True, "split": "val", "ece_before": round(before, 5),
                     "ece_after": metrics["val"]["ece"], "reliability": _bins(answers["val"])},
        decision=_decision(answers, choices or default_choices(settings.task), dict(open_sets or {})),
        parent=parent, default=default, licence=words.licence, attribution=words.attribution,
        data_terms=words.data_terms, framing=words.framing,
        intended_use=words.intended_use, limits=words.limits, author=words.author,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    picture = {"mean_cams.png": mean_cam_picture(answers[first])}
    return save_network(folder, network, card, extras=picture, replace_existing=replace_existing)


def _decision(
    answers: Mapping[str, Predictions], choices: Choices, elsewhere: Collection[str]
) -> DecisionRules | None:
    """None where there are too few validation images to measure an error rate: such a model decides nothing."""
    return fit(measured(answers, choices, (), elsewhere), choices) if enough(answers["val"]) else None


def _bins(p: Predictions, bins: int = 10) -> list[dict[str, float]]:
    """How often class 1 was right on validation images, by bin of P(class 1): what a stated probability rests on."""
    chance = scores.sigmoid(p.margins)
    which = np.minimum((chance * bins).astype(int), bins - 1)
    return [{"low": b / bins, "high": (b + 1) / bins, "n": int((which == b).sum()),
             "positives": int(p.labels[which == b].sum())} for b in range(bins) if (which == b).any()]


def _answers(
    network: Network, members: Sequence[Example], settings: Settings, features: Path | None, change: Change | None,
    tell: Callable[[int, int], None] | None, cancelled: CancelCheck | None,
) -> Predictions:
    if features is None or not settings.cached or settings.cut is None:
        return predict(network, members, settings.preprocessing, change=change, progress=tell, cancelled=cancelled)
    cached = compute_features(
        network, members, settings.cut, settings.preprocessing, folder=features, change=change, progress=tell,
        cancelled=cancelled,
    )
    return predict_cached(network, cached, settings.cut, members)


def _every(examples: Sequence[Example], count: int) -> Any:
    chosen = {id(examples[i]) for i in np.linspace(0, len(examples) - 1, min(count, len(examples))).astype(int)}
    return lambda e: id(e) in chosen


def mean_cam_picture(p: Predictions, cell: int = 12) -> bytes:
    """PNG of the mean CAM pair, divergence map and mask; one row per class, one raw scale for all maps of a row."""
    rows = []
    for label in (0, 1):
        keep = p.labels == label
        pair, masks = p.cams[keep].mean(0), p.masks[keep].mean(0)
        maps = [pair[label], pair[1 - label], pair[label] - pair[1 - label]]
        reach = max(float(np.abs(m).max()) for m in maps) or 1.0
        tiles = [_coloured(m / reach, cell) for m in maps] + [_grey(masks, cell)]
        rows.append(np.concatenate([np.pad(t, ((4, 4), (4, 4), (0, 0)), constant_values=255) for t in tiles], 1))
    text = ["true class", "false class", "divergence", "masks"]
    side = rows[0].shape[1] // 4
    head = np.full((22, rows[0].shape[1], 3), 255, np.uint8)
    for i, word in enumerate(text):
        cv2.putText(head, word, (i * side + 6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    labelled = [head]
    for name, row in zip(("class 0", "class 1"), rows, strict=True):
        cv2.putText(row, name, (8, row.shape[0] - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
        labelled.append(row)
    return bytes(cv2.imencode(".png", np.concatenate(labelled))[1])


def _coloured(unit: npt.NDArray[np.float32], cell: int) -> npt.NDArray[np.uint8]:
    """-1..1 -> blue, white, red (BGR): red argues for the class, blue against it."""
    up = np.repeat(np.repeat(np.clip(unit, -1, 1), cell, 0), cell, 1)
    fade = 1 - np.abs(up)
    red = np.where(up >= 0, 1.0, fade)
    blue = np.where(up <= 0, 1.0, fade)
    return np.asarray(np.rint(255 * np.stack([blue, fade, red], 2)), np.uint8)


def _grey(unit: npt.NDArray[np.float32], cell: int) -> npt.NDArray[np.uint8]:
    up = np.repeat(np.repeat(np.clip(unit, 0, 1), cell, 0), cell, 1)
    return np.repeat(np.rint(255 * up).astype(np.uint8)[..., None], 3, 2)


__all__ = ["Description", "agreement", "calibrate", "mean_cam_picture", "rescaled", "ship"]
