"""What crosses the boundary between window and engine: frozen requests and events, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.imaging.framing import Framing
from divisive_desktop.library.devices import Device

Lane = Literal["quick", "long"]
"""The engine works on one quick and one long job at a time, so that an image can be analysed during training."""

Role = Literal["answers", "training"]
"""Two processes: one answers, from the program's start on; one teaches, while something is taught."""

HEARTBEAT_S = 1.0
SILENT_S = 300.0
"""Ten times what the largest image takes on a slow machine."""

# ---- requests -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Analyse:
    """Analyse one frame of one file with one model. Result: ``Analysis``."""

    lane: ClassVar[Lane] = "quick"

    path: str
    frame: int = 0
    model_id: str | None = None
    """None: the default model of the image's task (radiograph -> chest-…, photograph -> face-…)."""
    crop: Box | None = None
    """Part of the image to look at, in image pixels; None: all of it."""
    expected_sha256: str | None = None
    """Refuse with a clear error when the file's bytes have changed since it was shown."""
    task: str | None = None
    """The question, where no model is named; None: by the kind of image, grey pictures by what they show."""
    framing: Framing | None = None
    """The part that a person chose, and how; takes the place of ``crop``. None: the model's is looked for."""
    correction: Correction = UNCORRECTED
    """What the analyst mended about the picture; ``crop`` and ``framing`` are of the corrected one."""
    versions: tuple[ModelRef, ...] = ()
    """The versions that answer their questions, where no model is named: those in use when a batch or report began.
    Other questions are answered by what is in use now."""
    ask_anyway: bool = False
    """Answer although the image is out of the model's scope; otherwise that fails with an ``OutOfScopeError``."""


@dataclass(frozen=True)
class FindFaces:
    """Look for faces in a picture. Result: ``imaging.framing.Finds``."""

    lane: ClassVar[Lane] = "quick"

    path: str
    frame: int = 0
    correction: Correction = UNCORRECTED


@dataclass(frozen=True)
class AnalyseBatch:
    """Analyse many files; every finished one arrives as a ``Partial`` event. Result: number done."""

    lane: ClassVar[Lane] = "long"
    silent_s: ClassVar[float] = SILENT_S

    items: tuple[Analyse, ...]


@dataclass(frozen=True)
class LoadModel:
    """Load and verify a model so that the first analysis is quick. Result: ``ModelRef``."""

    lane: ClassVar[Lane] = "quick"

    model_id: str | None = None
    """With neither: the default model of the default task for radiographs."""
    task: str | None = None


@dataclass(frozen=True)
class ModelInput:
    """Ask for exactly what the model saw. Result: float32 array (3, size, size) after preprocessing."""

    lane: ClassVar[Lane] = "quick"

    path: str
    frame: int = 0
    model_id: str | None = None
    crop: Box | None = None
    correction: Correction = UNCORRECTED


Request = Analyse | AnalyseBatch | FindFaces | LoadModel | ModelInput | Any
"""Other rooms add requests (training, face detection); the client passes any frozen dataclass on.

Such a class declares ``lane: ClassVar[Lane] = "quick"`` when a person waits for it; it is "long" otherwise. Where it
belongs to training it declares ``role: ClassVar[Role] = "training"``.
"""


def silence_of(request: Request) -> float | None:
    """Seconds that a request may take without an end, a result or progress before the engine counts as hung.

    What a person waits for, and batches; others (training) take what they take.
    """
    silent: float | None = getattr(request, "silent_s", SILENT_S if lane_of(request) == "quick" else None)
    return silent


def lane_of(request: Request) -> Lane:
    """The lane that a request runs in."""
    return "quick" if getattr(request, "lane", "long") == "quick" else "long"


def role_of(request: Request) -> Role:
    """The process that a request is answered in."""
    return "training" if getattr(request, "role", "answers") == "training" else "answers"


@dataclass(frozen=True)
class Submit:
    job: int
    request: Request


@dataclass(frozen=True)
class Cancel:
    job: int


@dataclass(frozen=True)
class Shutdown:
    pass


# ---- events ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EngineReady:
    """The engine has imported its libraries and waits for work."""

    pid: int
    device: str
    """cpu, cuda or mps: what ``auto`` means on this machine."""
    device_name: str
    runtime: str
    """What answers there, with its version."""
    startup_ms: float
    note: str = ""
    """What the user should know, for instance that the device asked for isn't there."""
    devices: tuple[Device, ...] = ()
    """What was found to compute on, and why it can't be used where it can't."""


@dataclass(frozen=True)
class EngineDied:
    """The engine process ended; the client starts a new one unless it gave up."""

    exitcode: int | None
    jobs: tuple[int, ...]
    """Jobs that were lost with it; each also gets a ``Failed``."""
    asked: bool = False
    """The client ended it: a Cancel wasn't answered, or the user asked for a restart."""
    restarting: bool = True
    """False: it died too often in a row; ``EngineClient.restart`` tries again."""
    hung: bool = False
    """It was still there but gave no sign of life, or came to no end, and was stopped by the client."""


@dataclass(frozen=True)
class Heartbeat:
    """The engine is alive; it says so every `HEARTBEAT_S` seconds. The client keeps it to itself."""


@dataclass(frozen=True)
class Progress:
    job: int
    fraction: float
    """0..1"""
    text: str
    remaining_s: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Partial:
    """One item of a job is done: an ``Analysis``, or a failure that didn't stop the others."""

    job: int
    index: int
    value: Any = None
    error: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Done:
    job: int
    value: Any


@dataclass(frozen=True)
class Failed:
    job: int
    kind: str
    message: str
    remedy: str
    details: str = ""
    """Traceback for the log, '' for user-facing errors."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """See `errors.OutOfScopeError.asked`."""


@dataclass(frozen=True)
class Cancelled:
    job: int


Event = EngineReady | EngineDied | Heartbeat | Progress | Partial | Done | Failed | Cancelled

SAID = (EngineReady, Heartbeat, Progress, Partial, Done, Failed, Cancelled)
"""What an engine may send: that it died, only the client can say."""

__all__ = [
    "SAID",
    "Analyse",
    "AnalyseBatch",
    "Analysis",
    "Cancel",
    "Cancelled",
    "Done",
    "EngineDied",
    "EngineReady",
    "Event",
    "Failed",
    "FindFaces",
    "Heartbeat",
    "Lane",
    "LoadModel",
    "ModelInput",
    "Partial",
    "Progress",
    "Request",
    "Role",
    "Shutdown",
    "Submit",
    "lane_of",
    "role_of",
]
