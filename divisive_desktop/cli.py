"""The command line. Without a command it opens the window; heavy libraries are imported inside the commands."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from divisive_desktop import __version__
from divisive_desktop.errors import UserFacingError

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_SOME_FILES = 0, 1, 2, 3

app = typer.Typer(
    name="divisive-desktop",
    help="See what decided: true- against false-class activation maps. Without a command: opens the window.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit. Files or folders as the only arguments open the window on them."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    plain = {"--version", "-h", "--help"}
    if not arguments or (arguments[0] not in commands | plain):
        arguments = ["window", *arguments]
    try:
        app(arguments, standalone_mode=True)
    except UserFacingError as e:
        _say_error(e)
        raise SystemExit(EXIT_FAILED) from None


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"divisive-desktop {__version__}")
        raise typer.Exit


@app.command()
def window(
    files: Annotated[list[Path] | None, typer.Argument(help="Images, folders or ZIP archives to open.")] = None,
    samples: Annotated[bool, typer.Option("--samples", help="Open the sample cases.")] = False,
    selftest: Annotated[bool, typer.Option("--selftest", hidden=True)] = False,
) -> None:
    """Open the window (this is also what happens without a command)."""
    missing = [f for f in files or () if not f.exists()]
    if missing:
        typer.echo(f"No such file or command: {missing[0]}. See divisive-desktop --help.", err=True)
        raise typer.Exit(EXIT_USAGE)
    if selftest:
        _selftest(None)
    from divisive_desktop.desktop.app import run

    raise typer.Exit(run(files or (), samples=samples))


@app.command()
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Images and folders (searched recursively).")],
    model: Annotated[str | None, typer.Option(help="Model id; default: the task's default model.")] = None,
    task: Annotated[str | None, typer.Option(help="Question to ask; default: by kind of image.")] = None,
    label: Annotated[int | None, typer.Option(min=0, max=1, help="The class held true (0 or 1).")] = None,
    json_file: Annotated[str | None, typer.Option("--json", help="Write JSON to this file, '-' for stdout.")] = None,
    overlay: Annotated[Path | None, typer.Option(help="Write a picture per image into this folder.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Analyse images: verdict, CAM pair, divergence, important features. One failing file doesn't stop the others."""
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.library import store

    worker = Worker(device)
    model_id = model
    if model_id is None and task is not None:
        model_id = store.default_model(task).card.id
    if model_id is not None:
        store.find_model(model_id)  # says at once when there is none
    if overlay is not None:
        _make_folder(overlay)
    results: list[dict[str, Any]] = []
    failed = 0
    to_stdout = json_file == "-"
    for path, error in _images(paths):
        if error is not None:
            result = _error(str(path), error)
        else:
            result = _analyse_one(worker, path, model_id, label, overlay)
        if "error" in result:
            failed += 1
            typer.echo(f"{path}: {result['error']['message']} {result['error']['remedy']}", err=True)
        elif not to_stdout:
            names = store.find_model(result["model"]["id"]).card.classes
            typer.echo(
                f"{path}: {names[result['predicted']]}, P({names[1]}) = {result['probability']:.3f}, "
                f"{len(result['features'])} important features [{result['model']['id']} {result['model']['version']}, "
                f"weights {result['model']['weights_sha256'][:12]}]"
            )
        results.append(result)
        if sys.stderr.isatty() and len(results) % 10 == 0:
            typer.echo(f"\r{len(results)} images …", err=True, nl=False)
    if json_file is not None:
        _write_json(json_file, results)
    if failed:
        raise typer.Exit(EXIT_SOME_FILES)


@app.command()
def models(
    verify: Annotated[bool, typer.Option("--verify", help="Check hashes and stored answers.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the cards as JSON.")] = False,
) -> None:
    """List the installed models; with --verify check that each is what its card says and answers as it did."""
    from dataclasses import asdict

    from divisive_desktop.library import store

    found, broken = store.scan_models()
    if as_json:
        typer.echo(json.dumps([asdict(m.card) for m in found], indent=1, ensure_ascii=False))
    bad = len(broken)
    for error in broken:
        _say_error(error)
    for stored in found:
        card = stored.card
        state = ""
        if verify:
            from divisive_desktop.networks.analyse import load_model
            from divisive_desktop.networks.reference import check_reference

            try:
                check_reference(load_model(stored.folder, "cpu"))
                state = "  verified: hash and stored answer"
            except UserFacingError as e:
                bad += 1
                state = f"  FAILED: {e.message} {e.remedy}"
        if not as_json:
            mark = "*" if card.default else " "
            line = f"{mark} {card.id:32} {card.version:8} {card.task:18} {card.method:18} {card.weights_sha256[:12]}"
            typer.echo(line + state)
    if not found and not as_json:
        typer.echo("No models are installed.")
    if bad:
        raise typer.Exit(EXIT_FAILED)


@app.command(name="selftest")
def selftest_command(
    screenshot: Annotated[Path | None, typer.Option(help="Write a picture of the window here.")] = None,
) -> None:
    """Open the window offscreen, analyse the sample, check that the picture isn't blank. Exit code 0 or 1."""
    _selftest(screenshot)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A casebook folder.")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Check a casebook: audit chain, stored files, originals. Names the first break."""
    from divisive_desktop.casebook.commands import verify_command

    code, text = verify_command(path, as_json=as_json)
    typer.echo(text)
    raise typer.Exit(code)


def _selftest(screenshot: Path | None) -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from divisive_desktop.desktop.selftest import run

    raise typer.Exit(run(screenshot))


def _images(paths: Sequence[Path]) -> Iterator[tuple[Path, UserFacingError | None]]:
    """Every image file named or found in folders; what can't be looked at comes with its error."""
    from divisive_desktop.errors import NotAnImageError
    from divisive_desktop.imaging import scan

    for path in paths:
        if not path.is_dir():
            yield path, None  # named by the user: opened even if it doesn't look like an image, so that it fails loudly
            continue
        found = 0
        for file in scan([path]):
            found += 1
            yield file, None
        if not found:
            yield path, NotAnImageError(
                f"The folder {path.name} holds no images.", "Choose a folder with DICOM files or photographs."
            )


def _analyse_one(
    worker: Any, path: Path, model_id: str | None, label: int | None, overlay: Path | None
) -> dict[str, Any]:
    from divisive_desktop.engine.messages import Analyse
    from divisive_desktop.explanation.export import analysis_json
    from divisive_desktop.explanation.features import important_features
    from divisive_desktop.imaging import open_image

    try:
        analysis = worker.handle(Analyse(str(path), model_id=model_id))
        start = time.perf_counter()
        true_class, _ = analysis.true_class(label)
        features = important_features(
            analysis.divergence(true_class), analysis.image_size, analysis.region, spacing=analysis.spacing
        )
        timings = {**analysis.timings_ms, "explain": 1e3 * (time.perf_counter() - start)}
        if overlay is not None:
            _write_overlay(overlay, path, open_image(path), analysis, features, label)
        return analysis_json(replace(analysis, timings_ms=timings), features, label)
    except UserFacingError as e:
        return _error(str(path), e)


def _write_overlay(folder: Path, path: Path, record: Any, analysis: Any, features: Any, label: int | None) -> None:
    from PIL import Image

    from divisive_desktop.explanation.picture import overlay
    from divisive_desktop.imaging.display import render

    picture = overlay(render(record), analysis, features, label)
    target = folder / f"{path.stem}.{analysis.sha256[:8]}.png"  # the hash keeps files of one name apart
    partial = target.with_suffix(".part")
    try:
        Image.fromarray(picture).save(partial, format="PNG")
        partial.replace(target)
    except OSError as e:
        message = f"The picture {target.name} could not be written: {e.strerror}."
        raise UserFacingError(message, "Choose another folder.") from e


def _error(file: str, error: UserFacingError) -> dict[str, Any]:
    from divisive_desktop.explanation.export import error_json

    return error_json(file, error)


def _write_json(target: str, results: list[dict[str, Any]]) -> None:
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if target == "-":
        sys.stdout.write(text)
        return
    path = Path(target)
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as e:
        raise UserFacingError(f"{path} could not be written: {e.strerror}.", "Choose another folder.") from e


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserFacingError(f"{folder} can't be made: {e.strerror}.", "Choose another folder.") from e


def _say_error(error: UserFacingError) -> None:
    typer.echo(f"{error.message}\n{error.remedy}", err=True)
