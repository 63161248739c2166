"""Batches that survive a crash: what is to be analysed, what is done, what failed and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from divisive_desktop.casebook.rows import BatchItem, BatchStatus, storable
from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store, Transaction, now
from divisive_desktop.casebook.tables.analyses import Analyses
from divisive_desktop.errors import CasebookError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis, ModelRef

_ITEM = "id, position, case_id, path, frame, state, attempts, analysis, error"


class Batches:
    """Batches and their items (``book.batches``)."""

    def __init__(self, store: Store, analyses: Analyses) -> None:
        self._store = store
        self._analyses = analyses

    def start(
        self,
        items: Sequence[int | Path | tuple[Path, int]],
        *,
        name: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> int:
        """Write a batch down before it starts; returns its id.

        Parameters
        ----------
        items : sequence
            Case ids, or files (with a frame) that become cases when they are done.
        parameters : mapping, optional
            What to do with each; under ``versions`` the model versions that answer, see `parameters_of`.
        """
        with self._store.act() as act:
            batch = act.insert(
                "batches",
                {
                    "name": name, "state": "open", "parameters": canonical(dict(parameters or {})),
                    "user": self._store.user[0], "time": now(),
                },
            )  # fmt: skip
            for position, item in enumerate(items):
                if isinstance(item, int):
                    case = act.sql("SELECT path, frame FROM cases WHERE id = ?", (item,)).first()
                    if case is None:
                        raise CasebookError(f"There is no case {item} in this casebook.", "Reload the list.")
                    values: dict[str, Any] = {"case_id": item, "path": case[0], "frame": case[1]}
                else:
                    path, frame = item if isinstance(item, tuple) else (item, 0)
                    values = {"path": storable(path), "frame": frame}
                values |= {"batch_id": batch, "position": position, "state": "pending", "attempts": 0}
                act.insert("batch_items", values)
            act.record("batch", batch=batch, name=name, items=len(items), parameters=dict(parameters or {}))
        return batch

    def versions(self, batch_id: int) -> list[ModelRef]:
        """The model versions that a batch began with, one for each question: as it was written down, or, of batches
        that were written down without, those that gave its first answers."""
        (raw,) = self._store.rows("SELECT parameters FROM batches WHERE id = ?", (batch_id,))
        found = {ref.task: ref for ref in _versions(stored_json(raw[0]))}
        for row in self._store.rows(
            "SELECT m.model, m.version, m.weights_sha256, m.method, m.task, m.negative, m.positive FROM batch_items i "
            "JOIN analyses a ON a.id = i.analysis JOIN models m ON m.id = a.model_id WHERE i.batch_id = ? "
            "GROUP BY m.id ORDER BY min(a.id)",
            (batch_id,),
        ):
            model, version, weights, method, task, negative, positive = row
            found.setdefault(task, ModelRef(model, version, weights, method, task, (negative, positive)))
        return list(found.values())

    def next_items(self, batch_id: int, number: int = 16, *, after: int = -1) -> list[BatchItem]:
        """The next items that aren't finished, in order.

        Parameters
        ----------
        after : int
            Position of the last item that was already taken in this session; -1 to begin (also after a crash).
        """
        rows = self._store.rows(
            f"SELECT {_ITEM} FROM batch_items WHERE batch_id = ? AND state = 'pending' AND position > ? "
            "ORDER BY position LIMIT ?",
            (batch_id, after, number),
        )
        return [_item(row) for row in rows]

    def finish_item(self, item_id: int, analysis: Analysis, case_id: int | None = None) -> int:
        """An item is done: its analysis and that it is done are saved together. Returns the analysis's id.

        Parameters
        ----------
        case_id : int, optional
            Needed when the item was a file: the case that it became (``Cases.add``).
        """
        return self.finish_items([(item_id, analysis, case_id)])[0]

    def finish_items(self, finished: Sequence[tuple[int, Analysis, int | None]]) -> list[int]:
        """``finish_item`` for several in one transaction (fewer waits for the disk)."""
        ids = []
        with self._store.act() as act:
            for item_id, analysis, given in finished:
                batch, case = self._pending(act, item_id)
                case = given if given is not None else case
                if case is None:
                    raise ValueError("the item was a file: give the case that it became")
                row = self._analyses.insert(act, case, analysis)
                values = {"state": "done", "analysis": row, "case_id": case, "error": None}
                act.update("batch_items", item_id, values)
                act.record("batch-item", case=case, batch=batch, item=item_id, state="done", analysis=row)
                ids.append(row)
            for batch in {self._pending(act, item)[0] for item, *_ in finished}:
                self._close(act, batch)
        return ids

    def fail_item(self, item_id: int, error: UserFacingError | Mapping[str, str]) -> None:
        """An item failed; kind, message and remedy are kept for the list of failures."""
        words = error.as_dict() if isinstance(error, UserFacingError) else dict(error)
        with self._store.act() as act:
            batch, case = self._pending(act, item_id)
            attempts = act.sql("SELECT attempts FROM batch_items WHERE id = ?", (item_id,)).one()[0] + 1
            act.update("batch_items", item_id, {"state": "failed", "attempts": attempts, "error": canonical(words)})
            act.record("batch-item", case=case, batch=batch, item=item_id, state="failed", error=words)
            self._close(act, batch)

    def retry_failed(self, batch_id: int) -> int:
        """Put failed items back to pending; returns how many."""
        with self._store.act() as act:
            rows = act.sql("SELECT id FROM batch_items WHERE batch_id = ? AND state = 'failed'", (batch_id,)).fetchall()
            for (item,) in rows:
                act.update("batch_items", item, {"state": "pending", "error": None})
            if rows:
                act.update("batches", batch_id, {"state": "open"})
                act.record("batch-retry", batch=batch_id, items=len(rows))
        return len(rows)

    def cancel(self, batch_id: int) -> None:
        """Stop a batch; what is done stays done."""
        with self._store.act() as act:
            act.update("batches", batch_id, {"state": "cancelled"})
            act.record("batch-cancel", batch=batch_id)

    def rows(self, *, unfinished: bool = False) -> list[BatchStatus]:
        """Batches with their counts, newest first; ``unfinished``: those that can be resumed."""
        rows = self._store.rows(
            "SELECT b.id, b.name, b.state, b.parameters, b.time, sum(i.state = 'pending'), sum(i.state = 'done'), "
            "sum(i.state = 'failed') FROM batches b LEFT JOIN batch_items i ON i.batch_id = b.id "
            f"{'WHERE b.state = ' + repr('open') if unfinished else ''} GROUP BY b.id ORDER BY b.id DESC"
        )
        return [
            BatchStatus._make((*row[:3], stored_json(row[3], dict), row[4], *[n or 0 for n in row[5:]])) for row in rows
        ]

    def items(self, batch_id: int, state: str | None = None) -> list[BatchItem]:
        """A batch's items in order, all or those in one state."""
        rows = self._store.rows(
            f"SELECT {_ITEM} FROM batch_items WHERE batch_id = ? AND (? IS NULL OR state = ?) ORDER BY position",
            (batch_id, state, state),
        )
        return [_item(row) for row in rows]

    def _pending(self, act: Transaction, item_id: int) -> tuple[int, int | None]:
        row = act.sql("SELECT batch_id, case_id FROM batch_items WHERE id = ?", (item_id,)).first()
        if row is None:
            raise CasebookError(f"There is no batch item {item_id} in this casebook.", "Start the batch again.")
        return row[0], row[1]

    def _close(self, act: Transaction, batch: int) -> None:
        """The last item done closes the batch, in the same transaction."""
        left = act.sql("SELECT 1 FROM batch_items WHERE batch_id = ? AND state = 'pending' LIMIT 1", (batch,)).first()
        if left is None and act.sql("SELECT state FROM batches WHERE id = ?", (batch,)).one()[0] == "open":
            act.update("batches", batch, {"state": "done"})
            act.record("batch-end", batch=batch)


def parameters_of(versions: Iterable[ModelRef]) -> dict[str, Any]:
    """What is written down of a batch that these versions answer."""
    return {"versions": [asdict(ref) for ref in versions]}


def _versions(parameters: Mapping[str, Any]) -> Iterator[ModelRef]:
    """The inverse of `parameters_of`; what can't be read, as a later version may write it, is left out."""
    for raw in parameters.get("versions") or ():
        try:
            negative, positive = raw["classes"]
            yield ModelRef(raw["id"], raw["version"], raw["weights_sha256"], raw["method"], raw["task"],
                           (negative, positive))  # fmt: skip
        except (KeyError, TypeError, ValueError):
            continue


def _item(row: Any) -> BatchItem:
    return BatchItem._make((*row[:8], stored_json(row[8], dict) if row[8] else None))
