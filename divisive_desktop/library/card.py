"""The card of a model version: everything known about it, as JSON beside the weights. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from divisive_desktop.errors import ModelIntegrityError, in_words
from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.foreign.parsing import MOST_BYTES, read_json
from divisive_desktop.foreign.text import plain
from divisive_desktop.imaging.framing_rule import FFHQ, IRIS, FramingRule
from divisive_desktop.library.decision import DecisionRules
from divisive_desktop.library.scope import SCHEMA, Scope
from divisive_desktop.library.tasks import kind_of

FORMAT = 1
CALIBRATED, CALIBRATED_ON = 0.05, 100
"""A card counts as calibrated with at most this error, measured on at least so many images."""
_REMEDY = "Import the model again, or choose another one."


@dataclass(frozen=True)
class Preprocessing:
    """The task's declared recipe from modality values to network input. Display settings play no part in it."""

    size: int = 448
    """Side of the square network input in pixels."""
    colour: str = "grey"
    """``grey``: one channel (high = bright, MONOCHROME1 inverted, colours as luma) repeated three times; ``rgb``."""
    low_percentile: float = 0.5
    high_percentile: float = 99.5
    """``grey``: modality values at these percentiles (padding left out, at the network's resolution) map to 0 and 255,
    whatever the file format; not 0 and 100, lest one burned-in letter or dead pixel set the contrast. ``rgb``: 8-bit
    images and 16-bit photographs keep their own scale, 0..255 or 0..65535; others as ``grey``."""
    mean: float = 127.0
    scale: float = 128.0
    """Input = (value in 0..255 - mean) / scale, as the ImageNet weights were trained."""
    resize: str = "area"
    """OpenCV interpolation when shrinking (enlarging is bilinear); the aspect ratio is not kept."""

    def __post_init__(self) -> None:
        if not (isinstance(self.size, int) and 32 <= self.size <= 4096):
            raise ValueError(f"the input size must be 32 to 4096 pixels, not {self.size}")
        if self.colour not in ("grey", "rgb"):
            raise ValueError(f"colour must be grey or rgb, not {self.colour!r}")
        if self.resize not in ("area", "linear", "cubic"):
            raise ValueError(f"resize must be area, linear or cubic, not {self.resize!r}")
        if not 0 <= self.low_percentile < self.high_percentile <= 100:
            raise ValueError("percentiles must rise, within 0 to 100")
        if not self.scale > 0:
            raise ValueError("scale must be positive")


_MOST_IMAGES = 10**9
"""That any figure on a card was measured on."""


@dataclass(frozen=True)
class Card:
    """What is known about a model version. Field names are the JSON's."""

    id: str
    version: str
    task: str
    """One of `library.tasks`."""
    classes: tuple[str, str]
    backbone: str
    method: str
    weights_sha256: str
    preprocessing: Preprocessing
    network: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the network other than weights: e.g. {"dilate_last": false}."""
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """{"temperature": T, "folded": true, ...}: T is already divided into the head."""
    parent: str | None = None
    default: bool = False
    """Analyses of this task use this model unless another is chosen."""
    licence: str = "Apache-2.0"
    attribution: tuple[str, ...] = ()
    data_terms: str = ""
    """What the owners of the training data ask of whoever uses the weights; '' where nobody said."""
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    author: str = ""
    created: str = ""
    """UTC, ISO 8601."""
    reference: Mapping[str, Any] = field(default_factory=dict)
    """A known input and the logits stored for it: ``models --verify`` recomputes them."""
    scope: Scope | None = None
    """What kind of image it was made for; None: nobody has stated or measured that."""
    framing: FramingRule | None = None
    """How its training pictures were cut around a face or an iris; None: as all models of its kind were in 0.1.0."""
    decision: DecisionRules | None = None
    """When it decides; None: nobody has measured its errors, so it decides nothing."""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if len(self.classes) != 2:
            raise ValueError("a model has two classes")
        for name in ("id", "version", "task", "backbone", "method", "weights_sha256", "licence", "author", "created"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be text")
        if not (self.parent is None or isinstance(self.parent, str)):
            raise TypeError("parent must be text")
        for name in ("network", "training", "metrics", "calibration", "reference"):
            if not isinstance(getattr(self, name), Mapping):
                raise TypeError(f"{name} must be an object")
        for name in ("classes", "attribution", "limits"):
            if not all(isinstance(text, str) for text in getattr(self, name)):
                raise TypeError(f"{name} must be texts")
        _check_bins(self.calibration)
        for figures in self.metrics.values():
            if isinstance(figures, Mapping):
                _check_bins(figures)

    @property
    def ref(self) -> ModelRef:
        return ModelRef(self.id, self.version, self.weights_sha256, self.method, self.task, self.classes)

    @property
    def framing_rule(self) -> FramingRule | None:
        """Which part of a picture it is to see; None: all of it, nothing is looked for."""
        return self.framing or {"photograph": FFHQ, "iris": IRIS}.get(kind_of(self.task))

    @property
    def calibration_error(self) -> tuple[float, int] | None:
        """Expected calibration error of the folded temperature, 0..1, and on how many images; None: never measured."""
        error, bins = self.calibration.get("ece_after"), self.calibration.get("reliability")
        if not (self.calibration.get("folded") and isinstance(error, int | float) and isinstance(bins, list | tuple)):
            return None
        return float(error), sum(int(part.get("n", 0)) for part in bins)

    @property
    def calibrated(self) -> bool:
        """The percentage may be read as a frequency, on images like the model's own.

        So it is where the expected calibration error was measured at 5 % or less, on 100 images or more.
        """
        measured = self.calibration_error
        return measured is not None and measured[0] <= CALIBRATED and measured[1] >= CALIBRATED_ON

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def _check_bins(figures: Mapping[str, Any]) -> None:
    """Numbers of images and shares in the bins of a reliability diagram: what is calibrated hangs on them.

    Raises
    ------
    ValueError, TypeError
        They can't be.
    """
    bins = figures.get("reliability")
    if bins is None:
        return
    if not isinstance(bins, list | tuple) or not all(isinstance(part, Mapping) for part in bins):
        raise TypeError("reliability must be a list of objects")
    for part in bins:
        for name in ("n", "count", "positives"):
            value = part.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST_IMAGES:
                raise ValueError(f"a bin of reliability has an impossible number of images, {value!r:.20}")
            if value != int(value):
                raise ValueError(f"a bin of reliability has an impossible number of images, {value!r:.20}")
        images = part.get("n", part.get("count", 0))
        if part.get("positives", 0) > images:
            raise ValueError("a bin of reliability has more positive images than images")
        for name in ("probability", "observed", "low", "high"):
            value = part.get(name)
            if value is not None and not (isinstance(value, int | float) and 0 <= value <= 1):
                raise ValueError(f"a bin of reliability has a share that isn't one, {value!r:.20}")


def read_card(path: Path) -> Card:
    """Read ``card.json``. Unknown fields are ignored (tolerant on read).

    Raises
    ------
    ModelIntegrityError
        The card is missing, not JSON, or lacks a field without which the model can't be used.
    """
    name = path.parent.name
    try:
        data = read_whole(path, MOST_BYTES)
    except FileNotFoundError as e:
        raise ModelIntegrityError(f"The model in {name} has no card.", _REMEDY) from e
    except OSError as e:
        raise ModelIntegrityError(f"The card of model {name} can't be read: {in_words(e)}.", _REMEDY) from e
    return parse_card(data, name)


def _as_text(value: Any) -> Any:
    """The same with every text such that it can be shown; what decides what is computed is compared after that."""
    if isinstance(value, str):
        return plain(value, lines=True)
    if isinstance(value, list):
        return [_as_text(part) for part in value]
    return {plain(key): _as_text(part) for key, part in value.items()} if isinstance(value, dict) else value


def parse_card(data: bytes, name: str) -> Card:
    """Card from its JSON; ``name`` says in messages where it came from.

    Raises
    ------
    ModelIntegrityError
        As `read_card`.
    """
    try:
        raw = read_json(data)
    except ValueError as e:
        raise ModelIntegrityError(f"The card of model {name} can't be read.", _REMEDY) from e
    if not isinstance(raw, dict):
        raise ModelIntegrityError(f"The card of model {name} can't be read.", _REMEDY)
    raw = _as_text(raw)
    try:
        known = {field: raw[field] for field in Card.__dataclass_fields__ if field in raw}
        if int(known.get("format", FORMAT)) > FORMAT:
            raise ModelIntegrityError(
                f"The model {name} was written by a newer version of this program.", "Update the program."
            )
        schema = scope.get("schema") if isinstance(scope := known.get("scope"), dict) else None
        if isinstance(schema, int) and schema > SCHEMA:
            raise ModelIntegrityError(
                f"The scope of model {name} was written by a newer version of this program.", "Update the program."
            )
        fields = Preprocessing.__dataclass_fields__
        known["preprocessing"] = Preprocessing(**{k: v for k, v in raw["preprocessing"].items() if k in fields})
        if known.get("scope") is not None:
            known["scope"] = Scope.from_json(known["scope"])
        if known.get("framing") is not None:
            known["framing"] = FramingRule.from_json(known["framing"])
        if known.get("decision") is not None:
            known["decision"] = DecisionRules.from_json(known["decision"])
        for field in ("classes", "attribution", "limits"):
            if field in known:
                known[field] = tuple(known[field])
        return Card(**known)
    except (TypeError, KeyError, AttributeError, ValueError, OverflowError) as e:
        raise ModelIntegrityError(f"The card of model {name} is incomplete or wrong: {in_words(e)}.", _REMEDY) from e
