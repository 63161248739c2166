"""What a casebook says about a report that was made from it: history, analysis, mask, label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from divisive_desktop.casebook import AuditRecord, Casebook, CaseRow
from divisive_desktop.casebook.verify import verify
from divisive_desktop.errors import CasebookError
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.reporting.build import mask_sha256
from divisive_desktop.reporting.finding import Finding

_ALL = 10**9


class Confirmer:
    """Compares the cases of a report with an open casebook. The casebook is only read.

    Parameters
    ----------
    book : Casebook
        Its whole chain is checked first: a record counts only in a chain that is as it was written.
    """

    def __init__(self, book: Casebook) -> None:
        self._book = book
        self._identity = str(book.settings.get("identity", ""))
        self._records: dict[int, AuditRecord] = {record.seq: record for record in book.audit.trail(limit=_ALL)}
        checked = verify(book.path, originals=False)
        self._broken = "" if checked.ok else str(checked.breaks[0])

    def __call__(self, case: Mapping[str, Any]) -> list[Finding]:
        """What holds of one case, as `Report.as_dict` has it."""
        title, anchor = case["title"], case.get("casebook")
        if not anchor:
            return [Finding("unknown", f"{title}: was reported from an image, not from a casebook.")]
        if anchor["identity"] != self._identity:
            return [
                Finding(
                    "broken",
                    f"{title}: {self._book.path.name} is another casebook ({self._identity}) than the one of the "
                    f"report ({anchor['identity']}).",
                )
            ]
        findings = [self._chain(title, case.get("audit", ()), anchor)]
        if self._broken:
            findings.append(Finding("broken", f"{title}: the casebook isn't as it was written. {self._broken}"))
        try:
            row = self._book.cases.get(anchor["case"])
        except CasebookError:
            return [*findings, Finding("unknown", f"{title}: case {anchor['case']} is not in the casebook any more.")]
        findings.append(self._original(title, case, row))
        findings.append(self._analysis(title, case, anchor))
        later = {
            r.act for r in self._records.values() if r.seq > anchor["chain_length"] and r.case_id == anchor["case"]
        }
        if case.get("mask"):
            then = Correction.parse(case["analysis"]["preprocessing"].get("correction"))
            painted = self._book.masks.load(anchor["case"], then)
            held = "" if painted is None else mask_sha256(painted.union())
            findings.append(_compared(title, "the mask", held == case["mask"]["sha256"], "mask" in later))
        if case["true_class_source"] == "label":
            findings.append(_compared(title, "the label", row.label == case["true_class"], "label" in later))
        return findings

    def recorded(self, digest: str) -> bool:
        """Whether the chain, which must be as it was written, says that a file of this SHA-256 was exported."""
        reports = (record for record in self._records.values() if record.act == "report")
        return not self._broken and any(digest in record.parameters.get("sha256", ()) for record in reports)

    def _chain(self, title: str, rows: Any, anchor: Mapping[str, Any]) -> Finding:
        wrong = [
            f"record {row['seq']}"
            for row in rows
            if (held := self._records.get(row["seq"])) is None
            or (held.hash, held.case_id) != (row["hash"], anchor["case"])
        ]
        end = self._records.get(anchor["chain_length"])
        if end is None or end.hash != anchor["chain_head"]:
            wrong.append("the end of the chain when the report was made")
        if wrong:
            return Finding("broken", f"{title}: the casebook doesn't have {', '.join(wrong)}.")
        since = max(self._records) - anchor["chain_length"]
        return Finding(
            "holds",
            f"{title}: the casebook has all {len(rows)} records of the extract and the end of the chain "
            f"(record {anchor['chain_length']}; {since} more since then).",
        )

    def _original(self, title: str, case: Mapping[str, Any], row: CaseRow) -> Finding:
        same = (row.sha256, row.frame) == (case["image"]["sha256"], case["image"]["frame"])
        return _compared(title, "the original's SHA-256", same, False)

    def _analysis(self, title: str, case: Mapping[str, Any], anchor: Mapping[str, Any]) -> Finding:
        try:
            held = self._book.analyses.load(anchor["analysis"])
        except CasebookError:
            return Finding("broken", f"{title}: the casebook doesn't have analysis {anchor['analysis']}.")
        stated = case["analysis"]
        t = stated["true_class"]
        same = (
            held.model.weights_sha256 == stated["model"]["weights_sha256"]
            and held.sha256 == stated["sha256"]
            and np.allclose(held.logits, stated["logits"], atol=1e-5)
            and stated["cam"]["shape"] == list(held.cams.shape[1:])
            and np.allclose(held.cams[t], stated["cam"]["true"], atol=1e-3)
            and np.allclose(held.cams[1 - t], stated["cam"]["false"], atol=1e-3)
        )
        return _compared(title, f"analysis {anchor['analysis']}: model, logits and class maps", same, False)


def _compared(title: str, what: str, same: bool, changed_later: bool) -> Finding:
    if same:
        return Finding("holds", f"{title}: the casebook has {what} as the report states.")
    if changed_later:
        return Finding("unknown", f"{title}: {what} in the casebook was changed after the report was made.")
    return Finding("broken", f"{title}: the casebook has {what} otherwise than the report states.")
