"""Whether a model decides about an image: what its card's measurements say of one margin. Crosses the process boundary.

Kept with the analysis, so that an answer can be worded again, also at other error rates, when the model is long gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.explanation.share import Share

Answer = Literal["negative", "positive", "undecided"]
ANSWERS: tuple[Answer, Answer] = ("negative", "positive")
"""Words for class 0 and class 1; None where there is no answer at all."""
State = Literal["measured", "unmeasured", "before"]
"""The card has error rates for images of this zone · it hasn't · analysed before anybody asked for them."""
KEY = "decision"
"""Name under which a decision is kept with the parameters of an analysis."""
RATES = (0.1, 0.1)

Rates = tuple[float, float]
"""Accepted share of images of class 0 that are called positive, and of class 1 that are called negative; in 0..1."""
Pair = tuple[Share | None, Share | None]
"""A share of class 0, and of class 1; None: not known."""
Wanted = tuple[float | None, float | None]
"""The same as an analyst wants them; None: what the model's card states for that class."""


@dataclass(frozen=True)
class Experience:
    """How the model's answers went on images like the one asked about: on its own sources, or on others."""

    own: bool
    sources: int
    """How many sources it was measured on."""
    right: Share | None
    """Right answers among the decided; None: it decided about none."""
    decided: Share | None
    """Decided among all."""
    worst: str = ""
    """The source where fewest decided answers were right, in words; '' where there is only one."""
    worst_right: Share | None = None
    sensitivity: Share | None = None
    """At the card's threshold."""
    specificity: Share | None = None
    right_as: Pair = (None, None)
    """Right among the images that it called class 0, and class 1: one figure for both would flatter the weaker."""
    mixed: bool = False
    """The sources are its own and others whose images look familiar."""
    covered: Pair = (None, None)
    """The truth was among the possible answers: of images of class 0, and of class 1."""


@dataclass(frozen=True)
class Pointing:
    """What was measured about *where* the model looks."""

    meaning: str
    """What the masks marked, in words: ``the planted anomaly``."""
    finding: bool
    """The masks marked findings, not where a reader looks."""
    hits: Share | None = None
    """How often the highest point of the divergence map lay in the mask."""
    chance: float | None = None
    """How often it would by chance, 0..1."""

    @property
    def shown(self) -> bool:
        """The model was shown to point at findings: clearly above chance, on masks of findings."""
        return self.finding and self.hits is not None and self.chance is not None and self.hits.low > self.chance


@dataclass(frozen=True)
class Decision:
    """What is known of one answer's reliability. The conformal set holds each class whose p-value exceeds its rate."""

    state: State = "before"
    p: tuple[float, float] | None = None
    """p-values of class 0 and class 1: the share of calibration images of that class that look at least as unlike it;
    None: nothing was measured for images like this one, so it is never decided."""
    rates: Rates = RATES
    """The card's error rates; an analyst may choose others."""
    threshold: float = 0.0
    """Logit difference from which on class 1 is the nearer one: the card's, or 0 where it names none."""
    experience: Experience | None = None
    covered_elsewhere: Share | None = None
    """On the worst other source: the share of images whose set held the truth; None: never measured."""
    calibration: tuple[float, int] | None = None
    """Expected calibration error, 0..1, and the number of images of the model's own source that it was measured on."""
    pointing: Pointing | None = None
    persons_known: bool = True
    """The calibration images are known to show as many persons as the card says."""
    calibrated_on: tuple[int, int] | None = None
    """Images of class 0 and class 1 that `p` was counted on; None: not kept, by earlier versions."""

    def __post_init__(self) -> None:
        if self.state not in get_args(State):
            raise ValueError(f"unknown state {self.state!r}")

    def answer(self, scope: ScopeCheck, predicted: int, wanted: Wanted | None = None) -> Answer | None:
        """What is answered at these error rates, or at the card's, as `answer_of` says."""
        return answer_of(scope.zone, scope.asked_anyway, self.p, predicted, accepted(wanted, self.rates))

    def as_dict(self) -> dict[str, Any]:
        """JSON types only."""
        made: dict[str, Any] = asdict(self)
        return made

    @classmethod
    def from_dict(cls, raw: object) -> Decision:
        """The inverse of `as_dict`; what can't be read, as a later version may write it, decides nothing."""
        if raw is None:
            return BEFORE
        try:
            return _read(raw)
        except (ValueError, TypeError, KeyError):
            return cls("unmeasured")


def accepted(wanted: Wanted | None, card: Rates) -> Rates:
    """The error rates that hold: those that an analyst wants, and the card's where none is named."""
    first, second = wanted or (None, None)
    return card[0] if first is None else first, card[1] if second is None else second


def answer_of(
    zone: str, asked_anyway: bool, p: tuple[float, float] | None, predicted: int, rates: Rates
) -> Answer | None:
    """The answer: that of the only class in the conformal set, if the image lies on that class's side of the threshold.

    Parameters
    ----------
    zone : str
        As in `explanation.scope.Zone`.
    p : (float, float) or None
        p-values of class 0 and class 1.
    predicted : int
        The class on whose side of the card's threshold the image lies.
    rates : (float, float)
        Accepted error rates.

    Returns
    -------
    "negative", "positive", "undecided" or None
        None where the answer is withheld.
    """
    if zone == "out_of_scope" and not asked_anyway:
        return None
    if p is None or zone not in ("familiar", "unfamiliar"):
        return "undecided"
    held = [c for c in (0, 1) if p[c] > rates[c]]
    return ANSWERS[held[0]] if len(held) == 1 and held[0] == predicted else "undecided"


def _read(raw: object) -> Decision:
    if not isinstance(raw, Mapping):
        raise ValueError("no decision")
    fields: dict[str, Any] = dict(raw)
    for name in ("p", "rates", "calibration", "calibrated_on"):
        if fields.get(name) is not None:
            first, second = fields[name]
            fields[name] = (first, second)
    if fields.get("experience") is not None:
        inner = dict(fields["experience"])
        for name in ("right", "decided", "worst_right", "sensitivity", "specificity"):
            inner[name] = None if inner.get(name) is None else Share.from_json(inner[name])
        for name in ("right_as", "covered"):
            first, second = inner.get(name, (None, None))
            inner[name] = tuple(None if share is None else Share.from_json(share) for share in (first, second))
        fields["experience"] = Experience(**inner)
    if fields.get("covered_elsewhere") is not None:
        fields["covered_elsewhere"] = Share.from_json(fields["covered_elsewhere"])
    if fields.get("pointing") is not None:
        inner = dict(fields["pointing"])
        inner["hits"] = None if inner.get("hits") is None else Share.from_json(inner["hits"])
        fields["pointing"] = Pointing(**inner)
    return Decision(**fields)


BEFORE = Decision("before")
"""Of analyses made by earlier versions of the program."""
