"""Many mask files at once: which case each one is for, read in the background, and what is taken of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from divisive_desktop.errors import MaskError, MaskSizeError, UserFacingError, in_words
from divisive_desktop.imaging.correction import Correction

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook, CaseRow
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.masks.snapshot import Snapshot

_MOST_BYTES = 1 << 28
Rule = Literal["leave", "add", "replace"]
"""What happens to cases that have painted regions already."""


@dataclass(frozen=True)
class FoundMask:
    """One mask file of the folder."""

    file: Path
    case: Case | None = None
    """None: no case, or not exactly one, is called like this."""
    snapshot: Snapshot | None = None
    """Of the case's size; None: it can't be read, or there is no case."""
    regions: int = 0
    share: float = 0.0
    """Of the picture that is painted, 0..1."""
    remark: str = ""
    """What is to be known or decided about it."""
    doubtful: bool = False
    """It is taken only when somebody says so."""


def find_masks(
    folder: Path, cases: Sequence[Case], book: Casebook, cancelled: Callable[[], bool], told: Callable[[int], None]
) -> list[FoundMask]:
    """Read all mask files of a folder and match them with cases by their names; on a background thread.

    Parameters
    ----------
    cases : sequence of Case
        Those that are in the casebook.
    cancelled : callable
        Whether nobody waits any more.
    told : callable
        Given the number of files read so far.

    Raises
    ------
    MaskError
        The folder can't be read.
    """
    from divisive_desktop.masks import matching

    try:
        files = matching.mask_files(folder)
    except OSError as e:
        raise MaskError(f"{folder.name} can't be read ({in_words(e)}).", "Check the permissions.") from e
    names = [case.path.name for case in cases]
    pictures = {case.path for case in cases}
    found: list[FoundMask] = []
    for number, file in enumerate(files, 1):
        if cancelled():
            break
        if file in pictures:
            continue
        listed = _listed(file)
        wanted = listed if len(listed) > 1 or (listed and not matching.find(file.name, names)) else (file.name,)
        for name in wanted:
            found.append(_read(file, [cases[i] for i in matching.find(name, names)], book))
        told(number)
    return _once(found)


def _listed(file: Path) -> tuple[str, ...]:
    """The images that a file with the shapes of several describes; none for other files, and for what can't be read."""
    from divisive_desktop.foreign.files import read_whole
    from divisive_desktop.masks.files import image_names

    if file.suffix.lower() not in (".json", ".xml"):
        return ()
    try:
        return image_names(read_whole(file, _MOST_BYTES))
    except (OSError, UserFacingError):
        return ()


def _read(file: Path, fitting: Sequence[Case], book: Casebook) -> FoundMask:
    """One mask of a file, for the one case that fits."""
    from divisive_desktop.imaging.apart import done_apart
    from divisive_desktop.masks.files import read_mask_file
    from divisive_desktop.masks.matching import same_picture

    if len(fitting) != 1 or fitting[0].id is None:
        many = f"{len(fitting)} cases have this name" if len(fitting) > 1 else "no case has this name"
        return FoundMask(file, remark=f"Left out: {many}.")
    case = fitting[0]
    row = book.cases.get(fitting[0].id)
    remarks: list[str] = []
    try:
        size = _size(row, book)
        try:
            reading = done_apart(file, read_mask_file, file, size, image_name=case.path.name)
        except MaskSizeError as e:
            reading = done_apart(file, read_mask_file, file, size, resample=True, image_name=case.path.name)
            remarks.append(f"{e.message} Tick it to have it resampled.")
    except UserFacingError as e:
        return FoundMask(file, case, remark=e.message)
    if reading.picture and not same_picture(reading.picture, (case.path.name, row.sha256[:12])):
        remarks.append(f"It was drawn on “{reading.picture}”.")
    correction = Correction.parse(row.correction)  # mask files fit the image's file
    mask = reading.mask.corrected(correction) if correction.moves else reading.mask
    share = float((mask.union() > 0).mean())
    doubtful = bool(remarks) or mask.is_empty
    remark = " ".join((*remarks, *reading.notes))
    return FoundMask(file, case, mask.snapshot(), len(mask.regions), share, remark, doubtful)


def _size(row: CaseRow, book: Casebook) -> tuple[int, int]:
    """Width and height of the picture in a case's file, which the casebook knows once it was looked at."""
    if row.width and row.height:
        return Correction.parse(row.correction).inverse().size(row.width, row.height)
    from divisive_desktop.imaging import open_image

    record = open_image(book.originals.path(row.id), row.frame)
    return record.width, record.height


def _once(found: Sequence[FoundMask]) -> list[FoundMask]:
    """The same list, in which no case takes more than one file unasked."""
    taken: dict[int, Path] = {}
    result = []
    for one in found:
        if one.case is not None and one.snapshot is not None and not one.doubtful:
            first = taken.setdefault(id(one.case), one.file)
            if first is not one.file:
                remark = f"{first.name} is for the same case. {one.remark}".strip()
                one = replace(one, remark=remark, doubtful=True)
        result.append(one)
    return result


def take_masks(book: Casebook, masks: Sequence[tuple[int, Snapshot]], rule: Rule) -> int:
    """Write masks into the casebook; on its thread.

    Parameters
    ----------
    masks : sequence of (int, Snapshot)
        Ids of cases, and what was read for them. Of two for one case the second one is added to the first.
    rule : Rule
        For cases on which something is painted already.

    Returns
    -------
    int
        How many masks were written.
    """
    from divisive_desktop.masks import ops
    from divisive_desktop.masks.mask import Mask

    written: set[int] = set()
    for case, snapshot in masks:
        present = book.masks.load(case)
        painted = present is not None and not present.is_empty
        if painted and rule == "leave" and case not in written:
            continue
        if present is not None and painted and (rule == "add" or case in written):
            ops.copy_regions(present, Mask.from_snapshot(snapshot))
            snapshot = present.snapshot()
        book.masks.save(case, snapshot, tool="Import masks of a folder")
        written.add(case)
    return len(written)
