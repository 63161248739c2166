"""``divisive-desktop analyze``: verdict, CAM pair and important features of images."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from divisive_desktop.cli.exit_codes import EXIT_OK, EXIT_SOME_FILES
from divisive_desktop.cli.options import (
    AskAnywayOption,
    CropOption,
    DeviceOption,
    JsonOption,
    NoFaceOption,
    chosen_framing,
    say_failure,
)
from divisive_desktop.cli.output import ROOM, JsonArray, OutputError, ProgressLine
from divisive_desktop.errors import NotAnImageError, OutOfScopeError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet


def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Images, ZIP archives, and folders to search for images.")],
    model: Annotated[str | None, typer.Option(metavar="ID", help="Default: the default model of the task.")] = None,
    task: Annotated[str | None, typer.Option(help="Question to ask. Default: by the kind of image.")] = None,
    label: Annotated[int | None, typer.Option(min=0, max=1, help="The class held true; default: predicted.")] = None,
    crop: CropOption = None,
    no_face: NoFaceOption = False,
    ask_anyway: AskAnywayOption = False,
    json_to: JsonOption = None,
    overlay: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a picture of each image here.")] = None,
    device: DeviceOption = "auto",
) -> int:
    """Analyse images: verdict, CAM pair, important features. A file that fails doesn't stop the others (exit 3)."""
    from divisive_desktop.engine import dispatch
    from divisive_desktop.engine.messages import Analyse, AnalyseBatch
    from divisive_desktop.engine.registry import Channel
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.explanation.export import analysis_json, error_json, withheld_json
    from divisive_desktop.explanation.features import important_features

    framing = chosen_framing(crop, no_face)
    worker = Worker(device)
    model_id = _model_id(worker, model, task)
    images, failed = [], 0
    with tempfile.TemporaryDirectory(prefix="divisive-") as unpacked, JsonArray(json_to) as out:
        for image, error in _images(paths, Path(unpacked)):
            if error is None:
                images.append(image)
            else:
                failed += 1
                say_failure(image.name, error)
                out.add(error_json(image.name, error))

        def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
            nonlocal failed
            name = images[index].name
            try:
                if analysis is None:
                    raise error or AssertionError("neither a result nor an error")
                divergence = analysis.divergence(analysis.true_class(label)[0])
                found = important_features(
                    divergence, analysis.image_size, analysis.region, spacing=analysis.spacing
                )
                if overlay is not None:
                    _write_overlay(overlay, analysis, found, label)
                out.add(analysis_json(replace(analysis, file=str(name)), found, label))
                if json_to != "-":
                    typer.echo(_verdict(name, analysis, found))
            except OutputError:
                raise
            except OutOfScopeError as e:
                failed += 1
                say_failure(name, e)
                out.add(withheld_json(name, e))
            except UserFacingError as e:
                failed += 1
                say_failure(name, e)
                out.add(error_json(name, e))

        items = tuple(
            Analyse(str(image.file), model_id=model_id, framing=framing, ask_anyway=ask_anyway) for image in images
        )
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


class _Image(NamedTuple):
    file: Path
    name: Path
    """What the person calls it: the file, or the archive and the file in it."""


def _images(paths: Sequence[Path], unpack_to: Path) -> list[tuple[_Image, UserFacingError | None]]:
    """Images named, found in folders or unpacked from ZIP archives, each once; what holds none comes with its error."""
    found: dict[_Image, UserFacingError | None] = {}
    for path in paths:
        empty = True
        try:
            for image in _inside(path, unpack_to):
                found[image], empty = None, False
        except UserFacingError as e:  # what came out of an archive before is analysed
            found[_Image(path, path)] = e
            continue
        if empty:
            what = "folder" if path.is_dir() else "archive"
            found[_Image(path, path)] = NotAnImageError(
                f"The {what} {path.name or path} holds no images.", "Choose one with DICOM files or photographs."
            )
    return list(found.items())


def _inside(path: Path, unpack_to: Path) -> Iterator[_Image]:
    from divisive_desktop.imaging import scan
    from divisive_desktop.imaging.archive import is_archive

    if path.is_dir():
        yield from (_Image(file, file) for file in scan([path]))
    elif is_archive(path):
        for file in scan([path], unpack_to=unpack_to):
            yield _Image(file, path / Path(*file.relative_to(unpack_to).parts[1:]))
    else:
        yield _Image(path, path)  # opened whatever it looks like, so that what is wrong is said


def _verdict(name: Path, analysis: Analysis, found: FeatureSet) -> str:
    from divisive_desktop.imaging.faces import framing_of, in_words

    model = analysis.model
    first = found.features[0] if found.features else None
    named = model.classes[analysis.predicted]
    strongest = "" if first is None else f", the first at {first.box} with {first.share:.0%} of the divergence"
    framing = framing_of(analysis.preprocessing)
    doubt = f" ({analysis.scope.words})" if analysis.scope.words else ""
    part = "" if framing is None else f", seen: {in_words(framing)}, at {analysis.region}"
    return (
        f"{name}: {named}{doubt}, P({model.classes[1]}) = {analysis.probability:.3f}, "
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
