"""What the report window does in the background: pages to look at, files to hand on. No Qt here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import ReportError, UserFacingError
from divisive_desktop.reporting import keys
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.items import FindFaces, ReportCase, image_case, kept_case
from divisive_desktop.reporting.options import Options, save_last
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.pictures import SIDE
from divisive_desktop.reporting.produce import MANY, Produced, Progress, produce

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.explanation.analysis import Analysis

PREVIEWED = 2
"""Cases that the preview shows; the others look like them."""
_PAGE_WIDTH = 1240
"""Pixels: A4 at 150 dpi, sharp on screens with two pixels a point."""
Page = npt.NDArray[np.uint8]
"""uint8 (rows, columns, 3), RGB."""


@dataclass(frozen=True)
class Source:
    """A case that a report is wanted on, as the window knows it."""

    name: str
    path: Path
    frame: int = 0
    id: int | None = None
    """In the casebook; None: it is in none, and ``analysis`` is what there is."""
    analysis: Analysis | None = None
    label: int | None = None


@dataclass(frozen=True)
class Preview:
    """The first pages as they would be printed now."""

    pages: tuple[Page, ...]
    cases: int
    """Of how many cases these are the pages."""
    burned_in: str
    """What to look for in the pixels before they leave; '' where the file excludes it."""
    failures: tuple[tuple[str, UserFacingError], ...]
    signed: str
    """Fingerprint of the key that the report would be signed with; '' where there is none yet or none is wanted."""


class Previewer:
    """Pages of a PDF from the choices so far. What is expensive is kept from one look to the next.

    Parameters
    ----------
    sources : sequence of Source
    book : Casebook, optional
        Where the cases with an id are.
    faces : callable, optional
        Finds what is to be made unrecognisable.
    """

    def __init__(self, sources: Sequence[Source], book: Casebook | None, faces: FindFaces | None) -> None:
        self._sources, self._book, self._faces = tuple(sources), book, faces
        self._contents: dict[tuple[object, ...], CaseContent] = {}

    def look(self, options: Options, cancelled: Callable[[], bool] = lambda: False) -> Preview | None:
        """The pages; None when it was cancelled on the way.

        Raises
        ------
        UserFacingError
            None of the cases can be reported on.
        """
        contents: list[CaseContent] = []
        failures: list[tuple[str, UserFacingError]] = []
        for number in range(len(self._sources)):
            if len(contents) == PREVIEWED:
                break
            if cancelled():
                return None
            try:
                contents.append(self._content(number, options))
            except UserFacingError as e:
                failures.append((self._sources[number].name, e))
        if not contents:
            raise failures[0][1]
        key = keys.load_key() if options.sign else None
        several = len(self._sources) > 1
        report = build_report(
            contents, deidentified=options.deidentify, institution=options.institution, language=options.language,
            sections=options.left_out, logo=options.logo, conclusion=options.conclusion if several else "",
            total=len(self._sources), signer=keys.signer(key, options.analyst),
        )  # fmt: skip
        data = write_pdf(report, options.paper)
        if cancelled():
            return None
        return Preview(
            pages_of(data), len(contents), next((c.image.burned_in for c in contents if c.image.burned_in), ""),
            tuple(failures), keys.fingerprint(keys.public_hex(key)) if key is not None else "",
        )  # fmt: skip

    def _content(self, number: int, options: Options) -> CaseContent:
        """One case; its pictures are made once for each language and each way of hiding who it is."""
        source = self._sources[number]
        kept = (number, options.language, options.deidentify, options.pixelate_faces, *self._said(source))
        if kept not in self._contents:
            neutral = replace(options, analyst="", conclusion="")
            case = report_case(source, self._book, neutral, self._faces)
            few = len(self._sources) <= MANY
            self._contents[kept] = case.content(SIDE if few else SIDE * 7 // 10, few)
        content = self._contents[kept]
        alone = len(self._sources) == 1
        return replace(
            content, analyst=options.analyst or content.analyst,
            conclusion=options.conclusion if alone else content.conclusion,
        )  # fmt: skip

    def _said(self, source: Source) -> tuple[object, ...]:
        """What may have changed about a case since the last look."""
        if source.id is None or self._book is None:
            return ()
        row = self._book.case(source.id)
        return row.label, row.review, row.analysis, row.regions, row.energy


def report_case(
    source: Source, book: Casebook | None, options: Options, faces: FindFaces | None, conclusion: str | None = None
) -> ReportCase:
    """A chosen case as a report takes it.

    Parameters
    ----------
    conclusion : str, optional
        None: the case's notes.

    Raises
    ------
    UserFacingError
        It has no analysis, or isn't in the casebook any more.
    """
    hidden = faces if options.pixelate_faces else None
    if source.id is not None and book is not None:
        return kept_case(book, source.id, options, conclusion=conclusion, faces=hidden)
    analysis = source.analysis
    if analysis is None:
        raise ReportError(f"{source.name} has not been analysed yet.", "Analyse it, then report on it.")
    return image_case(
        source.path, lambda record: analysis, options, frame=source.frame, label=source.label,
        conclusion=conclusion or "", faces=hidden,
    )  # fmt: skip


@dataclass(frozen=True)
class Written:
    """What came of writing a report."""

    files: tuple[Path, ...]
    failures: tuple[tuple[str, UserFacingError], ...]
    """Names of the cases that are not in it, and why."""
    reported: tuple[int, ...]
    """Ids of the cases that are, for the casebook's record."""


def write(
    sources: Sequence[Source],
    book: Casebook | None,
    options: Options,
    faces: FindFaces | None,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> Written:
    """Write the files, and remember the choices for the next report.

    Raises
    ------
    UserFacingError
        Nothing could be written; nothing is left.
    CancelledError
        It was cancelled; nothing is left.
    """
    key = keys.load_key(create=True) if options.sign else None
    alone = len(sources) == 1
    cases: list[tuple[Source, ReportCase]] = []
    failures: list[tuple[str, UserFacingError]] = []
    for source in sources:
        try:
            case = report_case(source, book, options, faces, options.conclusion if alone else None)
            cases.append((source, case))
        except UserFacingError as e:
            failures.append((source.name, e))
    if not cases:
        raise failures[0][1]
    # Numbered, because two cases may have the same name and the answer names the ones that failed.
    names = {f"{source.name} ({number})" if len(cases) > 1 else source.name: source
             for number, (source, _) in enumerate(cases, 1)}  # fmt: skip
    made: Produced = produce(
        [(name, case.content) for name, (_, case) in zip(names, cases, strict=True)], options, Path(options.folder),
        progress=progress, cancelled=cancelled, key=key, dicom=[case.dicom for _, case in cases],
    )  # fmt: skip
    save_last(options)
    failed = {name for name, _ in made.failures}
    reported = tuple(s.id for name, s in names.items() if s.id is not None and name not in failed)
    return Written(made.files, (*failures, *((names[name].name, e) for name, e in made.failures)), reported)


def pages_of(pdf: bytes, width: int = _PAGE_WIDTH) -> tuple[Page, ...]:
    """The pages of a PDF as pictures, ``width`` pixels wide."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        pages: list[Page] = []
        for page in document:
            picture = page.render(scale=width / page.get_width(), rev_byteorder=True).to_numpy()
            pages.append(np.ascontiguousarray(picture[:, :, :3]))  # its memory goes with the document
        return tuple(pages)
    finally:
        document.close()
