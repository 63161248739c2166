"""What a report says, as data: every format (PDF, HTML, JSON, CSV, DICOM) is written from this and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from divisive_desktop import RESEARCH_USE
from divisive_desktop.explanation.statement import Statement

SCHEMA = "divisive-desktop-report/1"


@dataclass(frozen=True)
class ImageFacts:
    """The original file, as it was when it was analysed and again at export."""

    name: str
    """File name without folders (a folder can name a patient)."""
    sha256: str
    size_bytes: int
    width: int
    height: int
    kind: str
    frame: int
    frames: int
    photometric: str
    bits_stored: int
    transfer_syntax: str
    decoder: str
    lossy: bool
    spacing: Mapping[str, Any] | None
    """``{"row_mm", "column_mm", "calibration", "source"}``; None when millimetres are not known."""
    header: Mapping[str, str]
    """Attributes shown in the report; without identifying ones when the report is de-identified."""
    notes: tuple[str, ...] = ()
    burned_in: str = ""
    """Warning about identifying text in the pixels of a de-identified report; '' where the file excludes it."""


@dataclass(frozen=True)
class MaskFacts:
    """The analyst's saliency mask and how the divergence map agrees with it."""

    sha256: str
    """Of the mask's bytes as exported: uint8 rows, 0..255."""
    area_share: float
    """Sum of the mask over the number of pixels, 0..1."""
    energy_inside: float | None
    """Share of the squared divergence inside the mask, 0..1."""
    pointing_hit: bool | None
    iou: float | None
    """Of the important features for the true class with the mask."""
    segment_sha256: str = ""
    """Of the mask where it is at least one half, as the DICOM segmentation holds it; '' in reports of old."""


@dataclass(frozen=True)
class CaseContent:
    """One case of a report."""

    title: str
    image: ImageFacts
    question: str
    """In English; the statement holds it in the report's language."""
    classes: tuple[str, str]
    true_class: int
    true_class_source: str
    """``label``, ``predicted`` where the answer is decided, or ``nearer``."""
    statement: Statement
    """The answer in words, at the error rates of the report."""
    regions: str
    """What the important features are and aren't."""
    analysis: Mapping[str, Any]
    """As ``divisive-desktop analyze --json`` gives it: raw CAM pair, features, model, preprocessing."""
    model: Mapping[str, Any]
    """Digest of the model card: method, parent, training data, intended use, limits, licence, attribution."""
    error_rates: tuple[tuple[str, Mapping[str, Any]], ...]
    """Known error rates from the card: data set, and its figures (``auroc``, ``auroc_95``, ``sensitivity``, …)."""
    limitations: tuple[str, ...]
    """What the model's card states, in its own words, then the ``cautions``."""
    cautions: tuple[str, ...] = ()
    """What must be known about saliency maps."""
    mask: MaskFacts | None = None
    before_after: Mapping[str, Any] | None = None
    audit: tuple[Mapping[str, Any], ...] = ()
    """Rows ``{"seq", "time", "user", "act", "what", "times", "hash"}`` of the casebook's audit chain."""
    casebook: Mapping[str, Any] | None = None
    """Where the case is kept: identity of the casebook, case, analysis, and the end of its chain at export."""
    conclusion: str = ""
    analyst: str = ""
    signed_on: str = ""
    scale_bar_mm: float | None = None
    """Length of the bar drawn into the pictures; None where millimetres aren't calibrated."""
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """PNG (JPEG in reports of many cases) by name: ``image``, ``true``, ``false``, ``features``, ``mask``; the JSON
    holds their SHA-256."""
    cropped: bool = False
    """The maps show only the part that the model saw; a frame in ``image`` shows where that is."""

    @property
    def probability(self) -> float:
        """Of class 1, 0..1."""
        return float(self.analysis["probability"])

    @property
    def zone(self) -> str:
        """Where the image stands to the model's scope."""
        return str(self.analysis.get("scope", {}).get("zone", "not_checked"))

    @property
    def asked_anyway(self) -> bool:
        """A person insisted on an answer although the image is out of the model's scope."""
        return bool(self.analysis.get("scope", {}).get("asked_anyway"))

    @property
    def model_limits(self) -> tuple[str, ...]:
        """What the model's card states."""
        return self.limitations[: len(self.limitations) - len(self.cautions)]


@dataclass(frozen=True)
class Report:
    """A report on one or many cases."""

    created: str
    """UTC, ISO 8601."""
    cases: tuple[CaseContent, ...]
    generator: Mapping[str, Any]
    """Program name and version, and the versions of the libraries that made the figures."""
    deidentified: bool
    institution: str = ""
    language: str = "en"
    sections: tuple[str, ...] = ()
    """Sections left out on the user's wish are named in the report."""
    statement: str = RESEARCH_USE
    conclusion: str = ""
    """On all cases together, where there are several."""
    first_number: int = 1
    """Number of the first case of this volume."""
    total: int = 0
    """Cases in all volumes; 0: as many as are here."""
    signer: Mapping[str, str] | None = None
    """``{"name", "public_key"}`` of who seals the files; None: not signed."""
    logo: bytes = field(default=b"", repr=False)
    """PNG."""

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready content; pictures are replaced by their SHA-256."""
        document: dict[str, Any] = {"schema": SCHEMA, **asdict(self)}
        for case, raw in zip(self.cases, document["cases"], strict=True):
            raw["pictures"] = {name: hashlib.sha256(data).hexdigest() for name, data in case.pictures.items()}
        document["logo"] = hashlib.sha256(self.logo).hexdigest() if self.logo else ""
        return document

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, UTF-8, no NaN."""
        return json.dumps(self.as_dict(), ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
