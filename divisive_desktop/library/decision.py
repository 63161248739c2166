"""When a model decides: the card's section ``decision``, all of it measured on validation and test images. Torch-free.

A card without the section belongs to a model whose errors nobody has measured: all its answers are *undecided*.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from divisive_desktop.explanation.decision import (
    ANSWERS,
    Answer,
    Decision,
    Experience,
    Pair,
    Pointing,
    Rates,
    answer_of,
)
from divisive_desktop.explanation.reasons import is_uncounted
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.explanation.share import Share

SCHEMA = 2
"""1: without what was right by answer and covered by class; still read."""
MOST_MARGINS = 200
"""Of each class; more of them change no answer."""


@dataclass(frozen=True)
class Threshold:
    """From which logit difference on class 1 is the nearer one; chosen on validation images."""

    margin: float
    rule: str
    """How it was chosen, in words."""
    split: str
    sensitivity: Share
    """On the images that it was chosen on; see the test sets for others."""
    specificity: Share

    def __post_init__(self) -> None:
        _number("threshold.margin", self.margin)
        _words("threshold.rule", self.rule)
        _words("threshold.split", self.split)


@dataclass(frozen=True)
class Margins:
    """Logit differences of calibration images that no model had learned from."""

    negative: tuple[float, ...]
    """Of class 0, rising."""
    positive: tuple[float, ...]
    data: str
    """Where the images are from, in words."""
    images: tuple[int, int]
    """How many images of class 0 and class 1 these stand for."""
    groups: int | None
    """Persons among them; None: not known."""
    sources: int = 1

    def __post_init__(self) -> None:
        for name in ("negative", "positive"):
            values = getattr(self, name)
            if not 1 <= len(values) <= MOST_MARGINS:
                raise ValueError(f"decision margins need 1 to {MOST_MARGINS} images of a class")
            for value in values:
                _number("a margin", value)
            if list(values) != sorted(values):
                raise ValueError("decision margins must rise")
        _words("data of margins", self.data)
        _pair("images of margins", self.images)
        _count("sources of margins", self.sources)
        if self.groups is not None:
            _count("groups of margins", self.groups)

    def p(self, margin: float) -> tuple[float, float]:
        """Split-conformal p-values of class 0 and class 1 (Vovk, Mondrian: each class by itself), in (0, 1]."""
        above, below = self._beyond(margin)
        return (above + 1) / (len(self.negative) + 1), (below + 1) / (len(self.positive) + 1)

    def cost(self, rates: Rates, threshold: float) -> tuple[Cost, Cost]:
        """What error rates cost class 0 and class 1. An image isn't among those that it is compared with."""
        found: list[Cost] = []
        for true, margins in enumerate((self.negative, self.positive)):
            answers: list[Answer | None] = []
            for margin in margins:
                p, own = list(self.p(margin)), self._beyond(margin)[true] / len(margins)  # without the image itself
                p[true] = own
                answers.append(answer_of("familiar", False, (p[0], p[1]), int(margin > threshold), rates))
            n = len(answers)
            found.append(Cost(answers.count("undecided") / n, answers.count(ANSWERS[1 - true]) / n))
        return found[0], found[1]

    def _beyond(self, margin: float) -> tuple[int, int]:
        """How many images of class 0 have this margin or a higher one, and of class 1 this or a lower one."""
        return len(self.negative) - bisect_left(self.negative, margin), bisect_right(self.positive, margin)


@dataclass(frozen=True)
class Cost:
    """How the calibration images of one class would be answered at some error rates, each judged by all others."""

    undecided: float
    """Share, 0..1."""
    wrong: float
    """Share of all that would be called the other class, 0..1."""


@dataclass(frozen=True)
class Point:
    """What an error rate, taken for both classes, costs on a test set."""

    rate: float
    undecided: float
    error: float | None
    """Among the decided; None: nothing was decided."""

    def __post_init__(self) -> None:
        for name in ("rate", "undecided", "error"):
            value = getattr(self, name)
            if name != "error" or value is not None:
                _number(f"{name} of a curve", value, 0, 1)


@dataclass(frozen=True)
class Outcome:
    """How the answers went on a test set, decided by one set of margins at the card's rates."""

    coverage: Share
    """Images whose conformal set held the truth."""
    undecided: Share
    error: Share | None
    """Wrong among the decided; None: nothing was decided."""
    curve: tuple[Point, ...] = ()
    right_as: Pair = (None, None)
    """Right among the images that were called class 0, and class 1; None: none was, or nobody counted."""
    covered: Pair = (None, None)
    """`coverage` of images of class 0, and of class 1."""

    @property
    def decided(self) -> Share:
        return self.undecided.rest

    @property
    def right(self) -> Share | None:
        return None if self.error is None else self.error.rest


@dataclass(frozen=True)
class Part:
    """One kind, generator or sensor within a test set."""

    name: str
    images: int
    auroc: Share | None = None
    """Against the images of the other class."""
    sensitivity: Share | None = None
    specificity: Share | None = None
    error: Share | None = None
    """APCER of a kind of attack, BPCER of genuine images (ISO/IEC 30107-3), at the threshold."""

    def __post_init__(self) -> None:
        _words("name of a part", self.name)
        _count("images of a part", self.images)


@dataclass(frozen=True)
class TestSet:
    """What was measured on one test set."""

    __test__ = False  # for pytest: this is no test

    name: str
    source: str
    """In words."""
    own: bool
    """From the sources that the model learned from."""
    images: tuple[int, int]
    groups: int | None
    """Persons; None: not known."""
    auroc: Share | None
    sensitivity: Share | None
    """At the card's threshold."""
    specificity: Share | None
    familiar: Outcome | None
    """Decided by the margins of the model's own sources."""
    unfamiliar: Outcome | None = None
    """Decided by those of other sources, this one left out."""
    ece: float | None = None
    """Expected calibration error, 0..1."""
    by: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        _words("name of tests", self.name)
        _words("source of tests", self.source)
        if not isinstance(self.own, bool):
            raise ValueError("decision: own of tests must be true or false")
        _pair("images of tests", self.images)
        if self.groups is not None:
            _count("groups of tests", self.groups)
        if self.ece is not None:
            _number("ece of tests", self.ece, 0, 1)

    @property
    def n(self) -> int:
        return sum(self.images)


@dataclass(frozen=True)
class DecisionRules:
    """The card's section. Field names are the JSON's."""

    threshold: Threshold
    rates: Rates
    familiar: Margins
    unfamiliar: Margins | None
    tests: tuple[TestSet, ...] = ()
    localisation: Pointing | None = None
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if len(self.rates) != 2 or not all(isinstance(r, int | float) and 0 < r < 0.5 for r in self.rates):
            raise ValueError("decision.rates must be two shares below one half")

    def decide(self, margin: float, scope: ScopeCheck) -> Decision:
        """What these measurements say of one image; `explanation.decision.Decision` words it at any rate."""
        zone = scope.zone
        margins = self.familiar if zone == "familiar" else self.unfamiliar if zone == "unfamiliar" else None
        if is_uncounted(scope.reasons):
            margins = None
        return Decision(
            state="measured" if margins is not None else "unmeasured",
            p=None if margins is None else margins.p(margin),
            rates=self.rates,
            threshold=self.threshold.margin,
            experience=self.experience(zone == "familiar") if margins is not None else None,
            covered_elsewhere=self.covered_elsewhere,
            calibration=self.calibration,
            pointing=self.localisation,
            persons_known=margins is None or margins.groups is not None,
            calibrated_on=None if margins is None else margins.images,
        )

    @property
    def passing(self) -> bool:
        """Images of other sources look familiar: margins, and what is told of familiar images, are of all sources."""
        return self.familiar.sources > 1

    def experience(self, own: bool) -> Experience | None:
        """How answers went on test images of the model's own sources, or of others; None: that wasn't measured.

        Several test sets are added up as if their images were independent: the interval is Wilson's.
        """
        mixed = own and self.passing
        found = [(t, t.familiar if own else t.unfamiliar) for t in self.tests if t.own == own or mixed]
        measured = [(t, outcome) for t, outcome in found if outcome is not None]
        if not measured:
            return None
        if len(measured) == 1:
            test, outcome = measured[0]
            return Experience(
                own, 1, outcome.right, outcome.decided, sensitivity=test.sensitivity, specificity=test.specificity,
                right_as=outcome.right_as, covered=outcome.covered,
            )  # fmt: skip
        rights = [(t, o.right) for t, o in measured if o.right is not None]
        worst = min(rights, key=lambda pair: pair[1].value, default=None)
        # Those of other sources are of other models, each with a threshold of its own.
        sensitivities = [t.sensitivity for t, _ in measured if own and t.sensitivity is not None]
        specificities = [t.specificity for t, _ in measured if own and t.specificity is not None]
        right_as = [_pooled([s for _, o in measured if (s := o.right_as[c]) is not None]) for c in (0, 1)]
        covered = [_pooled([s for _, o in measured if (s := o.covered[c]) is not None]) for c in (0, 1)]
        return Experience(
            own, len(measured), _pooled([r for _, r in rights]), _pooled([o.decided for _, o in measured]),
            "" if worst is None else worst[0].source, None if worst is None else worst[1],
            sensitivity=_pooled(sensitivities) if len(sensitivities) == len(measured) else None,
            specificity=_pooled(specificities) if len(specificities) == len(measured) else None,
            right_as=(right_as[0], right_as[1]), covered=(covered[0], covered[1]), mixed=mixed,
        )  # fmt: skip

    @property
    def covered_elsewhere(self) -> Share | None:
        """On the other source where the familiar margins hold worst: images whose set held the truth."""
        shares = [t.familiar.coverage for t in self.tests if not t.own and t.familiar is not None]
        return min(shares, key=lambda s: s.value, default=None)

    @property
    def calibration(self) -> tuple[float, int] | None:
        """Expected calibration error on the largest test set of the model's own sources, and its size.

        Where other sources pass as familiar, the largest of all: nobody knows which one an image is of.
        """
        if self.passing:
            known = [(t.ece, t.n) for t in self.tests if t.ece is not None]
            return max(known, default=None)
        own = [t for t in self.tests if t.own and t.ece is not None]
        best = max(own, key=lambda t: t.n, default=None)
        return None if best is None or best.ece is None else (best.ece, best.n)

    @classmethod
    def from_json(cls, raw: Any) -> DecisionRules:
        """Read and check a card's section.

        Raises
        ------
        ValueError, TypeError, KeyError
            It is broken, or nothing that this program knows.
        """
        fields = _section(cls, raw, "decision")
        schema = fields.get("schema")
        if isinstance(schema, bool) or schema not in (1, SCHEMA):
            raise ValueError(f"decision has the schema {fields.get('schema')!r}, which this program doesn't know")
        fields["threshold"] = Threshold(**_shares(_section(Threshold, fields["threshold"], "decision.threshold")))
        for name in ("rates", "tests"):
            if not isinstance(fields.get(name, []), list):
                raise ValueError(f"decision.{name} must be a list")
        fields["rates"] = tuple(fields["rates"])
        for name in ("familiar", "unfamiliar"):
            if name == "familiar" or fields[name] is not None:
                inner = _section(Margins, fields[name], f"decision.{name}")
                for values in ("negative", "positive", "images"):
                    inner[values] = tuple(inner[values])
                fields[name] = Margins(**inner)
        fields["tests"] = tuple(_test_set(part) for part in fields.get("tests", ()))
        if fields.get("localisation") is not None:
            inner = _shares(_section(Pointing, fields["localisation"], "decision.localisation"))
            _words("meaning of localisation", inner.get("meaning"))
            if inner.get("chance") is not None:
                _number("chance of localisation", inner["chance"], 0, 1)
            fields["localisation"] = Pointing(**inner)
        return cls(**fields)


def _pooled(shares: list[Share]) -> Share | None:
    n = sum(s.n for s in shares)
    return Share.of(sum(round(s.value * s.n) for s in shares), n) if n else None


def _test_set(raw: Any) -> TestSet:
    fields = _shares(_section(TestSet, raw, "decision.tests"))
    fields["images"] = tuple(fields["images"])
    for name in ("familiar", "unfamiliar"):
        if fields.get(name) is not None:
            inner = _shares(_section(Outcome, fields[name], f"decision.tests.{name}"))
            curve = inner.get("curve", ())
            inner |= {pair: _two_shares(inner[pair]) for pair in ("right_as", "covered") if pair in inner}
            inner["curve"] = tuple(Point(**_section(Point, p, "decision.tests.curve")) for p in curve)
            fields[name] = Outcome(**inner)
    fields["by"] = tuple(Part(**_shares(_section(Part, p, "decision.tests.by"))) for p in fields.get("by", ()))
    return TestSet(**fields)


def _two_shares(raw: Any) -> Pair:
    if not isinstance(raw, list | tuple) or len(raw) != 2:
        raise ValueError("decision: what is said of each class must be a pair")
    first, second = (None if share is None else Share.from_json(share) for share in raw)
    return first, second


_SHARES = ("sensitivity", "specificity", "coverage", "undecided", "error", "auroc", "hits")


def _shares(fields: dict[str, Any]) -> dict[str, Any]:
    """The same with every share read."""
    return {
        name: Share.from_json(value) if name in _SHARES and value is not None else value
        for name, value in fields.items()
    }


def _section(cls: type[Any], raw: Any, name: str) -> dict[str, Any]:
    """The entries of a section; one that isn't known is a rule that can't be kept."""
    if not isinstance(raw, Mapping):
        raise ValueError(f"{name} is no section")
    unknown = set(raw) - set(cls.__dataclass_fields__)
    if unknown:
        raise ValueError(f"{name} has the unknown entry {sorted(map(str, unknown))[0]!r}")
    return dict(raw)


def _number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"decision: {name} must be a number")
    if not low <= value <= high:
        raise ValueError(f"decision: {name} must be in {low:g}..{high:g}")


def _count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"decision: {name} must be a number of them")


def _pair(name: str, value: tuple[int, ...]) -> None:
    """How many images of class 0 and of class 1."""
    whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in value)
    if len(value) != 2 or not whole or not any(value):
        raise ValueError(f"decision: {name} must say how many of each class")


def _words(name: str, value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= 300 or not value.isprintable():
        raise ValueError(f"decision: {name} must be a line of words")
