"""Training: which cases, which runs, what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from divisive_desktop.casebook.rows import RunCase, RunRow, Side, TrainingCase
from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store, Transaction, now
from divisive_desktop.casebook.tables.models import model_row
from divisive_desktop.casebook.tables.originals import Originals
from divisive_desktop.errors import CasebookError
from divisive_desktop.explanation.analysis import ModelRef


class Runs:
    """Training runs (``book.runs``)."""

    def __init__(self, store: Store, originals: Originals) -> None:
        self._store = store
        self._originals = originals

    def training_cases(self, side: Side | None = None, *, task: str | None = None) -> list[TrainingCase]:
        """Labelled cases, by id, of one side or both; without the trash and without altered or missing files."""
        sql = (
            "SELECT c.id, c.path, c.relative, c.copy, c.sha256, c.frame, c.kind, c.label, c.side, "
            "coalesce(c.patient, c.sha256), k.blob, c.correction "
            "FROM cases c LEFT JOIN masks k ON k.case_id = c.id AND k.regions > 0 "
            "WHERE c.label IS NOT NULL AND c.trashed IS NULL AND c.file_state = 'ok'"
        )
        parameters: list[Any] = []
        for column, wanted in (("side", side), ("task", task)):
            if wanted is not None:
                sql += f" AND c.{column} = ?"
                parameters.append(wanted)
        return [
            TrainingCase(row[0], self._originals.locate(row[1], row[2], row[3], row[4]), *row[4:])
            for row in self._store.rows(sql + " ORDER BY c.id", parameters)
        ]

    def start(
        self,
        method: str,
        cases: Iterable[tuple[int, Literal["train", "validation", "holdout"]]],
        *,
        base: ModelRef | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> int:
        """Write down a training run before it starts: method, parameters, and each case with label and mask as now.

        Raises
        ------
        CasebookError
            A held-out case was given to train on.
        """
        with self._store.act() as act:
            run = act.insert(
                "runs",
                {
                    "state": "running", "method": method, "base_id": model_row(act, base) if base else None,
                    "parameters": canonical(dict(parameters or {})), "user": self._store.user[0], "started": now(),
                },
            )  # fmt: skip
            number = 0
            for case, role in cases:
                row = act.sql("SELECT sha256, label, side, name, correction FROM cases WHERE id = ?", (case,)).first()
                if row is None:
                    raise CasebookError(f"There is no case {case} in this casebook.", "Reload the list.")
                if row[2] == "holdout" and role != "holdout":
                    raise CasebookError(
                        f"{row[3]} is held out: a model that learns from it can't be judged on it.",
                        "Leave it out of training.",
                    )
                mask = act.sql("SELECT blob FROM masks WHERE case_id = ? AND regions > 0", (case,)).first()
                act.insert(
                    "run_cases",
                    {
                        "run_id": run, "case_id": case, "role": role, "sha256": row[0], "label": row[1],
                        "mask": mask[0] if mask else None, "correction": row[4],
                    },
                )  # fmt: skip
                number += 1
            act.record("training", model=base, run=run, method=method, cases=number, parameters=dict(parameters or {}))
        return run

    def finish(
        self,
        run_id: int,
        state: Literal["done", "cancelled", "interrupted", "failed"],
        *,
        result: ModelRef | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        with self._store.act() as act:
            act.update(
                "runs",
                run_id,
                {
                    "state": state, "finished": now(), "result_id": model_row(act, result) if result else None,
                    "metrics": canonical(dict(metrics)) if metrics is not None else None,
                },
            )  # fmt: skip
            act.record("training-end", model=result, run=run_id, state=state)

    def decide(self, run_id: int, decision: Literal["kept", "discarded"]) -> None:
        """Keep the run's model as a new version, or discard it."""
        with self._store.act() as act:
            act.update("runs", run_id, {"decision": decision})
            act.record("training-decision", run=run_id, decision=decision)

    def resume(self, run_id: int) -> None:
        """An interrupted run goes on."""
        with self._store.act() as act:
            act.update("runs", run_id, {"state": "running", "finished": None})
            act.record("training-resume", run=run_id)

    def rows(self) -> list[RunRow]:
        """All runs, newest first."""
        rows = self._store.rows(
            "SELECT r.id, r.state, r.method, b.weights_sha256, n.weights_sha256, r.parameters, r.metrics, r.user, "
            "r.started, r.finished, r.decision FROM runs r LEFT JOIN models b ON b.id = r.base_id "
            "LEFT JOIN models n ON n.id = r.result_id ORDER BY r.id DESC"
        )
        return [
            RunRow._make((*row[:5], stored_json(row[5], dict), stored_json(row[6], dict) if row[6] else None, *row[7:]))
            for row in rows
        ]

    def cases(self, run_id: int) -> list[RunCase]:
        """What a run was given, as it was then."""
        return [
            RunCase._make(row)
            for row in self._store.rows(
                "SELECT case_id, role, sha256, label, mask, correction FROM run_cases WHERE run_id = ? ORDER BY id",
                (run_id,),
            )
        ]

    def interrupt(self, act: Transaction) -> int:
        """At opening: a run that was going when the program ended was interrupted."""
        rows = act.sql("SELECT id FROM runs WHERE state = 'running'").fetchall()
        for (run,) in rows:
            act.update("runs", run, {"state": "interrupted", "finished": now()})
            act.record("training-end", run=run, state="interrupted")
        return len(rows)
