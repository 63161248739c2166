"""``divisive-desktop probes``: teach the scope of models to tell turned, inverted, mirrored and treated pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from divisive_desktop.cli.options import say
from divisive_desktop.cli.output import TrainingLines


def probes(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Installed models with a scope.")],
    data: Annotated[
        list[Path], typer.Option(metavar="DIR", help="Pictures as they should be, with index.csv; may be given again.")
    ],
    every: Annotated[int, typer.Option(min=1, help="Learn from one of so many training pictures.")] = 1,
    treatments: Annotated[
        str,
        typer.Option(
            metavar="NAMES|all",
            help="Instead of turned films, tell pictures that were so treated: denoised,blurred,... In one that shows "
            "manipulated parts, name none that touch a part alone.",
        ),
    ] = "",
) -> int:
    """Teach the models' scope to tell films that are turned, upside down, inverted or mirrored, or pictures treated."""
    from divisive_desktop.library.store import find_model
    from divisive_desktop.networks.finders import Finders
    from divisive_desktop.training.dataset import Example, read_index
    from divisive_desktop.training.framed import framed
    from divisive_desktop.training.loading import load_network
    from divisive_desktop.training.probe_fitting import add_probes, apart, fit_probes, look_at_faults
    from divisive_desktop.training.settings import TrainProgress
    from divisive_desktop.training.treatment_fitting import add_treatment, fit_treatment, look_at_treated
    from divisive_desktop.training.treatments import TREATMENTS

    chosen = list(TREATMENTS) if treatments == "all" else [name for name in treatments.split(",") if name]
    unknown = sorted(set(chosen) - set(TREATMENTS))
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(TREATMENTS)}", param_hint="--treatments")
    stored = [find_model(model) for model in models]
    networks = [load_network(model)[0] for model in models]
    seen, preprocessing = load_network(models[0])[0].fold(), stored[0].card.preprocessing
    folders = [read_index(folder) for folder in data]
    tell = TrainingLines(say)

    def pictures(split: str, step: int) -> list[Example]:
        return apart(folders, split)[::step]

    def progress(done: int, total: int) -> None:
        tell(TrainProgress("features", done / total, f"picture {done} of {total}"))

    learned, held = pictures("train", every), pictures("val", 1)
    counts = f"{len(learned)} training and {len(held)} validation pictures"
    if chosen:
        rule = stored[0].card.framing_rule
        if rule is not None:
            finders = Finders()
            learned, held = (
                framed(part, rule, lambda record: finders.look_for(rule.kind, record), progress)
                for part in (learned, held)
            )
        both = [look_at_treated(seen, part, preprocessing, chosen, progress) for part in (learned, held)]
        probe, limit, told = fit_treatment(*both)
        add_treatment(stored, networks, probe, limit, chosen)
        typer.echo(f"Probe of treatments beside {', '.join(models)}: {counts}; called treated above {limit}: "
                   f"{100 * told:.0f} % of {len(both[1].treated)} treated validation pictures")  # fmt: skip
        return 0
    training, validation = (look_at_faults(seen, part, preprocessing, progress=progress) for part in (learned, held))
    made, askew, mirrored = fit_probes(training, validation)
    add_probes(stored, networks, made, askew, mirrored)
    typer.echo(f"Probes beside {', '.join(models)}: {counts}; suspected above {askew}, mirrored above {mirrored}")
    return 0
