"""From files to cases of the casebook, and back. Runs on the casebook's writer or in the background."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from divisive_desktop.desktop.session import unpacked
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.errors import CasebookFullError, CasebookReadOnlyError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook, CaseRow, NewImage

log = logging.getLogger(__name__)


def import_images(book: Casebook, cases: Sequence[Case]) -> list[tuple[Case, CaseRow]]:
    """Make cases of images that aren't yet; on the writer's thread. Files that are no images stay outside.

    Returns
    -------
    list of (Case, CaseRow)
        Those that were taken in; their ``id`` is set.
    """
    from divisive_desktop.casebook import CaseFilter

    new: list[tuple[Case, NewImage]] = []
    for case in cases:
        if case.id is None and case.error is None and not case.removed:
            image = _describe(case)
            if image is not None:
                new.append((case, image))
    if not new:
        return []
    try:
        ids = book.cases.add_all([image for _, image in new], copy=book.settings.get("copy", "auto"))
    except (CasebookFullError, CasebookReadOnlyError):
        raise
    except UserFacingError:
        if len(new) == 1:
            raise
        return [pair for case, _ in new for pair in _alone(book, case)]
    rows = {row.id: row for row in book.cases.rows(CaseFilter(ids=tuple(set(ids))))}
    unpacked.note(book, [image.path for _, image in new])
    for (case, _), number in zip(new, ids, strict=True):
        case.id = number
    return [(case, rows[number]) for (case, _), number in zip(new, ids, strict=True)]


def _alone(book: Casebook, case: Case) -> list[tuple[Case, CaseRow]]:
    """One image of a group that couldn't be taken in together."""
    try:
        return import_images(book, [case])
    except UserFacingError as e:
        log.warning("an image could not be taken into the casebook: %s", e.kind)
        return []


def _describe(case: Case) -> NewImage | None:
    """Kind, size and patient from the file's header; None for what isn't an image."""
    from divisive_desktop.casebook import NewImage
    from divisive_desktop.imaging import is_image_file
    from divisive_desktop.imaging.apart import looked_into
    from divisive_desktop.imaging.collection import read_instance
    from divisive_desktop.imaging.kind import guess_kind

    try:
        if not is_image_file(case.path):
            return None
        with open(case.path, "rb") as file:
            if file.read(132)[128:] != b"DICM":
                return NewImage(case.path, frame=case.frame, kind=looked_into(case.path, guess_kind, case.path))
        instance = read_instance(case.path)
    except (OSError, UserFacingError):
        return None  # opening the case tells what is wrong with the file
    return NewImage(case.path, frame=case.frame, kind="radiograph", patient=instance.patient_id or None)


def load_cases(book: Casebook) -> list[Case]:
    """All cases but the trash, as the casebook knows them."""
    from divisive_desktop.imaging.framing import framing_of

    cases, chosen = [], book.analyses.framings()
    for row in book.cases.rows():
        case = Case.from_row(row)
        case.framing = framing_of({"framing": chosen.get(row.id)})
        if row.copied:
            case.source = book.blobs.path(row.sha256, Path(row.path).suffix.lower()[:16] or ".bin")
        cases.append(case)
    return cases
