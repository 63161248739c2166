"""``divisive-desktop probes``: teach the scope of models to tell turned, inverted and mirrored films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from divisive_desktop.cli.options import say
from divisive_desktop.cli.output import TrainingLines


def probes(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Installed models with a scope.")],
    data: Annotated[
        list[Path], typer.Option(metavar="DIR", help="Films as they should be, with index.csv; may be given again.")
    ],
    every: Annotated[int, typer.Option(min=1, help="Learn from one of so many training films.")] = 1,
) -> int:
    """Teach the models' scope to tell films that are turned, upside down, inverted or mirrored."""
    from divisive_desktop.library.store import find_model
    from divisive_desktop.training.dataset import read_index
    from divisive_desktop.training.loading import load_network
    from divisive_desktop.training.probe_fitting import Grids, add_probes, apart, fit_probes, look_at_faults
    from divisive_desktop.training.settings import TrainProgress

    stored = [find_model(model) for model in models]
    networks = [load_network(model)[0] for model in models]
    seen, preprocessing = load_network(models[0])[0].fold(), stored[0].card.preprocessing
    folders = [read_index(folder) for folder in data]
    tell = TrainingLines(say)

    def look(split: str, step: int) -> Grids:
        def progress(done: int, total: int) -> None:
            tell(TrainProgress("features", done / total, f"{split}: film {done} of {total}"))

        return look_at_faults(seen, apart(folders, split)[::step], preprocessing, progress=progress)

    training, validation = look("train", every), look("val", 1)
    made, askew, mirrored = fit_probes(training, validation)
    add_probes(stored, networks, made, askew, mirrored)
    typer.echo(
        f"Probes beside {', '.join(models)}: {len(training)} training and {len(validation)} validation films; "
        f"suspected above {askew}, mirrored above {mirrored}"
    )
    return 0
