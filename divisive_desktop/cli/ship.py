"""``divisive-desktop ship``: a run of a study becomes a model with its card, without training anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from divisive_desktop.cli.options import say
from divisive_desktop.cli.output import TrainingLines
from divisive_desktop.foreign.text import plain


def ship(
    config: Annotated[Path, typer.Argument(metavar="STUDY", help="The study's TOML file.")],
    data: Annotated[Path, typer.Argument(help="The data that the study was done on, with index.csv.")],
    run: Annotated[Path, typer.Option(metavar="DIR", help="One of its runs: OUT/runs/METHOD-SEED.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new model; its name is the model's id.")],
    features: Annotated[Path | None, typer.Option(metavar="DIR", help="The study's cached features: quicker.")] = None,
    description: Annotated[Path | None, typer.Option(metavar="TOML", help="Words for the model's card.")] = None,
    decisions: Annotated[Path | None, typer.Option(metavar="TOML", help="When it decides (models/decisions).")] = None,
    version: Annotated[str, typer.Option(help="Version on the card.")] = "1",
    default: Annotated[bool, typer.Option("--default", help="Make it the default model of its task.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a model of this name.")] = False,
) -> int:
    """Make a model of a run of a study: calibrated, measured, described."""
    from divisive_desktop.cli.training import summary
    from divisive_desktop.training.dataset import read_index, take
    from divisive_desktop.training.decision_fitting import Choices
    from divisive_desktop.training.guard import add_guard, make_guard
    from divisive_desktop.training.loading import read_network
    from divisive_desktop.training.shipping import Description
    from divisive_desktop.training.shipping import ship as write
    from divisive_desktop.training.study import Study, finished_run

    study = Study.read(config)
    settings, network, training = finished_run(study, run)
    examples = read_index(data)
    stored = write(
        out, network, settings, examples, model_id=out.name, version=version,
        description=Description.read(description) if description else None, training=training, default=default,
        replace_existing=force, features=features, choices=Choices.read(decisions) if decisions else None,
        progress=TrainingLines(say),
    )  # fmt: skip
    # Of the network as it was stored, in float16: a guard set holds for exactly one frozen part.
    add_guard(stored.folder, make_guard(read_network(stored.folder)[0], take(examples, "val"), settings.preprocessing))
    text = f"{stored.card.id}: {plain(stored.folder)} ({stored.size / 1e6:.1f} MB)\n{summary(stored.card.metrics)}"
    typer.echo(plain(text, lines=True))
    return 0
