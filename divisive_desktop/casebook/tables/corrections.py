"""What analysts mended about pictures: the correction of each case, and what it takes along."""

from __future__ import annotations

from typing import Any

from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store, Transaction
from divisive_desktop.errors import CasebookError
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.masks.mask import Mask


class Corrections:
    """Turned, mirrored and inverted pictures (``book.corrections``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, case_id: int) -> Correction:
        """What was mended about a case's picture."""
        return Correction.parse(
            self._store.one("SELECT correction FROM cases WHERE id = ?", (case_id,), f"case {case_id}")[0]
        )

    def set(self, case_id: int, correction: Correction, file_size: tuple[int, int] | None = None) -> bool:
        """Correct a case's picture in this way, instead of the one before. Setting the one before takes it back.

        One act: mask and measurements are turned with the picture, and the thumbnail is to be made anew. Analyses of
        the picture as it was stay in the history; shown is the newest one of the picture as it is now, if there is one.

        Parameters
        ----------
        file_size : (int, int), optional
            Width and height of the picture in the file; None: as the casebook knows them.

        Returns
        -------
        bool
            False when it was like this already.

        Raises
        ------
        CasebookReadOnlyError, CasebookFullError, CasebookDamagedError
        """
        with self._store.act() as act:
            before = correction_of(act, case_id)
            step = correction.since(before)
            if not step:
                return False
            width, height = act.sql("SELECT width, height FROM cases WHERE id = ?", (case_id,)).one()
            if file_size is not None:
                width, height = before.size(*file_size)
            if step.moves:
                self._turn_mask(act, case_id, step)
                _turn_measurements(act, case_id, step, (width, height))
            act.update(
                "cases",
                case_id,
                {
                    "correction": str(correction) or None, "analysis": _newest(act, case_id, correction),
                    "thumbnail": None, "width": height if step.swaps else width,
                    "height": width if step.swaps else height,
                },
            )  # fmt: skip
            act.record("correct", case=case_id, correction=str(correction), before=str(before), words=correction.words)
        return True

    def _turn_mask(self, act: Transaction, case_id: int, step: Correction) -> None:
        found = act.sql("SELECT id, blob FROM masks WHERE case_id = ?", (case_id,)).first()
        if found is None:
            return
        turned = Mask.from_blob(self._store.blobs.get(found[1])).corrected(step).snapshot()
        act.update(
            "masks",
            found[0],
            {
                "blob": self._store.blobs.put(turned.to_blob()), "digest": turned.digest(), "width": turned.width,
                "height": turned.height,
            },
        )  # fmt: skip


def correction_of(act: Transaction, case_id: int) -> Correction:
    """What was mended about a case's picture, inside a transaction.

    Raises
    ------
    CasebookError
        There is no such case.
    """
    row = act.sql("SELECT correction FROM cases WHERE id = ?", (case_id,)).first()
    if row is None:
        raise CasebookError(f"There is no case {case_id} in this casebook.", "Reload the list.")
    return Correction.parse(row[0])


def _newest(act: Transaction, case_id: int, correction: Correction) -> int | None:
    """The newest analysis of the picture corrected in this way."""
    rows = act.sql("SELECT id, preprocessing FROM analyses WHERE case_id = ? ORDER BY id DESC", (case_id,)).fetchall()
    return next(
        (int(i) for i, made in rows if (stored_json(made, dict).get("correction") or "") == str(correction)), None
    )


def turned(
    items: list[dict[str, Any]], step: Correction, size: tuple[int, int]
) -> list[dict[str, Any]]:
    """Measurements after a picture of this width and height was turned; their figures stay."""
    return [
        {**item, "points": [list(step.point((float(x), float(y)), *size)) for x, y in item.get("points", ())]}
        for item in items
    ]


def _turn_measurements(act: Transaction, case_id: int, step: Correction, size: tuple[int | None, int | None]) -> None:
    found = act.sql("SELECT id, data FROM measurements WHERE case_id = ?", (case_id,)).first()
    items = stored_json(found[1], list) if found is not None else []
    if not items:
        return
    width, height = size
    if width is None or height is None:
        raise CasebookError("The size of this picture isn't known, so its measurements can't be turned with it.",
                            "Open the picture in the window and correct it there.")  # fmt: skip
    act.update("measurements", found[0], {"data": canonical(turned(items, step, (width, height)))})
