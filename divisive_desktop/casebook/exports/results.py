"""Results as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from divisive_desktop import RESEARCH_USE, __version__
from divisive_desktop.casebook.rows import CaseFilter, CaseRow
from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.blobs import hash_file, write_durably
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store
from divisive_desktop.casebook.tables.audit import Audit
from divisive_desktop.casebook.tables.batches import Batches
from divisive_desktop.casebook.tables.cases import Cases
from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.explanation.decision import KEY as DECISION
from divisive_desktop.explanation.decision import RATES, Decision, Wanted
from divisive_desktop.explanation.scope import ASKED_ANYWAY, KEY, ScopeCheck
from divisive_desktop.explanation.statement import Brief, Kept, picture_in_words, state
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.library.tasks import question_of

COLUMNS = (
    "case", "name", "file", "sha256", "frame", "kind", "task", "patient", "side", "label", "verdict", "predicted",
    "probability", "margin", "agreement_energy", "agreement_iou", "pointing_hit", "model", "model_version",
    "model_sha256", "method", "question", "preprocessing", "device", "analysed", "review", "tags", "regions",
    "notes", "seconds", "file_state", "error_kind", "error", "remedy", "notice", "scope",
    "answer", "statement",
    "correction", "answer_class", "nearer", "error_rate_negative", "error_rate_positive", "error_rates_chosen_by",
)  # fmt: skip

_ANSWER = (
    "predicted", "probability", "margin", "agreement_energy", "agreement_iou", "pointing_hit", "preprocessing",
    "answer", "answer_class", "nearer", "error_rate_negative", "error_rate_positive", "error_rates_chosen_by",
)  # fmt: skip
"""What an answer is made of: an item that got none has none of them, whatever was answered of its image before."""

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
        self, target: Path, where: CaseFilter | None = None, *, batch: int | None = None, identified: bool = True,
        rates: Wanted | None = None,
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
        rates : (float, float), optional
            Error rates at which answers are decided; None, also for one of the two: each model's own.
        identified : bool
            False: patients by number, files by their hash; what the analyst wrote (notes, tags) stays.

        Raises
        ------
        CasebookFullError, CasebookReadOnlyError
            The target can't be written.
        """
        lines = (
            self._batch_lines(batch, rates) if batch is not None else self._lines(self._cases.rows(where), rates)
        )
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

    def _lines(self, rows: Sequence[CaseRow], rates: Wanted | None) -> list[dict[str, Any]]:
        made_by = {row[0]: row[1:] for row in self._store.rows(_MADE_BY)}
        return [_line(row, made_by.get(row.analysis), rates) for row in rows]

    def _batch_lines(self, batch: int, rates: Wanted | None) -> list[dict[str, Any]]:
        items = self._batches.items(batch)
        ids = tuple(item.case_id for item in items if item.case_id is not None)
        known = {line["case"]: line for line in self._lines(self._cases.rows(CaseFilter(ids=ids, trashed=None)), rates)}
        lines = []
        for item in items:
            line = known.get(item.case_id) or {**dict.fromkeys(COLUMNS), "file": item.path, "frame": item.frame}
            if item.error is not None:
                line |= {
                    "error_kind": item.error["kind"], "error": item.error["message"], "remedy": item.error["remedy"],
                    "statement": None,
                }  # fmt: skip
                if item.error["kind"] == OutOfScopeError.kind:
                    line |= _withheld(item.error, line["correction"])
            elif item.state == "pending":
                line |= {"error_kind": "pending", "error": "Not analysed yet.", "remedy": "Resume the batch."}
            lines.append({**line, "notice": RESEARCH_USE})
        return lines


def _line(row: CaseRow, made_by: Sequence[Any] | None, rates: Wanted | None) -> dict[str, Any]:
    weights, method, question, device, preprocessing = made_by or [None] * 5
    parameters = stored_json(preprocessing, dict) if preprocessing else None
    scope, stated, card = None, None, RATES
    if parameters is not None:
        checked = ScopeCheck.from_dict(parameters.pop(KEY, None))
        decision = Decision.from_dict(parameters.pop(DECISION, None))
        scope = f"{checked.zone}, {ASKED_ANYWAY}" if checked.insisted else checked.zone
        classes = (row.negative or "", row.positive or "")
        model = ModelRef(row.model or "", row.model_version or "", weights, method, question, classes)
        kept = Kept(model, row.predicted or 0, row.probability or 0.0, parameters, checked, decision)
        stated, card = state(kept, question_of(question), rates), decision.rates
    return {
        "case": row.id, "name": row.name, "file": row.path, "sha256": row.sha256, "frame": row.frame, "kind": row.kind,
        "task": row.task, "patient": row.patient, "side": row.side, "label": row.label,
        "verdict": None if stated is None else stated.words,
        "predicted": row.predicted if stated is not None and stated.answer_class else None,
        "probability": row.probability, "margin": row.margin,
        "agreement_energy": row.energy, "agreement_iou": row.iou, "pointing_hit": row.pointing, "model": row.model,
        "model_version": row.model_version, "model_sha256": weights, "method": method, "question": question,
        "preprocessing": parameters, "device": device,
        "analysed": row.analysed, "review": row.review, "tags": list(row.tags),
        "regions": list(row.region_names), "notes": row.notes, "seconds": row.seconds, "file_state": row.file_state,
        "error_kind": None, "error": None, "remedy": None, "notice": RESEARCH_USE,
        "scope": scope, "answer": None if stated is None else stated.answer,
        # What the regions together cover stands with the maps, which a table doesn't hold.
        "statement": None if stated is None else f"{stated.full} {stated.regions}".strip(),
        "correction": Correction.parse(row.correction).words or None,
        "answer_class": None if stated is None else stated.answer_class or None,
        "nearer": row.predicted,
        "error_rate_negative": None if stated is None else stated.rates[0],
        "error_rate_positive": None if stated is None else stated.rates[1],
        "error_rates_chosen_by": None if stated is None else "card" if stated.rates == card else "analyst",
    }  # fmt: skip


def _withheld(error: Mapping[str, str], correction: str | None) -> dict[str, Any]:
    """What a line says of an item that got no answer: no figure, but what was asked, and whom."""
    asked, message = error.get("task"), error["message"]
    words = (question_of(asked) if asked else "", message, picture_in_words(correction))
    zone = "out_of_scope"
    return {
        **dict.fromkeys(_ANSWER), "verdict": Brief.of(zone, False, None, 0, 0.0, ("", ""), RATES).words, "scope": zone,
        "statement": " ".join(word for word in words if word), "question": asked, "method": error.get("method"),
        "model": error.get("model"), "model_version": error.get("version"), "model_sha256": error.get("weights_sha256"),
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
