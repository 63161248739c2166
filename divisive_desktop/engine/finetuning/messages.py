"""Fine-tuning across the boundary between window and engine: requests, what arrives while it runs, and its result.

::

    request = preparation.fine_tune_request(book, base="chest-cardiomegaly-focus-1")   # torch-free, from the casebook
    run = preparation.start(book, request)                                     # written down before it begins
    job = client.submit(request)                     # FineTune, lane "long"
    client.submit(SetPaused(request.folder, True))   # lane "quick": answered while the run goes on
    client.cancel(job)                               # what was learned up to the last whole epoch stays in the folder

Events of the job: ``Progress`` (``details``: ``stage``, ``device``, ``memory_mb``, ``paused``) and ``Partial`` whose
``value`` is an `EpochDone`, a `GalleryUpdate`, a `Notice` or, of `TryMethods`, a `FineTuneResult`. Then ``Done`` with
a `FineTuneResult` (`TryMethods`: a tuple of them, best first), ``Cancelled`` or ``Failed``.

The same `FineTune` sent again (after Cancel, a crash, a restart) goes on where the run in its folder stopped, on a CPU
to the same weights bit for bit; with ``conclude`` it is measured as it stands. Torch-free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from divisive_desktop.engine.messages import Lane, Role
from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import UNCORRECTED, Correction

Maps = npt.NDArray[np.float32]
Stages = Literal["head", "last", "late", "all"]
Side = Literal["train", "holdout"]
Change = Literal["better", "worse", "unchanged", "unclear", "not measured"]

METHODS = ("focus", "difference", "containment", "evidence", "cyborg", "cross_entropy")
"""What *Try another method* compares."""
DEFAULT_METHOD = "focus"


# ---- requests -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrainingCase:
    """A labelled case of the casebook, as training needs it."""

    id: int
    path: str
    frame: int
    sha256: str
    """Of the image file; training refuses a file that has changed."""
    label: int
    """0 or 1."""
    side: Side
    """The casebook's: decided once by patient, kept for all runs."""
    group: str
    """Patient or identity (the file's hash where there is none): never on both sides."""
    mask: str | None = None
    """File of the mask: a casebook blob (``masks.Snapshot``) or any grey image; None: nothing painted."""
    mask_sha256: str | None = None
    """Hash of that file's bytes."""
    name: str = ""
    """What the analyst calls it, for messages."""
    crop: Box | None = None
    """Part of the image that the shown analysis looked at (a face); None: all, or a face that the engine looks for."""
    correction: Correction = UNCORRECTED
    """What the analyst mended about the picture; mask and crop are of the corrected one."""


@dataclass(frozen=True)
class FineTune:
    """Fine-tune a model on a casebook's cases and measure it before and after. Result: `FineTuneResult`."""

    lane: ClassVar[Lane] = "long"
    role: ClassVar[Role] = "training"

    base: str
    """Id of the model to start from."""
    cases: tuple[TrainingCase, ...]
    """Both sides, by case id."""
    folder: str
    """Of this run alone: checkpoints and the new version's files."""
    method: str = DEFAULT_METHOD
    """A name of ``training.losses.REGISTRY``."""
    stages: Stages = "last"
    epochs: int = 8
    alpha: float = 0.5
    """Share of the cross-entropy in the loss, 0..1."""
    seed: int = 0
    device: str = "auto"
    """auto (the engine's), cpu, cuda or mps."""
    advanced: Mapping[str, Any] = field(default_factory=dict)
    """Any other field of ``training.settings.Settings``: lr, batch, copies, weight_decay, ema, patience …"""
    gallery: tuple[int, ...] = ()
    """Ids of the cases (three, say) whose CAM pair is sent after each epoch."""
    new_id: str = ""
    """Id of the new version; empty: the next free one of the task and method."""
    author: str = ""
    conclude: bool = False
    """Don't learn any more: measure the last good checkpoint in ``folder`` as the run's result."""


@dataclass(frozen=True)
class TryMethods:
    """The same run with several methods on the same split. Result: tuple of `FineTuneResult`, best first.

    Ranked on the validation part of the training side (AUROC times energy of D inside the masks), never on the
    hold-out, which would otherwise have been used to choose. Each finished one also arrives as a ``Partial``.
    """

    lane: ClassVar[Lane] = "long"
    role: ClassVar[Role] = "training"

    request: FineTune
    """Each method works in a folder of its own inside its ``folder``."""
    methods: tuple[str, ...] = METHODS


@dataclass(frozen=True)
class SetPaused:
    """Hold or let go on the run in ``folder``; at the next step. Result: bool, whether such a run is there."""

    lane: ClassVar[Lane] = "quick"
    role: ClassVar[Role] = "training"

    folder: str
    paused: bool


@dataclass(frozen=True)
class EstimateRun:
    """How long would it take? Measured on one case with the real model, about a second. Result: `Estimate`."""

    lane: ClassVar[Lane] = "quick"
    role: ClassVar[Role] = "training"

    request: FineTune


@dataclass(frozen=True)
class ComparePair:
    """One case before and after. Result: ``(Analysis, Analysis)``; needs no installed new version.

    Fails with an ``OutOfScopeError`` where the image is out of scope for either.
    """

    lane: ClassVar[Lane] = "quick"
    role: ClassVar[Role] = "training"

    before: str
    """Id of an installed model."""
    after: str
    """Folder of the new version (`FineTuneResult.folder`), or an id."""
    path: str
    frame: int = 0
    crop: Box | None = None
    expected_sha256: str | None = None
    correction: Correction = UNCORRECTED


# ---- what is told before --------------------------------------------------------------------------------

Severity = Literal["blocks", "worthless", "note"]
"""``blocks``: nothing could be learned. ``worthless``: it runs, but means nothing. ``note``: good to know."""


@dataclass(frozen=True)
class DataProblem:
    code: str
    """no-cases, one-class, too-few, no-masks, labels-without-masks, duplicate-image, shared-patient, no-holdout,
    holdout-one-class, small-holdout, missing-files"""
    severity: Severity
    message: str
    remedy: str
    cases: tuple[int, ...] = ()
    """Which ones, where it concerns some."""


@dataclass(frozen=True)
class DataCheck:
    """`preparation.check_data`: what there is to learn from, and what is wrong with it."""

    train: tuple[int, int]
    """Training cases of class 0 and 1."""
    masks: tuple[int, int]
    """Those of them that have a mask."""
    holdout: tuple[int, int]
    holdout_masks: tuple[int, int]
    problems: tuple[DataProblem, ...] = ()

    @property
    def blocked(self) -> bool:
        return any(p.severity == "blocks" for p in self.problems)


@dataclass(frozen=True)
class Estimate:
    seconds: float
    """From click to table."""
    parts: Mapping[str, float]
    """features, training, measuring: seconds."""
    device: str
    """cpu, cuda or mps."""
    memory_mb: float
    """Free memory of the device (cpu: of the machine)."""
    text: str
    """"about 70 seconds on the processor" """


# ---- what arrives while it runs -------------------------------------------------------------------------


@dataclass(frozen=True)
class EpochDone:
    """Value of a ``Partial``: one epoch's figures. On resuming, those of the epochs before come first."""

    epoch: int
    """From 1."""
    epochs: int
    loss: float
    classification: float
    saliency: float
    val_auroc: float
    val_energy: float
    """Energy of D inside the masks of the validation cases, 0..1."""
    val_loss: float
    val_agreement: float
    method: str = ""


@dataclass(frozen=True, eq=False)
class CasePair:
    """A case's CAM pair for its label, at one moment."""

    case: int
    label: int
    a_true: Maps
    """float32 (h, w), raw."""
    a_false: Maps
    divergence: Maps
    """a_true - a_false"""
    probability: float
    """Of class 1."""
    energy: float | None
    """Of D inside the mask; None without one."""


@dataclass(frozen=True, eq=False)
class GalleryUpdate:
    """Value of a ``Partial``: the gallery's cases before training (epoch 0) and after each epoch."""

    epoch: int
    pairs: tuple[CasePair, ...]
    method: str = ""


@dataclass(frozen=True)
class Notice:
    """Value of a ``Partial``: something that the user should know; the run goes on."""

    code: str
    """memory (smaller steps), cpu (left the GPU), not-finite (stopped, last good epoch kept), again (collapsed, began
    anew), collapsed (twice), validation, guard, resumed"""
    text: str


# ---- the result -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A figure with its 95 % interval; NaN where it can't be had."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """After minus before on the same images: paired bootstrap by patient (2000 samples, 95 %)."""

    value: float
    low: float
    high: float
    p: float
    """Two-sided."""
    change: Change
    """``better``/``worse`` only where the interval leaves out 0; ``unclear`` where it includes 0."""


FIGURES = ("auroc", "accuracy", "sensitivity", "specificity", "ece", "energy", "pointing", "border_auroc")
"""Names in `Comparison.before`, ``after`` and ``differences``, in the table's order. ECE and border-only: low is good
(border-only: near 0.5)."""


@dataclass(frozen=True)
class Comparison:
    """Before and after on one set of images."""

    name: Literal["holdout", "guard"]
    images: int
    positives: int
    groups: int
    """Patients or identities."""
    masks: int
    before: Mapping[str, Figure]
    after: Mapping[str, Figure]
    differences: Mapping[str, Difference]
    cases: tuple[CaseChange, ...] = ()
    """Of the hold-out: case by case."""


@dataclass(frozen=True)
class CaseChange:
    case: int
    label: int
    before: float
    """Probability of class 1."""
    after: float
    energy_before: float | None
    energy_after: float | None


@dataclass(frozen=True)
class ScopeChange:
    """How many of the casebook's images of a run each of the two versions withholds, or finds unfamiliar."""

    images: int
    withheld_before: int
    withheld_after: int
    unfamiliar_before: int
    unfamiliar_after: int

    @property
    def words(self) -> str:
        """In a sentence."""
        return (
            f"Of {self.images} images of the casebook the model withheld {self.withheld_before} as out of scope and "
            f"withholds {self.withheld_after} now; unfamiliar were {self.unfamiliar_before} and are "
            f"{self.unfamiliar_after}."
        )


SCOPE_UNKNOWN = "Which images are in the new version's scope was not measured: it says so with each answer."
UNDECIDED = "Its parent's error rates don't hold for it, and nobody has measured its own: its answers stay undecided."


@dataclass(frozen=True)
class RunVerdict:
    """What the tables say, in words. Claims nothing where an interval includes 0."""

    headline: str
    sentences: tuple[str, ...]
    holdout: Change
    attention: Change
    guard: Change


@dataclass(frozen=True)
class FineTuneResult:
    """What a run leaves. Nothing is installed until ``library.versions.keep(result.folder)``."""

    model: ModelRef
    """The new version; ``weights_sha256`` is the same for the same data, settings and seed."""
    base: ModelRef
    folder: str
    """Its model folder (weights, card, guard set), inside the run's folder."""
    method: str
    settings: Mapping[str, Any]
    """All of ``training.settings.Settings``."""
    holdout: Comparison | None
    guard: Comparison | None
    validation: Mapping[str, float]
    """Of the kept epoch: val_auroc, val_energy, val_agreement, val_loss."""
    verdict: RunVerdict
    history: tuple[EpochDone, ...]
    kept_epoch: int
    seconds: float
    device: str
    notices: tuple[Notice, ...] = ()
    scope: ScopeChange | None = None
    """None: the base model's scope was never measured, or what it rests on was trained."""
    data: tuple[tuple[int, str, str], ...] = ()
    """Case id, image hash and role (train, validation, holdout) of every case, for ``Casebook.start_run``."""


__all__ = [
    "DEFAULT_METHOD",
    "FIGURES",
    "METHODS",
    "SCOPE_UNKNOWN",
    "UNDECIDED",
    "CaseChange",
    "CasePair",
    "Change",
    "ComparePair",
    "Comparison",
    "DataCheck",
    "DataProblem",
    "Difference",
    "EpochDone",
    "Estimate",
    "EstimateRun",
    "Figure",
    "FineTune",
    "FineTuneResult",
    "GalleryUpdate",
    "Maps",
    "Notice",
    "RunVerdict",
    "ScopeChange",
    "SetPaused",
    "Severity",
    "Side",
    "Stages",
    "TrainingCase",
    "TryMethods",
]  # fmt: skip
