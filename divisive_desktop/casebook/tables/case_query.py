"""The worklist's one query: columns of a ``CaseRow``, and a ``CaseFilter`` as SQL."""

from __future__ import annotations

import json
from typing import Any

from divisive_desktop.casebook.rows import CaseFilter

COLUMNS = """
  c.id, c.name, c.path, c.sha256, c.frame, c.kind, c.task, c.width, c.height, c.thumbnail, c.patient, c.side, c.label,
  c.review, c.notes, c.tags, c.seconds, c.file_state, c.added, c.trashed, c.copy IS NOT NULL, c.correction,
  c.analysis, a.predicted,
  a.probability, abs(a.logit1 - a.logit0), a.energy, a.iou, a.pointing, a.time, m.model, m.version, m.negative,
  m.positive, coalesce(k.regions, 0), k.names, coalesce(instr(a.preprocessing, '"asked_anyway":true'), 0) > 0,
  CASE json_extract(a.preprocessing, '$.scope.zone') WHEN 'familiar' THEN 'familiar'
  WHEN 'unfamiliar' THEN 'unfamiliar' WHEN 'out_of_scope' THEN 'out_of_scope' ELSE 'not_checked' END,
  json_extract(a.preprocessing, '$.decision.p[0]'), json_extract(a.preprocessing, '$.decision.p[1]'),
  json_extract(a.preprocessing, '$.decision.rates[0]'), json_extract(a.preprocessing, '$.decision.rates[1]'), m.task,
  m.weights_sha256
"""
FROM = """
  FROM cases c LEFT JOIN analyses a ON a.id = c.analysis LEFT JOIN models m ON m.id = a.model_id
  LEFT JOIN masks k ON k.case_id = c.id
"""


def condition(where: CaseFilter) -> tuple[str, list[Any]]:
    """What stands after WHERE, and its parameters."""
    parts, values = ["1"], list[Any]()

    def add(sql: str, *parameters: Any) -> None:
        parts.append(sql)
        values.extend(parameters)

    for word in where.text.split():
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        fields = ("c.name", "c.path", "c.notes", "c.tags", "k.names", "c.patient", "c.task")
        add("(" + " OR ".join(f"{field} LIKE ? ESCAPE '\\'" for field in fields) + ")", *[pattern] * len(fields))
    for column, choice in (("c.label", where.label), ("a.predicted", where.verdict)):
        if choice in ("none", "any"):
            add(f"{column} IS {'NULL' if choice == 'none' else 'NOT NULL'}")
        elif choice is not None:
            add(f"{column} = ?", choice)
    for column, wanted in (
        ("m.model", where.model), ("m.version", where.model_version), ("c.side", where.side), ("c.kind", where.kind),
        ("c.task", where.task), ("c.patient", where.patient),
    ):  # fmt: skip
        if wanted is not None:
            add(f"{column} = ?", wanted)
    for column, several in (("c.review", where.review), ("c.file_state", where.file_state)):
        if several is not None:
            add(f"{column} IN ({', '.join('?' * len(several))})", *several)
    if where.ids is not None:
        add("c.id IN (SELECT value FROM json_each(?))", json.dumps(list(where.ids)))
    if where.has_mask is not None:
        add("coalesce(k.regions, 0) > 0" if where.has_mask else "coalesce(k.regions, 0) = 0")
    if where.disagrees is not None:
        add("c.label <> a.predicted" if where.disagrees else "c.label = a.predicted")
    if where.energy is not None:
        add("a.energy BETWEEN ? AND ?", *where.energy)
    if where.added_since is not None:
        add("c.added >= ?", where.added_since)
    if where.added_until is not None:
        add("c.added <= ?", where.added_until)
    if where.tag is not None:
        add("EXISTS (SELECT 1 FROM json_each(c.tags) t WHERE t.value = ?)", where.tag)
    if where.trashed is not None:
        add(f"c.trashed IS {'NOT NULL' if where.trashed else 'NULL'}")
    return " AND ".join(parts), values
