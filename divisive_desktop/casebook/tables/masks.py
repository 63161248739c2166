"""Saliency masks: each stroke durable when the call returns, earlier runs' masks kept."""

from __future__ import annotations

from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.transaction import Store, now
from divisive_desktop.casebook.tables.corrections import correction_of
from divisive_desktop.errors import CasebookError
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.snapshot import Snapshot


class Masks:
    """Each case's saliency mask (``book.masks``)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.superseded = 0
        """Number of masks that were painted over since the casebook was opened: their files can go."""

    def save(
        self, case_id: int, mask: Mask | Snapshot, *, tool: str = "", drawn_on: Correction | None = None
    ) -> bool:
        """Keep a case's mask as it is now. When this returns, a crash can't take it away.

        Call it after every stroke, from a worker thread with ``mask.snapshot()``: packing happens there, compressing
        and flushing here.

        Parameters
        ----------
        mask : Mask or Snapshot
            All regions of the case.
        tool : str
            What was done, for the audit chain: "brush", "lasso", "undo", ...
        drawn_on : Correction, optional
            Of the picture that was painted on: where the case's is another one by now, the mask is turned with it.
            None: the case's.

        Returns
        -------
        bool
            False when the mask was like this already.

        Raises
        ------
        CasebookReadOnlyError, CasebookFullError
        """
        snapshot = mask.snapshot() if isinstance(mask, Mask) else mask
        data, digest = snapshot.to_blob(), snapshot.digest()  # outside the lock: the slow part
        with self._store.act() as act:
            if drawn_on is not None:
                step = correction_of(act, case_id).since(drawn_on)
                if step.moves:
                    snapshot = Mask.from_snapshot(snapshot).corrected(step).snapshot()
                    data, digest = snapshot.to_blob(), snapshot.digest()
            painted = [region.name for region, box, _ in snapshot.parts if box is not None]
            found = act.sql("SELECT id, blob FROM masks WHERE case_id = ?", (case_id,)).first()
            if act.sql("SELECT 1 FROM cases WHERE id = ?", (case_id,)).first() is None:
                raise CasebookError(f"There is no case {case_id} in this casebook.", "Reload the list.")
            blob = self._store.blobs.put(data)
            if found is not None and found[1] == blob:
                return False
            values = {
                "blob": blob, "digest": digest, "width": snapshot.width, "height": snapshot.height,
                "regions": len(painted), "names": canonical(painted), "user": self._store.user[0], "time": now(),
            }  # fmt: skip
            if found is None:
                act.insert("masks", {"case_id": case_id, **values})
            else:
                self.superseded += 1
                act.update("masks", found[0], values)
            act.record("mask", case=case_id, tool=tool, digest=digest, regions=painted)
        return True

    def load(self, case_id: int, drawn_on: Correction | None = None) -> Mask | None:
        """The case's mask, None when there never was one.

        Parameters
        ----------
        drawn_on : Correction, optional
            Of the picture that it is to lie on, as in `save`.

        Raises
        ------
        CasebookDamagedError
            Its file is gone or was changed.
        """
        rows = self._store.rows(
            "SELECT k.blob, c.correction FROM masks k JOIN cases c ON c.id = k.case_id WHERE k.case_id = ?", (case_id,)
        )
        if not rows:
            return None
        mask = Mask.from_blob(self._store.blobs.get(rows[0][0]))
        step = drawn_on.since(Correction.parse(rows[0][1])) if drawn_on is not None else UNCORRECTED
        return mask.corrected(step) if step.moves else mask

    def load_snapshot(self, blob: str) -> Snapshot:
        """A mask by the hash in ``TrainingCase.mask`` or ``RunCase.mask``: as it was then, whatever came later."""
        return Snapshot.from_blob(self._store.blobs.get(blob))
