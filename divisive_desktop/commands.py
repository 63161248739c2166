"""The commands of the command line. Heavy libraries are imported inside them, so that ``--help`` is quick."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from divisive_desktop import __version__
from divisive_desktop.cli import EXIT_FAILED, EXIT_OK, EXIT_SOME_FILES
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

_ROOM = "Choose another folder, or make room on the disk."

JsonOption = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Write JSON here, '-': to stdout.")]


class OutputError(UserFacingError):
    """A result can't be written."""

    kind = "output"


def run(arguments: Sequence[str]) -> int:
    """Run one command; leaves with ``SystemExit``, an error a user can act on escapes as ``UserFacingError``."""
    app(list(arguments), prog_name="divisive-desktop")
    return EXIT_OK


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    samples: Annotated[bool, typer.Option("--samples", help="Open the window on the sample cases.")] = False,
) -> None:
    if version:
        typer.echo(f"divisive-desktop {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Images, and folders to search for images.")],
    model: Annotated[str | None, typer.Option(metavar="ID", help="Default: the default model of the task.")] = None,
    task: Annotated[str | None, typer.Option(help="Question to ask. Default: by the kind of image.")] = None,
    label: Annotated[int | None, typer.Option(min=0, max=1, help="The class held true; default: predicted.")] = None,
    json_to: JsonOption = None,
    overlay: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a picture of each image here.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> int:
    """Analyse images: verdict, CAM pair, important features. A file that fails doesn't stop the others (exit 3)."""
    from divisive_desktop.engine.messages import Analyse, AnalyseBatch
    from divisive_desktop.engine.worker import Channel, Worker
    from divisive_desktop.explanation.export import analysis_json, error_json
    from divisive_desktop.explanation.features import important_features

    worker = Worker(device)
    model_id = _model_id(worker, model, task)
    files, failed = [], 0
    with JsonArray(json_to) as out:
        for file, error in _images(paths):
            if error is None:
                files.append(file)
            else:
                failed += 1
                _say_failure(file, error)
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
                _say_failure(file, e)
                out.add(error_json(file, e))

        items = tuple(Analyse(str(file), model_id=model_id) for file in files)
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
    """Open the window offscreen, analyse the sample, check that the picture isn't blank. Exit code 0 or 1."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from divisive_desktop.desktop import selftest

    return int(selftest.run(screenshot))


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A casebook folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Check a casebook: audit chain, stored files, originals. Names the first break."""
    from divisive_desktop.casebook.commands import verify_command

    code, text = verify_command(path, as_json=as_json)
    typer.echo(text)
    return code


# ---- helpers --------------------------------------------------------------------------------------------


class Progress:
    """Says on stderr how far a batch is: one line that changes on a terminal, now and then a line elsewhere."""

    def __init__(self, total: int) -> None:
        self._terminal = sys.stderr.isatty()
        self._pause = 0.2 if self._terminal else 5.0
        self._last = time.monotonic()
        self._silent = total < 2

    def __call__(self, fraction: float, text: str, remaining: float | None) -> None:
        now = time.monotonic()
        if self._silent or (now - self._last < self._pause and fraction < 1):
            return
        self._last = now
        left = f", about {remaining:.0f} s left" if remaining is not None and fraction < 1 else ""
        if self._terminal:
            typer.echo(f"\r\x1b[K{text}{left}", err=True, nl=fraction >= 1)
        else:
            typer.echo(text + left, err=True)


class JsonArray:
    """A JSON array written object by object, one a line. A file appears under its name when it is complete."""

    def __init__(self, target: str | None) -> None:
        self._path = Path(target) if target not in (None, "-") else None
        self._part = self._path.with_name(f".{self._path.name}.part") if self._path else None
        self._stream: Any = None
        self._wanted = target is not None
        self._empty = True

    def __enter__(self) -> JsonArray:
        if self._wanted:
            try:
                self._stream = self._part.open("w", encoding="utf-8") if self._part else sys.stdout
            except OSError as e:
                raise self._error(e) from e
        return self

    def add(self, item: dict[str, Any]) -> None:
        """Write one object; raises ``OutputError`` where that isn't possible."""
        if self._stream is not None:
            self._write(("[\n" if self._empty else ",\n") + json.dumps(item, ensure_ascii=False, allow_nan=False))
            self._empty = False

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is None:
            return
        if kind is None:
            self._write("[]\n" if self._empty else "\n]\n")
        if self._path is None or self._part is None:
            return
        try:
            self._stream.close()
            if kind is None:
                self._part.replace(self._path)
            else:
                self._part.unlink(missing_ok=True)
        except OSError as e:
            raise self._error(e) from e

    def _write(self, text: str) -> None:
        try:
            # Bytes, since the console's own encoding may not hold a file's name.
            if self._path is None:
                self._stream.flush()
                self._stream.buffer.write(text.encode("utf-8"))
                self._stream.flush()
            else:
                self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as e:
            raise self._error(e) from e

    def _error(self, e: OSError) -> OutputError:
        where = self._path or "the output"
        return OutputError(f"{where} can't be written: {e.strerror}.", _ROOM)


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
    model = analysis.model
    first = found.features[0] if found.features else None
    named = model.classes[analysis.predicted]
    strongest = "" if first is None else f", the first at {first.box} with {first.share:.0%} of the divergence"
    return (
        f"{file}: {named}, P({model.classes[1]}) = {analysis.probability:.3f}, "
        f"{len(found.features)} important feature{'s'[: len(found.features) != 1]}{strongest} "
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
        raise OutputError(message, _ROOM) from e


def _say_failure(file: Path, error: UserFacingError) -> None:
    typer.echo(f"{file}: {error.message} {error.remedy}", err=True)
