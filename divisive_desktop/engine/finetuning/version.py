"""A run's network as a model folder with a card that says what came in and what came out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from divisive_desktop import __version__
from divisive_desktop.engine.finetuning.messages import Comparison, FineTune, RunVerdict
from divisive_desktop.engine.finetuning.preparation import Role, figures
from divisive_desktop.engine.finetuning.scope import VersionScope
from divisive_desktop.library import store
from divisive_desktop.library.card import Card
from divisive_desktop.library.scope import FILE
from divisive_desktop.library.store import StoredModel
from divisive_desktop.library.versions import next_id
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.saving import save_network
from divisive_desktop.training.evaluate import Predictions, agreement
from divisive_desktop.training.finetune import TrainResult
from divisive_desktop.training.settings import Settings


def write_version(
    folder: Path, network: Network, request: FineTune, base: Card, settings: Settings, roles: Mapping[int, Role],
    trained: TrainResult, *, holdout: Comparison | None, guard: Comparison | None, verdict: RunVerdict,
    temperature: float | None, seconds: float, after: Predictions | None, scope: VersionScope | None = None,
) -> StoredModel:
    """Write the new version into ``folder``/id, replacing what an earlier attempt of the same run left there."""
    model_id = request.new_id or next_id(base.task, settings.method)
    counts = {role: sum(r == role for r in roles.values()) for role in ("train", "validation", "holdout")}
    card = Card(
        id=model_id, version="1", task=base.task, classes=base.classes, backbone=base.backbone, method=settings.method,
        weights_sha256="", preprocessing=base.preprocessing, network=base.network,
        framing=base.framing, parent=base.id,
        training={
            "settings": settings.to_dict(),
            "data": f"Fine-tuned from {base.id} on {counts['train']} labelled cases of a casebook",
            "parent_weights": base.weights_sha256,
            "images": counts,
            "masks": sum(c.mask is not None and roles[c.id] == "train" for c in request.cases),
            "cases": [[c.id, c.sha256, roles[c.id], c.label, c.mask_sha256] for c in request.cases],
            "history": list(trained.history),
            "kept_epoch": trained.kept_epoch,
            "seconds": round(seconds, 1),
            "program": __version__,
        },
        metrics={
            "holdout": _split(holdout, after), "before_and_after": figures(holdout), "guard": figures(guard),
            "verdict": asdict(verdict), "scope": asdict(scope.change) if scope is not None else None,
        },
        calibration={"temperature": round(temperature, 5), "folded": True, "split": "validation"}
        if temperature is not None else {},
        licence=base.licence, attribution=base.attribution, data_terms=base.data_terms, intended_use=base.intended_use,
        limits=(*base.limits, "Fine-tuned on one casebook: its figures hold for cases like those."),
        author=request.author, created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        # The parent's decision isn't taken over: its error rates were measured with other weights.
        decision=None,
    )  # fmt: skip
    extras = {}
    parent = store.find_model(base.id).folder
    if scope is not None:
        card = replace(card, scope=scope.scope)
        extras[FILE] = scope.references
    elif base.scope is not None:  # what headers and sizes must say still holds
        card = replace(card, scope=replace(base.scope, references=None))
    guard_set = store.own_file(parent, store.GUARD)
    if guard_set is not None and settings.stages in ("head", "last"):  # the part in front of it is the same
        extras[store.GUARD] = guard_set
    return save_network(folder / model_id, network, card, extras=extras, replace_existing=True)


def _split(c: Comparison | None, after: Predictions | None) -> dict[str, Any]:
    """The hold-out's figures under the names that shipped cards use."""
    if c is None or after is None:
        return {}
    found = figures(c) or {}
    own = found["after"]
    return {
        "images": c.images, "positives": c.positives, "groups": c.groups, "auroc": own["auroc"]["value"],
        "auroc_95": [own["auroc"]["low"], own["auroc"]["high"]], "accuracy": own["accuracy"]["value"],
        "sensitivity": own["sensitivity"]["value"], "specificity": own["specificity"]["value"],
        "ece": own["ece"]["value"], "border_only_auroc": own["border_auroc"]["value"], "agreement": agreement(after),
    }  # fmt: skip
