"""Many cases analysed in the background: written down before it starts, kept as results come, resumed after a crash."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.casebook_service import CasebookService, take_in
from divisive_desktop.desktop.cases import Case, is_todo
from divisive_desktop.desktop.tasks import EngineJob, TaskRunner
from divisive_desktop.engine import messages
from divisive_desktop.errors import CancelledError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import BatchStatus, Casebook
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


class BatchRunner(QObject):
    """Runs one batch at a time.

    Signals
    -------
    changed()
        A batch began or ended.
    finished(object)
        The ``Batch`` that came to its end, with its failures.
    stopped(object, object)
        A ``Batch`` and the ``UserFacingError`` that ended it early; what is left can be resumed.
    """

    changed = Signal()
    finished = Signal(object)
    stopped = Signal(object, object)

    def __init__(
        self,
        tasks: TaskRunner,
        book: CasebookService,
        request: Callable[[Case], messages.Analyse],
        analysed: Callable[[Case, Analysis], None],
        failed: Callable[[Case, UserFacingError], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._tasks, self._book = tasks, book
        self._request, self._analysed, self._failed = request, analysed, failed
        self._job: EngineJob | None = None
        self._batch: Batch | None = None

    @property
    def running(self) -> bool:
        return self._batch is not None

    def start(self, cases: Sequence[Case]) -> None:
        """Analyse those cases that can be, and keep what comes."""
        todo = [c for c in cases if c.error is None and c.file_state == "ok" and not c.analysing]
        if not todo or self.running:
            return
        batch = Batch(todo)

        def write_down(book: Casebook) -> Any:
            new = take_in(book, todo)
            ids = list(dict.fromkeys(c.id for c in todo if c.id is not None))
            batch.id = book.start_batch(ids, name=f"{len(ids)} images")
            batch.items = {i.case_id: i.id for i in book.batch_items(batch.id) if i.case_id is not None}
            return new

        self._book.write(write_down, self._book.takenIn.emit)
        self._run(batch)

    def start_all(self, cases: Sequence[Case]) -> None:
        """Analyse every case that has no analysis yet."""
        self.start([c for c in cases if is_todo(c)])

    def resume(self, batch_id: int, by_id: dict[int, Case], *, retry: bool = False) -> None:
        """Go on with what an earlier batch left; ``retry``: also with what failed."""

        def read(book: Casebook) -> Any:
            if retry:
                book.retry_failed(batch_id)
            return book.batch_items(batch_id, "pending")

        def begin(items: Any) -> None:
            left = [(by_id[i.case_id], i) for i in items if i.case_id in by_id]
            if left and not self.running:
                self._run(Batch([c for c, _ in left], batch_id, {i.case_id: i.id for _, i in left}))

        self._book.write(read, begin)

    def dismiss(self, status: BatchStatus) -> None:
        """Don't offer an unfinished batch again."""
        self._book.write(lambda book: book.cancel_batch(status.id))

    def cancel(self) -> None:
        if self._job is not None:
            self._tasks.cancel(self._job)

    # -- on its way -----------------------------------------------------------------------------------------

    def _run(self, batch: Batch) -> None:
        items = tuple(self._request(c) for c in batch.cases)
        self._batch = batch
        number = len(items)
        self._job = self._tasks.submit(
            messages.AnalyseBatch(items), lambda _: self._end(batch, None), lambda error: self._end(batch, error),
            partial=lambda event: self._partial(batch, event),
            title=f"Analysing {number} image{'s' * (number != 1)}",
        )  # fmt: skip
        self.changed.emit()

    def _partial(self, batch: Batch, event: messages.Partial) -> None:
        case = batch.cases[event.index]
        if event.error is None:
            self._analysed(case, event.value)
            batch.waiting.append((case, event.value))
            if not batch.asked:  # those that come until the writer gets to it are written together
                batch.asked = True
                self._book.write(lambda book: _keep(book, batch))
            return
        error = UserFacingError(event.error["message"], event.error["remedy"])
        error.kind = event.error.get("kind", "error")
        batch.failures.append((case, error))
        self._failed(case, error)
        self._book.write(lambda book: _keep_failure(book, batch, case, error))

    def _end(self, batch: Batch, error: UserFacingError | None) -> None:
        self._batch = self._job = None
        self.changed.emit()
        if isinstance(error, CancelledError):
            self._book.write(lambda book: book.cancel_batch(batch.id) if batch.id is not None else None)
        elif error is not None:
            self.stopped.emit(batch, error)
        if error is None or batch.failures:
            self.finished.emit(batch)


def _keep(book: Casebook, batch: Batch) -> None:
    """Write the results that wait, in one transaction; on the writer's thread."""
    batch.asked = False  # before the first is taken: what comes from now on asks again
    waiting = []
    while batch.waiting:
        waiting.append(batch.waiting.popleft())
    known = [(c, a) for c, a in waiting if c.id in batch.items]
    try:
        if known:
            book.finish_items([(batch.items[c.id], a, c.id) for c, a in known])
    except UserFacingError:
        if len(known) == 1:
            raise
        for pair in known:
            _keep(book, Batch(batch.cases, batch.id, batch.items, waiting=deque([pair])))


def _keep_failure(book: Casebook, batch: Batch, case: Case, error: UserFacingError) -> None:
    item = batch.items.get(case.id) if case.id is not None else None
    if item is not None:
        book.fail_item(item, error)
