"""Answers to the requests of fine-tuning. Loaded at the first of them, see `engine.dispatch`. Imports torch."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from divisive_desktop.engine.analysis import open_expected
from divisive_desktop.engine.finetuning import estimate as estimating
from divisive_desktop.engine.finetuning.messages import (
    ComparePair,
    Estimate,
    EstimateRun,
    FineTune,
    FineTuneResult,
    SetPaused,
    TryMethods,
)
from divisive_desktop.engine.finetuning.reporter import set_paused
from divisive_desktop.engine.finetuning.run import FineTuneRun, settings_for
from divisive_desktop.engine.framing import Looking
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.registry import Channel, handles
from divisive_desktop.engine.worker import Worker
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.library import store
from divisive_desktop.library.card import read_card
from divisive_desktop.library.scope_check import refusal
from divisive_desktop.networks.analyse import LoadedModel, analyse_subjects, load_model
from divisive_desktop.networks.torch_loading import pick_device
from divisive_desktop.training.loading import load_network

_state = threading.Lock()


@handles(SetPaused)
def _set_paused(worker: Worker, request: SetPaused, channel: Channel) -> bool:
    return set_paused(request.folder, request.paused)


@handles(FineTune)
def _fine_tune(worker: Worker, request: FineTune, channel: Channel) -> FineTuneResult:
    return FineTuneRun(worker, request, channel).result()


@handles(TryMethods)
def _try_methods(worker: Worker, request: TryMethods, channel: Channel) -> tuple[FineTuneResult, ...]:
    """All on the same split, from the same cached features, with the same seed."""
    base = request.request
    found: list[FineTuneResult] = []
    for i, method in enumerate(request.methods):
        one = replace(base, method=method, folder=str(Path(base.folder) / method), new_id="")
        run = FineTuneRun(worker, one, channel, key=base.folder, features=Path(base.folder) / "features",
                  share=(i / len(request.methods), 1 / len(request.methods)), label=method)
        found.append(run.result())
        channel.partial(i, found[-1], None)
    return tuple(sorted(found, key=_rank))


def _rank(result: FineTuneResult) -> tuple[float, float]:
    v = result.validation
    return -(v["val_agreement"] if v["val_energy"] > 0 else v["val_auroc"]), v["val_loss"]


@handles(EstimateRun)
def _estimate(worker: Worker, request: EstimateRun, channel: Channel) -> Estimate:
    asked = request.request
    device = pick_device(asked.device if asked.device != "auto" else worker.device.name)
    network, card = load_network(asked.base)
    settings = settings_for(asked, card, device.type)
    found = estimating.measure(network, settings, card.weights_sha256, asked.cases)
    return estimating.estimate(settings, asked.cases, found)


@handles(ComparePair)
def _compare_pair(worker: Worker, request: ComparePair, channel: Channel) -> tuple[Analysis, Analysis]:
    record = open_expected(request.path, request.frame, request.expected_sha256, request.correction)
    before = worker.model(request.before)
    after = _version(worker, request.after)
    ask = Analyse(request.path, request.frame, crop=request.crop, correction=request.correction)
    framing = Looking(worker.finders, record).framing(ask, before.card.framing_rule)
    channel.check()
    crop = framing.crop if framing is not None else None
    one, other = (analyse_subjects(m, [m.subject(record, crop)])[0] for m in (before, after))
    for found in (one, other):
        if found.scope.withheld:
            raise refusal(found.scope, found.model)
    return one, other


_versions: dict[str, LoadedModel] = {}


def _version(worker: Worker, folder_or_id: str) -> LoadedModel:
    """A model by id, or one that isn't installed by its folder; the last one is kept for the next case."""
    if not (Path(folder_or_id) / store.CARD).is_file():
        return worker.model(folder_or_id)
    weights = read_card(Path(folder_or_id) / store.CARD).weights_sha256
    with _state:
        if weights not in _versions:
            _versions.clear()
            _versions[weights] = load_model(Path(folder_or_id), worker.device.name)
        return _versions[weights]
