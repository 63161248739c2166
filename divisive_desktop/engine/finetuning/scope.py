"""The scope of a fine-tuned version: its parent's references and the casebook's training images together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from divisive_desktop.engine.finetuning.messages import ScopeChange
from divisive_desktop.explanation.scope import ScopeCheck, Zone
from divisive_desktop.imaging import open_image
from divisive_desktop.library.scope import MOST_BYTES, Features, References, Scope
from divisive_desktop.networks.analyse import LoadedModel
from divisive_desktop.training.dataset import Example

_HEADER = 1024
"""Bytes that the header of the file may grow by."""


@dataclass(frozen=True, eq=False)
class VersionScope:
    """What is written beside a new version's weights, and what it changes for the casebook's images."""

    scope: Scope
    references: bytes
    """The file of the references."""
    change: ScopeChange


def widened(parent: References, images: int, seen: Sequence[Features]) -> References:
    """The parent's references with further training images among them.

    What a picture is *of* is compared with the parent's images and these. How it was *made* is compared with the mean
    and covariance of both together, so that a handful of new images hardly moves it: they stay *unfamiliar*.

    Parameters
    ----------
    images : int
        How many training images the parent's references stand for.
    seen : sequence of Features
        Of the new training images.
    """
    if not seen:
        return parent
    points = parent.project(np.stack([f.grid for f in seen]))
    room = (MOST_BYTES - len(parent.to_bytes()) - _HEADER) // (2 * points.shape[1])  # kept as float16
    if len(points) > room:  # of very many an even share: their file may not outgrow what is read again
        points = points[np.linspace(0, len(points) - 1, max(room, 0)).astype(int)]
    made = replace(parent, points=np.concatenate([parent.points, points]))
    if not parent.pooled_mean.size:  # the parent calls no image familiar, and neither does its child
        return made
    pooled = np.stack([f.pooled for f in seen]).astype(np.float64)
    mean, whitener = parent.pooled_mean.astype(np.float64), parent.pooled_whitener.astype(np.float64)
    share = len(pooled) / (images + len(pooled))
    apart = pooled.mean(0) - mean
    covariance = (1 - share) * np.linalg.inv(whitener @ whitener.T) + share * np.cov(pooled.T, bias=True)
    covariance += share * (1 - share) * np.outer(apart, apart)
    return replace(
        made,
        pooled_mean=(mean + share * apart).astype(np.float32),
        pooled_whitener=np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float32),
    )


def version_scope(
    base: LoadedModel, examples: Sequence[Example], progress: Callable[[int, int], None]
) -> VersionScope | None:
    """Look at a casebook's images as an analysis does; None where the base model's pixels were never compared.

    Parameters
    ----------
    base : LoadedModel
        Whose early part the new version shares.
    examples : sequence of Example
        All of the run; those of the split ``train`` become references. The limits stay the parent's.
    progress : callable
        Given images done and images in all; may raise.
    """
    scope, references = base.card.scope, base.references
    if scope is None or scope.references is None or references is None:
        return None
    looked = []
    for example in examples:
        record = open_image(example.file, example.frame, example.correction)
        subject = base.subject(record, example.crop)
        looked.append((example, subject, base.look(subject.seen.pixels)))
        progress(len(looked), len(examples))
    training = [features for example, _, features in looked if example.split == "train"]
    wider = widened(references, scope.references.training, training)
    content = wider.to_bytes()
    note = replace(
        scope.references,
        sha256=hashlib.sha256(content).hexdigest(),
        training=len(wider.points),
        data=f"{scope.references.data}; and {len(training)} training images of a casebook",
    )
    after = replace(
        base, card=replace(base.card, scope=replace(scope, references=note)),
        references=References.from_bytes(content, scope.mends, scope.treatments),
    )  # fmt: skip
    found = [
        [model.check(subject.outside, features, subject.seen.pixels) for _, subject, features in looked]
        for model in (base, after)
    ]
    change = ScopeChange(
        len(looked), _count(found[0], "out_of_scope"), _count(found[1], "out_of_scope"),
        _count(found[0], "unfamiliar"), _count(found[1], "unfamiliar"),
    )  # fmt: skip
    return VersionScope(replace(scope, references=note), content, change)


def _count(checks: Sequence[ScopeCheck], zone: Zone) -> int:
    return sum(check.zone == zone for check in checks)
