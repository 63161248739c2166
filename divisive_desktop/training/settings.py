"""Everything that decides how a run goes, in one frozen dataclass that can be written to and read from JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.training.augment import MILD, Augmentation

STAGES: Mapping[str, str | None] = {"head": "last", "last": "block11", "late": "block10", "all": None}
"""Which part learns: name -> the network's cut in front of it (None: nothing is frozen)."""


@dataclass(frozen=True)
class Settings:
    """How one fine-tuning goes. The defaults suit a few hundred images on a CPU."""

    task: str = "chest-xray"
    method: str = "difference"
    alpha: float = 0.5
    """Share of the cross-entropy in the loss; the saliency method has the rest."""
    saliency_warmup: float = 0.0
    """Epochs over which the saliency weight grows from 0. Where data hold a shortcut, cross-entropy learns it in that
    time and guidance doesn't get it out again."""
    classification_warmup: float = 0.0
    """Epochs over which alpha grows from 0 for images with a mask: first where to look, then what it means."""
    retain: float = 0.0
    """0..1, when starting from a model: share of its own answer in what the cross-entropy asks for, so that little is
    forgotten (Li & Hoiem, "Learning without Forgetting", ECCV 2016). Up to 0.5 a label that contradicts it wins."""
    mask_share: float = 1.0
    """Share of the training images of each class whose masks count, 0..1: for studies of few masks. Chosen by ``seed``,
    the same for all methods; a smaller share's images are among a larger one's."""
    stages: str = "last"
    """Which part learns, a key of :data:`STAGES`."""
    cache: bool = True
    """Compute the frozen part once (``copies`` augmented copies per image) and train the rest on what it gave."""
    copies: int = 4
    epochs: int = 10
    batch: int = 16
    optimiser: str = "adamw"
    """``adamw`` or ``sgd`` (momentum 0.9, Nesterov)."""
    lr: float = 4e-3
    """Peak learning rate of the one-cycle schedule, or the constant one."""
    schedule: str = "onecycle"
    """``onecycle`` (Smith & Topin 2017: cosine up over the first quarter, cosine down) or ``constant``."""
    weight_decay: float = 1e-2
    clip: float = 1.0
    """Gradients are scaled down to this norm."""
    balance: bool = False
    """Weigh the cross-entropy so that both classes count the same."""
    ema: float = 0.0
    """Decay of an exponential moving average of the weights that is kept in their place; 0: off."""
    select: str = "last"
    """Which epoch is kept, judged on validation: ``last``, ``auroc``, ``loss`` or ``agreement`` (AUROC times the
    energy of D inside the masks: for validation sets that share the training set's shortcuts)."""
    patience: int = 0
    """Stop after this many epochs without a better validation figure; 0: never."""
    seed: int = 0
    """Head, order of the batches and choice of copies."""
    augmentation: Augmentation = MILD
    augmentation_seed: int = 0
    """Apart from ``seed``, so that runs of several seeds may share one cache."""
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    backbone: str = "efficientnet-lite0"
    dilate_last: bool = False
    precision: str = "32-true"
    """Of Lightning Fabric: ``32-true``, ``bf16-mixed`` …"""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``mps``."""
    devices: int = 1
    """Processes (GPUs) on each machine."""
    nodes: int = 1

    def __post_init__(self) -> None:
        choices = {
            "stages": STAGES, "optimiser": ("adamw", "sgd"), "schedule": ("onecycle", "constant"),
            "select": ("last", "auroc", "loss", "agreement"),
        }
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise TrainingError(f"{name} can't be {getattr(self, name)!r}.", f"Choose one of: {', '.join(known)}.")
        positive = {"copies": 1, "epochs": 1, "batch": 1, "devices": 1, "nodes": 1}
        for name, least in positive.items():
            if getattr(self, name) < least:
                raise TrainingError(f"{name} can't be {getattr(self, name)}.", f"Choose {least} or more.")
        shares = 0 <= self.ema < 1 and all(0 <= s <= 1 for s in (self.alpha, self.retain, self.mask_share))
        if not (0 < self.lr < math.inf and self.clip > 0 and shares):
            raise TrainingError(
                "A training setting is out of range.", "lr and clip > 0; ema, alpha, retain and mask_share in 0..1."
            )
        if self.batch % (self.devices * self.nodes):
            raise TrainingError(
                f"A batch of {self.batch} can't be shared by {self.devices * self.nodes} processes.",
                "Choose a multiple of the number of processes.",
            )

    @property
    def cut(self) -> str | None:
        """The network's cut in front of what learns; None: everything learns."""
        return STAGES[self.stages]

    @property
    def cached(self) -> bool:
        """Whether trunk features are cached: only where something is frozen."""
        return self.cache and self.cut is not None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Settings:
        """Settings from JSON or TOML.

        Raises
        ------
        TrainingError
            A name that doesn't exist, or a value out of range.
        """
        values = dict(raw)
        try:
            if isinstance(values.get("augmentation"), Mapping):
                values["augmentation"] = Augmentation(**values["augmentation"])
            if isinstance(values.get("preprocessing"), Mapping):
                values["preprocessing"] = Preprocessing(**values["preprocessing"])
            return cls(**values)
        except TypeError as e:
            raise TrainingError(
                f"The training settings have a mistake: {in_words(e)}.", "Correct that name or value."
            ) from e


@dataclass(frozen=True)
class TrainProgress:
    """What a running fine-tuning tells: after every few steps, and after every epoch with ``validation``."""

    stage: str
    """``features`` (the frozen part is being computed), ``training`` or ``notice``."""
    fraction: float
    """0..1 of the whole run."""
    text: str
    epoch: int = 0
    step: int = 0
    loss: float | None = None
    classification: float | None = None
    saliency: float | None = None
    validation: Mapping[str, float] = field(default_factory=dict)
    remaining_s: float | None = None


ProgressCallback = Callable[[TrainProgress], None]
CancelCheck = Callable[[], bool]


def learning_rate(step: int, total: int, settings: Settings) -> float:
    """Learning rate of a step: a pure function, so that resuming needs no scheduler state.

    One cycle: from peak/25 by half a cosine to the peak in the first quarter, then by half a cosine to peak/10000.
    """
    if settings.schedule == "constant":
        return settings.lr
    rise = max(1.0, 0.25 * total)
    if step < rise:
        low, high, t = settings.lr / 25, settings.lr, step / rise
    else:
        low, high, t = settings.lr, settings.lr / 1e4, (step - rise) / max(1.0, total - 1 - rise)
    return high + (low - high) * (1 + math.cos(math.pi * min(t, 1.0))) / 2
