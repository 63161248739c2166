"""``divisive-desktop analyze``: verdict, CAM pair and important features of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from divisive_desktop.cli.exit_codes import EXIT_OK, EXIT_SOME_FILES
from divisive_desktop.cli.options import (
    CropOption,
    DeviceOption,
    JsonOption,
    NoFaceOption,
    chosen_framing,
    say_failure,
)
from divisive_desktop.cli.output import ROOM, JsonArray, OutputError, ProgressLine
from divisive_desktop.errors import NotAnImageError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet


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
    from divisive_desktop.engine import dispatch
    from divisive_desktop.engine.messages import Analyse, AnalyseBatch
    from divisive_desktop.engine.registry import Channel
    from divisive_desktop.engine.worker import Worker
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
        dispatch.answer(worker, AnalyseBatch(items), Channel(ProgressLine(len(items)), partial))
    return EXIT_SOME_FILES if failed else EXIT_OK


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
