"""The commands of the command line. Heavy libraries are imported inside them, so that ``--help`` is quick."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divisive_desktop import version as this
from divisive_desktop.cli import report_commands
from divisive_desktop.cli.entry import EXIT_FAILED, EXIT_OK, EXIT_SOME_FILES
from divisive_desktop.cli.options import (
    CropOption,
    DeviceOption,
    JsonOption,
    NoFaceOption,
    chosen_framing,
    say,
    say_failure,
)
from divisive_desktop.cli.output import ROOM, JsonArray, OutputError, Progress
from divisive_desktop.errors import NotAnImageError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet


def _leave(code: int | None, **_: object) -> None:
    """What a command returns is the exit code."""
    raise typer.Exit(code or EXIT_OK)


app = typer.Typer(
    name="divisive-desktop",
    help="See what decided: true- against false-class activation maps. Without a command, or with files only: "
    "opens the window. Research use only, not for diagnosis.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    result_callback=_leave,
)

def run(arguments: Sequence[str]) -> int:
    """Run one command; leaves with ``SystemExit``, an error a user can act on escapes as ``UserFacingError``."""
    app(list(arguments), prog_name="divisive-desktop")
    return EXIT_OK


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="Open the window on the sample cases.")] = False,
    safe: Annotated[
        bool, typer.Option("--safe-mode", help="Open the window with default settings and without a graphics card.")
    ] = False,
) -> None:
    if version:
        typer.echo(f"divisive-desktop {this.build()}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Images, and folders to search for images.")],
    model: Annotated[str | None, typer.Option(metavar="ID", help="Default: the default model of the task.")] = None,
    task: Annotated[str | None, typer.Option(help="Question to ask. Default: by the kind of image.")] = None,
    label: Annotated[int | None, typer.Option(min=0, max=1, help="The class held true; default: predicted.")] = None,
    crop: CropOption = None,
    no_face: NoFaceOption = False,
    json_to: JsonOption = None,
    overlay: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a picture of each image here.")] = None,
    device: DeviceOption = "auto",
) -> int:
    """Analyse images: verdict, CAM pair, important features. A file that fails doesn't stop the others (exit 3)."""
    from divisive_desktop.engine.messages import Analyse, AnalyseBatch
    from divisive_desktop.engine.worker import Channel, Worker
    from divisive_desktop.explanation.export import analysis_json, error_json
    from divisive_desktop.explanation.features import important_features

    framing = chosen_framing(crop, no_face)
    worker = Worker(device)
    model_id = _model_id(worker, model, task)
    files, failed = [], 0
    with JsonArray(json_to) as out:
        for file, error in _images(paths):
            if error is None:
                files.append(file)
            else:
                failed += 1
                say_failure(file, error)
                out.add(error_json(file, error))

        def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
            nonlocal failed
            file = files[index]
            try:
                if analysis is None:
                    raise error or AssertionError("neither a result nor an error")
                divergence = analysis.divergence(analysis.true_class(label)[0])
                found = important_features(
                    divergence, analysis.image_size, analysis.region, spacing=analysis.spacing
                )
                if overlay is not None:
                    _write_overlay(overlay, analysis, found, label)
                out.add(analysis_json(analysis, found, label))
                if json_to != "-":
                    typer.echo(_verdict(file, analysis, found))
            except OutputError:
                raise
            except UserFacingError as e:
                failed += 1
                say_failure(file, e)
                out.add(error_json(file, e))

        items = tuple(Analyse(str(file), model_id=model_id, framing=framing) for file in files)
        worker.handle(AnalyseBatch(items), Channel(Progress(len(items)), partial))
    return EXIT_SOME_FILES if failed else EXIT_OK


@app.command()
def models(
    verify: Annotated[bool, typer.Option("--verify", help="Check hashes, recompute stored answers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> int:
    """List the installed models; --verify checks that each is what its card says and answers as it did."""
    from divisive_desktop.library import store

    found, broken = store.scan_models()
    states = {m.card.id: _verified(m.folder) if verify else None for m in found}
    if as_json:
        cards = [
            {**asdict(m.card), "shipped": m.shipped, **({"verified": states[m.card.id] is None} if verify else {})}
            for m in found
        ]
        typer.echo(json.dumps(cards, indent=1, ensure_ascii=False))
    elif not found:
        typer.echo("No models are installed.")
    for m in found if not as_json else ():
        c = m.card
        line = f"{'*' if c.default else ' '} {c.id:28} {c.version:8} {c.task:18} {c.method:18} {c.weights_sha256[:12]}"
        typer.echo(line + ("  verified: weights and stored answer" if verify and states[c.id] is None else ""))
    problems = [*broken, *(e for e in states.values() if e is not None)]
    for error in problems:
        typer.echo(f"{error.message} {error.remedy}", err=True)
    return EXIT_FAILED if problems else EXIT_OK


@app.command()
def selftest(
    screenshot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture of the window.")] = None,
) -> int:
    """Does everything work here? Window, analysis, decoders, fine-tuning, exports; the exit code is 0 or 1.

    Offscreen unless QT_QPA_PLATFORM says otherwise. Also: divisive-desktop --selftest.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from divisive_desktop.desktop.selftest import run

    return int(run.run(screenshot))


app.command()(report_commands.verify)
app.command()(report_commands.report)
app.command()(report_commands.keys)


@app.command()
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
        typer.echo(text)
        return code
    from divisive_desktop.cli.training import train_command

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
    typer.echo(text)
    return code


@app.command()
def guard(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="An installed model.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="The data it was trained on, with index.csv.")],
    split: Annotated[str, typer.Option(help="A split that it didn't learn from.")] = "val",
) -> int:
    """Put a guard set beside a model: by it a fine-tuned version is checked for what it has forgotten."""
    from divisive_desktop.cli.training import guard_command

    code, text = guard_command(model=model, data=data, split=split, say=say)
    typer.echo(text)
    return code


@app.command()
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
    from divisive_desktop.cli.training import evaluate_command

    code, text = evaluate_command(
        model=model, data=data, split=split, json_file=Path(json_to) if json_to else None, border=border,
        faithfulness=faithfulness, device=device, say=say,
    )  # fmt: skip
    typer.echo(text)
    return code


@app.command()
def study(
    config: Annotated[Path, typer.Argument(metavar="TOML", help="What is compared.")],
    data: Annotated[Path, typer.Argument(help="Folder with the data sets.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Runs and tables go here; a second call goes on.")],
    seed: Annotated[list[int] | None, typer.Option(help="Only these seeds.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only these methods.")] = None,
) -> int:
    """Compare training methods over seeds, and write the tables."""
    from divisive_desktop.cli.training import study_command

    code, text = study_command(config=config, data=data, out=out, seeds=seed, methods=method, say=say)
    typer.echo(text)
    return code


# ---- helpers --------------------------------------------------------------------------------------------


def _model_id(worker: Worker, model: str | None, task: str | None) -> str | None:
    """The model asked for, loaded now so that what is wrong with it is said once; None: chosen by kind of image."""
    from divisive_desktop.library import store
    from divisive_desktop.library.tasks import TASKS

    if task is not None and task not in [t.id for t in TASKS]:
        raise typer.BadParameter(f"the tasks are {', '.join(t.id for t in TASKS)}", param_hint="--task")
    if model is None and task is None:
        return None
    card = store.find_model(model).card if model is not None else store.default_model(str(task)).card
    if task is not None and card.task != task:
        raise typer.BadParameter(f"the model {card.id} answers the task {card.task}", param_hint="--task")
    worker.model(card.id)
    return card.id


def _images(paths: Sequence[Path]) -> list[tuple[Path, UserFacingError | None]]:
    """Images named or found in folders, each once; a folder without any comes with its error."""
    from divisive_desktop.imaging import scan

    found: dict[Path, UserFacingError | None] = {}
    for path in paths:
        if not path.is_dir():
            found[path] = None  # opened whatever it looks like, so that what is wrong is said
            continue
        inside = dict.fromkeys(scan([path]))
        if inside:
            found.update(inside)
        else:
            found[path] = NotAnImageError(
                f"The folder {path.name or path} holds no images.", "Choose one with DICOM files or photographs."
            )
    return list(found.items())


def _verified(folder: Path) -> UserFacingError | None:
    from divisive_desktop.networks.analyse import load_model
    from divisive_desktop.networks.reference import check_reference

    try:
        check_reference(load_model(folder, "cpu"))
    except UserFacingError as e:
        return e
    return None


def _verdict(file: Path, analysis: Analysis, found: FeatureSet) -> str:
    from divisive_desktop.imaging.faces import framing_of, in_words

    model = analysis.model
    first = found.features[0] if found.features else None
    named = model.classes[analysis.predicted]
    strongest = "" if first is None else f", the first at {first.box} with {first.share:.0%} of the divergence"
    framing = framing_of(analysis.preprocessing)
    part = "" if framing is None else f", seen: {in_words(framing)}, at {analysis.region}"
    return (
        f"{file}: {named}, P({model.classes[1]}) = {analysis.probability:.3f}, "
        f"{len(found.features)} important feature{'s'[: len(found.features) != 1]}{strongest}{part} "
        f"[{model.id} {model.version}, weights {model.short_hash}]"
    )


def _write_overlay(folder: Path, analysis: Analysis, found: FeatureSet, label: int | None) -> None:
    from PIL import Image

    from divisive_desktop.explanation.picture import overlay
    from divisive_desktop.imaging import open_image
    from divisive_desktop.imaging.display import render

    path = Path(analysis.file)
    picture = overlay(render(open_image(path, analysis.frame)), analysis, found, label)
    target = folder / f"{path.stem}.{analysis.sha256[:8]}.png"  # the hash keeps files of one name apart
    partial = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(partial, format="PNG")
        partial.replace(target)
    except OSError as e:
        message = f"The picture {target.name} can't be written to {folder}: {e.strerror}."
        raise OutputError(message, ROOM) from e
