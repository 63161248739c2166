"""The process that makes reports: pages to look at, files to hand on. No Qt here, and no torch.

A process of its own, because a report is minutes of work that holds Python's lock: JSON of hundreds of cases, DICOM's
tables. The window would stand still for a third of a second at a time. It lives as long as the report window.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import NoneType
from typing import Any, Protocol

import numpy as np

from divisive_desktop import errors
from divisive_desktop.casebook import Casebook
from divisive_desktop.errors import CancelledError, InternalError, ReportError, UserFacingError
from divisive_desktop.geometry import Box
from divisive_desktop.imaging import ImageRecord
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.processes.messages import BadMessageError, receive
from divisive_desktop.reporting import keys
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.dicom_source import NoStudyError
from divisive_desktop.reporting.items import FindFaces, ReportCase, image_case, kept_case
from divisive_desktop.reporting.options import Options, save_last
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.pictures import SIDE
from divisive_desktop.reporting.process.messages import (
    FacesWanted,
    Failed,
    Failure,
    Look,
    Page,
    Preview,
    Progressed,
    Source,
    Write,
    WrittenReport,
)
from divisive_desktop.reporting.produce import MANY, produce

log = logging.getLogger(__name__)

PREVIEWED = 2
"""Cases that the preview shows; the others look like them."""
_PAGE_WIDTH = 1240
"""Pixels: A4 at 150 dpi, sharp on screens with two pixels a point."""


class Stop(Protocol):
    """Set from outside when an answer isn't wanted any more (``multiprocessing.Event``)."""

    def is_set(self) -> bool:
        """Whether it is."""


def serve(connection: Connection, stop: Stop, sources: Sequence[Source], casebook: Path | None) -> None:
    """Answer requests until the window hangs up.

    Parameters
    ----------
    casebook : Path, optional
        Where the cases with an id are; it is only read.
    """
    with ExitStack() as stack:
        book = stack.enter_context(Casebook.open(casebook, read_only=True)) if casebook is not None else None
        maker = ReportMaker(sources, book, connection, stop)
        while True:
            try:
                request = receive(connection, (Look, Write))
            except (EOFError, OSError, BadMessageError):  # hung up, or not who it was
                return
            try:
                answer: Any = maker.look(request.options) if isinstance(request, Look) else maker.write(request)
            except UserFacingError as e:
                answer = Failed(e.kind, e.message, e.remedy)
            except Exception as e:  # noqa: BLE001 - a bug must reach the user, not end the process without a word
                log.error("report\n%s", traceback.format_exc())
                answer = Failed(
                    InternalError.kind, f"Something went wrong inside the program ({type(e).__name__}: {e}).",
                    "Nothing of the report was left. Help > Save log… keeps the details for a bug report.",
                )  # fmt: skip
            try:
                connection.send(answer)
            except OSError:
                return


class ReportMaker:
    """One choice of cases. What is expensive is kept from one look to the next."""

    def __init__(self, sources: Sequence[Source], book: Casebook | None, connection: Connection, stop: Stop) -> None:
        self._sources, self._book, self._connection, self._stop = tuple(sources), book, connection, stop
        self._contents: dict[tuple[object, ...], CaseContent] = {}
        self._faces: dict[tuple[str, int, str], Sequence[Box]] = {}

    # -- pages ----------------------------------------------------------------------------------------------

    def look(self, options: Options) -> Preview | None:
        """The pages as they would be now; None when it was stopped on the way.

        Raises
        ------
        UserFacingError
            None of the cases can be reported on.
        """
        contents: list[CaseContent] = []
        failures: list[tuple[str, UserFacingError]] = []
        for number, source in enumerate(self._sources):
            if len(contents) == PREVIEWED:
                break
            if self._stop.is_set():
                return None
            try:
                contents.append(self._content(number, options))
            except CancelledError:
                return None
            except UserFacingError as e:
                failures.append((source.name, e))
        if not contents:
            raise failures[0][1]
        key, unsigned = None, ""
        if options.sign:
            try:
                key = keys.load_key()
            except UserFacingError as e:
                unsigned = f"{e.message} {e.remedy}"
        report = build_report(
            contents, options, total=len(self._sources), signer=keys.signer(key, options.analyst)
        )
        data = write_pdf(report, options.paper)
        if self._stop.is_set():
            return None
        return Preview(
            pages_of(data), len(contents), next((c.image.burned_in for c in contents if c.image.burned_in), ""),
            _failures(failures), keys.fingerprint(keys.public_hex(key)) if key is not None else "", unsigned,
        )  # fmt: skip

    def _content(self, number: int, options: Options) -> CaseContent:
        """One case; its pictures are made once for each language and each way of hiding who it is."""
        source = self._sources[number]
        kept = (number, options.language, options.deidentify, options.pixelate_faces, *self._said(source))
        if kept not in self._contents:
            case = self._case(source, replace(options, analyst="", conclusion=""))
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
        row = self._book.cases.get(source.id)
        return row.label, row.review, row.analysis, row.regions, row.energy

    # -- files ----------------------------------------------------------------------------------------------

    def write(self, request: Write) -> WrittenReport:
        """Write the files, and remember the choices for the next report.

        Raises
        ------
        UserFacingError
            Nothing could be written; nothing is left.
        CancelledError
            It was stopped; nothing is left.
        """
        options = request.options
        key = keys.load_key(create=True) if options.sign else None
        alone = len(self._sources) == 1
        cases: list[tuple[Source, ReportCase]] = []
        failures: list[tuple[str, UserFacingError]] = []
        for source in self._sources:
            try:
                cases.append((source, self._case(source, options, options.conclusion if alone else None)))
            except UserFacingError as e:
                failures.append((source.name, e))
        if not cases:
            raise failures[0][1]
        # Numbered, because two cases may have the same name, and what failed is told by name.
        names = {source.name if alone else f"{source.name} ({number})": source
                 for number, (source, _) in enumerate(cases, 1)}  # fmt: skip
        made = produce(
            [(name, case.content) for name, (_, case) in zip(names, cases, strict=True)], options,
            Path(options.folder), progress=self._tell, cancelled=self._stop.is_set, key=key,
            dicom=[case.dicom for _, case in cases],
        )  # fmt: skip
        save_last(options)
        elsewhere = {name for name, e in made.failures if isinstance(e, NoStudyError)}
        failed = {name for name, _ in made.failures} - elsewhere
        reported = tuple(s.id for name, s in names.items() if s.id is not None and name not in made.left_out)
        failures += [(names[name].name, e) for name, e in made.failures if name in failed]
        return WrittenReport(made.files, _failures(failures), reported, len(elsewhere))

    def _case(self, source: Source, options: Options, conclusion: str | None = None) -> ReportCase:
        """A chosen case as a report takes it; ``conclusion`` None: the case's notes."""
        finder: FindFaces | None = self._find_faces if options.pixelate_faces else None
        if source.id is not None and self._book is not None:
            return kept_case(self._book, source.id, options, conclusion=conclusion, faces=finder)
        analysis = source.analysis
        if analysis is None:
            raise ReportError(f"{source.name} has not been analysed yet.", "Analyse it, then report on it.")
        return image_case(
            source.path, lambda record: analysis, options, frame=source.frame, label=source.label,
            correction=Correction.parse(analysis.correction), conclusion=conclusion or "", faces=finder,
        )  # fmt: skip

    # -- the window -----------------------------------------------------------------------------------------

    def _tell(self, fraction: float, what: str, left_s: float | None) -> None:
        self._connection.send(Progressed(fraction, what, left_s))

    def _find_faces(self, record: ImageRecord) -> Sequence[Box]:
        """The engine looks for them; the window passes the question on. Each picture is looked at once."""
        key = (record.sha256, record.frame, str(record.correction))
        if key not in self._faces:
            self._connection.send(FacesWanted(str(record.path), record.frame, record.correction))
            found = receive(self._connection, (tuple, Failed, NoneType))
            if isinstance(found, Failed):
                raise errors.of(found.kind, found.message, found.remedy)
            if found is None:
                raise CancelledError
            self._faces[key] = found
        return self._faces[key]


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


def _failures(found: Sequence[tuple[str, UserFacingError]]) -> tuple[Failure, ...]:
    return tuple((name, error.message, error.remedy) for name, error in found)


