"""Results as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from divisive_desktop import RESEARCH_USE, __version__
from divisive_desktop.casebook.rows import CaseFilter, CaseRow
from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.blobs import hash_file, write_durably
from divisive_desktop.casebook.storage.transaction import Store
from divisive_desktop.casebook.tables.audit import Audit
from divisive_desktop.casebook.tables.batches import Batches
from divisive_desktop.casebook.tables.cases import Cases
from divisive_desktop.explanation.scope import ASKED_ANYWAY, KEY, ScopeCheck

COLUMNS = (
    "case", "name", "file", "sha256", "frame", "kind", "task", "patient", "side", "label", "verdict", "predicted",
    "probability", "margin", "agreement_energy", "agreement_iou", "pointing_hit", "model", "model_version",
    "model_sha256", "method", "question", "preprocessing", "device", "analysed", "review", "tags", "regions",
    "notes", "seconds", "file_state", "error_kind", "error", "remedy", "notice", "scope",
)  # fmt: skip


# What made each case's shown verdict.
_MADE_BY = (
    "SELECT a.id, m.weights_sha256, m.method, m.task, a.device, a.preprocessing FROM cases c "
    "JOIN analyses a ON a.id = c.analysis JOIN models m ON m.id = a.model_id"
)


class Results:
    """What is known of cases or of a batch, as a table that leaves the casebook (``book.results``)."""

    def __init__(self, store: Store, cases: Cases, batches: Batches, audit: Audit) -> None:
        self._store = store
        self._cases = cases
        self._batches = batches
        self._audit = audit

    def export(
        self, target: Path, where: CaseFilter | None = None, *, batch: int | None = None, identified: bool = True
    ) -> int:
        """Write one line per case, as JSON or, for any other suffix, CSV; returns the number of lines.

        Parameters
        ----------
        target : Path
            Replaced in one step.
        where : CaseFilter, optional
            Which cases; None: all but the trash.
        batch : int, optional
            Instead: the items of this batch, failures included.
        identified : bool
            False: patients by number, files by their hash; what the analyst wrote (notes, tags) stays.

        Raises
        ------
        CasebookFullError, CasebookReadOnlyError
            The target can't be written.
        """
        lines = self._batch_lines(batch) if batch is not None else self._lines(self._cases.rows(where))
        if not identified:
            lines = _without_identity(lines)
        if target.suffix.lower() == ".json":
            name = self._store.path.name
            head = {"notice": RESEARCH_USE, "program": f"divisive-desktop {__version__}", "casebook": name}
            content = {**head, "chain": list(self._store.head()), "results": lines}
            data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
        else:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            writer.writerows([{key: _cell(value) for key, value in line.items()} for line in lines])
            data = text.getvalue().encode("utf-8-sig")  # the mark makes spreadsheet programs read UTF-8
        with database.translated(target):
            write_durably(target, data)
        if self._store.read_only is None:
            self._audit.record("export", file=target.name, sha256=hash_file(target), lines=len(lines), batch=batch)
        return len(lines)

    def _lines(self, rows: Sequence[CaseRow]) -> list[dict[str, Any]]:
        made_by = {row[0]: row[1:] for row in self._store.rows(_MADE_BY)}
        return [_line(row, made_by.get(row.analysis)) for row in rows]

    def _batch_lines(self, batch: int) -> list[dict[str, Any]]:
        items = self._batches.items(batch)
        ids = tuple(item.case_id for item in items if item.case_id is not None)
        known = {line["case"]: line for line in self._lines(self._cases.rows(CaseFilter(ids=ids, trashed=None)))}
        lines = []
        for item in items:
            line = known.get(item.case_id) or {**dict.fromkeys(COLUMNS), "file": item.path, "frame": item.frame}
            if item.error is not None:
                line |= {
                    "error_kind": item.error["kind"], "error": item.error["message"], "remedy": item.error["remedy"]
                }  # fmt: skip
            elif item.state == "pending":
                line |= {"error_kind": "pending", "error": "Not analysed yet.", "remedy": "Resume the batch."}
            lines.append({**line, "notice": RESEARCH_USE})
        return lines


def _line(row: CaseRow, made_by: Sequence[Any] | None) -> dict[str, Any]:
    weights, method, question, device, preprocessing = made_by or [None] * 5
    parameters = json.loads(preprocessing) if preprocessing else None
    scope = None
    if parameters is not None:
        found = ScopeCheck.from_dict(parameters.pop(KEY, None))
        scope = f"{found.zone}, {ASKED_ANYWAY}" if found.insisted else found.zone
    return {
        "case": row.id, "name": row.name, "file": row.path, "sha256": row.sha256, "frame": row.frame, "kind": row.kind,
        "task": row.task, "patient": row.patient, "side": row.side, "label": row.label, "verdict": row.verdict,
        "predicted": row.predicted, "probability": row.probability, "margin": row.margin,
        "agreement_energy": row.energy, "agreement_iou": row.iou, "pointing_hit": row.pointing, "model": row.model,
        "model_version": row.model_version, "model_sha256": weights, "method": method, "question": question,
        "preprocessing": parameters, "device": device,
        "analysed": row.analysed, "review": row.review, "tags": list(row.tags),
        "regions": list(row.region_names), "notes": row.notes, "seconds": row.seconds, "file_state": row.file_state,
        "error_kind": None, "error": None, "remedy": None, "notice": RESEARCH_USE,
        "scope": scope,
    }  # fmt: skip


def _without_identity(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines of one patient keep one number, so that they can still be told from those of others."""
    numbers: dict[str, str] = {}
    made = []
    for line in lines:
        patient, file, error = line["patient"], Path(line["file"]), line["error"]
        name = f"{line['sha256'][:12]}{file.suffix}" if line["sha256"] else ""
        if patient:
            patient = numbers.setdefault(patient, f"patient {len(numbers) + 1}")
        if error:
            error = error.replace(str(file), name or "The file").replace(file.name, name or "The file")
        made.append({**line, "name": name, "file": "", "patient": patient, "error": error})
    return made


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(value)
    elif isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    # A text that begins like a formula would be run by spreadsheet programs.
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
