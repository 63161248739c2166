"""The audit trail: what was done, and acts that leave no trace in the other tables."""

from __future__ import annotations

from typing import Any

from divisive_desktop.casebook.storage import chain
from divisive_desktop.casebook.storage.chain import AuditRecord
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store
from divisive_desktop.explanation.analysis import ModelRef


class Audit:
    """The audit trail (``book.audit``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, act: str, *, case: int | None = None, model: ModelRef | None = None, **parameters: Any) -> int:
        """Record an act that leaves no trace in the tables: an export, a report, something sent. Returns its number."""
        with self._store.act() as transaction:
            return transaction.record(act, case=case, model=model, **parameters)

    def trail(self, case: int | None = None, *, limit: int = 1000) -> list[AuditRecord]:
        """The newest records, newest first; of one case, or of all."""
        rows = self._store.rows(
            f"SELECT {', '.join(chain.FIELDS)}, hash FROM audit {'WHERE case_id = ?' if case is not None else ''} "
            "ORDER BY seq DESC LIMIT ?",
            (limit,) if case is None else (case, limit),
        )
        return [_record(dict(zip((*chain.FIELDS, "hash"), row, strict=True))) for row in rows]


def _record(row: dict[str, Any]) -> AuditRecord:
    told = stored_json(row["rows"], list)
    rows = tuple((entry[0], entry[1], entry[2]) for entry in told if isinstance(entry, list) and len(entry) == 3)
    return AuditRecord(**{**row, "parameters": stored_json(row["parameters"], dict), "rows": rows})
