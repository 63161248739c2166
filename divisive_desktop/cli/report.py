"""``divisive-desktop report``: images and cases of casebooks become sealed files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from divisive_desktop.cli.exit_codes import EXIT_OK, EXIT_SOME_FILES
from divisive_desktop.cli.options import (
    AskAnywayOption,
    CropOption,
    DeviceOption,
    ErrorRatesOption,
    MendOption,
    ModelOption,
    NoFaceOption,
    TaskOption,
    chosen_correction,
    chosen_framing,
    chosen_model,
    chosen_rates,
    say,
    say_failure,
)
from divisive_desktop.cli.output import ProgressLine
from divisive_desktop.errors import OutOfScopeError, UserFacingError
from divisive_desktop.foreign.text import plain
from divisive_desktop.geometry import Box, covering

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.decision import Wanted
    from divisive_desktop.imaging import ImageRecord
    from divisive_desktop.imaging.correction import Correction
    from divisive_desktop.imaging.framing import Framing
    from divisive_desktop.reporting.content import CaseContent
    from divisive_desktop.reporting.items import Item, ReportCase
    from divisive_desktop.reporting.options import Options

Failures = list[tuple[str, UserFacingError]]


def report(
    items: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Images, or cases: CASEBOOK#ID.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files.")],
    formats: Annotated[str, typer.Option("--format", help="Comma-separated: pdf, html, json, csv, dicom.")] = "pdf",
    model: ModelOption = None,
    task: TaskOption = None,
    label: Annotated[int | None, typer.Option(min=0, max=1, help="The class held true; default: the nearer.")] = None,
    crop: CropOption = None,
    no_face: NoFaceOption = False,
    ask_anyway: AskAnywayOption = False,
    mend: MendOption = None,
    error_rates: ErrorRatesOption = None,
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
    from divisive_desktop.reporting.options import DATES, Options, read_logo

    if mask is not None and (len(items) > 1 or "#" in items[0]):
        raise typer.BadParameter("a mask belongs to one image")
    if dates not in DATES:
        raise typer.BadParameter(f"one of {', '.join(DATES)}", param_hint="--dates")
    options = Options(
        formats=_listed(formats), language=language, paper=paper, institution=institution,
        logo=read_logo(logo) if logo is not None else b"", left_out=_listed(leave_out), analyst=analyst,
        conclusion=conclusion, deidentify=not identified, dates=dates, pixelate_faces=pixelate_faces, sign=sign,
        rates=chosen_rates(error_rates),
    )  # fmt: skip
    framing, correction = chosen_framing(crop, no_face), chosen_correction(mend)
    images = _ForImages(model, task, label, mask, framing, device, ask_anyway, correction)
    kept_rates = chosen_rates("settings" if error_rates is None else error_rates)
    files, failures = _write(items, out, options, images, kept_rates)
    for path in files:
        typer.echo(plain(path))
    for name, error in failures:
        say_failure(name, error)
    return EXIT_SOME_FILES if failures else EXIT_OK


def _listed(text: str) -> tuple[str, ...]:
    """Parts of a comma-separated option, each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


@dataclass(frozen=True)
class _ForImages:
    """How images are analysed and what is known of them; cases of a casebook bring their own."""

    model: str | None
    task: str | None
    label: int | None
    mask: Path | None
    framing: Framing | None
    device: str
    ask_anyway: bool
    correction: Correction


def _write(
    texts: Sequence[str], out: Path, options: Options, images: _ForImages, kept_rates: Wanted | None
) -> tuple[list[Path], Failures]:
    """Write a report on images and cases of casebooks.

    Parameters
    ----------
    texts : sequence of str
        ``IMAGE`` or ``CASEBOOK#ID``.
    kept_rates : (float, float), optional
        Error rates for cases of casebooks, which the window shows at those of its settings; ``options`` has
        those for images.

    Returns
    -------
    (files, failures)

    Raises
    ------
    UserFacingError
        Nothing could be written, and not because the images are out of scope.
    """
    from divisive_desktop.reporting.keys import load_key
    from divisive_desktop.reporting.produce import produce

    key = load_key(create=True) if options.sign else None
    failures: Failures = []
    with ExitStack() as stack:
        cases, books = _cases(stack, texts, options, images, kept_rates, failures)
        if not cases:
            raise failures[0][1]
        try:
            made = produce(
                [(case.name, case.content) for case in cases], options, out, progress=ProgressLine(len(cases)),
                key=key, dicom=[case.dicom for case in cases],
            )  # fmt: skip
        except OutOfScopeError as e:  # of all that could be opened: no fault, but no answer either
            return [], [*failures, (cases[0].name, e)]
        _record(books, made.left_out, made.files, options)
    return list(made.files), [*failures, *made.failures]


def _cases(
    stack: ExitStack, texts: Sequence[str], options: Options, images: _ForImages, kept_rates: Wanted | None,
    failures: Failures,
) -> tuple[list[ReportCase], list[tuple[Casebook, int, str]]]:
    """Items that can be reported on, and which of them are cases of which casebook."""
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.engine import dispatch
    from divisive_desktop.engine.messages import Analyse
    from divisive_desktop.engine.worker import Worker
    from divisive_desktop.library.store import find_models, models_in_use
    from divisive_desktop.reporting.items import image_case, kept_case, parse_item

    worker = Worker(images.device)
    # The versions that are in use now answer all images, whatever is made the one in use meanwhile.
    model_id = chosen_model(worker, images.model, images.task)
    versions = tuple(found.card.ref for found in models_in_use(find_models()).values())
    finder = _Faces(worker) if options.pixelate_faces else None
    conclusion = options.conclusion if len(texts) == 1 else ""
    opened: dict[Path, Casebook] = {}
    cases: list[ReportCase] = []
    books: list[tuple[Casebook, int, str]] = []

    def analyse(record: ImageRecord) -> Analysis:
        request = Analyse(
            str(record.path), model_id=model_id, expected_sha256=record.sha256, framing=images.framing,
            correction=record.correction, versions=versions, ask_anyway=images.ask_anyway,
        )  # fmt: skip
        result: Analysis = dispatch.answer(worker, request)
        return result

    for text in texts:
        try:
            item: Item = parse_item(text)
            if item.case is None:
                case = image_case(
                    item.path, analyse, options, correction=images.correction, label=images.label,
                    mask_file=images.mask, conclusion=conclusion, faces=finder, say=say,
                )  # fmt: skip
            else:
                folder = item.path.resolve()
                if folder not in opened:
                    opened[folder] = stack.enter_context(Casebook.open(folder))
                book = opened[folder]
                kept = replace(options, rates=kept_rates)
                case = kept_case(book, item.case, kept, conclusion=conclusion or None, faces=finder)
                books.append((book, item.case, case.name))
            cases.append(_warning(case))
        except UserFacingError as e:
            failures.append((text, e))
    return cases, books


def _warning(case: ReportCase) -> ReportCase:
    """The same case that says what to look for in pixels that may name somebody, when its content is made."""

    def content(side: int, lossless: bool) -> CaseContent:
        made = case.content(side, lossless)
        if made.image.burned_in:
            say(f"{case.name}: {made.image.burned_in}")
        return made

    return replace(case, content=content)


class _Faces:
    """Where the faces of a picture are; says where none was found, because nothing is hidden then."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._known: dict[tuple[str, int, str], tuple[Box, ...]] = {}

    def __call__(self, record: ImageRecord) -> Sequence[Box]:
        from divisive_desktop.engine import dispatch
        from divisive_desktop.engine.messages import FindFaces

        name = (record.sha256, record.frame, str(record.correction))
        if name not in self._known:
            found: Any = dispatch.answer(self._worker, FindFaces(str(record.path), record.frame, record.correction))
            self._known[name] = tuple(covering(face.box) for face in found.found)
            if not found.found:
                say(f"{record.path.name}: no face was found, none is hidden. Look at the report.")
        return self._known[name]

def _record(
    books: Sequence[tuple[Casebook, int, str]],
    left_out: Collection[str],
    files: Sequence[Path],
    options: Options,
) -> None:
    """What left is written into the audit chain of the casebook that it came from."""
    from divisive_desktop.reporting.audit import exported

    names, digests = exported(files)
    for book, case, name in books:
        if name in left_out:
            continue
        if book.read_only:
            say(f"{name}: the report isn't in the casebook's record. {book.read_only}")
            continue
        book.audit.record("report", case=case, files=names, sha256=digests, deidentified=options.deidentify)
