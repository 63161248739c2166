"""``divisive-desktop decision``: state on models' cards when they decide, and what that was measured on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divisive_desktop.cli.options import say
from divisive_desktop.cli.output import TrainingLines
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.library.decision import DecisionRules
    from divisive_desktop.training.decision_sets import OtherModel


def decision(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Installed models of the same data.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data they were trained on, with index.csv.")],
    rules: Annotated[
        Path | None, typer.Option(metavar="TOML", help="What is accepted: see models/decisions. Default: by task.")
    ] = None,
    other: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=DIR[:SPLITS[:TESTS]]=WORDS",
            help="A source that MODEL hadn't learned from ('self': each model itself), splits to calibrate on and to "
            "test on (several with +; default: val and every test; without TESTS half of the persons each), and what "
            "the source is called.",
        ),
    ] = None,
) -> int:
    """State on the models' cards when they decide: threshold, error rates, what was measured on which images."""
    from divisive_desktop.library.store import find_model
    from divisive_desktop.training.dataset import read_index
    from divisive_desktop.training.decision_fitting import Choices
    from divisive_desktop.training.decision_sets import add_decision, default_choices, section
    from divisive_desktop.training.loading import load_network
    from divisive_desktop.training.settings import TrainProgress

    examples = read_index(data)
    tell = TrainingLines(say)

    def progress(name: str, done: int, total: int) -> None:
        tell(TrainProgress("evaluation", done / total, f"{name}: image {done} of {total}"))

    for model in models:
        stored = find_model(model)
        network, card = load_network(model)
        choices = Choices.read(rules) if rules is not None else default_choices(card.task)
        found = section(network, card, examples, _others(other or (), model), choices, progress)
        add_decision(stored, found)
        typer.echo(plain(f"{model}: {summary(found)}"))
    return 0


def _others(given: Sequence[str], model: str) -> list[OtherModel]:
    from divisive_desktop.training.dataset import read_index
    from divisive_desktop.training.decision_sets import VALIDATION, OtherModel, read_folder
    from divisive_desktop.training.loading import load_network

    made = []
    for text in given:
        name, place, words = [*text.split("=", 2), "", ""][:3]
        if not (name and place):
            raise typer.BadParameter("write it as MODEL=DIR[:SPLITS[:TESTS]]=WORDS", param_hint="--other")
        splits: list[str] = []
        while not Path(place).is_dir() and ":" in place and len(splits) < 2:  # a drive's letter has a colon, too
            place, _, split = place.rpartition(":")
            splits.insert(0, split)
        examples = read_index(Path(place))
        tests = sorted({e.split for e in examples if e.split.startswith("test")})
        calibration = splits[0].split("+") if splits else [VALIDATION]
        if splits:
            tests = splits[1].split("+") if len(splits) == 2 else []
        itself = name == "self"
        network, card = load_network(model if itself else name)
        source = words or read_folder(Path(place))
        made.append(OtherModel(network, card, examples, tuple(calibration), tuple(tests), source, itself))
    return made


def summary(rules: DecisionRules) -> str:
    """A line on the threshold, and one on each test set."""
    from divisive_desktop.explanation.figure_words import figure

    t = rules.threshold
    lines = [f"class 1 above {t.margin:+.3f} ({t.rule}), {rules.familiar.images} calibration images"]
    for test in rules.tests:
        outcome = test.unfamiliar if not test.own and test.unfamiliar is not None else test.familiar
        if outcome is None:
            continue
        error = "nothing decided" if outcome.error is None else f"wrong among them {outcome.error.percent}"
        auroc = "-"
        if test.auroc is not None:
            auroc = figure("en", test.auroc.value, (test.auroc.low, test.auroc.high), min(test.images) or None)
        lines.append(
            f"  {test.name} ({'own' if test.own else 'other'}, {test.n}): AUROC {auroc}, coverage "
            f"{outcome.coverage.percent}, decided {outcome.decided.percent}, {error}"
        )
    return "\n".join(lines)
