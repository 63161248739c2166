"""When a model decides, measured: threshold and margins from validation images, what they cost from test images.

On arrays alone, so that it serves a model just trained, a study's run and an installed model.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.explanation.decision import Pointing, Rates, answer_of
from divisive_desktop.explanation.share import Share
from divisive_desktop.foreign.files import read_settings as text_of
from divisive_desktop.library.decision import (
    MOST_MARGINS,
    DecisionRules,
    Margins,
    Outcome,
    Part,
    Point,
    TestSet,
    Threshold,
)
from divisive_desktop.training import scores

FEWEST = 10
"""Validation images of a class below which an error rate means nothing: at 10 % one of nine would have to be wrong."""
GRID = tuple(round(0.01 * k, 2) for k in range(1, 31))
_REMEDY = "Compare it with those in models/decisions."

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class NamedTest:
    """What a split of the test data is, in words."""

    split: str
    source: str
    own: bool = True
    part: bool = False
    """Its images are in another test, too: it is left out here, lest they count twice."""

    def __post_init__(self) -> None:
        flags = isinstance(self.own, bool) and isinstance(self.part, bool)
        if not (isinstance(self.split, str) and isinstance(self.source, str) and flags):
            raise ValueError("a test needs split and source; own and part are true or false")


@dataclass(frozen=True)
class Choices:
    """What a person decides before anything is measured; a TOML file in models/decisions."""

    rates: Rates = (0.1, 0.1)
    """Accepted share of class 0 called positive, and of class 1 called negative."""
    threshold: Literal["balanced", "specific"] = "balanced"
    """``balanced``: largest sensitivity + specificity. ``specific``: the same of those that keep ``specificity``."""
    specificity: float = 0.95
    source: str = "the model's own source"
    """Where the validation images are from, in words."""
    meaning: str = "the mask"
    """What the masks of class 1 mark, in words."""
    finding: bool = False
    """They mark findings, not where a reader looks."""
    by: str = ""
    """Column of the index to break test figures down by."""
    passing: bool = False
    """Images of other sources pass as familiar, since the scope can't tell them: margins then hold for the worst of all
    sources, the model's own and the others, and what is unfamiliar for other reasons stays undecided."""
    attack: bool = False
    """Class 1 is an attack in the sense of ISO/IEC 30107-3."""
    tests: tuple[NamedTest, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold not in ("balanced", "specific"):
            raise ValueError(f"threshold must be balanced or specific, not {self.threshold!r}")
        if len(self.rates) != 2 or not all(0 < rate < 0.5 for rate in self.rates):
            raise ValueError("rates must be two shares below one half")
        if not 0.5 <= self.specificity < 1:
            raise ValueError("specificity must be in 0.5..1")

    @classmethod
    def read(cls, path: Path) -> Choices:
        """From a TOML file with these names.

        Raises
        ------
        TrainingError
            The file can't be read or names something else.
        """
        try:
            raw: dict[str, Any] = tomllib.loads(text_of(path))
            tests = tuple(NamedTest(**part) for part in raw.pop("tests", ()))
            first, second = raw.pop("rates", cls.rates)
            return cls(rates=(float(first), float(second)), tests=tests, **raw)
        except (OSError, TypeError, ValueError) as e:
            raise TrainingError(f"The rules {path} can't be read: {in_words(e)}.", _REMEDY) from e

    def named(self, split: str) -> NamedTest:
        """What a split is; one that isn't named is the model's own unless its name says open, source or other."""
        own = not any(word in split for word in ("open", "source", "other"))
        return next((t for t in self.tests if t.split == split), NamedTest(split, split.replace("_", " "), own))


@dataclass(frozen=True, eq=False)
class Answers:
    """Logit differences of one set of images, none of which the model has learned from."""

    name: str
    source: str
    """In words."""
    labels: npt.NDArray[np.int64]
    margins: Floats
    groups: tuple[str, ...] | None = None
    """Person of each image; None: not known, so that each image counts by itself."""
    kinds: tuple[str, ...] = ()
    """Kind, generator or sensor of each image, to break figures down by; empty: don't."""
    own: bool = True

    def __post_init__(self) -> None:
        if not (len(self.labels) == len(self.margins) > 0 and np.isfinite(self.margins).all()):
            raise ValueError("answers need a finite margin for each label")

    def of(self, label: int) -> Floats:
        """Margins of one class, rising."""
        return np.sort(self.margins[self.labels == label])

    def where(self, keep: Flags) -> Answers:
        """Some of them."""
        index = np.flatnonzero(keep)
        groups = None if self.groups is None else tuple(self.groups[i] for i in index)
        kinds = tuple(self.kinds[i] for i in index) if self.kinds else ()
        return Answers(self.name, self.source, self.labels[index], self.margins[index], groups, kinds, self.own)


@dataclass(frozen=True, eq=False)
class OtherSource:
    """A source that the asked model had not learned from: the model itself, or a sibling trained without it."""

    source: str
    """In words."""
    calibration: Answers
    test: Answers | None = None
    familiar: Margins | None = None
    """Of the sibling's own sources; None: those of the model that the section is made for."""


@dataclass(frozen=True, eq=False)
class Measured:
    """All that a section is made from."""

    validation: Answers
    tests: Sequence[Answers] = ()
    others: Sequence[OtherSource] = field(default_factory=tuple)
    localisation: Pointing | None = None


def fit(measured: Measured, choices: Choices) -> DecisionRules:
    """The card's section.

    Raises
    ------
    TrainingError
        There are too few validation images of a class.
    """
    threshold = choose_threshold(measured.validation, choices)
    familiar = margins_of([measured.validation], choices.source)
    unfamiliar = _unfamiliar([other.calibration for other in measured.others])
    own = familiar
    if choices.passing and unfamiliar is not None:
        familiar, unfamiliar = _worst_of(own, [other.calibration for other in measured.others]), None
    tests = [_test_set(t, threshold.margin, familiar, None if t.own else unfamiliar, choices) for t in measured.tests]
    for other in measured.others:
        if other.test is None:
            continue
        rest = [o.calibration for o in measured.others if o.source != other.source]
        if choices.passing:  # asked as if the source weren't known, of margins without it
            tests.append(_test_set(other.test, threshold.margin, _worst_of(own, rest), None, choices))
            continue
        left_out = _unfamiliar(rest) if rest else unfamiliar
        tests.append(_test_set(other.test, threshold.margin, other.familiar or familiar, left_out, choices))
    return DecisionRules(threshold, choices.rates, familiar, unfamiliar, tuple(tests), measured.localisation)


def choose_threshold(validation: Answers, choices: Choices) -> Threshold:
    """The margin from which on class 1 is the nearer one.

    Raises
    ------
    TrainingError
        There are too few validation images of a class.
    """
    negative, positive = _enough(validation)
    values = np.unique(validation.margins)
    cuts = np.concatenate([(values[1:] + values[:-1]) / 2, values[-1:] + 1e-3])
    rule = "the margin of the largest sensitivity + specificity on validation images"
    if choices.threshold == "specific":
        cuts = cuts[[float((negative > c).mean()) <= 1 - choices.specificity + 1e-9 for c in cuts]]
        rule += f", of those that keep a specificity of {100 * choices.specificity:.0f} %"
    gain = [float((positive > c).mean() - (negative > c).mean()) for c in cuts]
    best = np.flatnonzero(np.isclose(gain, max(gain)))
    # Several are equal where the classes lie apart: the middle, which both have the most room to.
    margin = float(cuts[best[len(best) // 2]])
    margin = round(margin, 4)
    sensitivity, specificity = _at(validation, margin)
    assert sensitivity is not None
    assert specificity is not None
    return Threshold(margin, rule, validation.name, sensitivity, specificity)


def margins_of(sets: Sequence[Answers], data: str) -> Margins:
    """Calibration margins of one or several sets, evenly thinned to at most `MOST_MARGINS` of a class."""
    negative, positive = (np.sort(np.concatenate([s.of(label) for s in sets])) for label in (0, 1))
    known = [s.groups for s in sets if s.groups is not None]
    groups = len({(i, g) for i, names in enumerate(known) for g in names}) if len(known) == len(sets) else None
    return Margins(
        _thinned(negative), _thinned(positive), data, (len(negative), len(positive)), groups,
        len({s.source for s in sets}),
    )  # fmt: skip


def _worst_of(own: Margins, calibrations: Sequence[Answers]) -> Margins:
    """Margins by which each class's p-value is the largest that any of several sources gives: a promise for each.

    A p-value is a source's share of calibration images below a margin (above, of class 0), so the largest is the share
    among the least (largest) of the sources' quantiles.
    """
    for answers in calibrations:
        _enough(answers)
    sources = [own, *(margins_of([answers], answers.source) for answers in calibrations)]
    negative = _at_each_quantile([s.negative for s in sources]).max(0)
    positive = _at_each_quantile([s.positive for s in sources]).min(0)
    groups = None if any(s.groups is None for s in sources) else sum(s.groups or 0 for s in sources)
    return Margins(
        _thinned(negative), _thinned(positive), f"the worst of: {'; '.join(s.data for s in sources)}",
        (sum(s.images[0] for s in sources), sum(s.images[1] for s in sources)), groups, len(sources),
    )  # fmt: skip


def _at_each_quantile(sources: Sequence[Sequence[float]]) -> Floats:
    """As many of each source's rising margins as the smallest has, evenly taken; (sources, margins)."""
    count = min(map(len, sources))
    return np.stack([
        np.asarray(margins)[np.linspace(0, len(margins) - 1, count).round().astype(int)] for margins in sources
    ])  # fmt: skip


def pointing(
    divergence: npt.NDArray[np.float32], masks: npt.NDArray[np.float32], meaning: str, finding: bool
) -> Pointing | None:
    """How often the highest point of D lies in the mask, and how often a point drawn at random would.

    Parameters
    ----------
    divergence, masks : float32 (n, h, w)
        For the labelled class, and where the masks count.
    """
    if not len(divergence):
        return None
    hits = sum(scores.pointing(d, mask) for d, mask in zip(divergence, masks, strict=True))
    chance = float(np.mean([(mask > 0).mean() for mask in masks]))
    return Pointing(meaning, finding, _rounded(Share.of(int(hits), len(divergence))), round(chance, 4))


def _unfamiliar(calibrations: Sequence[Answers]) -> Margins | None:
    if not calibrations:
        return None
    for answers in calibrations:
        _enough(answers)
    return margins_of(calibrations, ", ".join(dict.fromkeys(a.source for a in calibrations)))


def _enough(answers: Answers) -> tuple[Floats, Floats]:
    negative, positive = answers.of(0), answers.of(1)
    if min(len(negative), len(positive)) < FEWEST:
        raise TrainingError(
            f"Error rates need {FEWEST} images of each class; {answers.source} has {len(negative)} and "
            f"{len(positive)} in {answers.name}.",
            "Add images, or leave the model without error rates: its answers then read 'undecided'.",
        )
    return negative, positive


def _thinned(margins: Floats) -> tuple[float, ...]:
    if len(margins) > MOST_MARGINS:
        margins = margins[np.linspace(0, len(margins) - 1, MOST_MARGINS).round().astype(int)]
    return tuple(round(float(m), 4) for m in margins)


def _at(answers: Answers, margin: float) -> tuple[Share | None, Share | None]:
    """Sensitivity and specificity when a margin above this one means class 1."""
    called = answers.margins > margin
    return (
        _share(called, answers.labels == 1, answers.groups),
        _share(~called, answers.labels == 0, answers.groups),
    )


def _share(hit: Flags, among: Flags, groups: tuple[str, ...] | None) -> Share | None:
    """The share of ``hit`` among the flagged, with its interval: bootstrap by person, or Wilson's."""
    n = int(among.sum())
    if not n:
        return None
    index = np.flatnonzero(among)
    hits, value = hit[index], float(hit[index].mean())
    names = None if groups is None else [groups[i] for i in index]
    persons = n if names is None else len(set(names))
    if names is None or persons == n:
        return _rounded(Share.of(int(hits.sum()), n))
    if value in (0.0, 1.0):  # no resample differs: as if each person were one image
        whole = Share.of(round(value * persons), persons)
        return _rounded(Share(value, whole.low, whole.high, n))
    low, high = scores.interval(lambda i: float(hits[i].mean()), names)
    return _rounded(Share(value, min(low, value), max(high, value), n))


def _rounded(share: Share) -> Share:
    value = round(share.value, 5)
    return Share(value, min(round(share.low, 5), value), max(round(share.high, 5), value), share.n)


def _auroc(answers: Answers) -> Share | None:
    labels, margins = answers.labels, answers.margins
    value = scores.auroc(labels, margins)
    if not math.isfinite(value):
        return None
    names = answers.groups or tuple(map(str, range(len(labels))))
    low, high = scores.interval(lambda i: scores.auroc(labels[i], margins[i]), names)
    return _rounded(Share(value, max(0.0, min(low, value)), min(1.0, max(high, value)), len(labels)))


def _test_set(
    answers: Answers, margin: float, familiar: Margins, unfamiliar: Margins | None, choices: Choices
) -> TestSet:
    sensitivity, specificity = _at(answers, margin)
    positives = int(answers.labels.sum())
    return TestSet(
        name=answers.name,
        source=answers.source,
        own=answers.own,
        images=(len(answers.labels) - positives, positives),
        groups=None if answers.groups is None else len(set(answers.groups)),
        auroc=_auroc(answers),
        sensitivity=sensitivity,
        specificity=specificity,
        familiar=outcome(answers, familiar, margin, choices.rates),
        unfamiliar=None if unfamiliar is None else outcome(answers, unfamiliar, margin, choices.rates),
        ece=round(scores.reliability(answers.labels, answers.margins)[0], 5),
        by=_parts(answers, margin, choices.attack),
    )


def outcome(answers: Answers, margins: Margins, threshold: float, rates: Rates) -> Outcome:
    """How the answers go when these margins decide."""
    p = np.array([margins.p(float(m)) for m in answers.margins])
    labels, everything = answers.labels, np.ones(len(answers.labels), bool)
    called = (answers.margins > threshold).astype(int)

    def decided(at: Rates) -> Flags:
        given = [answer_of("familiar", False, (a, b), int(c), at) for (a, b), c in zip(p, called, strict=True)]
        return np.array([answer != "undecided" for answer in given])

    sure = decided(rates)
    held = np.array([p[i, y] > rates[y] for i, y in enumerate(labels)])
    coverage, undecided = (_share(flags, everything, answers.groups) for flags in (held, ~sure))
    assert coverage is not None
    assert undecided is not None
    right_as = [_share(labels == c, sure & (called == c), answers.groups) for c in (0, 1)]
    covered = [_share(held, labels == c, answers.groups) for c in (0, 1)]
    points = []
    for rate in GRID:
        at = decided((rate, rate))
        error = round(float((called != labels)[at].mean()), 4) if at.any() else None
        points.append(Point(rate, round(float(1 - at.mean()), 4), error))
    wrong = _share(called != labels, sure, answers.groups)
    return Outcome(
        coverage, undecided, wrong, tuple(points), right_as=(right_as[0], right_as[1]), covered=(covered[0], covered[1])
    )


def _parts(answers: Answers, margin: float, attack: bool) -> tuple[Part, ...]:
    kinds = np.array(answers.kinds)
    parts = []
    for kind in sorted(set(answers.kinds) - {""}):
        here = kinds == kind
        some = answers.where(here)
        sensitivity, specificity = _at(some, margin)
        auroc, error = None, None
        if specificity is None and sensitivity is not None:  # all of class 1: ranked against every image of class 0
            auroc = _auroc(answers.where(here | (answers.labels == 0)))
        right = sensitivity if specificity is None else specificity if sensitivity is None else None
        if attack and right is not None:
            error = right.rest
        parts.append(Part(kind, int(here.sum()), auroc, sensitivity, specificity, error))
    return tuple(parts)


__all__ = ["Answers", "Choices", "Measured", "NamedTest", "OtherSource", "choose_threshold", "fit", "margins_of",
           "outcome", "pointing"]  # fmt: skip
