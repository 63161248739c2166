"""Many cases analysed in the background: written down before it starts, kept as results come, resumed after a crash.

When the engine stops, the batch goes on by itself. Which of the images that were under way it stopped on isn't known,
so they are asked one at a time; an image that it stops on twice then is set aside, and the others are done.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop import errors
from divisive_desktop.desktop.session.analyses import Analyses, altered
from divisive_desktop.desktop.session.case import Case, is_todo
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.importing import import_images
from divisive_desktop.desktop.session.runner import EngineJob, Runner
from divisive_desktop.engine import messages
from divisive_desktop.errors import (
    CancelledError,
    EngineDiedBesideError,
    EngineDiedError,
    ImageAlteredError,
    StopsEngineError,
    UserFacingError,
)

if TYPE_CHECKING:
    from divisive_desktop.casebook import BatchItem, Casebook, CaseRow
    from divisive_desktop.explanation.analysis import Analysis, ModelRef

UNDER_WAY = 96
"""Images that an engine has in its hands at most: three groups of the largest size (``engine.analysis``)."""
STOPS = 2
"""So often the engine has to stop on an image alone before it is set aside: once may be chance."""


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
    versions: dict[str, ModelRef] = field(default_factory=dict)
    """Question -> the version that answers it in this batch, whatever is in use by then."""
    over: set[int] = field(default_factory=set)
    """Positions in ``cases`` that are done or failed."""

    suspects: deque[int] = field(default_factory=deque)
    """Positions in ``cases`` that are asked one at a time, because the engine stopped while it had them in hand."""
    stops: Counter[int] = field(default_factory=Counter)
    """How often the engine stopped on the case at a position while it had nothing else in hand."""

    @property
    def positions(self) -> list[int]:
        """Places in ``cases`` of what isn't done yet."""
        return [i for i, c in enumerate(self.cases) if i not in self.over and not c.removed]

    @property
    def left(self) -> list[Case]:
        """What isn't done yet, without what was thrown away meanwhile."""
        return [self.cases[i] for i in self.positions]

    def next(self) -> list[int]:
        """The positions to be asked about next: one suspect, or all that are left; none when it is over."""
        left = self.positions
        self.suspects = deque(i for i in self.suspects if i in set(left))
        return [self.suspects[0]] if self.suspects else left

    def stopped_on(self, asked: list[int], alone: bool) -> int | None:
        """The engine stopped while it was asked about these; ``alone``: and about nothing else.

        Returns
        -------
        int or None
            The position of a case that is to be set aside.
        """
        left = self.positions
        if len(asked) > 1:
            self.suspects = deque(i for i in left if i in set(asked))
            while len(self.suspects) > UNDER_WAY:
                self.suspects.pop()
        elif alone and asked[0] in left:
            self.stops[asked[0]] += 1
            if self.stops[asked[0]] >= STOPS:
                return asked[0]
            self.suspects.rotate(-1)  # others in between show whether the engine works at all
        return None


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
        self, runner: Runner, book: CasebookService, analyses: Analyses, in_use: Callable[[], Iterable[ModelRef]],
        parent: QObject | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._runner, self._book, self._analyses, self._in_use = runner, book, analyses, in_use
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
        batch = Batch(todo, versions={version.task: version for version in self._in_use()})

        def write_down(book: Casebook) -> list[tuple[Case, CaseRow]]:
            from divisive_desktop.casebook.tables.batches import parameters_of  # the casebook's room comes late

            new = import_images(book, todo)
            ids = list(dict.fromkeys(c.id for c in todo if c.id is not None))
            batch.id = book.batches.start(
                ids, name=f"{len(ids)} images", parameters=parameters_of(batch.versions.values())
            )
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

        def read(book: Casebook) -> tuple[list[BatchItem], dict[int, str], dict[str, ModelRef]]:
            if retry:
                book.batches.retry_failed(batch_id)
            items = book.batches.items(batch_id, "pending")
            bad = book.originals.check([i.case_id for i in items if i.case_id is not None])
            versions = {version.task: version for version in book.batches.versions(batch_id)}
            return items, {check.case_id: check.state for check in bad}, versions

        def begin(found: tuple[list[BatchItem], dict[int, str], dict[str, ModelRef]]) -> None:
            items, states, versions = found
            left = _known(items, by_id)
            for case, number, _ in left:
                case.file_state = states.get(number, "ok")  # what was restored meanwhile can be analysed
            if self.running:
                self.resume(batch_id, by_id)  # another batch started first
            elif left:
                ids = {number: i.id for _, number, i in left}
                self._run(Batch([c for c, _, _ in left], batch_id, ids, versions=versions))

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
            self._run(batch)
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
        self._batch = batch
        self._ask(batch)
        self.changed.emit()

    def _ask(self, batch: Batch) -> None:
        """Ask the engine about what is next."""
        asked, number = batch.next(), len(batch.positions)
        versions = tuple(batch.versions.values())
        items = tuple(replace(self._analyses.request(batch.cases[i]), versions=versions) for i in asked)
        self._job = self._runner.submit(
            messages.AnalyseBatch(items), lambda _: self._answered(batch, asked, None),
            lambda error: self._answered(batch, asked, error),
            partial=lambda event: self._partial(batch, asked[event.index], event),
            title=f"Analysing {number} image{'s' * (number != 1)}",
        )  # fmt: skip

    def _answered(self, batch: Batch, asked: list[int], error: UserFacingError | None) -> None:
        """The engine is done with what it was asked, or stopped: go on with what is left."""
        if self._batch is not batch:
            return
        stopped = isinstance(error, EngineDiedError)
        if error is None:
            batch.over.update(asked)
        if self._pausing and batch.left and (error is None or stopped):
            error = CancelledError()  # it was to hold, and holds
        elif stopped and not self._runner.gave_up:
            alone = not isinstance(error, EngineDiedBesideError)
            found = batch.stopped_on(asked, alone)
            if found is not None:
                batch.over.add(found)
                self._fail(batch, batch.cases[found], _set_aside(batch.cases[found]))
            error = None
        if error is None and batch.next():
            self._ask(batch)
        else:
            self._end(batch, error)

    def _partial(self, batch: Batch, position: int, event: messages.Partial) -> None:
        if batch is not self._batch:
            return  # another casebook is open by now
        case = batch.cases[position]
        batch.over.add(position)
        if event.error is None and case.sha256 not in (None, event.value.sha256):
            # The engine refuses such files where it is told what to expect; this one was imported meanwhile.
            self._fail(batch, case, altered(case))
            return
        if event.error is None:
            batch.versions.setdefault(event.value.model.task, event.value.model)
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


def _set_aside(case: Case) -> StopsEngineError:
    return StopsEngineError(
        f"The engine stopped {STOPS} times while it worked on {case.name} alone, so it was set aside.",
        "Look whether the file opens elsewhere, or analyse it on the CPU; the engine's log says why it stopped.",
    )


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
