"""Commands of the command line about reports: ``report``, ``verify``, ``keys``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from divisive_desktop.cli.entry import EXIT_FAILED, EXIT_OK, EXIT_SOME_FILES
from divisive_desktop.cli.options import CropOption, DeviceOption, NoFaceOption, chosen_framing, say, say_failure

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis


def report(
    items: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Images, or cases: CASEBOOK#ID.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files.")],
    formats: Annotated[str, typer.Option("--format", help="Comma-separated: pdf, html, json, csv, dicom.")] = "pdf",
    model: Annotated[str | None, typer.Option(help="Model id; default: the task's default model.")] = None,
    label: Annotated[int | None, typer.Option(min=0, max=1, help="The class held true (0 or 1).")] = None,
    crop: CropOption = None,
    no_face: NoFaceOption = False,
    mask: Annotated[Path | None, typer.Option(help="Saliency mask of the one image.")] = None,
    language: Annotated[str, typer.Option(help="en or de.")] = "en",
    paper: Annotated[str, typer.Option(help="A4 or Letter.")] = "A4",
    institution: Annotated[str, typer.Option(help="Name at the head of each page.")] = "",
    logo: Annotated[Path | None, typer.Option(metavar="FILE", help="Picture at the head of the first page.")] = None,
    leave_out: Annotated[
        str, typer.Option(help="Comma-separated: mask, before_after, model_card, audit, signature.")
    ] = "",
    analyst: Annotated[str, typer.Option(help="Name at the signature block.")] = "",
    conclusion: Annotated[str, typer.Option(help="The analyst's own words.")] = "",
    sign: Annotated[bool, typer.Option("--sign", help="Sign with your key in the system's keyring.")] = False,
    identified: Annotated[bool, typer.Option("--identified", help="Keep identifying information.")] = False,
    dates: Annotated[str, typer.Option(help="In de-identified DICOM objects: remove, shift or keep.")] = "remove",
    pixelate_faces: Annotated[bool, typer.Option("--pixelate-faces", help="Make faces unrecognisable.")] = False,
    device: DeviceOption = "auto",
) -> int:
    """Write a sealed report that someone else can check, on images or kept cases; de-identified by default."""
    from divisive_desktop.reporting.needs import check_installed

    check_installed()
    from divisive_desktop.cli.report import report_command
    from divisive_desktop.reporting.options import DATES, Options, read_logo

    if mask is not None and (len(items) > 1 or "#" in items[0]):
        raise typer.BadParameter("a mask belongs to one image")
    if dates not in DATES:
        raise typer.BadParameter(f"one of {', '.join(DATES)}", param_hint="--dates")
    options = Options(
        formats=_listed(formats), language=language, paper=paper, institution=institution,
        logo=read_logo(logo) if logo is not None else b"", left_out=_listed(leave_out), analyst=analyst,
        conclusion=conclusion, deidentify=not identified, dates=dates, pixelate_faces=pixelate_faces, sign=sign,
    )  # fmt: skip
    files, failures = report_command(
        items, out, options, model=model, label=label, mask=mask, framing=chosen_framing(crop, no_face),
        device=device, say=say,
    )  # fmt: skip
    for path in files:
        typer.echo(path)
    for name, error in failures:
        say_failure(name, error)
    return EXIT_SOME_FILES if failures else EXIT_OK


def verify(
    path: Annotated[Path, typer.Argument(help="A casebook folder, or an exported report.")],
    original: Annotated[Path | None, typer.Option(help="The image that the report is about.")] = None,
    casebook: Annotated[
        Path | None, typer.Option(help="The casebook that the report comes from; it is only read.")
    ] = None,
    trust: Annotated[
        str | None, typer.Option(metavar="NAME", help="Remember that the key that signed the report is NAME's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Check that a casebook (audit chain, files, originals) or a sealed report is as it was written."""
    if path.is_file():
        return _verify_report(path, original, casebook, trust, as_json)
    from divisive_desktop.cli.verify import verify_command

    if original is not None or casebook is not None or trust is not None:
        raise typer.BadParameter("--original, --casebook and --trust belong to the file of a report")
    code, text = verify_command(path, as_json=as_json)
    typer.echo(text)
    return code


def keys(
    public_key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="A public key that somebody gave you (64 hex digits).")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Whose key it is; from then on 'verify' says so.")] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Don't know this key any more.")] = False,
    create: Annotated[bool, typer.Option("--create", help="Make your own signing key now, if you have none.")] = False,
) -> int:
    """Show your public key and those that you know; remember whose a key is."""
    from divisive_desktop.reporting import keys as ring

    if public_key is not None:
        if forget == (name is not None):
            raise typer.BadParameter("with a KEY, give either --name NAME or --forget")
        if forget:
            ring.forget(public_key)
        else:
            ring.trust(public_key, str(name))
        return EXIT_OK
    if name is not None or forget:
        raise typer.BadParameter("--name and --forget want a KEY")
    own = ring.load_key(create=create)
    if own is None:
        typer.echo("You have no signing key yet. It is made with the first 'report --sign', or now with --create.")
    else:
        public = ring.public_hex(own)
        typer.echo(f"Your public key: {public}\nFingerprint:     {ring.fingerprint(public)}")
    for public, whose in sorted(ring.known_keys().items(), key=lambda item: item[1]):
        typer.echo(f"{public}  {ring.fingerprint(public)}  {whose}")
    return EXIT_OK


def _listed(text: str) -> tuple[str, ...]:
    """Parts of a comma-separated option, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _verify_report(path: Path, original: Path | None, casebook: Path | None, trust: str | None, as_json: bool) -> int:
    from divisive_desktop.library import store
    from divisive_desktop.reporting import keys as ring
    from divisive_desktop.reporting.verify import trust_signer, verify_file

    if trust is not None:
        trust_signer(path, trust)
    known = {m.card.id: m.card.weights_sha256 for m in store.find_models()}
    with ExitStack() as stack:
        confirm = None
        if casebook is not None:
            from divisive_desktop.casebook import Casebook
            from divisive_desktop.reporting.confirm import Confirmer

            confirm = Confirmer(stack.enter_context(Casebook.open(casebook, read_only=True)))
        found = verify_file(path, original, _recomputed, known, known_keys=ring.known_keys(), confirm=confirm)
    typer.echo(json.dumps({"ok": found.ok, **asdict(found)}, indent=1) if as_json else found.as_text())
    return EXIT_OK if found.ok else EXIT_FAILED


def _recomputed(original: Path, analysis: Mapping[str, Any]) -> Analysis:
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.reporting.verify import analysed_again

    made: Analysis = Worker("cpu").handle(analysed_again(original, analysis))
    return made
