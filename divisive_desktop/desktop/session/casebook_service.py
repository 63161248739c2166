"""The casebook behind the window: opened in the background, read from anywhere, written by one thread in order.

The analyst's own acts are written before images that wait to be taken in, so that a label never waits for a folder
of thousands of files to be read. Every act of a case that isn't in the casebook yet takes it in first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from divisive_desktop.desktop.session import unpacked
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.casebook_writer import IMPORT, CasebookWriter
from divisive_desktop.desktop.session.gc_pause import gc_paused, thaw
from divisive_desktop.desktop.session.importing import import_images, load_cases
from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
from divisive_desktop.errors import CasebookReadOnlyError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import BatchStatus, Casebook, CaseRow
    from divisive_desktop.casebook.tables.originals import FileCheck
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.imaging.record import ImageRecord

T = TypeVar("T")

log = logging.getLogger(__name__)

CHUNK = 40
"""Images taken in at once: few enough that an act of the analyst's needn't wait long."""
THUMBNAILS_MS = 2000
"""Thumbnails that wait longer than this are written, however few they are."""


class OpenedCasebook(NamedTuple):
    """A casebook as it was found."""

    book: Casebook
    cases: list[Case]
    unfinished: list[BatchStatus]
    waiting: list[tuple[Path, int]]
    """Files (and frames) that were opened before and aren't cases yet."""


class KnownImage(NamedTuple):
    """What the casebook knows of an image that was just decoded."""

    row: CaseRow | None
    analysis: Analysis | None
    altered: bool


class CasebookService(QObject):
    """One casebook at a time, for one window.

    Signals
    -------
    opened(OpenedCasebook)
        The casebook and the cases that were in it.
    imported(list)
        (``Case``, ``CaseRow``): these are in the casebook now.
    checked(list)
        (case id, state): files that aren't what was imported.
    problem(UserFacingError)
        Something could not be opened or kept.
    changed()
        Another casebook, or another reason not to write.
    rowsChanged(list)
        ``CaseRow``: what the casebook holds about cases after something was recorded about them, by whoever.
    """

    opened = Signal(OpenedCasebook)
    imported = Signal(list)
    checked = Signal(list)
    problem = Signal(UserFacingError)
    changed = Signal()
    rowsChanged = Signal(list)
    _recorded = Signal(frozenset)

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._writer = CasebookWriter(self)
        self._writer.problem.connect(self.problem)
        self.current: Casebook | None = None
        self._fresh: Casebook | None = None  # opened, and the window doesn't know yet
        self.path: Path | None = None
        self.asked: Path | None = None
        """The casebook that was asked for last, whether it could be opened or not."""
        self.reason: str | None = None
        """Why nothing can be written, in words for the user; None while opening and when it can."""
        self._ready = threading.Event()
        self._incoming: dict[Case, None] = {}
        """On their way into the casebook, which has a note of them."""
        self._thumbnails: dict[Case, bytes] = {}
        self._soon = QTimer(self, singleShot=True, interval=THUMBNAILS_MS)
        self._soon.timeout.connect(self._keep_thumbnails)
        self._stale: set[int] = set()
        self._reading = QTimer(self, singleShot=True, interval=200)
        self._reading.timeout.connect(self._read_acted)
        self._recorded.connect(self._on_recorded)

    # -- opening and closing --------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Acts are kept (or wait for the casebook that is being opened)."""
        return self.reason is None

    @property
    def idle(self) -> bool:
        """Everything that was said is on the disk."""
        return self._ready.is_set() and self._writer.idle

    @property
    def name(self) -> str:
        return self.path.stem if self.path is not None else ""

    def open(
        self, path: Path | None = None, *, create: bool = False, take_over: bool = False, accept_import: bool = False
    ) -> None:
        """Open a casebook (None: the user's own) in the background; what was open is closed before.

        Acts from now on go to the new one. ``take_over``: a lock held from another machine doesn't count.
        ``accept_import``: a casebook that somebody else made becomes one's own.
        """
        previous = self._let_go()
        self._ready.clear()
        self.reason = None
        thaw()

        def work(_: BackgroundTask) -> OpenedCasebook:
            from divisive_desktop.casebook import Casebook

            if previous is not None:
                previous()
            self.asked = path or Casebook.default_path()
            if path is None:
                book = Casebook.open_default()
            elif path.exists() and not create:
                book = Casebook.open(path, take_over=take_over, accept_import=accept_import)
            else:
                book = Casebook.create(path)
            self._fresh = book
            with gc_paused():
                cases = load_cases(book)
            return OpenedCasebook(book, cases, book.batches.rows(unfinished=True), book.waiting.files())

        self._runner.run(work, self._opened, self._not_opened, key="casebook", priority=40)

    def _opened(self, found: OpenedCasebook) -> None:
        self._fresh = None
        self.current, self.path, self.reason = found.book, found.book.path, found.book.read_only
        self._ready.set()
        if self.writable:
            self._writer.start(found.book)
            found.book.listeners.append(self._recorded.emit)
            self._writer.put(lambda book: book.originals.check(), self._files_checked, IMPORT)
            self._writer.put(unpacked.clean, priority=IMPORT)
        else:
            self._writer.drop()
        self.opened.emit(found)
        self.changed.emit()

    def _not_opened(self, error: UserFacingError) -> None:
        self.reason = error.message
        self._writer.drop()
        self._ready.set()
        self.problem.emit(error)
        self.changed.emit()

    def wait(self, timeout: float | None = None) -> Casebook:
        """The casebook, for background threads that need it: waits until it is open.

        Raises
        ------
        CasebookReadOnlyError
            None could be opened.
        """
        self._ready.wait(timeout)
        book = self.current or self._fresh
        if book is None:
            raise CasebookReadOnlyError(
                self.reason or "No casebook is open.", "Open or make a casebook in the File menu."
            )
        return book

    def stop_waiting(self) -> None:
        """The window closes: threads that wait for the casebook to be open go on, with it or without.

        What tells that it is open comes to the window's thread, which soon waits for them.
        """
        self._ready.set()

    def close(self) -> None:
        """Write what the analyst said, then let go of the casebook.

        Images that wait to be taken in stay noted there: that goes on when the casebook is opened the next time.
        """
        if self._fresh is not None:  # the window was closed while the casebook was being opened
            self._opened(OpenedCasebook(self._fresh, [], [], []))
        self._ready.set()
        finish = self._let_go()
        if finish is not None:
            finish()

    def _let_go(self) -> Callable[[], None] | None:
        """Detach from the casebook; the function that is returned writes what waits and closes it."""
        book = self.current
        if book is None:
            return None
        self._keep_thumbnails()
        incoming, self._incoming = self._incoming, {}
        self.current, written = None, self._writer.detach()

        def finish() -> None:
            written()
            book.listeners.clear()
            left = [(c.path, c.frame) for c in incoming if c.id is None and c.error is None and not c.removed]
            if incoming:
                book.waiting.replace(left)
            book.close()

        return finish

    # -- taking images in -----------------------------------------------------------------------------------

    def add(self, cases: Sequence[Case]) -> None:
        """Take images in, some at a time, after everything that the analyst said. First they are noted down."""
        if not self.writable or not cases:
            return
        self._incoming.update(dict.fromkeys(cases))
        noted = [(case.path, case.frame) for case in cases]
        self._writer.put(lambda book: book.waiting.add(noted))
        for start in range(0, len(cases), CHUNK):
            self._import(cases[start : start + CHUNK])

    def _import(self, chunk: Sequence[Case]) -> None:
        def arrived(new: list[tuple[Case, CaseRow]]) -> None:
            for case in chunk:
                self._incoming.pop(case, None)
            if not self._incoming:
                self.write(lambda book: book.waiting.replace([]))
            self.imported.emit(new)

        self._writer.put(lambda book: import_images(book, chunk), arrived, IMPORT)

    # -- writing --------------------------------------------------------------------------------------------

    def act(self, cases: Iterable[Case], work: Callable[[Casebook, list[int]], Any]) -> None:
        """Record something about cases: ``work(casebook, ids)``. Those that aren't in it yet are taken in first."""
        wanted = list(cases)

        def act(book: Casebook) -> list[tuple[Case, CaseRow]]:
            new = import_images(book, wanted)
            ids = [c.id for c in wanted if c.id is not None]
            if ids:
                work(book, ids)
            return new

        self.write(act, lambda new: self.imported.emit(new) if new else None)

    def write(self, work: Callable[[Casebook], T], done: Callable[[T], None] | None = None) -> None:
        """Anything else, in order after what was said before; ``done`` gets the result, on the GUI thread."""
        if self.writable:
            self._writer.put(work, done)

    def after_writing(
        self, work: Callable[[Casebook], T], done: Callable[[T], None], failed: Callable[[UserFacingError], None]
    ) -> None:
        """Read the whole casebook off the writer's thread (exports, copies): with everything that was said before."""
        book = self.current
        if book is None:
            return

        def read() -> None:
            self._runner.run(lambda _: work(book), done, failed)

        if self.writable:
            self.write(lambda book: None, lambda _: read())
        else:
            read()

    # -- what others recorded -------------------------------------------------------------------------------

    def _on_recorded(self, ids: frozenset[int]) -> None:
        if ids:
            self._stale |= ids
            if not self._reading.isActive():
                self._reading.start()

    def _read_acted(self) -> None:
        book, ids = self.current, tuple(self._stale)
        self._stale.clear()
        if book is None:
            return

        def read(_: BackgroundTask) -> list[CaseRow]:
            from divisive_desktop.casebook import CaseFilter

            return book.cases.rows(CaseFilter(ids=ids))

        def done(rows: list[CaseRow]) -> None:
            if self.current is book:
                self.rowsChanged.emit(rows)

        # A casebook that was closed meanwhile can't be read any more, and needn't be.
        self._runner.run(read, done, lambda error: log.info("not read again: %s", error.kind))

    # -- reading, from background threads -------------------------------------------------------------------

    def source(self, case: Case) -> Path:
        """Where to read a case's image: the copy in the casebook, or the original, wherever it lies now.

        Raises
        ------
        ImageMissingError
        """
        path = case.source or case.path
        book = self.current
        if book is None or case.id is None or (path.is_file() if book.imported is None else path == case.source):
            return path
        return book.originals.path(case.id)

    def known_image(self, case: Case, record: ImageRecord) -> KnownImage:
        """What the casebook knows about a decoded image, its analysis included."""
        book = self.current
        if book is None:
            return KnownImage(None, None, False)
        if case.sha256 is not None and case.sha256 != record.sha256:
            return KnownImage(None, None, True)
        found = case.id if case.id is not None else book.cases.find(record.sha256, record.frame)
        if found is None:
            return KnownImage(None, None, False)
        row = book.cases.get(found)
        return KnownImage(row, book.analyses.load(row.analysis) if row.analysis is not None else None, False)

    def thumbnail(self, case: Case) -> bytes | None:
        """The stored thumbnail (PNG), None when there is none."""
        book, digest = self.current, case.stored_thumbnail
        return book.cases.thumbnail(digest) if book is not None and digest is not None else None

    def keep_thumbnail(self, case: Case, png: bytes) -> None:
        """Write a thumbnail with the next few others."""
        if case.stored_thumbnail is not None or not self.writable:
            return
        self._thumbnails[case] = png
        if len(self._thumbnails) >= CHUNK:
            self._keep_thumbnails()
        elif not self._soon.isActive():
            self._soon.start()

    def _keep_thumbnails(self) -> None:
        self._soon.stop()
        pictures = {c.id: png for c, png in self._thumbnails.items() if c.id is not None}
        self._thumbnails = {c: png for c, png in self._thumbnails.items() if c.id is None and not c.removed}
        if pictures:
            self.write(lambda book: book.cases.set_thumbnails(pictures))

    def _files_checked(self, found: Sequence[FileCheck]) -> None:
        self.checked.emit([(check.case_id, check.state) for check in found])
