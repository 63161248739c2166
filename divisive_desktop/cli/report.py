"""What ``divisive-desktop report`` does: items from the command line to sealed files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from divisive_desktop.casebook import Casebook
from divisive_desktop.cli.output import Progress
from divisive_desktop.engine.messages import Analyse, FindFaces
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import UserFacingError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging import ImageRecord
from divisive_desktop.imaging.faces import Framing
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.items import Box, Item, ReportCase, image_case, kept_case, parse_item
from divisive_desktop.reporting.keys import load_key
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.produce import produce

Failures = list[tuple[str, UserFacingError]]


def report_command(
    texts: Sequence[str],
    out: Path,
    options: Options,
    *,
    model: str | None,
    label: int | None,
    mask: Path | None,
    framing: Framing | None,
    device: str,
    say: Callable[[str], None],
) -> tuple[list[Path], Failures]:
    """Write a report on images and cases of casebooks.

    Parameters
    ----------
    texts : sequence of str
        ``IMAGE`` or ``CASEBOOK#ID``.
    model, label, mask, framing
        For images; cases of a casebook bring their own.
    say : callable
        Takes warnings for the user.

    Returns
    -------
    (files, failures)

    Raises
    ------
    UserFacingError
        Nothing could be written.
    """
    key = load_key(create=True) if options.sign else None
    failures: Failures = []
    with ExitStack() as stack:
        cases, books = _cases(stack, texts, options, model, label, mask, framing, device, say, failures)
        if not cases:
            raise failures[0][1]
        made = produce(
            [(case.name, case.content) for case in cases], options, out, progress=Progress(len(cases)), key=key,
            dicom=[case.dicom for case in cases],
        )  # fmt: skip
        _record(books, [name for name, _ in made.failures], made.files, options, say)
    return list(made.files), [*failures, *made.failures]


def _cases(
    stack: ExitStack,
    texts: Sequence[str],
    options: Options,
    model: str | None,
    label: int | None,
    mask: Path | None,
    framing: Framing | None,
    device: str,
    say: Callable[[str], None],
    failures: Failures,
) -> tuple[list[ReportCase], list[tuple[Casebook, int, str]]]:
    """Items that can be reported on, and which of them are cases of which casebook."""
    worker = Worker(device)
    finder = _Faces(worker, say) if options.pixelate_faces else None
    conclusion = options.conclusion if len(texts) == 1 else ""
    opened: dict[Path, Casebook] = {}
    cases: list[ReportCase] = []
    books: list[tuple[Casebook, int, str]] = []

    def analyse(record: ImageRecord) -> Analysis:
        request = Analyse(str(record.path), model_id=model, expected_sha256=record.sha256, framing=framing)
        result: Analysis = worker.handle(request)
        return result

    for text in texts:
        try:
            item: Item = parse_item(text)
            if item.case is None:
                case = image_case(
                    item.path, analyse, options, label=label, mask_file=mask, conclusion=conclusion, faces=finder
                )
            else:
                folder = item.path.resolve()
                if folder not in opened:
                    opened[folder] = stack.enter_context(Casebook.open(folder))
                book = opened[folder]
                case = kept_case(book, item.case, options, conclusion=conclusion or None, faces=finder)
                books.append((book, item.case, case.name))
            cases.append(_warning(case, say))
        except UserFacingError as e:
            failures.append((text, e))
    return cases, books


def _warning(case: ReportCase, say: Callable[[str], None]) -> ReportCase:
    """The same case that says what to look for in pixels that may name somebody, when its content is made."""

    def content(side: int, lossless: bool) -> CaseContent:
        made = case.content(side, lossless)
        if made.image.burned_in:
            say(f"{case.name}: {made.image.burned_in}")
        return made

    return replace(case, content=content)


class _Faces:
    """Where the faces of a picture are; says where none was found, because nothing is hidden then."""

    def __init__(self, worker: Worker, say: Callable[[str], None]) -> None:
        self._worker, self._say = worker, say
        self._known: dict[tuple[str, int], tuple[Box, ...]] = {}

    def __call__(self, record: ImageRecord) -> Sequence[Box]:
        name = (record.sha256, record.frame)
        if name not in self._known:
            found: Any = self._worker.handle(FindFaces(str(record.path), record.frame))
            self._known[name] = tuple(_whole_pixels(face.box) for face in found.faces)
            if not found.faces:
                self._say(f"{record.path.name}: no face was found, none is hidden. Look at the report.")
        return self._known[name]


def _whole_pixels(box: tuple[float, float, float, float]) -> Box:
    left, top, width, height = box
    return int(left), int(top), int(width) + 2, int(height) + 2


def _record(
    books: Sequence[tuple[Casebook, int, str]],
    failed: Sequence[str],
    files: Sequence[Path],
    options: Options,
    say: Callable[[str], None],
) -> None:
    """What left is written into the audit chain of the casebook that it came from."""
    for book, case, name in books:
        if name in failed:
            continue
        if book.read_only:
            say(f"{name}: the report isn't in the casebook's record. {book.read_only}")
            continue
        book.audit.record("report", case=case, files=[f.name for f in files], deidentified=options.deidentify)
