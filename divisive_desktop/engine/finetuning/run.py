"""One fine-tuning from a `FineTune` request to a measured new version."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from divisive_desktop.engine.finetuning import estimate as estimating
from divisive_desktop.engine.finetuning import preparation as data
from divisive_desktop.engine.finetuning.comparison import compare
from divisive_desktop.engine.finetuning.gallery import Gallery
from divisive_desktop.engine.finetuning.messages import Comparison, FineTune, FineTuneResult, TrainingCase
from divisive_desktop.engine.finetuning.reporter import RunReporter
from divisive_desktop.engine.finetuning.scope import VersionScope, version_scope
from divisive_desktop.engine.finetuning.verdict import verdict
from divisive_desktop.engine.finetuning.version import write_version
from divisive_desktop.engine.framing import Looking
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import (
    ImageAlteredError,
    NotFiniteError,
    NothingFoundError,
    OutOfMemoryError,
    TrainingError,
    UnreadableFileError,
    in_words,
)
from divisive_desktop.foreign.files import open_plain
from divisive_desktop.imaging import open_image
from divisive_desktop.library import store
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import load_weights
from divisive_desktop.networks.saving import weights_of
from divisive_desktop.networks.torch_loading import pick_device
from divisive_desktop.training.augment import keep_border
from divisive_desktop.training.checkpoint import kept_history, load_kept
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.defaults import default_settings
from divisive_desktop.training.evaluate import Predictions, predict, predict_cached
from divisive_desktop.training.finetune import TrainResult, finetune
from divisive_desktop.training.guard import CUT, GuardSet, read_guard
from divisive_desktop.training.loading import load_network
from divisive_desktop.training.losses import REGISTRY
from divisive_desktop.training.settings import Settings, TrainProgress
from divisive_desktop.training.shipping import calibrate
from divisive_desktop.training.trunk_features import Features, compute_features

RATE = 3e-4
"""Peak learning rate. A third of what training from ImageNet's weights takes: the higher rate moves attention no
further, and makes a model of some hundred films forget, even if it only learns labels of a hundred others."""
LOWER = 0.1
"""Share of the learning rate with which a run that collapsed begins again."""
RETAIN = 0.5
"""Half of what is learned as label is the base model's own answer: labels win where they contradict it, and what it
knew beyond them isn't overwritten by a hundred films."""
_ENOUGH_TO_CALIBRATE = 10
"""Validation cases of each class; with fewer a temperature would be noise."""


class FineTuneRun:
    """One fine-tuning.

    Parameters
    ----------
    worker, request, channel
        As a handler gets them.
    key : str, optional
        What `SetPaused` calls this run; None: its folder.
    features : Path, optional
        Cached features shared with other runs on the same cases.
    share : (float, float)
        Where this run's progress begins, and its share of the whole, 0..1.
    label : str
        Name of the method, for progress of several runs.
    """

    def __init__(
        self, worker: Worker, request: FineTune, channel: Channel, *, key: str | None = None,
        features: Path | None = None, share: tuple[float, float] = (0.0, 1.0), label: str = "",
    ) -> None:
        self.worker, self.request = worker, request
        self.folder = Path(request.folder)
        self.features = features or self.folder / "features"
        self.base, self.card = load_network(request.base)
        self.device = pick_device(request.device if request.device != "auto" else worker.device.name)
        self.settings = settings_for(request, self.card, self.device.type)
        self.attempt = self.folder
        """Where the checkpoints are: a folder of their own where the run collapsed and began again."""
        if self._second.is_dir():
            self._turn_to_second()
        self.reporter = RunReporter(channel, key or request.folder, self.settings.method, share, label)
        self.reporter.device = self.device

    # ---- the whole of it --------------------------------------------------------------------------------

    def result(self) -> FineTuneResult:
        """Do it.

        Raises
        ------
        CancelledError, TrainingError, UnreadableFileError, ImageAlteredError, NotFiniteError, OutOfMemoryError
        """
        problems = data.check_data(self.request.cases, self.request.method).problems
        problem = next((p for p in problems if p.severity == "blocks"), None)
        if problem is not None:
            raise TrainingError(problem.message, problem.remedy)
        with self.reporter:
            return self._result()

    def _result(self) -> FineTuneResult:
        start = time.monotonic()
        self.roles = data.roles(self.request.cases)
        expected = estimating.rates(self.settings, self.card.weights_sha256)
        self.reporter.plan(estimating.stages_of(self.settings, self.request.cases, expected), self.settings.epochs)
        for done in kept_history(self.attempt):  # at once: measuring may take minutes
            self.reporter.epoch(done)
        self.examples, self.held = self._examples()
        self._check_files()
        before = self._measure(self.base)
        guard = self._guard()
        gallery = self._gallery()
        self._show(gallery, 0, self.base)
        self._show_kept(gallery)
        trained = self._train(gallery)
        network, temperature = self._calibrated(trained)
        after = self._measure(network)
        holdout = self._compare("holdout", before, after)
        guarded = None
        if guard is not None:
            pair = [(predict_cached(n, guard.features, CUT, guard.examples), None) for n in (self.base, network)]
            guarded = self._compare("guard", *pair)
        words = verdict(holdout, guarded)
        scope = self._scope()
        seconds = time.monotonic() - start
        stored = write_version(
            self.folder / "version", network, self.request, self.card, self.settings, self.roles, trained,
            holdout=holdout, guard=guarded, verdict=words, temperature=temperature, seconds=seconds,
            after=after[0] if after is not None else None, scope=scope,
        )
        self.reporter.at("measuring", 3, "Done", force=True)
        return FineTuneResult(
            model=stored.card.ref, base=self.card.ref, folder=str(stored.folder), method=self.settings.method,
            settings=self.settings.to_dict(), holdout=holdout, guard=guarded,
            validation={k: v for k, v in trained.history[trained.kept_epoch - 1].items() if k.startswith("val_")},
            verdict=words, history=tuple(self.reporter.epoch_done(i, h) for i, h in enumerate(trained.history)),
            kept_epoch=trained.kept_epoch, seconds=seconds, device=self.device.type,
            notices=tuple(self.reporter.notices), scope=scope.change if scope is not None else None,
            data=tuple((c.id, c.sha256, self.roles[c.id]) for c in self.request.cases),
        )

    # ---- data -------------------------------------------------------------------------------------------

    def _examples(self) -> tuple[list[Example], list[Example]]:
        """Training and validation examples, and those that are held out, by case id."""
        ordered = sorted(self.request.cases, key=lambda c: c.id)
        every = {c.id: self._example(c) for c in ordered}
        learn = [e for i, e in every.items() if self.roles[i] != "holdout"]
        if all(e.split == "train" for e in learn):
            # Too few to set some apart: the curves are then drawn on what is learned from, which is said.
            learn += [replace(e, split="val") for e in learn]
            self.reporter.notice("validation", "Too few cases to set some apart: the curves show the training cases.")
        return learn, [e for i, e in every.items() if self.roles[i] == "holdout"]

    def _example(self, case: TrainingCase) -> Example:
        split = {"train": "train", "validation": "val", "holdout": "holdout"}[self.roles[case.id]]
        crop = case.crop
        if crop is None and self.card.framing_rule is not None:
            crop = self._part(case)
        mask = Path(case.mask) if case.mask else None
        return Example(
            Path(case.path), case.label, split, mask, 1.0, case.group, {}, case.frame, crop, case.correction
        )

    def _part(self, case: TrainingCase) -> Any:
        """The part that an analysis would look at."""
        self.reporter.check()
        record = open_image(Path(case.path), case.frame, case.correction)
        try:
            ask = Analyse(case.path, case.frame, correction=case.correction)
            framing = Looking(self.worker.finders, record).framing(ask, self.card.framing_rule)
        except NothingFoundError:
            return None
        return framing.crop if framing is not None else None

    def _check_files(self) -> None:
        """What is trained on are the bytes that were looked at and painted on."""

        def changed(case: TrainingCase) -> TrainingCase | None:
            if self.reporter.cancelled():
                return None
            try:
                with open_plain(Path(case.path)) as file:
                    return None if hashlib.file_digest(file, "sha256").hexdigest() == case.sha256 else case
            except OSError as e:
                raise UnreadableFileError(
                    f"{case.name or case.path} can't be read: {in_words(e)}.", "Bring the file back, or leave it out."
                ) from e

        with ThreadPoolExecutor(2, "decode") as pool:
            found = [c for c in pool.map(changed, self.request.cases) if c is not None]
        self.reporter.check()
        if found:
            raise ImageAlteredError(
                f"{found[0].name or found[0].path} has changed since it was labelled"
                + (f", and {len(found) - 1} more." if len(found) > 1 else "."),
                "Restore the original, or import the new version as a case of its own.",
            )

    # ---- training ---------------------------------------------------------------------------------------

    def _train(self, gallery: Gallery) -> TrainResult:
        """Train; what goes wrong and can be helped is helped and told."""
        if self.request.conclude:
            return self._kept(0.0)
        result = self._tried(gallery)
        if result.collapsed and self.attempt == self.folder:
            self._begin_again()
            result = self._tried(gallery)
        if result.collapsed:
            self.reporter.notice(
                "collapsed", "The run collapsed: the new version gives every image the same answer. Don't keep it; "
                "train with a smaller learning rate, another method, or more cases.",
            )  # fmt: skip
        return result

    @property
    def _second(self) -> Path:
        return self.folder / "second"

    def _begin_again(self) -> None:
        """Once more from the base model, at a lower rate: too high a one kills the features, see models/README.md."""
        high = self.settings.lr
        self._second.mkdir()  # from now on a run that is resumed goes on with the second attempt
        self._turn_to_second()
        self.reporter.notice(
            "again", "The run collapsed: it gave every validation image the same answer. It began again, once, with a "
            f"learning rate of {self.settings.lr:g} instead of {high:g}.",
        )  # fmt: skip
        expected = estimating.rates(self.settings, self.card.weights_sha256)
        stages = estimating.stages_of(self.settings, self.request.cases, expected)
        self.reporter.plan_again(stages, self.settings.epochs)

    def _turn_to_second(self) -> None:
        self.attempt = self._second
        self.settings = replace(self.settings, lr=self.settings.lr * LOWER)

    def _tried(self, gallery: Gallery) -> TrainResult:
        """One attempt at training."""
        start = time.monotonic()
        while True:
            try:
                return finetune(
                    self.settings, self.examples, self.attempt, parent=self.base, features_folder=self.features,
                    progress=self._progress, cancelled=self.reporter.cancelled,
                    on_epoch=lambda epoch, network: self._show(gallery, epoch, network),
                )
            except NotFiniteError as e:
                if not kept_history(self.attempt):
                    raise NotFiniteError(e.message, "Train again with a smaller learning rate (Advanced).") from e
                result = self._kept(time.monotonic() - start)
                self.reporter.notice("not-finite", f"{e.message} The weights of epoch {result.kept_epoch} are kept.")
                return result
            except (OutOfMemoryError, torch.OutOfMemoryError) as e:
                if self.device.type == "cpu":
                    raise OutOfMemoryError(
                        "This machine has too little free memory for training.",
                        "Close other programs, train the head only, or set fewer copies.",
                    ) from e
                self._to_cpu()

    def _show_kept(self, gallery: Gallery) -> None:
        """The maps of the best epoch so far, beside the curves of a run that goes on."""
        if kept_history(self.attempt):
            kept = self._kept(0.0)
            self._show(gallery, kept.kept_epoch, kept.network)

    def _to_cpu(self) -> None:
        torch.cuda.empty_cache()
        self.device = self.reporter.device = torch.device("cpu")
        self.settings = replace(self.settings, device="cpu")
        self.reporter.notice("cpu", "The graphics card is full: training goes on with the processor, more slowly.")

    def _kept(self, seconds: float) -> TrainResult:
        """The last good checkpoint as a result."""
        if not kept_history(self.attempt):
            raise TrainingError("No epoch of this run was finished.", "Start it again.")
        network, _ = load_network(self.request.base)
        network.freeze_up_to(self.settings.cut)
        state = load_kept(self.attempt, network)
        return TrainResult(network.eval(), state.history[: state.epoch], state.best_epoch, self.settings, seconds)

    def _progress(self, p: TrainProgress) -> None:
        if p.stage == "notice":
            self.reporter.notice("memory", p.text)
        elif p.stage == "features":
            self.reporter.part_of("features", min(1.0, p.fraction / 0.3), p.text)
        else:
            self.reporter.finish("features")
            per_epoch = sum(e.split == "train" for e in self.examples)
            steps = max(1, per_epoch // min(self.settings.batch, per_epoch))
            self.reporter.at("training", p.step / steps * per_epoch, p.text, force=bool(p.validation))
            if p.validation:
                self.reporter.epoch({"loss": p.loss or 0.0, "classification": p.classification or 0.0,
                             "saliency": p.saliency or 0.0, **p.validation})

    def _calibrated(self, trained: TrainResult) -> tuple[Network, float | None]:
        """The network as it will be stored: calibrated on validation where that has enough cases."""
        network = trained.network
        val = [e for e in self.examples if e.split == "val"]
        apart = not any(e.split == "train" and e.file == v.file and e.frame == v.frame
                        for v in val[:1] for e in self.examples)
        if not apart or min(sum(e.label == y for e in val) for y in (0, 1)) < _ENOUGH_TO_CALIBRATE:
            temperature = None
        else:
            temperature = calibrate(network, self._answers(network, val, None))
        # What is measured is what will be stored: rounded to float16.
        load_weights(network, {name: torch.from_numpy(array) for name, array in weights_of(network).items()})
        return network, temperature

    # ---- measuring --------------------------------------------------------------------------------------

    def _measure(self, network: Network) -> tuple[Predictions, Predictions] | None:
        """Answers on the hold-out: as it is, and with all but the border blanked. None without held-out cases."""
        if not self.held:
            return None
        return (self._answers(network, self.held, None, 0), self._answers(network, self.held, keep_border, 1))

    def _answers(self, network: Network, examples: list[Example], change: Any, part: int | None = None) -> Predictions:
        s = self.settings
        count = len(examples)

        def tell(done: int, total: int) -> None:
            if part is not None and network is self.base:
                kind = "border only, " if part else ""
                self.reporter.at("holdout", part * count + done, f"Hold-out, {kind}image {done} of {total}")

        self.reporter.check()
        if not s.cached or s.cut is None:
            return predict(network, examples, s.preprocessing, change=change, device=self.device, progress=tell,
                           cancelled=self.reporter.cancelled)
        try:
            features = self._compute(examples, change, tell)
        except torch.OutOfMemoryError:
            self._to_cpu()
            features = self._compute(examples, change, tell)
        return predict_cached(network, features, s.cut, examples)

    def _compute(self, examples: list[Example], change: Any, tell: Any) -> Features:
        assert self.settings.cut is not None
        return compute_features(
            self.base, examples, self.settings.cut, self.settings.preprocessing, seed=self.settings.augmentation_seed,
            folder=self.features, change=change, device=self.device, progress=tell, cancelled=self.reporter.cancelled,
        )

    def _guard(self) -> GuardSet | None:
        data, found = store.own_file(store.find_model(self.request.base).folder, store.GUARD), None
        if data is None:
            why = f"{self.request.base} came without a guard set: lost knowledge can't be measured."
        elif self.settings.stages not in ("head", "last"):
            why = "The guard set holds what the last stage sees: it can't judge when more is trained."
        else:
            found = read_guard(data, self.base)
            why = "The guard set was made for other weights than the base model's: lost knowledge can't be measured."
        if found is None:
            self.reporter.notice("guard", why)
        return found

    def _compare(self, name: Any, before: Any, after: Any) -> Comparison | None:
        if before is None or after is None:
            return None
        self.reporter.at("measuring", 1 if name == "holdout" else 2, "Comparing before and after", force=True)
        held = sorted(c.id for c in self.request.cases if c.side == "holdout") if name == "holdout" else ()
        return compare(name, before[0], after[0], border_before=before[1], border_after=after[1], cases=held,
                       check=self.reporter.check)

    def _scope(self) -> VersionScope | None:
        """What the new version's scope rests on; None where the part that it comes from was trained, too."""
        if self.settings.stages not in ("head", "last", "late"):
            return None
        seen = list({(e.file, e.frame): e for e in [*self.examples, *self.held]}.values())

        def tell(done: int, total: int) -> None:
            self.reporter.check()
            self.reporter.at("measuring", 2, f"Scope, image {done} of {total}")

        return version_scope(self.worker.model(self.request.base), seen, tell)

    # ---- what is watched --------------------------------------------------------------------------------

    def _gallery(self) -> Gallery:
        chosen = {c.id: c for c in self.request.cases}
        watched = [(i, replace(self._example(chosen[i]), split="gallery")) for i in self.request.gallery if i in chosen]
        return Gallery(self.base, watched, self.settings, self.reporter.cancelled)

    def _show(self, gallery: Gallery, epoch: int, network: Network) -> None:
        update = gallery.look(network, epoch, self.reporter.label or self.settings.method)
        if update is not None:
            self.reporter.channel.partial(epoch, update, None)


def settings_for(request: FineTune, card: Any, device: str) -> Settings:
    """A run's settings: what suits the task, on the base model's own input, changed by what was asked for.

    Raises
    ------
    TrainingError
        An unknown method, or a name or value among the advanced settings that doesn't exist.
    """
    if request.method not in REGISTRY:
        raise TrainingError(
            f"There is no training method called {request.method}.", f"Choose one of {', '.join(REGISTRY)}."
        )
    raw = default_settings(card.task).to_dict()
    raw |= {
        "copies": 2 if device == "cpu" else 4, "preprocessing": card.preprocessing, "backbone": card.backbone,
        "dilate_last": bool(card.network.get("dilate_last", False)),
        "lr": RATE, "retain": RETAIN,
    }
    raw |= dict(request.advanced)
    raw |= {
        "method": request.method, "stages": request.stages, "epochs": request.epochs, "alpha": request.alpha,
        "seed": request.seed, "device": device,
    }
    return Settings.from_dict(raw)
