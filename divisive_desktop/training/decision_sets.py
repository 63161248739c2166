"""What a card's section ``decision`` is measured on: answers of models on splits of data folders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from divisive_desktop.errors import TrainingError
from divisive_desktop.explanation.decision import Pointing
from divisive_desktop.library.card import Card
from divisive_desktop.library.decision import DecisionRules, Margins
from divisive_desktop.library.store import CARD, StoredModel, write_files
from divisive_desktop.library.tasks import TASKS
from divisive_desktop.networks.finders import Finders
from divisive_desktop.networks.network import Network
from divisive_desktop.training.dataset import Example, take
from divisive_desktop.training.decision_fitting import (
    FEWEST,
    Answers,
    Choices,
    Measured,
    NamedTest,
    OtherSource,
    fit,
    pointing,
)
from divisive_desktop.training.evaluate import ATTACK_TASKS, Predictions, predict
from divisive_desktop.training.framed import framed

VALIDATION = "val"
Progress = Callable[[str, int, int], None]
"""Name of the set, images done, images in all."""


def default_choices(task: str) -> Choices:
    """What is chosen for a task where nobody wrote rules: no false alarm may accuse somebody."""
    meaning = next((t.mask_meaning[1] for t in TASKS if t.id == task), "the mask")
    if task in ATTACK_TASKS:
        return Choices(rates=(0.05, 0.1), threshold="specific", meaning=meaning, by="kind", attack=True)
    return Choices(meaning=meaning)


@dataclass(frozen=True)
class OtherModel:
    """A model that hadn't learned from a source, and the splits of that source to ask it about."""

    network: Network
    card: Card
    examples: tuple[Example, ...]
    calibration: tuple[str, ...]
    """Splits that the margins come from."""
    test: tuple[str, ...]
    """Splits to test on; empty: half of the persons of those to calibrate on."""
    source: str
    """In words."""
    itself: bool = False
    """It is the model that the section is made for."""


def section(
    network: Network, card: Card, examples: Sequence[Example], others: Sequence[OtherModel], choices: Choices,
    progress: Progress = lambda name, done, total: None,
) -> DecisionRules:
    """Measure an installed model.

    Parameters
    ----------
    examples : sequence of Example
        Of the model's own data: ``val`` and every test split.

    Raises
    ------
    TrainingError
        There is no ``val``, or there are too few images of a class.
    """
    elsewhere = {other.source for other in others}  # asked about without the images that they are calibrated on
    splits = [
        split for split in sorted({e.split for e in examples} - {"train", VALIDATION})
        if choices.named(split).source not in elsewhere and not choices.named(split).part
    ]
    sets = {VALIDATION: take(examples, VALIDATION), **{split: take(examples, split) for split in splits}}
    answers = {name: _asked(network, card, members, name, progress) for name, members in sets.items()}
    return fit(measured(answers, choices, [_other(other, choices, progress) for other in others]), choices)


def measured(
    predictions: Mapping[str, Predictions], choices: Choices, others: Sequence[OtherSource] = (),
    elsewhere: Collection[str] = (),
) -> Measured:
    """What to fit from a model's answers on ``val`` and on test splits, by name.

    Parameters
    ----------
    elsewhere : collection of str
        Names of test sets that are of other sources, whatever the choices say.
    """
    validation = answers_of(predictions[VALIDATION], NamedTest(VALIDATION, choices.source), choices)
    named = {s: t for s in predictions if s != VALIDATION and not (t := choices.named(s)).part}
    named |= {split: replace(named[split], own=False) for split in elsewhere}
    tests = [answers_of(predictions[split], test, choices) for split, test in named.items()]
    own = [predictions[split] for split, test in named.items() if test.own]
    return Measured(validation, tests, others, _pointing(own, choices))


def enough(p: Predictions) -> bool:
    """Whether there are validation images enough to measure error rates on."""
    return min(int((p.labels == 0).sum()), int((p.labels == 1).sum())) >= FEWEST


def answers_of(p: Predictions, test: NamedTest, choices: Choices) -> Answers:
    """Margins with who is shown and what to break them down by."""
    named = any(e.group not in ("", e.file.stem) for e in p.examples)  # else every file is its own group: nobody knows
    kinds = tuple(e.fields.get(choices.by, "") for e in p.examples) if choices.by else ()
    return Answers(
        test.split, test.source, p.labels, p.margins, tuple(p.groups) if named else None,
        kinds if any(kinds) else (), test.own,
    )  # fmt: skip


def add_decision(model: StoredModel, rules: DecisionRules) -> None:
    """Put the section on an installed model's card."""
    card = replace(model.card, decision=rules)
    write_files(model.folder, {CARD: card.to_json().encode()})


def _asked(network: Network, card: Card, members: Sequence[Example], name: str, progress: Progress) -> Predictions:
    def tell(done: int, total: int) -> None:
        progress(name, done, total)

    rule = card.framing_rule
    if rule is not None:  # as the analysis does: where nothing is found, nothing is answered
        finders = Finders()
        seen = framed(members, rule, lambda record: finders.look_for(rule.kind, record), tell)
        if not seen:
            raise TrainingError(f"No {rule.kind} was found in any image of {name}.", "Choose other data.")
        members = seen
    return predict(network, members, card.preprocessing, progress=tell)


def _other(other: OtherModel, choices: Choices, progress: Progress) -> OtherSource:
    def asked(splits: Collection[str], name: str) -> Answers | None:
        members = [e for e in other.examples if e.split in splits]
        if not members:
            return None
        found = _asked(other.network, other.card, members, f"{other.source}, {name}", progress)
        return answers_of(found, NamedTest(name, other.source, own=False), choices)

    for split in (*other.calibration, *other.test):
        take(other.examples, split)  # says which splits there are
    calibration = asked(other.calibration, " + ".join(other.calibration))
    assert calibration is not None
    test = asked(other.test, " + ".join(other.test))
    if test is None:
        calibration, test = halves(calibration)
    own: Margins | None = None
    if not other.itself and other.card.decision is not None:
        own = other.card.decision.familiar
    return OtherSource(other.source, calibration, test, own)


def halves(answers: Answers) -> tuple[Answers, Answers]:
    """Two halves without a person in common, by a hash of the person: to calibrate on, and to test on."""
    groups = answers.groups or tuple(map(str, range(len(answers.labels))))
    first = np.array([hashlib.sha256(g.encode()).digest()[0] % 2 == 0 for g in groups])
    return answers.where(first), answers.where(~first)


def _pointing(sets: Sequence[Predictions], choices: Choices) -> Pointing | None:
    """Over all own test images whose mask counts: of class 1 where masks mark findings, else of both classes."""
    maps, masks = [], []
    for p in sets:
        for i, e in enumerate(p.examples):
            if e.weight and (e.label == 1 or not choices.finding):
                maps.append(p.divergence[i])
                masks.append(p.masks[i])
    if not maps:
        return None
    return pointing(np.stack(maps), np.stack(masks), choices.meaning, choices.finding)


def read_folder(folder: Path) -> str:
    """A data folder's name, as words for a source that nobody described."""
    return folder.name.replace("_", " ")
