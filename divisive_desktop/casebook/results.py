"""Results as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from divisive_desktop import RESEARCH_USE, __version__
from divisive_desktop.casebook import database
from divisive_desktop.casebook.batches import Batches
from divisive_desktop.casebook.blobs import hash_file, write_durably
from divisive_desktop.casebook.cases import Cases
from divisive_desktop.casebook.rows import CaseFilter, CaseRow

COLUMNS = (
    "case", "name", "file", "sha256", "frame", "kind", "task", "patient", "side", "label", "verdict", "predicted",
    "probability", "margin", "agreement_energy", "agreement_iou", "pointing_hit", "model", "model_version", "analysed",
    "review", "tags", "regions", "notes", "seconds", "file_state", "error_kind", "error", "remedy", "notice",
)  # fmt: skip


class Results(Cases, Batches):
    """Mixed into ``Casebook``."""

    def export_results(self, target: Path, where: CaseFilter | None = None, *, batch: int | None = None) -> int:
        """Write one line per case, as JSON or, for any other suffix, CSV; returns the number of lines.

        Parameters
        ----------
        target : Path
            Replaced in one step.
        where : CaseFilter, optional
            Which cases; None: all but the trash.
        batch : int, optional
            Instead: the items of this batch, failures included.

        Raises
        ------
        CasebookFullError, CasebookReadOnlyError
            The target can't be written.
        """
        lines = self._batch_lines(batch) if batch is not None else [_line(row) for row in self.cases(where)]
        if target.suffix.lower() == ".json":
            head = {"notice": RESEARCH_USE, "program": f"divisive-desktop {__version__}", "casebook": self.path.name}
            content = {**head, "chain": list(self.head()), "results": lines}
            data = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
        else:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, COLUMNS)
            writer.writeheader()
            writer.writerows([{key: _cell(value) for key, value in line.items()} for line in lines])
            data = text.getvalue().encode("utf-8-sig")  # the mark makes spreadsheet programs read UTF-8
        with database.translated(target):
            write_durably(target, data)
        if self._reason is None:
            self.audit("export", file=target.name, sha256=hash_file(target), lines=len(lines), batch=batch)
        return len(lines)

    def _batch_lines(self, batch: int) -> list[dict[str, Any]]:
        items = self.batch_items(batch)
        ids = tuple(item.case_id for item in items if item.case_id is not None)
        cases = {row.id: row for row in self.cases(CaseFilter(ids=ids, trashed=None))}
        lines = []
        for item in items:
            row = cases.get(item.case_id) if item.case_id is not None else None
            line = _line(row) if row else {**dict.fromkeys(COLUMNS), "file": item.path, "frame": item.frame}
            if item.error is not None:
                line |= {
                    "error_kind": item.error["kind"], "error": item.error["message"], "remedy": item.error["remedy"]
                }  # fmt: skip
            elif item.state == "pending":
                line |= {"error_kind": "pending", "error": "Not analysed yet.", "remedy": "Resume the batch."}
            lines.append({**line, "notice": RESEARCH_USE})
        return lines


def _line(row: CaseRow) -> dict[str, Any]:
    return {
        "case": row.id, "name": row.name, "file": row.path, "sha256": row.sha256, "frame": row.frame, "kind": row.kind,
        "task": row.task, "patient": row.patient, "side": row.side, "label": row.label, "verdict": row.verdict,
        "predicted": row.predicted, "probability": row.probability, "margin": row.margin,
        "agreement_energy": row.energy, "agreement_iou": row.iou, "pointing_hit": row.pointing, "model": row.model,
        "model_version": row.model_version, "analysed": row.analysed, "review": row.review, "tags": list(row.tags),
        "regions": list(row.region_names), "notes": row.notes, "seconds": row.seconds, "file_state": row.file_state,
        "error_kind": None, "error": None, "remedy": None, "notice": RESEARCH_USE,
    }  # fmt: skip


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(value)
    # A text that begins like a formula would be run by spreadsheet programs.
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
