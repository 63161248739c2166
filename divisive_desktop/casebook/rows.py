"""What the casebook hands out: light rows, filters and sort orders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.explanation.decision import RATES, Wanted, accepted
from divisive_desktop.explanation.statement import Brief

Review = Literal["new", "in_review", "done", "flagged"]
REVIEWS: tuple[Review, ...] = ("new", "in_review", "done", "flagged")
FileState = Literal["ok", "missing", "altered"]
Side = Literal["train", "holdout"]


class CaseRow(NamedTuple):
    """One line of the worklist. A plain tuple: ten thousand of them are made in a few tens of milliseconds."""

    id: int
    name: str
    path: str
    """Where the original was; ``Originals.path`` finds it or its imported copy."""
    sha256: str
    frame: int
    kind: str
    """radiograph or photograph."""
    task: str | None
    width: int | None
    height: int | None
    thumbnail: str | None
    """Hash for ``Cases.thumbnail``."""
    patient: str | None
    """Group key, hashed or plain as the casebook's settings say."""
    side: Side
    """train or holdout."""
    label: int | None
    review: Review
    notes: str
    tags_json: str
    seconds: float
    """Time that people spent on the case."""
    file_state: FileState
    added: str
    """UTC, ISO 8601."""
    trashed: str | None
    copied: bool
    """The image was imported as a copy."""
    correction: str | None
    """What the analyst mended about the picture (``imaging.correction.Correction.parse``); width, height, mask and
    measurements are of the corrected one."""
    analysis: int | None
    """Id of the analysis that the next columns are from."""
    predicted: int | None
    probability: float | None
    """Of class 1, 0..1."""
    margin: float | None
    """|logit 1 - logit 0|."""
    energy: float | None
    """Agreement with the mask: share of the divergence's energy inside it."""
    iou: float | None
    pointing: int | None
    analysed: str | None
    model: str | None
    model_version: str | None
    negative: str | None
    """Name of class 0 in that model."""
    positive: str | None
    regions: int
    """Regions with painted pixels; 0: no mask."""
    regions_json: str | None
    insisted: bool
    """The analysis was asked for although the image is out of the model's scope."""
    zone: str
    """As in `explanation.scope.Zone`."""
    p_negative: float | None
    """Conformal p-value of class 0 (`explanation.decision`); None: nothing was measured for images like this one."""
    p_positive: float | None
    rate_negative: float | None
    """Error rate that the model's card accepted for class 0 when it answered."""
    rate_positive: float | None
    model_task: str | None
    """The question that was answered."""
    weights_sha256: str | None
    """Of the model version that answered."""

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(stored_json(self.tags_json))

    @property
    def region_names(self) -> tuple[str, ...]:
        return tuple(stored_json(self.regions_json or "[]"))

    @property
    def disagrees(self) -> bool | None:
        """Model against label; None while one of them is missing."""
        return None if self.label is None or self.predicted is None else self.label != self.predicted

    def brief(self, rates: Wanted | None = None) -> Brief | None:
        """The answer in words at these error rates, or at those of the card; None before an analysis."""
        if self.predicted is None:
            return None
        p = None if self.p_negative is None or self.p_positive is None else (self.p_negative, self.p_positive)
        card = RATES if self.rate_negative is None or self.rate_positive is None else (
            self.rate_negative, self.rate_positive
        )  # fmt: skip
        classes = (self.negative or "0", self.positive or "1")
        held = accepted(rates, card)
        return Brief.of(self.zone, self.insisted, p, self.predicted, self.probability or 0.0, classes, held)

    @property
    def verdict(self) -> str | None:
        """Name of the predicted class."""
        return None if self.predicted is None else (self.negative, self.positive)[self.predicted]


@dataclass(frozen=True)
class CaseFilter:
    """Which cases to list. Everything that is given must hold; None means: doesn't matter."""

    text: str = ""
    """Every word must be found in name, path, notes, tags, names of regions, patient or task."""
    review: tuple[Review, ...] | None = None
    label: Literal[0, 1, "none", "any"] | None = None
    verdict: Literal[0, 1, "none", "any"] | None = None
    has_mask: bool | None = None
    disagrees: bool | None = None
    """True: label and verdict differ; False: they agree (both must be there)."""
    energy: tuple[float, float] | None = None
    """Lowest and highest agreement, 0..1."""
    model: str | None = None
    model_version: str | None = None
    added_since: str | None = None
    """UTC, ISO 8601, inclusive."""
    added_until: str | None = None
    tag: str | None = None
    side: Side | None = None
    kind: str | None = None
    task: str | None = None
    file_state: tuple[FileState, ...] | None = None
    patient: str | None = None
    trashed: bool | None = False
    """False: without the trash; True: only the trash; None: both."""
    ids: tuple[int, ...] | None = None


SORTS: Mapping[str, str] = {
    "id": "c.id",
    "name": "c.name COLLATE NOCASE",
    "path": "c.path COLLATE NOCASE",
    "kind": "c.kind",
    "task": "c.task",
    "review": "CASE c.review WHEN 'new' THEN 0 WHEN 'in_review' THEN 1 WHEN 'flagged' THEN 2 ELSE 3 END",
    "label": "c.label",
    "verdict": "a.predicted",
    "probability": "a.probability",
    "margin": "abs(a.logit1 - a.logit0)",
    "energy": "a.energy",
    "iou": "a.iou",
    "model": "m.model || ' ' || m.version",
    "analysed": "a.time",
    "mask": "k.regions",
    "notes": "c.notes COLLATE NOCASE",
    "tags": "c.tags",
    "seconds": "c.seconds",
    "added": "c.added",
    "side": "c.side",
    "patient": "c.patient",
    "file_state": "c.file_state",
    "size": "c.width * c.height",
    # Signed doubt in the verdict: sure and wrong first, then by small margin, then sure and right or unlabelled.
    "disagreement": "CASE WHEN c.label <> a.predicted THEN -1000.0 - abs(a.logit1 - a.logit0) "
    "ELSE abs(a.logit1 - a.logit0) END",
}
"""Names that ``Cases.rows(sort=…)`` takes. ``disagreement`` is the active-learning order: cases where the model
contradicts the label (surest first), then small margins."""


@dataclass(frozen=True)
class NewImage:
    """What is needed to take an image in when no ``ImageRecord`` is at hand."""

    path: Path
    sha256: str | None = None
    """None: computed."""
    frame: int = 0
    kind: Literal["radiograph", "photograph"] | None = None
    """None: guessed from the file's head (``imaging.kind``)."""
    width: int | None = None
    height: int | None = None
    patient: str | None = None
    """Patient or identity that keeps images together when a hold-out is split off."""
    name: str | None = None
    """None: the file's name."""
    task: str | None = None
    thumbnail: bytes | None = None
    """PNG or JPEG."""


class AnalysisRow(NamedTuple):
    """An analysis without its CAMs (``Analyses.load``)."""

    id: int
    case_id: int
    time: str
    user: str
    predicted: int
    probability: float
    logit0: float
    logit1: float
    energy: float | None
    iou: float | None
    pointing: int | None
    device: str
    model: str
    model_version: str
    weights_sha256: str
    method: str
    negative: str
    positive: str


class LabelRow(NamedTuple):
    id: int
    value: int | None
    user: str
    time: str


class TrainingCase(NamedTuple):
    """A labelled case as training sees it."""

    id: int
    path: Path
    sha256: str
    frame: int
    kind: str
    label: int
    side: Side
    group: str
    """Patient key, or the file's hash where there is none."""
    mask: str | None
    """For ``Masks.load_snapshot``; None: nothing is painted."""
    correction: str | None = None
    """What the analyst mended about the picture."""


class RunRow(NamedTuple):
    id: int
    state: str
    method: str
    base: str | None
    """weights_sha256 of the model that the run started from."""
    result: str | None
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any] | None
    user: str
    started: str
    finished: str | None
    decision: str | None


class RunCase(NamedTuple):
    case_id: int
    role: str
    """train, validation or holdout."""
    sha256: str
    label: int | None
    mask: str | None
    """For ``Masks.load_snapshot``: the mask as it was then."""
    correction: str | None = None
    """What was mended about the picture then."""


class BatchItem(NamedTuple):
    id: int
    position: int
    case_id: int | None
    path: str
    frame: int
    state: str
    """pending, done or failed."""
    attempts: int
    analysis: int | None
    error: Mapping[str, str] | None


class BatchStatus(NamedTuple):
    id: int
    name: str
    state: str
    """open, done or cancelled."""
    parameters: Mapping[str, Any]
    time: str
    pending: int
    done: int
    failed: int


def storable(path: Path) -> str:
    """Absolute path as text for the database.

    Raises
    ------
    UnicodeEncodeError
        The name holds bytes that aren't text in this system's encoding.
    """
    text = os.path.abspath(path)
    text.encode("utf-8")
    return text
