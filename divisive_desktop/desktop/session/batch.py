"""Many cases analysed in the background: written down before it starts, kept as results come, resumed after a crash."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop import errors
from divisive_desktop.desktop.session.analyses import Analyses, altered
from divisive_desktop.desktop.session.case import Case, is_todo
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.importing import import_images
from divisive_desktop.desktop.session.runner import EngineJob, Runner
from divisive_desktop.engine import messages
from divisive_desktop.errors import CancelledError, ImageAlteredError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import BatchItem, Casebook, CaseRow
    from divisive_desktop.explanation.analysis import Analysis


@dataclass
class Batch:
    """One batch on its way."""

    cases: list[Case]
    id: int | None = None
    """In the casebook."""
    items: dict[int, int] = field(default_factory=dict)
    """Case id -> item id; known to the casebook's writer once the batch is written down."""
    failures: list[tuple[Case, UserFacingError]] = field(default_factory=list)
    waiting: deque[tuple[Case, Analysis]] = field(default_factory=deque)
    """Results that aren't on the disk yet."""
    asked: bool = False
    """The writer was asked to keep them and hasn't begun."""
    over: set[int] = field(default_factory=set)
    """Positions in ``cases`` that are done or failed."""

    @property
    def left(self) -> list[Case]:
        """What isn't done yet, without what was thrown away meanwhile."""
        return [c for i, c in enumerate(self.cases) if i not in self.over and not c.removed]


class BatchRunner(QObject):
    """Runs one batch at a time.

    Signals
    -------
    changed()
        A batch began, ended, was paused or goes on.
    finished(Batch)
        It came to its end; it holds its failures.
    stopped(Batch, UserFacingError)
        The error ended it early; what is left can be resumed.
    """

    changed = Signal()
    finished = Signal(Batch)
    stopped = Signal(Batch, UserFacingError)

    def __init__(
        self, runner: Runner, book: CasebookService, analyses: Analyses, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._runner, self._book, self._analyses = runner, book, analyses
        self._job: EngineJob | None = None
        self._batch: Batch | None = None
        self._pausing = False
        self._paused: Batch | None = None
        self._next: deque[Callable[[], None]] = deque()
        """Earlier batches that go on when the one on its way is over."""

    @property
    def running(self) -> bool:
        """One is on its way, or paused."""
        return self._batch is not None or self._paused is not None

    @property
    def paused(self) -> Batch | None:
        """The batch that waits for :meth:`go_on`."""
        return self._paused

    def start(self, cases: Iterable[Case]) -> None:
        """Analyse those cases that can be, and keep what comes."""
        todo = [c for c in cases if c.error is None and c.file_state == "ok" and not c.analysing]
        if not todo or self.running:
            return
        batch = Batch(todo)

        def write_down(book: Casebook) -> list[tuple[Case, CaseRow]]:
            new = import_images(book, todo)
            ids = list(dict.fromkeys(c.id for c in todo if c.id is not None))
            batch.id = book.batches.start(ids, name=f"{len(ids)} images")
            batch.items = {i.case_id: i.id for i in book.batches.items(batch.id) if i.case_id is not None}
            return new

        self._book.write(write_down, self._book.imported.emit)
        self._run(batch)

    def start_all(self, cases: Iterable[Case]) -> None:
        """Analyse every case that has no analysis yet."""
        self.start([c for c in cases if is_todo(c)])

    def resume(self, batch_id: int, by_id: dict[int, Case], *, retry: bool = False) -> None:
        """Go on with what an earlier batch left; ``retry``: also with what failed.

        While another one is on its way, it waits for that to end.
        """
        if self.running:
            self._next.append(lambda: self.resume(batch_id, by_id, retry=retry))
            return

        def read(book: Casebook) -> tuple[list[BatchItem], dict[int, str]]:
            if retry:
                book.batches.retry_failed(batch_id)
            items = book.batches.items(batch_id, "pending")
            bad = book.originals.check([i.case_id for i in items if i.case_id is not None])
            return items, {check.case_id: check.state for check in bad}

        def begin(found: tuple[list[BatchItem], dict[int, str]]) -> None:
            items, states = found
            left = _known(items, by_id)
            for case, number, _ in left:
                case.file_state = states.get(number, "ok")  # what was restored meanwhile can be analysed
            if self.running:
                self.resume(batch_id, by_id)  # another batch started first
            elif left:
                self._run(Batch([c for c, _, _ in left], batch_id, {number: i.id for _, number, i in left}))

        self._book.write(read, begin)

    def last_failures(self, by_id: dict[int, Case], done: Callable[[Batch], None]) -> None:
        """Hand over the newest batch that something failed in, with its failures, as the casebook has kept them."""

        def read(book: Casebook) -> tuple[int | None, list[BatchItem]]:
            status = next((b for b in book.batches.rows() if b.failed), None)
            return (None, []) if status is None else (status.id, book.batches.items(status.id, "failed"))

        def found(kept: tuple[int | None, list[BatchItem]]) -> None:
            batch_id, items = kept
            known = _known(items, by_id)
            batch = Batch([c for c, _, _ in known], batch_id, {number: i.id for _, number, i in known})
            batch.failures = [(c, errors.of(**i.error)) for c, _, i in known if i.error is not None]
            done(batch)

        self._book.write(read, found)

    def dismiss(self, batch_id: int) -> None:
        """Don't offer an unfinished batch again."""
        self._book.write(lambda book: book.batches.cancel(batch_id))

    def pause(self) -> None:
        """Stop after what is under way; :meth:`go_on` takes up the rest, also after a new start of the program."""
        if self._job is not None:
            self._pausing = True
            self._runner.cancel(self._job)

    def toggle(self) -> None:
        """Pause, or go on."""
        if self._paused is not None:
            self.go_on()
        else:
            self.pause()

    def owns(self, job: EngineJob) -> bool:
        """Whether an engine job is this batch's."""
        return job is self._job

    def go_on(self) -> None:
        """Take up what is left after a pause."""
        batch, self._paused = self._paused, None
        if batch is not None and batch.left:
            self._run(Batch(batch.left, batch.id, batch.items, batch.failures))
        else:
            self.changed.emit()

    def cancel(self) -> None:
        """Stop for good; what is done stays done."""
        batch, self._paused = self._paused, None
        if self._job is not None:
            self._pausing = False
            self._runner.cancel(self._job)
        elif batch is not None:
            self._give_up(batch)
            self.changed.emit()
            self._follow()

    def forget(self) -> None:
        """Another casebook is opened: stop, and let this one offer the rest when it is opened again."""
        job, self._job, self._batch, self._paused, self._pausing = self._job, None, None, None, False
        self._next.clear()
        if job is not None:
            self._runner.cancel(job)
        self.changed.emit()

    # -- on its way -----------------------------------------------------------------------------------------

    def _run(self, batch: Batch) -> None:
        items = tuple(self._analyses.request(c) for c in batch.cases)
        self._batch = batch
        number = len(items)
        self._job = self._runner.submit(
            messages.AnalyseBatch(items), lambda _: self._end(batch, None), lambda error: self._end(batch, error),
            partial=lambda event: self._partial(batch, event),
            title=f"Analysing {number} image{'s' * (number != 1)}",
        )  # fmt: skip
        self.changed.emit()

    def _partial(self, batch: Batch, event: messages.Partial) -> None:
        if batch is not self._batch:
            return  # another casebook is open by now
        case = batch.cases[event.index]
        batch.over.add(event.index)
        if event.error is None and case.sha256 not in (None, event.value.sha256):
            # The engine refuses such files where it is told what to expect; this one was imported meanwhile.
            self._fail(batch, case, altered(case))
            return
        if event.error is None:
            self._analyses.accept(case, event.value)
            batch.waiting.append((case, event.value))
            if not batch.asked:  # those that come until the writer gets to it are written together
                batch.asked = True
                self._book.write(lambda book: _keep(book, batch))
            return
        error = errors.of(**event.error)
        self._fail(batch, case, altered(case) if isinstance(error, ImageAlteredError) else error)

    def _fail(self, batch: Batch, case: Case, error: UserFacingError) -> None:
        batch.failures.append((case, error))
        self._analyses.reject(case, error)
        self._book.write(lambda book: _keep_failure(book, batch, case, error))

    def _end(self, batch: Batch, error: UserFacingError | None) -> None:
        if self._batch is not batch:
            return
        self._batch = self._job = None
        pausing, self._pausing = self._pausing, False
        if isinstance(error, CancelledError):
            if pausing:
                self._paused = batch
            else:
                self._give_up(batch)
        self.changed.emit()
        if error is not None and not isinstance(error, CancelledError):
            self.stopped.emit(batch, error)
        elif not pausing and (error is None or batch.failures):
            self.finished.emit(batch)
        self._follow()

    def _follow(self) -> None:
        """The next of those that wait, if nothing is on its way."""
        if self._next and not self.running:
            self._next.popleft()()

    def _give_up(self, batch: Batch) -> None:
        self._book.write(lambda book: book.batches.cancel(batch.id) if batch.id is not None else None)


def _known(items: Sequence[BatchItem], by_id: Mapping[int, Case]) -> list[tuple[Case, int, BatchItem]]:
    """The items whose cases are in the list, with the case and its id."""
    return [(by_id[i.case_id], i.case_id, i) for i in items if i.case_id is not None and i.case_id in by_id]


def _keep(book: Casebook, batch: Batch) -> None:
    """Write the results that wait, in one transaction; on the writer's thread."""
    batch.asked = False  # before the first is taken: what comes from now on asks again
    waiting = []
    while batch.waiting:
        waiting.append(batch.waiting.popleft())
    known = [(c, a) for c, a in waiting if c.id in batch.items]
    try:
        if known:
            book.batches.finish_items([(batch.items[c.id], a, c.id) for c, a in known if c.id is not None])
    except UserFacingError:
        if len(known) == 1:
            raise
        for pair in known:
            _keep(book, Batch(batch.cases, batch.id, batch.items, waiting=deque([pair])))


def _keep_failure(book: Casebook, batch: Batch, case: Case, error: UserFacingError) -> None:
    item = batch.items.get(case.id) if case.id is not None else None
    if item is not None:
        book.batches.fail_item(item, error)
