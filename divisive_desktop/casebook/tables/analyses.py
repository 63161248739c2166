"""Analyses: what models said, figures in columns, CAM pairs beside them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from divisive_desktop.casebook.rows import AnalysisRow
from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store, Transaction, now
from divisive_desktop.casebook.tables.models import model_row
from divisive_desktop.errors import CasebookDamagedError, CasebookError, ImageAlteredError
from divisive_desktop.explanation import decision, scope
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import ScopeCheck

KEPT = (scope.KEY, decision.KEY)
"""What stands beside the parameters of the recipe without being one."""
_ROW = """
  SELECT a.id, a.case_id, a.time, a.user, a.predicted, a.probability, a.logit0, a.logit1, a.energy, a.iou, a.pointing,
  a.device, m.model, m.version, m.weights_sha256, m.method, m.negative, m.positive
  FROM analyses a JOIN models m ON m.id = a.model_id
"""


class Analyses:
    """What models said of cases (``book.analyses``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, case_id: int, analysis: Analysis) -> int:
        """Keep an analysis; it becomes the one that the worklist shows, if it is of the picture as corrected now.

        Returns its id.

        Raises
        ------
        ImageAlteredError
            The analysed bytes aren't those that were imported.
        """
        with self._store.act() as act:
            return self.insert(act, case_id, analysis)

    def insert(self, act: Transaction, case_id: int, analysis: Analysis) -> int:
        """``add`` inside a transaction, with its record."""
        case = act.sql("SELECT sha256, frame, name, correction FROM cases WHERE id = ?", (case_id,)).first()
        if case is None:
            raise CasebookError(f"There is no case {case_id} in this casebook.", "Reload the list.")
        if (analysis.sha256, analysis.frame) != (case[0], case[1]):
            raise ImageAlteredError(
                f"{case[2]} was altered since it was imported: its analysis was not kept.",
                "Restore the original file, or import the new version as a case of its own.",
            )
        cams = np.ascontiguousarray(analysis.cams, dtype="<f4")
        x, y, width, height = analysis.region
        row = act.insert(
            "analyses",
            {
                "case_id": case_id, "model_id": model_row(act, analysis.model), "time": now(),
                "user": self._store.user[0], "device": analysis.device, "precision": analysis.precision,
                "region_x": int(x), "region_y": int(y), "region_width": int(width), "region_height": int(height),
                "image_width": int(analysis.image_size[0]), "image_height": int(analysis.image_size[1]),
                "logit0": float(analysis.logits[0]), "logit1": float(analysis.logits[1]),
                "bias0": float(analysis.bias[0]), "bias1": float(analysis.bias[1]),
                "probability": analysis.probability, "predicted": analysis.predicted,
                "preprocessing": canonical(_plain({**analysis.preprocessing, **_kept(analysis)})),
                "timings": canonical(_plain(analysis.timings_ms)),
            },
        )  # fmt: skip
        values = {"analysis_id": row, "height": cams.shape[1], "width": cams.shape[2], "data": cams.tobytes()}
        act.insert("cams", values)
        if analysis.correction == (case[3] or ""):  # else the picture was turned meanwhile: it stays in the history
            act.update("cases", case_id, {"analysis": row})
        act.record(
            "analysis", case=case_id, model=analysis.model, analysis=row, logits=[float(v) for v in analysis.logits],
            region=[int(v) for v in analysis.region], device=analysis.device, precision=analysis.precision,
        )  # fmt: skip
        if analysis.scope.insisted:
            act.record("asked-anyway", case=case_id, model=analysis.model, analysis=row,
                       reasons=list(analysis.scope.reasons))  # fmt: skip
        return row

    def set_agreement(
        self, analysis_id: int, *, energy: float | None, iou: float | None = None, pointing: bool | None = None
    ) -> None:
        """Keep how well the divergence matched the mask.

        Parameters
        ----------
        energy : float or None
            Share of the divergence's energy inside the mask, 0..1.
        iou : float, optional
            Of important features and mask, 0..1.
        pointing : bool, optional
            The highest point lies in the mask.
        """
        with self._store.act() as act:
            hit = None if pointing is None else int(pointing)
            values: dict[str, Any] = {"energy": energy, "iou": iou, "pointing": hit}
            act.update("analyses", analysis_id, values)
            case = act.sql("SELECT case_id FROM analyses WHERE id = ?", (analysis_id,)).one()[0]
            act.record("agreement", case=case, analysis=analysis_id, **values)

    def rows(self, case_id: int) -> list[AnalysisRow]:
        """A case's analyses, oldest first, without CAMs."""
        rows = self._store.rows(f"{_ROW} WHERE a.case_id = ? ORDER BY a.id", (case_id,))
        return [AnalysisRow._make(row) for row in rows]

    def load(self, analysis_id: int) -> Analysis:
        """The whole analysis as it was made, CAM pair included."""
        with self._store.read() as connection:
            row = connection.exec_driver_sql(
                "SELECT a.*, p.height, p.width, p.data, c.path, c.sha256, c.frame, m.model, m.version, "
                "m.weights_sha256, m.method, m.task, m.negative, m.positive FROM analyses a "
                "JOIN cases c ON c.id = a.case_id JOIN models m ON m.id = a.model_id "
                "JOIN cams p ON p.analysis_id = a.id WHERE a.id = ?",
                (analysis_id,),
            ).mappings().first()  # fmt: skip
        if row is None:
            raise CasebookError(f"There is no analysis {analysis_id} in this casebook.", "Reload the list.")
        parameters = stored_json(row["preprocessing"], dict)
        shape = (2, row["height"], row["width"])
        if len(row["data"]) != 4 * shape[0] * shape[1] * shape[2]:
            raise CasebookDamagedError("The CAM pair of an analysis has the wrong size.", "Analyse the case again.")
        return Analysis(
            file=row["path"],
            sha256=row["sha256"],
            frame=row["frame"],
            image_size=(row["image_width"], row["image_height"]),
            region=(row["region_x"], row["region_y"], row["region_width"], row["region_height"]),
            model=ModelRef(
                row["model"], row["version"], row["weights_sha256"], row["method"], row["task"],
                (row["negative"], row["positive"]),
            ),
            device=row["device"],
            precision=row["precision"],
            logits=(row["logit0"], row["logit1"]),
            bias=(row["bias0"], row["bias1"]),
            cams=np.frombuffer(row["data"], "<f4").astype(np.float32).reshape(shape),
            preprocessing={name: value for name, value in parameters.items() if name not in KEPT},
            timings_ms=stored_json(row["timings"], dict),
            scope=ScopeCheck.from_dict(parameters.get(scope.KEY)),
            decision=Decision.from_dict(parameters.get(decision.KEY)),
        )  # fmt: skip

    def framings(self) -> dict[int, dict[str, Any]]:
        """Case id -> the part of the image that a person chose for the analysis shown (``imaging.framing.Framing``)."""
        rows = self._store.rows(
            "SELECT c.id, json_extract(a.preprocessing, '$.framing') FROM cases c JOIN analyses a ON a.id = c.analysis "
            "WHERE instr(a.preprocessing, '\"framing\"') AND "
            "json_extract(a.preprocessing, '$.framing.how') IN ('picked', 'manual', 'whole')"
        )
        return {int(row[0]): stored_json(row[1], dict) for row in rows}


def _kept(analysis: Analysis) -> dict[str, Any]:
    return {scope.KEY: analysis.scope.as_dict(), decision.KEY: analysis.decision.as_dict()}


def _plain(value: Any) -> Any:
    """JSON's own types from what numpy and tuples bring along."""
    return json.loads(json.dumps(dict(value), default=lambda v: v.item() if hasattr(v, "item") else str(v)))
