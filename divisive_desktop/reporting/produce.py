"""From chosen cases to files: case by case, in volumes, with progress; nothing is left behind when it is cancelled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from divisive_desktop.errors import CancelledError, ReportError, UserFacingError
from divisive_desktop.language import text
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent, Report
from divisive_desktop.reporting.deid import Deidentifier
from divisive_desktop.reporting.dicom_export import DicomCase, export_dicom, one_case
from divisive_desktop.reporting.dicom_source import NoStudyError
from divisive_desktop.reporting.export import export_one
from divisive_desktop.reporting.keys import signer
from divisive_desktop.reporting.options import VOLUME, Options
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.pictures import SIDE
from divisive_desktop.reporting.spool import Spool

MANY = 3
"""From more cases on, pictures are smaller and compressed."""
PAGED = ("pdf", "html")
"""Formats with pictures: written in volumes. The others hold all cases in one file."""
TIMED = (*PAGED, "dicom")

Build = Callable[[int, bool], CaseContent]
"""Makes a case's content, given the longest side of its pictures and whether they are lossless."""
Progress = Callable[[float, str, float | None], None]
"""Fraction done, what is being done, seconds left (None: not known yet)."""


@dataclass(frozen=True)
class ProducedFiles:
    """What came of it."""

    files: tuple[Path, ...]
    failures: tuple[tuple[str, UserFacingError], ...]
    """Cases that are not in the report, or not in its DICOM objects, and why."""
    left_out: frozenset[str] = frozenset()
    """Names of cases that are in none of the files."""


def produce(
    cases: Sequence[tuple[str, Build]],
    options: Options,
    folder: Path,
    *,
    progress: Progress = lambda fraction, what, left: None,
    cancelled: Callable[[], bool] = lambda: False,
    key: Ed25519PrivateKey | None = None,
    dicom: Sequence[Callable[[], DicomCase]] = (),
) -> ProducedFiles:
    """Write a report on these cases in the chosen formats.

    A case that fails (file missing, changed, not analysed) is left out and named; the others are reported. One whose
    file gives no DICOM objects is in the other formats.

    Parameters
    ----------
    cases : (name, build) pairs
        The name is for messages; ``build`` is called once, when its turn comes.
    key : Ed25519 key, optional
        Seals the files with a signature.
    dicom : callables, one a case
        What the format ``dicom`` is made from (``items.ReportCase.dicom``), called when its turn comes.

    Raises
    ------
    ReportError
        The folder can't be written to, or there is nothing to report.
    CancelledError
        ``cancelled`` said so; files written until then are gone.
    UserFacingError
        The only case failed.
    """
    if not cases:
        raise ReportError("No case was chosen for the report.", "Choose at least one analysed case.")
    if not options.formats:
        raise ReportError("No format was chosen for the report.", "Choose PDF, HTML, JSON, CSV or DICOM.")
    if "dicom" in options.formats and len(dicom) != len(cases):
        raise ReportError("DICOM objects can't be written for these cases.", "Choose PDF, HTML, JSON or CSV.")
    clock = _Clock(len(cases), len([f for f in options.formats if f in TIMED]), progress, cancelled)
    side, lossless = (SIDE, True) if len(cases) <= MANY else (SIDE * 7 // 10, False)
    failures: list[tuple[str, UserFacingError]] = []
    written: list[Path] = []
    with Spool() as spool:
        contents: list[CaseContent] = []
        kept: list[int] = []
        for number, (name, build) in enumerate(cases):
            clock.tell(text(options.language, "progress_case", name=name))
            try:
                contents.append(spool.keep(build(side, lossless)))
                kept.append(number)
            except CancelledError:
                raise
            except UserFacingError as e:
                failures.append((name, e))
            clock.step(_Clock.CASE)
        if not contents:
            raise failures[0][1]
        left_out = {name for name, _ in failures}
        whole = build_report(contents, options, total=len(contents), signer=signer(key, options.analyst))
        try:
            for name in options.formats:
                if name == "dicom":
                    originals = [(cases[number][0], dicom[number]) for number in kept]
                    failures += _dicom(whole, originals, options, folder, key, clock, written)
                else:
                    written += _written(name, whole, options, folder, key, clock)
            if not written:
                raise failures[0][1]
        except BaseException:
            for path in written:  # all files or none
                path.unlink(missing_ok=True)
            raise
    if set(options.formats) == {"dicom"}:
        left_out |= {name for name, _ in failures}
    return ProducedFiles(tuple(written), tuple(failures), frozenset(left_out))


def _written(
    name: str, whole: Report, options: Options, folder: Path, key: Ed25519PrivateKey | None, clock: _Clock
) -> list[Path]:
    """One format's files."""
    stem = stem_of(whole)
    if name not in PAGED or len(whole.cases) <= VOLUME:
        clock.tell(text(options.language, "progress_writing", format=name.upper()))
        path = export_one(whole, name, folder, stem, paper=options.paper, key=key, beat=clock.beat(name))
        return [path]
    paths: list[Path] = []
    volumes = range(0, len(whole.cases), VOLUME)
    try:
        for number, start in enumerate(volumes, 1):
            clock.tell(
                text(options.language, "progress_volume", format=name.upper(), number=number, total=len(volumes))
            )
            part = build_report(
                whole.cases[start : start + VOLUME], options, first_number=start + 1, total=len(whole.cases),
                signer=signer(key, options.analyst),
            )  # fmt: skip
            paths.append(
                export_one(part, name, folder, f"{stem}-part-{number:02}-of-{len(volumes):02}", paper=options.paper,
                           key=key, beat=clock.beat(name))
            )  # fmt: skip
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    return paths


def _dicom(
    whole: Report,
    originals: Sequence[tuple[str, Callable[[], DicomCase]]],
    options: Options,
    folder: Path,
    key: Ed25519PrivateKey | None,
    clock: _Clock,
    written: list[Path],
) -> list[tuple[str, UserFacingError]]:
    """DICOM objects of each case, added to ``written``; returns the cases that have none, and why."""
    deidentifier = Deidentifier(options.dates) if options.deidentify else None
    failures: list[tuple[str, UserFacingError]] = []
    before = len(written)
    for case, (name, original) in zip(whole.cases, originals, strict=True):
        clock.tell(text(options.language, "progress_writing", format="DICOM"))
        alone = one_case(whole, case)
        try:
            written += export_dicom(
                alone, original(), folder, stem_of(alone), key=key, deidentifier=deidentifier,
                write=partial(write_pdf, paper=options.paper),
            )  # fmt: skip
        except CancelledError:
            raise
        except UserFacingError as e:
            failures.append((name, e))
        clock.beat("dicom")()
    if len(written) == before and all(isinstance(e, NoStudyError) for _, e in failures):
        raise failures[0][1]  # the wrong format was chosen
    return failures


def stem_of(report: Report) -> str:
    """Name of the report's files without ending; it names no patient."""
    if len(report.cases) == 1:
        return f"report-{report.cases[0].image.sha256[:12]}"
    return f"report-{len(report.cases)}-cases"


class _Clock:
    """Progress with the time left, and the question whether to stop."""

    CASE, PAGES = 3.0, 1.0
    """Share of time: making a case's content takes about so much longer than writing its pages."""

    def __init__(self, cases: int, paged: int, progress: Progress, cancelled: Callable[[], bool]) -> None:
        self._all = cases * (self.CASE + self.PAGES * paged)
        self._done = 0.0
        self._what = ""
        self._begun = time.monotonic()
        self._progress, self._cancelled = progress, cancelled

    def tell(self, what: str) -> None:
        self._what = what
        self._say()

    def step(self, weight: float) -> None:
        self._done += weight
        self._say()

    def beat(self, name: str) -> Callable[[], None]:
        """Called by a writer after each case."""
        weight = self.PAGES if name in TIMED else 0.0
        return lambda: self.step(weight)

    def _say(self) -> None:
        if self._cancelled():
            raise CancelledError
        fraction = min(1.0, self._done / self._all)
        spent = time.monotonic() - self._begun
        left = spent * (1 - fraction) / fraction if fraction > 0.02 and spent > 1 else None
        self._progress(fraction, self._what, left)
