"""From casebook to training run and back, without torch: what window and command line both do around a `FineTune`.

::

    request = fine_tune_request(book, "chest-cardiomegaly-focus-1", epochs=8)
    check = check_data(request.cases, request.method)     # before starting; ``check.blocked``
    run = start(book, request)                            # written into the casebook and its audit chain
    …                                                     # EngineClient.submit(request), or dispatch.answer(…)
    finish(book, run, result)                             # or finish(book, run, state="cancelled")
    request = request_of_run(book, run)                   # an interrupted run: the same request once more
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, Literal

from divisive_desktop import paths
from divisive_desktop.casebook import Casebook, CaseFilter, CaseRow
from divisive_desktop.engine.finetuning.messages import (
    DEFAULT_METHOD,
    Comparison,
    DataCheck,
    DataProblem,
    FineTune,
    FineTuneResult,
    TrainingCase,
)
from divisive_desktop.errors import CasebookError, TrainingError
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.framing import Framing, framing_of
from divisive_desktop.library import store
from divisive_desktop.library.tasks import kind_of
from divisive_desktop.library.tasks import task as task_of

Role = Literal["train", "validation", "holdout"]
VALIDATION_SHARE = 0.15
FEWEST_CASES = 8
"""Fewer labelled training cases than this: whatever comes out is chance."""
FEW_CASES = 200
"""Fewer training cases than this are learned from in smaller batches."""
FEWEST_HELD_OUT = 10
"""Fewer held-out cases of a class than this: the intervals will hardly ever leave out 0."""
UNGUIDED = "cross_entropy"


# ---- casebook -> request --------------------------------------------------------------------------------


def training_data(book: Casebook, task: str) -> tuple[TrainingCase, ...]:
    """The labelled cases that a model of this task can learn from or be judged on, by case id.

    That is cases of the task, and those without a task whose image is of the task's kind; not the trash, not files
    that are missing or were altered.
    """
    kind = task_of(task).kind
    known = {row.id: row for row in book.cases.rows(CaseFilter(label="any"))}
    parts = _parts(book)
    found = []
    for case in book.runs.training_cases():
        row = known.get(case.id)
        if row is None or row.task not in (None, task) or (row.task is None and case.kind != kind):
            continue
        found.append(
            TrainingCase(
                case.id, str(case.path), case.frame, case.sha256, case.label, case.side, case.group,
                str(book.blobs.path(case.mask)) if case.mask else None, case.mask, row.name,
                _part(row, parts.get(case.id)) if kind != "radiograph" else None,
                Correction.parse(case.correction),
            )
        )  # fmt: skip
    return tuple(found)


def _parts(book: Casebook) -> dict[int, Framing]:
    """Case id -> the part of its picture that a person chose to have analysed."""
    found = {case: framing_of({"framing": raw}) for case, raw in book.analyses.framings().items()}
    return {case: framing for case, framing in found.items() if framing is not None}


def _is_framed(task: str | None, kind: str) -> bool:
    """Whether a model looks for its part of a case's picture, a face or an iris."""
    return (kind_of(task) if task is not None else kind) != "radiograph"


def _part(row: CaseRow, framing: Framing | None) -> Box | None:
    """What of a picture is learned from: the part that a person chose, else what the engine finds (None)."""
    if framing is None:
        return None
    if framing.crop is not None:
        return framing.crop
    return (0, 0, row.width, row.height) if row.width and row.height else None


def fine_tune_request(book: Casebook, base: str, *, folder: Path | None = None, **changes: Any) -> FineTune:
    """A request with defaults that suit the casebook's masks.

    Parameters
    ----------
    base : str
        Id of the model to start from; its task decides which cases take part.
    folder : Path, optional
        Where the run keeps its files; None: a new folder among the user's runs.
    changes
        Any other field of `FineTune`.
    """
    task = store.find_model(base).card.task
    cases = training_data(book, task)
    chosen: dict[str, Any] = {**defaults(cases, str(changes.get("device", "auto"))), "author": book.user[0]}
    chosen["gallery"] = gallery(cases)
    return FineTune(base=base, cases=cases, folder=str(folder or new_folder()), **{**chosen, **changes})


def new_folder() -> Path:
    """A folder for a new run; not made yet."""
    return paths.user_data_dir() / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"


def defaults(cases: Sequence[TrainingCase], device: str = "cpu") -> dict[str, Any]:
    """Method, stages and epochs that suit the number of masks and the device.

    Without masks there is nothing to guide: plain cross-entropy. Few images make few steps in an epoch, so there are
    more epochs and smaller batches: a model that leans on a shortcut needs about 100 steps to look elsewhere.
    """
    train = [c for c in cases if c.side == "train"]
    masks = sum(c.mask is not None for c in train)
    per_epoch = max(1, len(train) // 16)
    return {
        "method": DEFAULT_METHOD if masks else UNGUIDED,
        "stages": "last" if len(train) >= FEWEST_CASES else "head",
        "epochs": max(4, min(20, round(60 / per_epoch))),
        "alpha": 0.5,
        "advanced": {"batch": 8} if len(train) < FEW_CASES else {},
    }


def gallery(cases: Sequence[TrainingCase], count: int = 3) -> tuple[int, ...]:
    """Cases to watch: held-out ones with a mask if there are any, of both classes in turn."""
    ranked = sorted(cases, key=lambda c: (c.side != "holdout", c.mask is None, c.id))
    picked: list[int] = []
    for turn in range(count):
        wanted = [c.id for c in ranked if c.label == 1 - turn % 2 and c.id not in picked]
        picked += wanted[:1]
    return tuple(picked)


# ---- what there is to learn from ------------------------------------------------------------------------


def roles(cases: Sequence[TrainingCase]) -> dict[int, Role]:
    """What each case is used for, by case id: learning, the curves while learning (validation), or judging.

    Held-out cases are the casebook's. Of the others, groups whose hash falls below a share are for validation, so
    that a case keeps its role when others are added; a class that has none there gets its group with the lowest hash.
    Where that would leave a class without training cases nobody is set apart.
    """
    found: dict[int, Role] = {c.id: "holdout" if c.side == "holdout" else "train" for c in cases}
    train = [c for c in cases if c.side == "train"]
    rank = {c.group: int.from_bytes(hashlib.sha256(f"validation {c.group}".encode()).digest()[:8]) for c in train}
    chosen = {group for group, value in rank.items() if value / 2**64 < VALIDATION_SHARE}
    for label in (0, 1):
        groups = {c.group for c in train if c.label == label}
        if not groups & chosen and groups:
            chosen.add(min(groups, key=lambda group: rank[group]))
    apart = {c.label for c in train if c.group in chosen}
    left = {c.label for c in train if c.group not in chosen}
    if apart != {0, 1} or left != {0, 1}:
        return found
    return {**found, **{c.id: "validation" for c in train if c.group in chosen}}


def check_data(cases: Sequence[TrainingCase], method: str = DEFAULT_METHOD) -> DataCheck:
    """What there is to learn from, and what would make the result worthless. Quick: reads no files."""
    train = [c for c in cases if c.side == "train"]
    held = [c for c in cases if c.side == "holdout"]
    check = DataCheck(_per_class(train), _masked(train), _per_class(held), _masked(held))
    return replace(check, problems=(*_of_training(train, method), *_leaks(train, held), *_of_holdout(held)))


def _of_training(train: Sequence[TrainingCase], method: str) -> Iterable[DataProblem]:
    if not train:
        yield DataProblem("no-cases", "blocks", "No labelled case to learn from.", "Label images of both classes.")
        return
    if len({c.label for c in train}) < 2:
        yield DataProblem(
            "one-class", "blocks", "All training cases are of one class: there is nothing to tell apart.",
            "Label images of the other class too.",
        )  # fmt: skip
    if len(train) < FEWEST_CASES:
        yield DataProblem(
            "too-few", "worthless", f"Only {len(train)} training cases: whatever comes out is chance.",
            f"Label at least {FEWEST_CASES}; a few dozen are better.",
        )  # fmt: skip
    bare = tuple(c.id for c in train if c.mask is None)
    if method != UNGUIDED and len(bare) == len(train):
        yield DataProblem(
            "no-masks", "blocks", f"The method {method} learns from masks, and no training case has one.",
            "Paint masks, or choose the method cross_entropy.",
        )  # fmt: skip
    elif method != UNGUIDED and bare:
        yield DataProblem(
            "labels-without-masks", "note",
            f"{len(bare)} of {len(train)} training cases have a label but no mask: they teach the class, not where.",
            "Paint masks on them for a stronger correction.", bare,
        )  # fmt: skip


def _leaks(train: Sequence[TrainingCase], held: Sequence[TrainingCase]) -> Iterable[DataProblem]:
    images = {c.sha256 for c in train} & {c.sha256 for c in held}
    if images:
        same = tuple(c.id for c in (*train, *held) if c.sha256 in images)
        yield DataProblem(
            "duplicate-image", "worthless",
            f"{len(images)} image{'s are' if len(images) > 1 else ' is'} in training and in the hold-out: "
            "it would be judged on what it has seen.",
            "Move one of the two to the trash, or put both on one side.", same,
        )  # fmt: skip
    groups = {c.group for c in train} & {c.group for c in held}
    if groups:
        shared = tuple(c.id for c in (*train, *held) if c.group in groups)
        yield DataProblem(
            "shared-patient", "worthless",
            f"{len(groups)} patient{'s are' if len(groups) > 1 else ' is'} in training and in the hold-out.",
            "Put all images of a patient on one side.", shared,
        )  # fmt: skip


def _of_holdout(held: Sequence[TrainingCase]) -> Iterable[DataProblem]:
    if not held:
        yield DataProblem(
            "no-holdout", "worthless", "No labelled case is held out: nobody can say whether the model got better.",
            "Label more cases; about a quarter of the patients are held out by themselves.",
        )  # fmt: skip
        return
    counts = Counter(c.label for c in held)
    if len(counts) < 2:
        yield DataProblem(
            "holdout-one-class", "worthless", "All held-out cases are of one class: no AUROC can be measured.",
            "Label more cases of the other class, or put one by hand into the hold-out.",
        )  # fmt: skip
    elif min(counts.values()) < FEWEST_HELD_OUT:
        yield DataProblem(
            "small-holdout", "note",
            f"Only {counts[0]} and {counts[1]} held-out cases: the intervals will be wide.",
            "Label more cases to be surer.",
        )  # fmt: skip
    if not any(c.mask for c in held):
        yield DataProblem(
            "holdout-no-masks", "note", "No held-out case has a mask: where the model looks can't be measured there.",
            "Paint masks on some held-out cases; they are used for measuring only.",
        )  # fmt: skip


def _per_class(cases: Sequence[TrainingCase]) -> tuple[int, int]:
    return sum(c.label == 0 for c in cases), sum(c.label == 1 for c in cases)


def _masked(cases: Sequence[TrainingCase]) -> tuple[int, int]:
    return _per_class([c for c in cases if c.mask is not None])


# ---- runs in the casebook -------------------------------------------------------------------------------


def start(book: Casebook, request: FineTune) -> int:
    """Write a run down before it begins, with each case's role, label and mask as they are now.

    Raises
    ------
    CasebookError
        The casebook can't be written, or a held-out case would be trained on.
    TrainingError
        Nothing could be learned (see `check_data`).
    """
    problem = next((p for p in check_data(request.cases, request.method).problems if p.severity == "blocks"), None)
    if problem is not None:
        raise TrainingError(problem.message, problem.remedy)
    base = store.find_model(request.base).card.ref
    return book.runs.start(request.method, roles(request.cases).items(), base=base, parameters=parameters(request))


def finish(
    book: Casebook, run: int, result: FineTuneResult | None = None,
    state: Literal["done", "cancelled", "interrupted", "failed"] = "done",
) -> None:  # fmt: skip
    """Write down how a run ended, with its figures; ``interrupted`` and ``cancelled`` runs can be resumed."""
    book.runs.finish(
        run, state, result=result.model if result else None, metrics=metrics(result) if result else None
    )


def parameters(request: FineTune) -> dict[str, Any]:
    """Everything of a request but its cases, as JSON: enough to do the run again."""
    return {f.name: _plain(getattr(request, f.name)) for f in fields(request) if f.name != "cases"}


def request_of_run(book: Casebook, run: int) -> FineTune:
    """The request of a run that is in the casebook, with labels and masks as they were then.

    Raises
    ------
    CasebookError
        There is no such run, or an image or mask of it is gone.
    """
    row = next((r for r in book.runs.rows() if r.id == run), None)
    if row is None:
        raise CasebookError(f"There is no run {run} in this casebook.", "Reload the list.")
    now = {c.id: c for c in book.runs.training_cases()}
    rows = {c.id: c for c in book.cases.rows(CaseFilter(trashed=None))}
    parts = _parts(book)
    cases = []
    for was in book.runs.cases(run):
        case = now.get(was.case_id)
        if case is None or case.sha256 != was.sha256 or was.label is None:
            name = rows[was.case_id].name if was.case_id in rows else f"Case {was.case_id}"
            raise CasebookError(
                f"{name} was part of this run and isn't there any more as it was.",
                "Bring it back (trash, moved file, label), or start a new run.",
            )
        mask = str(book.blobs.path(was.mask)) if was.mask else None
        side = "holdout" if was.role == "holdout" else "train"
        row_now = rows[case.id]
        part = _part(row_now, parts.get(case.id)) if _is_framed(row_now.task, case.kind) else None
        cases.append(
            TrainingCase(
                case.id, str(case.path), case.frame, was.sha256, was.label, side, case.group, mask, was.mask,  # type: ignore[arg-type]
                row_now.name, part, Correction.parse(was.correction),
            )
        )  # fmt: skip
    known = {f.name for f in fields(FineTune)}
    given = {name: value for name, value in row.parameters.items() if name in known}
    given["gallery"] = tuple(given.get("gallery", ()))
    return FineTune(cases=tuple(cases), **{**given, "conclude": False})


def metrics(result: FineTuneResult) -> dict[str, Any]:
    """A result's figures as JSON, for the casebook and the new version's card."""
    return {
        "holdout": figures(result.holdout),
        "guard": figures(result.guard),
        "validation": dict(result.validation),
        "verdict": asdict(result.verdict),
        "kept_epoch": result.kept_epoch,
        "seconds": round(result.seconds, 1),
        "device": result.device,
        "folder": result.folder,
        "notices": [n.text for n in result.notices],
        "scope": asdict(result.scope) if result.scope is not None else None,
    }


def figures(comparison: Comparison | None) -> dict[str, Any] | None:
    """A before/after table as JSON, without its cases; NaN becomes None."""
    if comparison is None:
        return None
    raw = asdict(replace(comparison, cases=()))
    raw.pop("cases")
    cleaned: dict[str, Any] = _finite(raw)
    return cleaned


def _finite(value: Any) -> Any:
    """NaN isn't JSON."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, float):
        return round(value, 5) if value == value and abs(value) != float("inf") else None
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return list(value) if isinstance(value, tuple) else value
