"""``divisive-desktop train``, ``guard``, ``evaluate``, ``study``: models from data with labels and masks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from divisive_desktop.cli.options import DeviceOption, JsonOption, say
from divisive_desktop.cli.output import TrainingLines
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.library.scope import Features
    from divisive_desktop.training.dataset import Example

Say = Callable[[str], None]


def train(
    data: Annotated[
        list[Path],
        typer.Option(
            metavar="DIR", help="A casebook, or a folder with index.csv; of further ones only 'train' is used."
        ),
    ],
    task: Annotated[str | None, typer.Option(help="The question that the model is to answer.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the new model; its name is the model's id.")
    ] = None,
    parent: Annotated[str | None, typer.Option(metavar="ID", help="Model to start from; default: ImageNet.")] = None,
    method: Annotated[str | None, typer.Option(help="Loss, for instance difference or cross_entropy.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1)] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    config: Annotated[Path | None, typer.Option(metavar="TOML", help="Settings of the run.")] = None,
    description: Annotated[Path | None, typer.Option(metavar="TOML", help="Words for the model's card.")] = None,
    open_set: Annotated[list[str] | None, typer.Option(metavar="NAME=DIR", help="Further test data.")] = None,
    default: Annotated[bool, typer.Option("--default", help="Make it the default model of its task.")] = False,
    controls: Annotated[bool, typer.Option(help="Measure border-only control and faithfulness.")] = True,
    features: Annotated[Path | None, typer.Option(metavar="DIR", help="Cached features shared by runs.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model of this name.")] = False,
    stages: Annotated[str | None, typer.Option(help="What learns: head, last, late or all.")] = None,
    alpha: Annotated[float | None, typer.Option(min=0, max=1, help="Share of the labels in the loss.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps (casebooks).")] = "auto",
    resume: Annotated[int | None, typer.Option(metavar="RUN", help="Go on with a casebook's run.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Casebook: add the new version to your models.")] = False,
) -> int:
    """Train a model on images with masks, or fine-tune one on a casebook; measure it, write it with its card."""
    from divisive_desktop.casebook import SUFFIX

    changes = {"method": method, "epochs": epochs, "seed": seed, "stages": stages, "alpha": alpha}
    if data[0].suffix == SUFFIX and data[0].is_dir():
        from divisive_desktop.cli.finetune import fine_tune_command

        code, text = fine_tune_command(
            casebook=data[0], base=parent, task=task, out=out, changes=changes, device=device, resume=resume, keep=keep,
            say=say,
        )  # fmt: skip
        typer.echo(plain(text, lines=True))
        return code
    if task is None or out is None:
        raise typer.BadParameter("training from a folder needs --task and --out")
    sets = {}
    for given in open_set or ():
        name, equals, folder = given.partition("=")
        if not (name and equals and folder):
            raise typer.BadParameter("write it as NAME=DIR", param_hint="--open-set")
        sets[name] = Path(folder)
    code, text = train_command(
        task=task, data=data, out=out, config=config, changes=changes, parent=parent,
        description=description, open_sets=sets, default=default, controls=controls, features=features,
        replace_existing=force, say=say,
    )  # fmt: skip
    typer.echo(plain(text, lines=True))
    return code


def guard(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="An installed model.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data it was trained on, with index.csv.")],
    split: Annotated[str, typer.Option(help="A split that it didn't learn from.")] = "val",
) -> int:
    """Put a guard set beside a model: by it a fine-tuned version is checked for what it has forgotten."""
    code, text = guard_command(model=model, data=data, split=split, say=say)
    typer.echo(plain(text, lines=True))
    return code


def scope(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Installed models of the same data.")],
    rules: Annotated[Path, typer.Option(metavar="TOML", help="What headers and sizes must say: see models/scopes.")],
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The data they were trained on, with index.csv, if at hand.")
    ] = None,
    also: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Further images of the right kind, from elsewhere.")
    ] = None,
) -> int:
    """State on the models' cards what they were made for: outside of it they give no verdict.

    Without any data only the rules are put on the cards, and the references that they have are kept.
    """
    code, text = scope_command(models=models, data=data, rules=rules, also=also or (), say=say)
    typer.echo(plain(text, lines=True))
    return code


def evaluate(
    model: Annotated[str, typer.Option(metavar="ID", help="An installed model.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder with index.csv.")],
    split: Annotated[str | None, typer.Option(help="Only this split; default: all but train.")] = None,
    json_to: JsonOption = None,
    border: Annotated[bool, typer.Option(help="Also the border-only control.")] = True,
    faithfulness: Annotated[bool, typer.Option(help="Also deletion, insertion, random head (slow).")] = False,
    device: DeviceOption = "auto",
) -> int:
    """Measure a model on data with labels and masks."""
    code, text = evaluate_command(
        model=model, data=data, split=split, json_file=Path(json_to) if json_to else None, border=border,
        faithfulness=faithfulness, device=device, say=say,
    )  # fmt: skip
    typer.echo(plain(text, lines=True))
    return code


def study(
    config: Annotated[Path, typer.Argument(metavar="TOML", help="What is compared.")],
    data: Annotated[Path, typer.Argument(help="Folder with the data sets.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Runs and tables go here; a second call goes on.")],
    seed: Annotated[list[int] | None, typer.Option(help="Only these seeds.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only these methods.")] = None,
) -> int:
    """Compare training methods over seeds, and write the tables."""
    code, text = study_command(config=config, data=data, out=out, seeds=seed, methods=method, say=say)
    typer.echo(plain(text, lines=True))
    return code


def train_command(
    *,
    task: str,
    data: Sequence[Path],
    out: Path,
    config: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    parent: str | None = None,
    description: Path | None = None,
    open_sets: Mapping[str, Path] | None = None,
    default: bool = False,
    controls: bool = True,
    work: Path | None = None,
    features: Path | None = None,
    replace_existing: bool = False,
    say: Say = print,
) -> tuple[int, str]:
    """Train a model, measure it and write it to ``out`` (its name becomes the model's id).

    Parameters
    ----------
    data : sequence of Path
        Folders with ``index.csv``. Of all but the first only the split ``train`` is used: it is mixed in, without the
        patients or persons that the first holds out.
    config, changes
        See :func:`training.defaults.read_settings`.
    parent : str, optional
        Id of a model to start from.
    open_sets : mapping of str to Path, optional
        Further test data by name.
    work : Path, optional
        Checkpoints, so that an interrupted run goes on; default ``<out>.run`` beside ``out``. Kept afterwards.
    features : Path, optional
        Cached features shared between runs.

    Returns
    -------
    (int, str)
        0 and a summary.
    """
    from divisive_desktop.errors import TrainingError
    from divisive_desktop.training.checking import check_data
    from divisive_desktop.training.dataset import read_index, take
    from divisive_desktop.training.defaults import read_settings
    from divisive_desktop.training.duplicates import check_duplicates
    from divisive_desktop.training.finetune import finetune
    from divisive_desktop.training.guard import add_guard, make_guard
    from divisive_desktop.training.loading import load_network, read_network
    from divisive_desktop.training.scope_fitting import scope_trained
    from divisive_desktop.training.settings import TrainProgress
    from divisive_desktop.training.shipping import Description, ship

    settings = read_settings(task, config, changes or {})
    examples = list(read_index(data[0], say=say))
    for more in data[1:]:
        held_out = {e.group for e in examples if e.split != "train"}
        examples += [e for e in read_index(more, say=say) if e.split == "train" and e.group not in held_out]
    if len(data) > 1:
        check_duplicates((e.file, e.split, e.label) for e in examples)
    check_data(examples, say)
    words = Description.read(description) if description else Description()
    others = {name: read_index(folder) for name, folder in (open_sets or {}).items()}
    start = load_network(parent)[0] if parent else None
    tell = TrainingLines(say)
    result = finetune(
        settings, examples, work or out.with_name(f"{out.name}.run"), parent=start, features_folder=features,
        progress=tell,
    )
    if result.collapsed:
        say("This run collapsed: it gives every validation image the same answer. Train again with a lower rate (lr).")
    stored = ship(
        out, result.network, settings, examples, model_id=out.name, description=words, open_sets=others,
        default=default, parent=parent, controls=controls, features=features, progress=tell,
        replace_existing=replace_existing,
        training={"history": result.history, "kept_epoch": result.kept_epoch, "seconds": round(result.seconds),
                  "images": {s: sum(e.split == s for e in examples) for s in ("train", "val")}},
    )
    # Of the network as it was stored, in float16: a guard set holds for exactly one frozen part.
    guard = make_guard(read_network(stored.folder)[0], take(examples, "val"), settings.preprocessing)
    add_guard(stored.folder, guard)

    def looked(done: int, total: int) -> None:
        tell(TrainProgress("features", done / total, f"Scope: image {done} of {total}"))

    try:
        if not scope_trained(stored, examples, words.data or data[0].name, looked):
            say(f"Nobody has written rules of scope for {settings.task}: its answers read 'scope not checked'.")
    except TrainingError as e:
        say(f"Pixels aren't compared, so that answers in scope read 'scope not checked'. {e.message} {e.remedy}")
    return 0, f"{stored.card.id}: {plain(stored.folder)} ({stored.size / 1e6:.1f} MB)\n{summary(stored.card.metrics)}"


def guard_command(*, model: str, data: Path, split: str = "val", say: Say = print) -> tuple[int, str]:
    """Make the guard set of an installed model from its validation images, see :mod:`training.guard`."""
    from divisive_desktop.library.store import GUARD, find_model
    from divisive_desktop.training.dataset import read_index, take
    from divisive_desktop.training.guard import add_guard, make_guard
    from divisive_desktop.training.loading import load_network
    from divisive_desktop.training.settings import TrainProgress

    network, card = load_network(model)
    tell = TrainingLines(say)

    def progress(done: int, total: int) -> None:
        tell(TrainProgress("features", done / total, f"Guard set: image {done} of {total}"))

    made = make_guard(network, take(read_index(data), split), card.preprocessing, progress=progress)
    folder = find_model(model).folder
    add_guard(folder, made)
    return 0, f"{plain(folder / GUARD)}: {len(made) / 1e6:.1f} MB"


def scope_command(
    *, models: Sequence[str], rules: Path, data: Path | None = None, also: Sequence[Path] = (), say: Say = print
) -> tuple[int, str]:
    """Measure the scope of installed models and put it on their cards, see :mod:`training.scope_fitting`."""
    from divisive_desktop.library.scope import FILE
    from divisive_desktop.library.store import find_model
    from divisive_desktop.training.dataset import read_index, take
    from divisive_desktop.training.loading import load_network
    from divisive_desktop.training.scope_fitting import (
        MOST_IMAGES,
        NOTHING,
        add_scope,
        draw_in_words,
        drawn,
        fit,
        look_at,
        read_rules,
        restate,
    )
    from divisive_desktop.training.settings import TrainProgress

    section = read_rules(rules)
    stored = [find_model(model) for model in models]
    if data is None and not also:
        restate(stored, section)
        return 0, f"{plain(rules.name)} on the cards of {', '.join(models)}; their references stay as they are"
    networks = [load_network(model)[0] for model in models]
    preprocessing = stored[0].card.preprocessing
    seen = load_network(models[0])[0].fold()
    tell = TrainingLines(say)

    def look(folder: Path, split: str) -> list[Features]:
        def progress(done: int, total: int) -> None:
            tell(TrainProgress("features", done / total, f"{folder.name}, {split}: image {done} of {total}"))

        images = take(read_index(folder), split)
        if len(images) > MOST_IMAGES:
            drew.append(f"{folder.name}, {split}: {draw_in_words(len(images))}")
            say(f"{drew[-1]}.")
        return look_at(seen, drawn(images), preprocessing, progress)

    drew: list[str] = []
    own = (look(data, "train"), look(data, "val")) if data is not None else NOTHING
    others = [(look(folder, "train"), look(folder, "val")) for folder in also]
    more = [f for train, _ in others for f in train], [f for _, val in others for f in val]
    sources = {e.fields.get("source", "") for e in take(read_index(data), "val")} if data is not None else set()
    references, limits = fit(own, more if also else NOTHING, mixed=len(sources) > 1)
    what = str(stored[0].card.training.get("data") or data.name) if data is not None else "own sources not at hand"
    if also:
        what = f"{what}; to tell what a picture is of, also {', '.join(folder.name for folder in also)}"
    what = "; ".join([what, *drew])
    size = add_scope(stored, networks, section, what, references, limits, len(own[1]) + len(more[1]))
    return 0, f"{FILE} beside {', '.join(models)}: {size / 1e6:.2f} MB, {limits}"


def evaluate_command(
    *,
    model: str,
    data: Path,
    split: str | None = None,
    json_file: Path | None = None,
    border: bool = True,
    faithfulness: bool = False,
    device: str = "auto",
    say: Say = print,
) -> tuple[int, str]:
    """Measure an installed model on a data folder.

    Parameters
    ----------
    split : str, optional
        Only this one; None: every split but ``train``.
    json_file : Path, optional
        All figures as JSON; ``-`` prints them.
    border : bool
        Also the border-only control.
    faithfulness : bool
        Also deletion/insertion and the random head (slow).
    """
    from divisive_desktop.networks.torch_loading import pick_device
    from divisive_desktop.training import scores
    from divisive_desktop.training.checking import check_data
    from divisive_desktop.training.dataset import read_index, take
    from divisive_desktop.training.evaluate import border_control, deletion_insertion, predict, randomised_head, report
    from divisive_desktop.training.loading import load_network
    from divisive_desktop.training.settings import TrainProgress

    network, card = load_network(model)
    where = pick_device(device)
    examples = read_index(data, say=say)
    check_data(examples, say)
    names = [split] if split else sorted({e.split for e in examples} - {"train"}) or ["train"]
    found: dict[str, Any] = {}
    for name in names:
        members: Sequence[Example] = take(examples, name)
        tell = TrainingLines(say)

        def report_progress(done: int, total: int, name: str = name, tell: TrainingLines = tell) -> None:
            tell(TrainProgress("evaluation", done / total, f"{name}: image {done} of {total}"))

        p = predict(network, members, card.preprocessing, device=where, progress=report_progress)
        found[name] = report(p, card.task)
        if border:
            blanked = border_control(network, members, card.preprocessing, device=where)
            found[name]["border_only_auroc"] = scores.auroc(blanked.labels, blanked.margins)
        if faithfulness:
            found[name]["faithfulness"] = deletion_insertion(network, members, card.preprocessing, p, device=where)
            found[name]["random_head_correlation"] = randomised_head(network, members, p, card.preprocessing, where)
    text = json.dumps({"model": card.id, "weights_sha256": card.weights_sha256, "splits": found}, indent=1)
    if json_file is not None and str(json_file) == "-":
        return 0, text
    if json_file is not None:
        json_file.write_text(text + "\n", encoding="utf-8")
    return 0, summary(found)


def study_command(
    *, config: Path, data: Path, out: Path, seeds: Sequence[int] | None = None, methods: Sequence[str] | None = None,
    say: Say = print,
) -> tuple[int, str]:
    """Run a study (or some of its seeds and methods) and write its tables to ``out``; see :mod:`training.study`."""
    from divisive_desktop.training.study import Study, run_study

    study = Study.read(config)
    study = replace(study, seeds=tuple(seeds or study.seeds), methods=tuple(methods or study.methods))
    found = run_study(study, data, out, progress=TrainingLines(say, 15.0), say=say)
    return 0, f"{found['runs']} of {found['wanted']} runs done. Tables: {plain(out / 'results.md')}"


def summary(metrics: Mapping[str, Any]) -> str:
    """One line per split: AUROC with interval, border-only control, energy of D inside the masks."""
    from divisive_desktop.explanation.figure_words import figure, rarer

    lines = []
    for name, m in metrics.items():
        if not isinstance(m, Mapping) or "auroc" not in m:
            continue
        number = [f"{v:.3f}" if isinstance(v, float) else "-" for v in (m["auroc"], *m["auroc_95"])]
        shown = f"{number[0]} [{number[1]}, {number[2]}]"
        if number[1] == number[2]:  # an interval of no width would read as certainty
            shown = figure("en", m["auroc"], (m["auroc"], m["auroc"]), rarer(m.get("images"), m.get("positives")))
        line = f"{name:16} AUROC {shown}"
        line += f"  accuracy {m['accuracy']:.3f}  ECE {m['ece']:.3f}"
        if "border_only_auroc" in m:
            line += f"  border-only {m['border_only_auroc']:.3f}"
        if "all" in m.get("agreement", {}):
            a = m["agreement"]["all"]
            line += f"  energy of D in mask {a['energy']:.2f} (chance {a['chance']:.2f})"
        lines.append(line)
    return "\n".join(lines)
