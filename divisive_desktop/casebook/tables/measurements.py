"""Rulers, angles and regions of a case, as the window drew them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store, now
from divisive_desktop.casebook.tables.corrections import correction_of, turned
from divisive_desktop.imaging.correction import Correction


class Measurements:
    """Each case's measurements (``book.measurements``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save(
        self, case_id: int, items: Sequence[Mapping[str, Any]], drawn_on: tuple[Correction, int, int] | None = None
    ) -> bool:
        """Keep all measurements of a case; an empty sequence takes them away.

        Parameters
        ----------
        items : sequence of mappings
            What JSON can hold: ``kind``, ``points`` in image pixels, and ``text``, the figures as they were shown.
        drawn_on : (Correction, int, int), optional
            Correction, width and height of the picture that was measured: where the case's is another one by now, they
            are turned with it.

        Returns
        -------
        bool
            False when they were like this already.
        """
        kept = [dict(item) for item in items]
        with self._store.act() as act:
            now_on = correction_of(act, case_id)
            if drawn_on is not None:
                kept = turned(kept, now_on.since(drawn_on[0]), drawn_on[1:])
            data = canonical(kept)
            found = act.sql("SELECT id, data FROM measurements WHERE case_id = ?", (case_id,)).first()
            if (found[1] if found is not None else "[]") == data:
                return False
            values = {"data": data, "user": self._store.user[0], "time": now()}
            if found is None:
                act.insert("measurements", {"case_id": case_id, **values})
            else:
                act.update("measurements", found[0], values)
            act.record("measure", case=case_id, measurements=len(items))
        return True

    def load(self, case_id: int) -> tuple[dict[str, Any], ...]:
        """The case's measurements as they were given, oldest first."""
        rows = self._store.rows("SELECT data FROM measurements WHERE case_id = ?", (case_id,))
        return tuple(one for one in stored_json(rows[0][0], list) if isinstance(one, dict)) if rows else ()
