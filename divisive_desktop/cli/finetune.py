"""``divisive-desktop train --data NAME.casebook``: exactly what the window's Fine-tune does, without the window."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from divisive_desktop.casebook import Casebook
from divisive_desktop.engine import dispatch
from divisive_desktop.engine.finetuning import preparation as data
from divisive_desktop.engine.finetuning.messages import (
    SCOPE_UNKNOWN,
    UNDECIDED,
    Comparison,
    EpochDone,
    FineTune,
    FineTuneResult,
    Notice,
)
from divisive_desktop.engine.finetuning.verdict import number, signed
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import CancelledError, ModelError, TrainingError, UserFacingError
from divisive_desktop.foreign.text import plain
from divisive_desktop.library import store, versions

Say = Callable[[str], None]


def fine_tune_command(
    *, casebook: Path, base: str | None, task: str | None, out: Path | None, changes: Mapping[str, Any],
    device: str = "auto", resume: int | None = None, keep: bool = False, say: Say = print,
) -> tuple[int, str]:  # fmt: skip
    """Fine-tune a model on a casebook's labels and masks.

    The run is written into the casebook where that can be written (the window doesn't hold it).

    Parameters
    ----------
    base : str, optional
        Model to start from; None: the task's active one.
    task : str, optional
        Needed where ``base`` isn't given and the casebook's cases don't name one task.
    out : Path, optional
        Folder of the new model: its name becomes the model's id. None: it stays in the run's folder.
    changes : mapping
        Fields of `FineTune` (None: not given); ``advanced`` among them.
    resume : int, optional
        Go on with this run of the casebook.
    keep : bool
        Add the new version to the user's models.

    Returns
    -------
    (int, str)
        0 and the verdict with its tables.
    """
    if out is not None and out.exists():
        raise ModelError(f"There is something at {out} already.", "Choose another name.")
    given = {name: value for name, value in changes.items() if value is not None}
    with Casebook.open(casebook) as book:
        if resume is not None:
            request, run = data.request_of_run(book, resume), resume
            book.runs.resume(run)
        else:
            request = data.fine_tune_request(book, base or _base(book, task), device=device, **given)
            if out is not None:
                request = replace(request, new_id=out.name)
            run = data.start(book, request) if book.read_only is None else 0
        _say_data(request, say)
        try:
            result: FineTuneResult = dispatch.answer(Worker(device), request, _channel(say))
        except (UserFacingError, KeyboardInterrupt) as e:
            if run:
                stopped = isinstance(e, CancelledError | KeyboardInterrupt)
                data.finish(book, run, state="cancelled" if stopped else "failed")
            raise
        if run:
            data.finish(book, run, result)
            if keep:
                book.runs.decide(run, "kept")
    where = Path(result.folder)
    if out is not None:
        shutil.copytree(where, out)
        where = out
    if keep:
        where = versions.keep(Path(result.folder)).folder
    said = plain(f"{result.model.id}: {where}")
    return 0, "\n".join([said, f"weights {result.model.weights_sha256}", *report(result)])


def _base(book: Casebook, task: str | None) -> str:
    if task is None:
        tasks = {row.task for row in book.cases.rows() if row.task is not None and row.label is not None}
        if len(tasks) != 1:
            raise TrainingError(
                "The casebook doesn't say which question its labels answer.", "Give --parent MODEL or --task TASK."
            )
        task = str(tasks.pop())
    return store.default_model(task).card.id


def _say_data(request: FineTune, say: Say) -> None:
    check = data.check_data(request.cases, request.method)
    say(
        f"{request.base}, method {request.method}: {sum(check.train)} training cases ({check.train[0]} and "
        f"{check.train[1]}), {sum(check.masks)} with masks; {sum(check.holdout)} held out"
    )
    for problem in check.problems:
        say(f"{problem.message} {problem.remedy}")


def _channel(say: Say, every_s: float = 5.0) -> Channel:
    told = time.monotonic()

    def progress(fraction: float, text: str, left: float | None) -> None:
        nonlocal told
        if time.monotonic() - told >= every_s:
            told = time.monotonic()
            say(f"{100 * fraction:3.0f} %  {text}" + (f", {left:.0f} s left" if left else ""))

    def partial(index: int, value: Any, error: UserFacingError | None) -> None:
        if isinstance(value, EpochDone):
            say(
                f"epoch {value.epoch} of {value.epochs}: loss {value.loss:.3f} (classes {value.classification:.3f}, "
                f"saliency {value.saliency:.3f}), validation AUROC {value.val_auroc:.3f}, "
                f"energy in the masks {value.val_energy:.2f}"
            )
        elif isinstance(value, Notice):
            say(value.text)

    return Channel(progress, partial)


def report(result: FineTuneResult) -> list[str]:
    """Verdict and tables as lines of text."""
    lines = [result.verdict.headline, *result.verdict.sentences]
    for table in (result.holdout, result.guard):
        if table is not None:
            lines += ["", *_table(table)]
    return [*lines, "", result.scope.words if result.scope is not None else SCOPE_UNKNOWN, UNDECIDED]


def _table(c: Comparison) -> list[str]:
    lines = [f"{c.name}: {c.images} images of {c.groups} patients, {c.positives} positive, {c.masks} with masks"]
    lines.append(f"  {'':12}  before  after   difference [95 %]")
    for name, d in c.differences.items():
        if d.change != "not measured":
            lines.append(
                f"  {name:12}  {number(c.before[name].value):6}  {number(c.after[name].value):6}  "
                f"{signed(d.value)} [{signed(d.low)}, {signed(d.high)}]  {d.change}"
            )
    return lines
