"""The one voice: the words in which an answer is given, the same in window, command line, exports and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.explanation.decision import (
    ANSWERS,
    RATES,
    Answer,
    Decision,
    Experience,
    Pointing,
    Rates,
    Wanted,
    accepted,
    answer_of,
)
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.explanation.reasons import in_language, is_uncounted
from divisive_desktop.explanation.scope import ScopeCheck, Zone
from divisive_desktop.explanation.share import Share, wilson
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.framing import framing_of
from divisive_desktop.language import capitalised, number, term, text

CALIBRATED, CALIBRATED_ON = 0.05, 100
"""A probability is called calibrated with at most this expected error, measured on at least so many images."""
LARGE = 0.2
"""Part of what the model sees. Regions that cover more than this together are said to be no place: the lungs of an
adult cover a quarter to a third of a frontal chest radiograph, a face about half of its square."""


Held = Literal["label", "predicted", "nearer"]
"""Why a class is held true: the analyst's label, else the class that is decided for, else the one that the score is
nearer to. Only what is decided is *predicted*."""


@dataclass(frozen=True)
class Brief:
    """The answer as a list shows it; can be made of a kept row without its model."""

    answer: Answer | None
    """None: withheld, the image is out of scope."""
    name: str
    """The class's name, ``undecided`` or ``no verdict``."""
    mark: str
    """What is to be known before the answer is read, in a word or two; '' where the image is familiar."""
    chance: str
    """``P(manipulated) .36``; '' where the answer is withheld."""

    @property
    def words(self) -> str:
        """``undecided (unfamiliar)``"""
        return f"{self.name} ({self.mark})" if self.mark else self.name

    @classmethod
    def of(
        cls, zone: str, asked_anyway: bool, p: tuple[float, float] | None, predicted: int, probability: float,
        classes: tuple[str, str], rates: Rates, language: str = "en",
    ) -> Brief:  # fmt: skip
        """From what a row of the casebook holds.

        Parameters
        ----------
        zone, asked_anyway, p, predicted, rates
            As `explanation.decision.answer_of` takes them.
        probability : float
            Of class 1, 0..1.
        classes : (str, str)
            Names of class 0 and class 1.
        """
        answer = answer_of(zone, asked_anyway, p, predicted, rates)
        if answer is None:
            return cls(None, text(language, "no_verdict"), text(language, "mark_out_of_scope"), "")
        mark = "asked_anyway" if zone == "out_of_scope" else zone
        return cls(
            answer,
            text(language, "undecided") if answer == "undecided" else term(language, classes[predicted]),
            "" if zone == "familiar" else text(language, f"mark_{mark}"),
            chance(classes[1], probability, language),
        )


@dataclass(frozen=True)
class Statement:
    """What is asked, what is answered, how sure, what was measured where, and what speaks against it."""

    question: str
    brief: Brief
    zone: Zone
    how_sure: str
    """One sentence: why it is decided, or why it isn't."""
    scope: str
    """One sentence on the image's zone; '' where the answer is withheld: the reasons are in `how_sure`."""
    measured: tuple[str, ...]
    """Sentences: what was measured where, with n and interval."""
    against: tuple[str, ...]
    """Sentences: what speaks against the answer."""
    version: str
    """Whose answer: id and version of the model."""
    by: str
    """The same in words: ``by chest-opacity-focus-1 version 1``."""
    region: str
    """What a region of the maps is called, in the singular: ``map region`` or ``finding``."""
    regions: str
    """One sentence on what the regions of the maps are; '' where there are none to be shown."""
    picture: str = ""
    """One sentence on what the analyst mended about the picture; '' for nothing."""
    rates: Rates = RATES
    """Error rates that the answer was decided at."""

    @property
    def answer(self) -> Answer | None:
        return self.brief.answer

    @property
    def answer_class(self) -> str:
        """Name of the class that is decided for; '' where nothing is."""
        return self.brief.name if self.answer in ANSWERS else ""

    def held_true(self, predicted: int, label: int | None) -> tuple[int, Held]:
        """The class that maps and features hold true, 0 or 1, and why it is that one."""
        if label is not None:
            return label, "label"
        return predicted, "predicted" if self.answer in ANSWERS else "nearer"

    @property
    def words(self) -> str:
        """The answer alone: ``undecided (unfamiliar)``."""
        return self.brief.words

    @property
    def line(self) -> str:
        """One line for the command line and tooltips: answer, probability, whose answer."""
        return ", ".join(part for part in (self.brief.words, self.brief.chance, self.by) if part)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The whole statement below its answer, in reading order."""
        return tuple(s for s in (self.scope, self.picture, self.how_sure, *self.measured, *self.against) if s)

    @property
    def full(self) -> str:
        """Question, answer and all sentences, as text."""
        answer = (f"{capitalised(self.line)}.",) if self.answer is not None else ()  # else the reason says that, too
        return " ".join((self.question, *answer, *self.sentences)).strip()


class Answered(Protocol):
    """What a statement is made from: an `Analysis`, or what was `Kept` of one."""

    @property
    def model(self) -> ModelRef: ...
    @property
    def predicted(self) -> int: ...
    @property
    def probability(self) -> float: ...
    @property
    def preprocessing(self) -> Mapping[str, Any]: ...
    @property
    def scope(self) -> ScopeCheck: ...
    @property
    def decision(self) -> Decision: ...


@dataclass(frozen=True)
class Kept:
    """An analysis without its maps, as a row of the casebook holds it."""

    model: ModelRef
    predicted: int
    probability: float
    preprocessing: Mapping[str, Any]
    scope: ScopeCheck
    decision: Decision


def state(analysis: Answered, question: str, rates: Wanted | None = None, language: str = "en") -> Statement:
    """The statement on an analysis.

    Parameters
    ----------
    question : str
        What is asked (``library.tasks``).
    rates : (float, float), optional
        Error rates that the analyst accepts; None, also for one of the two: the card's.
    language : str
        One of ``language.LANGUAGES``; names of sources that aren't in its table stay as the card has them.
    """
    return _Speaker(analysis, accepted(rates, analysis.decision.rates), language).statement(question)


def withheld(
    question: str, scope: ScopeCheck, version: str = "", language: str = "en", correction: str | None = None
) -> Statement:
    """The statement on an image that got no answer, since it is out of scope.

    Parameters
    ----------
    version : str
        Of the model that gives none, in words; '' where that isn't known.
    correction : str, optional
        What the analyst mended about the picture, as `Correction` writes it.
    """
    reasons, key = _reasons(scope, language), "sure_withheld_by" if version else "sure_withheld"
    return Statement(
        question=term(language, question),
        brief=Brief.of("out_of_scope", False, None, 0, 0.0, ("", ""), (0.1, 0.1), language),
        zone="out_of_scope",
        how_sure=text(language, key, reasons=reasons, version=version),
        scope="",
        measured=(),
        against=(),
        version=version,
        by=text(language, "by_version", version=version) if version else "",
        region=text(language, "region_map"),
        regions="",
        picture=picture_in_words(correction, language),
    )


def picture_in_words(correction: str | None, language: str = "en") -> str:
    """One sentence on what the analyst mended about the picture, as `Correction` writes it; '' for nothing."""
    try:
        mended = Correction.parse(correction).names
    except ValueError:  # kept by a later version
        return ""
    return text(language, "corrected", what=", ".join(text(language, f"mend_{m}") for m in mended)) if mended else ""


def regions_in_words(statement: Statement, features: FeatureSet, language: str = "en") -> str:
    """What the regions of the maps are, and where together they are no place but most of an organ; '' without any."""
    if not features.features:
        return ""
    x, _, width, height = features.region
    covered = sum(f.area_px for f in features.features) / (width * height)
    if covered < LARGE:
        return statement.regions
    sides = {f.box[0] + f.box[2] / 2 < x + width / 2 for f in features.features}
    key = "regions_both_sides" if len(sides) == 2 else "regions_together"
    return f"{statement.regions} {text(language, key, share=_percent(covered))}"


def pair_in_words(
    classes: tuple[str, str], true_class: int, held: Held, language: str = "en"
) -> tuple[tuple[str, str], tuple[str, str]]:
    """What the class held true and the other one are called, and their names.

    Returns
    -------
    ((str, str), (str, str))
        For instance ``("Nearer class", "abnormal")`` and ``("Other class", "no finding")``.
    """
    why, name = text(language, f"why_{held}"), term(language, classes[true_class])
    return (
        (text(language, f"class_{held}"), f"{name} ({why})" if why else name),
        (text(language, f"class_not_{held}"), term(language, classes[1 - true_class])),
    )


def version_of(model: ModelRef, language: str = "en") -> str:
    """Whose answer it is."""
    return version_in_words(model.id, model.version, language)


def version_in_words(model: str, number: str, language: str = "en") -> str:
    """A model version by its id and number, so that the number can't be read as a slip: ``chest-1 version 2``."""
    return text(language, "version_name", model=model, number=number) if number else model


def chance(name: str, probability: float, language: str = "en") -> str:
    """A probability of a named class, never rounded to certainty: ``P(manipulated) .36``."""
    near = 0.01 if probability < 0.005 else 0.99 if probability > 0.995 else probability
    sign = "< " if probability < 0.005 else "> " if probability > 0.995 else ""
    written = number(language, near)
    return f"P({term(language, name)}) {sign}{written.lstrip('0') if language == 'en' else written}"


def is_calibrated(calibration: tuple[float, int] | None) -> bool:
    """Whether a probability may be read as a frequency on images of the source that this was measured on."""
    return calibration is not None and calibration[0] <= CALIBRATED and calibration[1] >= CALIBRATED_ON


class _Speaker:
    """Words on one analysis in one language."""

    def __init__(self, analysis: Answered, rates: Rates, language: str) -> None:
        self._analysis, self._rates, self._language = analysis, rates, language
        self._decision: Decision = analysis.decision
        self._scope: ScopeCheck = analysis.scope
        self._correction: str | None = analysis.preprocessing.get("correction")
        self._names = tuple(term(language, name) for name in analysis.model.classes)
        self._brief = Brief.of(
            self._scope.zone, self._scope.asked_anyway, self._decision.p, analysis.predicted, analysis.probability,
            analysis.model.classes, rates, language,
        )  # fmt: skip

    def statement(self, question: str) -> Statement:
        """All of it; nothing but the reasons where the answer is withheld."""
        if self._brief.answer is None:
            asked = version_of(self._analysis.model, self._language)
            return withheld(question, self._scope, asked, self._language, self._correction)
        version = version_of(self._analysis.model, self._language)
        pointing = self._decision.pointing
        if self._scope.insisted:  # nobody measured where the model looks on images of another kind
            pointing = None
        shown = pointing is not None and pointing.shown and self._brief.answer == "positive"  # measured on such images
        return Statement(
            question=term(self._language, question),
            brief=self._brief,
            zone=self._scope.zone,
            how_sure=self._how_sure(),
            scope=self._zone(),
            measured=self._measured(),
            against=self._against(),
            version=version,
            by=self._say("by_version", version=version),
            region=self._say("region_finding" if shown else "region_map"),
            regions=self._regions(pointing),
            picture=picture_in_words(self._correction, self._language),
            rates=self._rates,
        )

    def _say(self, key: str, **values: object) -> str:
        return text(self._language, key, **values)

    def _share(self, share: Share) -> str:
        value, low, high = (f"{100 * v:.0f}" for v in (share.value, share.low, share.high))
        return self._say("share_of", value=value, low=low, high=high, n=share.n)

    def _zone(self) -> str:
        """What is to be known of the image first."""
        if self._scope.zone == "familiar":
            return self._say("scope_familiar")
        if not self._brief.mark or not self._scope.reasons:
            return capitalised(f"{self._brief.mark}.") if self._brief.mark else ""
        reasons = _reasons(self._scope, self._language)
        return self._say("scope_sentence", mark=capitalised(self._brief.mark), reasons=reasons)

    def _how_sure(self) -> str:
        decision, scope = self._decision, self._scope
        if scope.insisted:
            return self._say("sure_insisted")
        if decision.state == "before":
            return self._say("sure_before")
        if scope.zone == "not_checked":
            return self._say("sure_not_checked")
        if decision.p is None and is_uncounted(scope.reasons):
            return self._say("sure_uncounted")
        if decision.p is None:
            return self._say("sure_unmeasured_elsewhere" if scope.zone == "unfamiliar" else "sure_unmeasured")
        held = [p > rate for p, rate in zip(decision.p, self._rates, strict=True)]
        why = "both" if all(held) else "side" if any(held) else "neither"
        if self._brief.answer != "undecided":
            why = "decided"
        (p0, p1), (e0, e1) = (self._alike(c) for c in (0, 1)), map(_percent, self._rates)
        return self._say(f"sure_{why}", negative=self._names[0], positive=self._names[1], p0=p0, p1=p1, e0=e0, e1=e1)

    def _alike(self, c: int) -> str:
        """The share of a class's calibration images that its p-value counts, with n and interval if n was kept."""
        p, images = (self._decision.p or (0.0, 0.0))[c], self._decision.calibrated_on
        if images is None or not images[c]:
            return self._say("percent_of", value=_percent(p))
        low, high = wilson(round(p * images[c]), images[c])
        shown = ("< 1" if p < 0.005 else f"{100 * p:.0f}", *(f"{100 * v:.0f}" for v in (low, high)))
        return self._say("share_of", **dict(zip(("value", "low", "high"), shown, strict=True)), n=images[c])

    def _measured(self) -> tuple[str, ...]:
        found: list[str] = []
        decision = self._decision
        if decision.p is not None:
            known = decision.experience
            if self._rates != decision.rates:
                e0, e1 = map(_percent, decision.rates)
                found.append(self._say("analyst_rates" if known is None else "at_card_rates", e0=e0, e1=e1))
            if known is not None:
                found += self._experience(known)
        if self._scope.zone == "unfamiliar" and decision.covered_elsewhere is not None:
            found.append(self._say("covered_elsewhere", share=self._share(decision.covered_elsewhere)))
        if self._scope.zone == "familiar" and decision.calibration is not None and is_calibrated(decision.calibration):
            error, n = decision.calibration
            shown = f"{number(self._language, 100 * error, 1)} %"
            found.append(self._say("is_calibrated", chance=f"P({self._names[1]})", error=shown, n=n))
        if decision.threshold:
            limit = 1 / (1 + math.exp(-decision.threshold))
            where = chance(self._analysis.model.classes[1], limit, self._language)
            found.append(self._say("threshold_at", chance=where))
        return tuple(found)

    def _experience(self, known: Experience) -> list[str]:
        found = []
        if known.right is None or known.decided is None:
            found.append(self._say("nothing_decided", n=known.decided.n if known.decided is not None else 0))
        else:
            several = "_sets" if known.sources > 1 and known.worst_right is not None else ""
            where = "elsewhere" if not known.own else "mixed" if known.mixed and several else "own"
            found.append(self._say(
                f"right_{where}{several}", n=known.decided.n, sources=known.sources,
                decided=_plain(known.decided), right=self._share(known.right), worst=term(self._language, known.worst),
                worst_right="" if known.worst_right is None else self._share(known.worst_right),
            ))  # fmt: skip
        found += self._right_as(known)
        if known.sensitivity is not None and known.specificity is not None:
            found.append(self._say(
                "at_threshold", sensitivity=self._share(known.sensitivity), positive=self._names[1],
                specificity=self._share(known.specificity), negative=self._names[0],
            ))  # fmt: skip
        return found

    def _right_as(self, known: Experience) -> list[str]:
        """How often each answer was right, the given one first: one is often much the weaker."""
        given = 0 if self._brief.answer == "negative" else 1
        shares = [(c, share) for c in (given, 1 - given) if (share := known.right_as[c]) is not None]
        if not shares:
            return []
        (first, right), second = shares[0], shares[1:]
        values = {"other": self._names[second[0][0]], "other_right": self._share(second[0][1])} if second else {}
        key = "right_as_both" if second else "right_as"
        return [self._say(key, called=self._names[first], right=self._share(right), **values)]

    def _against(self) -> tuple[str, ...]:
        found, decision = [], self._decision
        framing = framing_of(self._analysis.preprocessing)
        if framing is not None and framing.kind == "face" and len(framing.found) > 1 and framing.crop is not None:
            found.append(self._say("against_faces", n=len(framing.found)))
        if decision.p is not None:
            if decision.experience is None:
                found.append(self._say("against_untested"))
            if not decision.persons_known:
                found.append(self._say("against_persons"))
        known = decision.experience if decision.p is not None else None
        for name, covered, rate in zip(self._names, known.covered, decision.rates, strict=True) if known else ():
            if covered is not None and covered.high < 1 - rate:
                found.append(self._say("against_class", name=name, share=self._share(covered)))
        held = decision.covered_elsewhere if self._scope.zone == "familiar" else None  # of what decides familiar ones
        if held is not None and held.high < 1 - max(decision.rates):
            found.append(self._say("against_elsewhere", share=self._share(held)))
        return tuple(found)

    def _regions(self, pointing: Pointing | None) -> str:
        if pointing is None or pointing.hits is None or pointing.chance is None:
            return self._say("regions_unmeasured")
        key = "shown" if pointing.shown else "near_chance" if pointing.finding else "no_finding"
        if pointing.shown and self._analysis.predicted == 0:
            key = "other_class"
        meaning, hits = term(self._language, pointing.meaning), self._share(pointing.hits)
        return self._say(f"regions_{key}", meaning=meaning, hits=hits, chance=_percent(pointing.chance))


def _reasons(scope: ScopeCheck, language: str) -> str:
    return "; ".join(in_language(said, language) for said in scope.reasons)


def _percent(value: float) -> str:
    return "< 1 %" if value < 0.005 else f"{100 * value:.0f} %"


def _plain(share: Share) -> str:
    """A share of a number that is named before it."""
    return f"{100 * share.value:.0f} % [{100 * share.low:.0f}–{100 * share.high:.0f}]"
