"""``divisive-desktop analyze``: verdict, CAM pair and important features of images."""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from divisive_desktop import version
from divisive_desktop.cli.exit_codes import EXIT_OK, EXIT_SOME_FILES
from divisive_desktop.cli.options import (
    AskAnywayOption,
    ClusterOption,
    CropOption,
    DeviceOption,
    ErrorRatesOption,
    JsonOption,
    MendOption,
    ModelOption,
    NoFaceOption,
    SendFilesOption,
    TaskOption,
    chosen_correction,
    chosen_framing,
    chosen_model,
    chosen_rates,
    say,
    say_failure,
)
from divisive_desktop.cli.output import ROOM, JsonArray, OutputError, ProgressLine
from divisive_desktop.cli.resuming import Earlier
from divisive_desktop.cli.table import ParquetTable
from divisive_desktop.errors import CancelledError, ClusterError, NotAnImageError, OutOfScopeError, UserFacingError
from divisive_desktop.foreign.text import plain
from divisive_desktop.paths import casebook_at, name_within_limits

if TYPE_CHECKING:
    from divisive_desktop.engine.cluster.client import Cluster
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.explanation.statement import Statement


def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Images, ZIP archives, and folders to search for images.")],
    model: ModelOption = None,
    task: TaskOption = None,
    label: Annotated[int | None, typer.Option(min=0, max=1, help="The class held true; default: the nearer.")] = None,
    crop: CropOption = None,
    no_face: NoFaceOption = False,
    ask_anyway: AskAnywayOption = False,
    mend: MendOption = None,
    error_rates: ErrorRatesOption = None,
    json_to: JsonOption = None,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a Parquet table here.")] = None,
    overlay: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a picture of each image here.")] = None,
    device: DeviceOption = "auto",
    cluster: ClusterOption = None,
    send_files: SendFilesOption = False,
) -> int:
    """Analyse images: verdict, CAM pair, important features. A file that fails doesn't stop the others (exit 3)."""
    from divisive_desktop.engine import dispatch
    from divisive_desktop.engine.messages import Analyse, AnalyseBatch
    from divisive_desktop.engine.registry import Channel
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.explanation.export import analysis_json, error_json, file_text, withheld_json
    from divisive_desktop.explanation.features import important_features
    from divisive_desktop.explanation.statement import state
    from divisive_desktop.library.tasks import question_of

    framing, correction, rates = chosen_framing(crop, no_face), chosen_correction(mend), chosen_rates(error_rates)
    if send_files and cluster is None:
        raise typer.BadParameter("files are sent to a cluster only: name it with --cluster", param_hint="--send-files")
    worker = Worker("cpu" if cluster is not None else device)
    model_id = chosen_model(worker, model, task)
    images, failed = [], 0
    with contextlib.ExitStack() as stack:
        machines = stack.enter_context(_cluster(cluster)) if cluster is not None else None
        earlier = Earlier(
            json_to if machines is not None else None,
            {
                "program": version.build(), "models": _models(model_id), "label": label, "crop": crop,
                "no_face": no_face, "ask_anyway": ask_anyway, "correction": str(correction), "rates": rates,
                "device": device,
            },
        )  # fmt: skip
        if earlier.differs:
            say("What is kept of an earlier call was asked for with other settings: everything is analysed anew.")
        unpacked = stack.enter_context(tempfile.TemporaryDirectory(prefix="divisive-"))
        table = stack.enter_context(ParquetTable(parquet))
        out = stack.enter_context(JsonArray(json_to))

        def add(item: dict[str, Any]) -> None:
            out.add(item)
            table.add(item)

        for image, error in _images(paths, Path(unpacked)):
            if error is None:
                images.append(image)
            else:
                failed += 1
                say_failure(image.name, error)
                add(error_json(image.name, error))

        def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
            nonlocal failed
            name = images[index].name
            try:
                if analysis is None and error is None and index in known:
                    add(earlier.result(file_text(name)))
                    return
                if analysis is None:
                    raise error or AssertionError("neither a result nor an error")
                divergence = analysis.divergence(analysis.true_class(label))
                found = important_features(
                    divergence, analysis.image_size, analysis.region, spacing=analysis.spacing
                )
                stated = state(analysis, question_of(analysis.model.task), rates)
                if overlay is not None:
                    _write_overlay(overlay, analysis, found, stated, label)
                add(analysis_json(replace(analysis, file=str(name)), found, stated, label))
                if json_to != "-":
                    typer.echo(plain(verdict_line(name, analysis, found, stated)))
            except OutputError:
                raise
            except OutOfScopeError as e:
                failed += 1
                say_failure(name, e)
                asked = e.asked.get("task", "")
                add(withheld_json(name, e, question_of(asked) if asked else "", str(correction)))
            except UserFacingError as e:
                failed += 1
                say_failure(name, e)
                add(error_json(name, e))

        items = tuple(
            Analyse(
                str(image.file), model_id=model_id, framing=framing, correction=correction, ask_anyway=ask_anyway
            )
            for image in images
        )
        found = {index: earlier.sha256(file_text(image.name)) for index, image in enumerate(images)}
        known = {index: sha256 for index, sha256 in found.items() if sha256 is not None}
        channel = Channel(ProgressLine(len(items)), partial)
        if machines is None:
            dispatch.answer(worker, AnalyseBatch(items), channel)
        elif items:
            # What was unpacked lies where no other machine sees it.
            sent = [index for index, image in enumerate(images) if send_files or image.file != image.name]
            with _stopping() as stop:
                channel = replace(channel, cancelled=stop.is_set)
                try:
                    machines.analyse(items, channel, device=device, send=sent, known=known)
                except CancelledError as e:
                    raise KeyboardInterrupt from e
            if known:
                say(f"{len(known)} of {len(items)} images had been answered before.")
    earlier.forget()
    return EXIT_SOME_FILES if failed else EXIT_OK


def _cluster(address: str) -> Cluster:
    """A connection to the cluster.

    Raises
    ------
    ClusterError
        Dask isn't installed, or nothing answers.
    """
    try:
        from divisive_desktop.engine.cluster.client import LOCAL, Cluster
    except ImportError as e:
        raise ClusterError(
            "--cluster needs Dask, which this installation comes without.",
            "Install the program with pip and the extra that brings it: pip install 'divisive-desktop[cluster]'.",
        ) from e
    cluster = Cluster(address)
    if address != LOCAL and cluster.open_to_listeners:
        say("The cluster is reached without encryption (docs/cluster.md tells how to use TLS).")
    return cluster


@contextlib.contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C, which would be lost where it came while Dask tidies up; the second stops at once."""
    stop, before = threading.Event(), signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    if before is signal.SIG_IGN:  # as whoever started this wants it
        yield stop
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _models(model_id: str | None) -> list[str]:
    """Hashes of the models that may answer."""
    from divisive_desktop.library import store

    models = [store.find_model(model_id)] if model_id else store.models_in_use(store.find_models()).values()
    return sorted(m.card.weights_sha256 for m in models)


class _Image(NamedTuple):
    file: Path
    name: Path
    """What the person calls it: the file, or the archive and the file in it."""


def _images(paths: Sequence[Path], unpack_to: Path) -> list[tuple[_Image, UserFacingError | None]]:
    """Images named, found in folders or unpacked from ZIP archives, each once; what holds none comes with its error."""
    found: dict[_Image, UserFacingError | None] = {}
    for path in paths:
        empty = True
        if casebook_at(path) is not None:
            found[_Image(path, path)] = NotAnImageError(
                f"{path.name} is a casebook and no folder of images.",
                f"Open it in the window (divisive-desktop {path}), or report on its cases ({path}#ID).",
            )
            continue
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


def verdict_line(name: Path, analysis: Analysis, found: FeatureSet, stated: Statement) -> str:
    """What is printed about one image."""
    from divisive_desktop.explanation.statement import regions_in_words
    from divisive_desktop.imaging.framing import framing_of, in_words
    from divisive_desktop.language import percent

    first = found.features[0] if found.features else None
    strongest = "" if first is None else f", the first at {first.box} with {percent(first.share)} of the divergence"
    framing = framing_of(analysis.preprocessing)
    sentences = (
        stated.full, f"{len(found.features)} {stated.region}{'s'[: len(found.features) != 1]}{strongest}.",
        regions_in_words(stated, found),
        "" if framing is None else f"Seen: {in_words(framing)}, at {analysis.region}.",
        f"[weights {analysis.model.short_hash}]",
    )  # fmt: skip
    return f"{name}: {' '.join(sentence for sentence in sentences if sentence)}"


def _write_overlay(
    folder: Path, analysis: Analysis, found: FeatureSet, stated: Statement, label: int | None
) -> None:
    from PIL import Image

    from divisive_desktop.explanation.picture import overlay
    from divisive_desktop.imaging import open_image
    from divisive_desktop.imaging.correction import Correction
    from divisive_desktop.imaging.display import render

    path = Path(analysis.file)
    record = open_image(path, analysis.frame, Correction.parse(analysis.correction))
    picture = overlay(render(record), analysis, found, stated, label)
    # The hash keeps files of one name apart.
    target = folder / name_within_limits(path.stem, f".{analysis.sha256[:8]}.png")
    partial = target.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(partial, format="PNG")
        partial.replace(target)
    except OSError as e:
        with contextlib.suppress(OSError):
            partial.unlink()  # it would take up the space that was missing
        message = f"The picture {target.name} can't be written to {folder}: {e.strerror}."
        raise OutputError(message, ROOM) from e
