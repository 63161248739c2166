"""What a model was made for: the card's section ``scope`` and the references beside the weights. Torch-free.

A card without the section belongs to a model that nobody has measured in this respect: its answers are *not checked*.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from divisive_desktop.errors import ModelIntegrityError, in_words
from divisive_desktop.imaging.correction import MENDS
from divisive_desktop.library.probes import Probes, TreatmentProbe

SCHEMA = 4
"""1: without probes for turned, inverted and mirrored pictures; 2: without aspect, age and margins; 3: without the
probe for treated ones. All are still read."""
FILE = "scope.safetensors"
"""Beside the weights: the features of training images that other images are compared with."""
MOST_BYTES = 2_000_000
NEIGHBOURS = 5
_REMEDY = "Import the model again, or choose another one."
_HASH = re.compile(r"[0-9a-f]{64}")
_UID = re.compile(r"[0-9.]{1,64}")
_NAME = re.compile(r"[a-z]{1,30}")
_TOKEN = re.compile(r"[A-Z0-9]{1,16}")

Float = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """From where on a distance to the references is too large; all set on validation images, never on test images."""

    far_mean: float
    """Mean over validation images of the log distance to the nearest training images."""
    far_sd: float
    far: float
    """A log distance above this is out of scope."""
    unlike: float | None
    """A Mahalanobis distance above this is unfamiliar; None: the model's own sources weren't at hand, so that no image
    can be said to be like them."""
    askew: float | None = None
    """A fault that is likelier than none by more than this (a difference of logits) is suspected; None: none is."""
    mirrored: float | None = None
    """A picture is suspected of being mirrored whose logit of it exceeds its mirror image's by more than this."""
    treated: float | None = None
    """A picture whose score of having been treated is above this is unfamiliar; None: nobody looks."""

    def __post_init__(self) -> None:
        for name in ("far_mean", "far_sd", "far", "unlike", "askew", "mirrored", "treated"):
            value = getattr(self, name)
            if name in ("unlike", "askew", "mirrored", "treated") and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"scope.limits.{name} must be a number")
        if not (self.far_sd > 0 and (self.unlike is None or self.unlike > 0) and self.far > self.far_mean):
            raise ValueError("the limits of scope contradict each other")


@dataclass(frozen=True)
class ReferenceNote:
    """The references as the card names them."""

    sha256: str
    data: str
    """What they were made from, in one line."""
    training: int
    """Images that others are compared with."""
    validation: int
    """Images that the limits were set on."""
    limits: Limits
    file: str = FILE

    def __post_init__(self) -> None:
        if not isinstance(self.sha256, str) or not _HASH.fullmatch(self.sha256):
            raise ValueError("scope.references.sha256 is no SHA-256")
        if self.file != FILE:
            raise ValueError(f"the references of scope must be in {FILE}")
        if not isinstance(self.data, str):
            raise ValueError("scope.references.data must be text")
        for name in ("training", "validation"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"scope.references.{name} must be a number of images")


@dataclass(frozen=True)
class Scope:
    """What kind of image a model was made for. Field names are the JSON's."""

    made_for: str
    """With its article, to end a sentence: "a frontal chest radiograph"."""
    modalities: tuple[str, ...] = ()
    """DICOM modalities that are accepted; a file that names none is left to its pixels. Empty: no DICOM is."""
    sop_classes: tuple[str, ...] = ()
    """UIDs that are accepted; empty: any of an accepted modality."""
    body_parts: tuple[str, ...] = ()
    """Body Part Examined must contain one of these, if it says anything; empty: any will do."""
    views: tuple[str, ...] = ()
    """Words of View Position that are accepted."""
    refused_views: tuple[str, ...] = ()
    """Words of View Position that are not; what is in neither list is left to the pixels."""
    colour: Literal["grey", "rgb"] = "grey"
    """``grey``: a picture with colours is out of scope. ``rgb``: one without is."""
    smallest_size: int = 1
    """Shorter side of what the model looks at, in pixels of the file; below it is out of scope."""
    smallest_face: int = 0
    """Height of the face in pixels of the file; below it is out of scope. 0: no faces are looked for."""
    face_length: tuple[float, float] = (0.0, 1000.0)
    """Distance from eyes to mouth over the distance of the eyes; outside of it is unfamiliar."""
    enlargement: tuple[float, float] = (0.0, 1000.0)
    """Network input over image, along the shorter side, in training; outside of it is unfamiliar."""
    aspect: tuple[float, float] = (0.0, 1000.0)
    """Height over width, by the size of its pixels, of what the model looks at and sees as a square; outside of it is
    out of scope."""
    margins: float = 1.0
    """Share of what the model looks at that may lie in margins of one grey, 0..1; above it is unfamiliar."""
    youngest: int = 0
    """Age in years; a patient who is younger is unfamiliar."""
    mends: tuple[str, ...] = ()
    """Faults that are looked for, by the name of what mends them: ``invert``, ``turn-left``, ``turn-over``,
    ``turn-right`` (out of scope until mended), ``mirror`` (unfamiliar)."""
    treatments: tuple[str, ...] = ()
    """What was done to the pictures by which the model learned to tell treated ones, which are unfamiliar."""
    references: ReferenceNote | None = None
    """None: headers and sizes are checked, pixels are not."""
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if not (isinstance(self.made_for, str) and 0 < len(self.made_for) <= 100 and self.made_for.isprintable()):
            raise ValueError("scope.made_for must say in a few words what the model was made for")
        for name, pattern in (
            ("modalities", _TOKEN), ("sop_classes", _UID), ("body_parts", _TOKEN), ("views", _TOKEN),
            ("refused_views", _TOKEN),
        ):  # fmt: skip
            values = getattr(self, name)
            if not isinstance(values, tuple) or not all(isinstance(v, str) and pattern.fullmatch(v) for v in values):
                raise ValueError(f"scope.{name} must be a list of DICOM's words")
        if not isinstance(self.mends, tuple) or not set(self.mends) <= set(MENDS):
            raise ValueError(f"scope.mends must name some of {', '.join(MENDS)}")
        if not isinstance(self.treatments, tuple) or not all(
            isinstance(name, str) and _NAME.fullmatch(name) for name in self.treatments
        ):
            raise ValueError("scope.treatments must be a list of names")
        if self.colour not in ("grey", "rgb"):
            raise ValueError(f"scope.colour must be grey or rgb, not {self.colour!r}")
        for name in ("smallest_size", "smallest_face"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100_000:
                raise ValueError(f"scope.{name} must be a number of pixels")
        if isinstance(self.youngest, bool) or not isinstance(self.youngest, int) or not 0 <= self.youngest <= 120:
            raise ValueError("scope.youngest must be an age in years")
        if isinstance(self.margins, bool) or not isinstance(self.margins, int | float) or not 0 <= self.margins <= 1:
            raise ValueError("scope.margins must be a share")
        for name in ("enlargement", "aspect", "face_length"):
            pair = getattr(self, name)
            numbers = isinstance(pair, tuple) and len(pair) == 2 and all(
                isinstance(v, int | float) and not isinstance(v, bool) for v in pair
            )  # fmt: skip
            if not (numbers and 0 <= pair[0] < pair[1] < math.inf):
                raise ValueError(f"scope.{name} must be a rising pair of factors")

    @classmethod
    def from_json(cls, raw: Any) -> Scope:
        """Read and check a card's section.

        Raises
        ------
        ValueError, TypeError, KeyError
            It is broken, or nothing that this program knows.
        """
        if not isinstance(raw, Mapping):
            raise ValueError("scope is no section")
        schema = raw.get("schema")
        if isinstance(schema, bool) or schema not in (1, 2, 3, SCHEMA):
            raise ValueError(f"scope has the schema {raw.get('schema')!r}, which this program doesn't know")
        unknown = set(raw) - set(cls.__dataclass_fields__)
        if unknown:  # a rule that isn't understood can't be kept
            raise ValueError(f"scope has the unknown entry {sorted(map(str, unknown))[0]!r}")
        fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in raw.items()}
        note = fields.get("references")
        if note is not None:
            fields["references"] = ReferenceNote(**{**note, "limits": Limits(**note["limits"])})
        return cls(**fields)


@dataclass(frozen=True, eq=False)
class Features:
    """What one forward pass saw of one image, as the references need it; float32."""

    pooled: Float
    """(p,) early and middle channels, averaged over the image: how it was made."""
    grid: Float
    """(g,) middle channels on a coarse grid: what it is of."""


@dataclass(frozen=True, eq=False)
class References:
    """Training images in feature space.

    *Of what* is asked of the grid: its ``k`` main components and the length of what they leave over make a point;
    the mean distance to the five nearest training points tells strange pictures. *How made* is asked of the pooled
    channels: the Mahalanobis distance to the training images, with a shrunken covariance (Ledoit & Wolf, 2004), tells
    other devices, age groups and kinds of processing.
    """

    grid_mean: Float
    """(g,)"""
    grid_axes: Float
    """(k, g), rows of length 1."""
    points: Float
    """(n, k + 1): training images; the last column is what the components leave over."""
    pooled_mean: Float
    """(p,)"""
    pooled_whitener: Float
    """(p, p): W with W W' = inverse covariance. Empty where the model's own sources weren't at hand, as the mean is."""
    probes: Probes | None = None
    """What tells pictures that are turned, inverted or mirrored; None: nobody looks."""
    treatment: TreatmentProbe | None = None
    """What tells pictures that were treated as a whole; None: nobody looks."""

    def __post_init__(self) -> None:
        if any(getattr(self, name).ndim != dimensions for name, dimensions in _ARRAYS.items()):
            raise ValueError("the references of scope don't fit together")
        g, k, p = self.grid_mean.size, len(self.grid_axes), self.pooled_mean.size
        fits = (
            min(g, k) > 0
            and self.grid_axes.shape == (k, g)
            and self.points.shape[1] == k + 1
            and len(self.points) > NEIGHBOURS
            and self.pooled_whitener.shape == (p, p)
            and (self.probes is None or self.probes.weights.shape[1] == g)
            and (self.treatment is None or self.treatment.weights.size > g)
        )
        if not fits:
            raise ValueError("the references of scope don't fit together")
        if not all(np.isfinite(getattr(self, name)).all() for name in _ARRAYS):
            raise ValueError("the references of scope hold what isn't a number")

    def project(self, grid: Float) -> Float:
        """Grid features (..., g) -> points (..., k + 1)."""
        centred = grid - self.grid_mean
        along = centred @ self.grid_axes.T
        left = np.maximum((centred * centred).sum(-1) - (along * along).sum(-1), 0.0)
        return np.concatenate([along, np.sqrt(left)[..., None]], axis=-1).astype(np.float32)

    def far(self, features: Features) -> float:
        """Log of the mean distance to the nearest training images."""
        offset = self.points - self.project(features.grid)
        distance = np.sqrt((offset * offset).sum(1))
        return float(np.log(np.partition(distance, NEIGHBOURS - 1)[:NEIGHBOURS].mean() + 1e-12))

    def unlike(self, features: Features) -> float:
        """Mahalanobis distance of how the image was made."""
        return float(np.linalg.norm((features.pooled - self.pooled_mean) @ self.pooled_whitener))

    def treated(self, features: Features) -> float:
        """How much the picture looks treated, a logit; minus infinity where nobody looks."""
        if self.treatment is None:
            return -math.inf
        return self.treatment.score(features.pooled, features.grid)

    def to_bytes(self) -> bytes:
        """As a safetensors file, float16 where that loses nothing that matters."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.probes is not None:
            arrays |= {"probe_weights": self.probes.weights, "probe_bias": self.probes.bias}
        if self.treatment is not None:
            arrays |= {
                "treatment_weights": self.treatment.weights,
                "treatment_bias": np.array([self.treatment.bias], np.float32),
            }
        halves = ("grid_axes", "points", "probe_weights")
        return save({
            name: np.ascontiguousarray(array, np.float16 if name in halves else np.float32)
            for name, array in arrays.items()
        })

    @classmethod
    def from_bytes(cls, data: bytes, mends: tuple[str, ...] = (), treatments: tuple[str, ...] = ()) -> References:
        """The inverse of `to_bytes`.

        Parameters
        ----------
        mends : tuple of str
            Faults that the card names; empty: probes are left out.
        treatments : tuple of str
            Those that the card names; empty: their probe is left out.

        Raises
        ------
        ValueError
            These are no references.
        """
        if len(data) > MOST_BYTES:
            raise ValueError("the references of scope are far too large")
        try:
            arrays = load(data)
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as e:
            raise ValueError(f"the references of scope can't be read: {e}") from e
        missing = set(_ARRAYS) - set(arrays)
        if missing:
            raise ValueError(f"the references of scope lack {sorted(missing)[0]}")
        made = {name: np.asarray(array, np.float32) for name, array in arrays.items()}
        probes = None
        if mends:
            if not {"probe_weights", "probe_bias"} <= set(made):
                raise ValueError("the references of scope lack the probes that the card names")
            probes = Probes(mends, made["probe_weights"], made["probe_bias"])
        treatment = None
        if treatments:
            if not ({"treatment_weights", "treatment_bias"} <= set(made) and made["treatment_bias"].shape == (1,)):
                raise ValueError("the references of scope lack the probe of treatments that the card names")
            treatment = TreatmentProbe(made["treatment_weights"], float(made["treatment_bias"][0]))
        return cls(**{name: made[name] for name in _ARRAYS}, probes=probes, treatment=treatment)


_ARRAYS = {"grid_mean": 1, "grid_axes": 2, "points": 2, "pooled_mean": 1, "pooled_whitener": 2}
"""Names in the file, and how many dimensions each has."""


def verified_references(scope: Scope | None, data: bytes | None, model_id: str) -> References | None:
    """The references that a card names, from the bytes of their file; None where it names none.

    Raises
    ------
    ModelIntegrityError
        The file is missing, or isn't the one that the card describes.
    """
    if scope is None or scope.references is None:
        return None
    if data is None:
        raise ModelIntegrityError(f"The model {model_id} lacks the file {FILE}, which its card names.", _REMEDY)
    actual = hashlib.sha256(data).hexdigest()
    if actual != scope.references.sha256:
        raise ModelIntegrityError(
            f"The file {FILE} of model {model_id} is not the one that its card describes: it was damaged or exchanged "
            f"(SHA-256 {actual[:12]}…, the card says {scope.references.sha256[:12]}…).",
            _REMEDY,
        )
    try:
        return References.from_bytes(data, scope.mends, scope.treatments)
    except ValueError as e:
        raise ModelIntegrityError(f"The model {model_id} can't be used: {in_words(e)}.", _REMEDY) from e
