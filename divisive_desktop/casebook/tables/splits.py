"""Which cases a model may learn from and which only judge it: by patient, decided once."""

from __future__ import annotations

import hashlib
from typing import Any

from divisive_desktop.casebook.rows import Side
from divisive_desktop.casebook.storage.transaction import Store, Transaction, now
from divisive_desktop.casebook.tables.settings import setting
from divisive_desktop.errors import CasebookError


class Splits:
    """The sides that groups of cases are on (``book.splits``).

    The rule: SHA-256 of the casebook's identity and the group's key (the patient's, or the file's hash where no
    patient is known), read as a number in 0..1, is below the hold-out share. So all images of a patient are on one
    side, a new case joins its patient's side, and nothing depends on the order in which cases came. The side is
    written down at the group's first case and doesn't move by itself.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fixed: dict[str, Any] = {}
        """Settings that the sides rest on; they can't change while a casebook is open."""

    def patient_key(self, act: Transaction, patient: str | None) -> str | None:
        """The patient as this casebook stores it: hashed or plain, as it was made."""
        if not patient:
            return None
        if self._setting(act, "patient_keys") == "plain":
            return patient
        salted = f"{self._setting(act, 'identity')} {patient}".encode()
        return hashlib.sha256(salted).hexdigest()[:24]

    def side(self, act: Transaction, group: str) -> Side:
        """The group's side; written down when the group is new. The caller's record covers the row."""
        found = act.sql("SELECT side FROM splits WHERE group_key = ?", (group,)).first()
        if found is not None:
            return found[0]  # type: ignore[no-any-return]
        digest = hashlib.sha256(f"{self._setting(act, 'identity')} split {group}".encode()).digest()
        share = float(self._setting(act, "holdout_share"))
        side: Side = "holdout" if int.from_bytes(digest[:8], "big") / 2**64 < share else "train"
        act.insert("splits", {"group_key": group, "side": side, "reason": "rule", "time": now()})
        return side

    def set_patient(self, case_id: int, patient: str | None) -> Side:
        """Say whose image it is; the case goes to the side of that patient's other images.

        A patient with an image that was trained on can't be held out any more: then the whole group is ``train``.
        """
        with self._store.act() as act:
            row = act.sql("SELECT sha256 FROM cases WHERE id = ?", (case_id,)).first()
            if row is None:
                raise CasebookError(f"There is no case {case_id} in this casebook.", "Reload the list.")
            key = self.patient_key(act, patient)
            side = self.side(act, key or row[0])
            act.update("cases", case_id, {"patient": key, "side": side})
            act.record("patient", case=case_id, key=key, side=side)
            if side == "holdout" and self._trained_on(act, key or row[0]):
                self._move(act, key or row[0], "train", "an image of this group was trained on before")
                side = "train"
        return side

    def set_side(self, case_id: int, side: Side) -> None:
        """Put a case's whole group on a side by hand, for instance when a class is missing from the hold-out.

        Raises
        ------
        CasebookError
            An image of the group was trained on: it can't judge a model fairly any more.
        """
        with self._store.act() as act:
            row = act.sql("SELECT coalesce(patient, sha256) FROM cases WHERE id = ?", (case_id,)).first()
            if row is None:
                raise CasebookError(f"There is no case {case_id} in this casebook.", "Reload the list.")
            if side == "holdout" and self._trained_on(act, row[0]):
                raise CasebookError(
                    "A model was trained on an image of this patient, so it can't be held out.",
                    "Hold out another patient.",
                )
            self._move(act, row[0], side, "by hand")

    def _setting(self, act: Transaction, key: str) -> Any:
        if key not in self._fixed:
            self._fixed[key] = setting(act, key)
        return self._fixed[key]

    def _trained_on(self, act: Transaction, group: str) -> bool:
        return (
            act.sql(
                "SELECT 1 FROM run_cases JOIN cases c ON c.id = case_id "
                "WHERE role <> 'holdout' AND coalesce(c.patient, c.sha256) = ? LIMIT 1",
                (group,),
            ).first()
            is not None
        )

    def _move(self, act: Transaction, group: str, side: Side, reason: str) -> None:
        split = act.sql("SELECT id FROM splits WHERE group_key = ?", (group,)).one()[0]
        act.update("splits", split, {"side": side, "reason": reason, "time": now()})
        for (case,) in act.sql("SELECT id FROM cases WHERE coalesce(patient, sha256) = ?", (group,)).fetchall():
            act.update("cases", case, {"side": side})
        act.record("split", group=group, side=side, reason=reason)
