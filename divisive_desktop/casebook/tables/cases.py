"""Cases: taking images in, the worklist's one query, labels, review, notes, tags, trash."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from divisive_desktop.casebook.rows import (
    REVIEWS,
    SORTS,
    CaseFilter,
    CaseRow,
    LabelRow,
    NewImage,
    Review,
    storable,
)
from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.blobs import hash_file
from divisive_desktop.casebook.storage.chain import canonical
from divisive_desktop.casebook.storage.transaction import Transaction, now
from divisive_desktop.casebook.tables.splits import Splits
from divisive_desktop.errors import CasebookError, UnreadableFileError
from divisive_desktop.imaging.kind import guess_kind, is_dicom
from divisive_desktop.imaging.record import ImageRecord

COPY_LIMIT = 50 * 1024 * 1024
"""Photographs up to this many bytes are imported as copies by default."""

_COLUMNS = """
  c.id, c.name, c.path, c.sha256, c.frame, c.kind, c.task, c.width, c.height, c.thumbnail, c.patient, c.side, c.label,
  c.review, c.notes, c.tags, c.seconds, c.file_state, c.added, c.trashed, c.copy IS NOT NULL, c.analysis, a.predicted,
  a.probability, abs(a.logit1 - a.logit0), a.energy, a.iou, a.pointing, a.time, m.model, m.version, m.negative,
  m.positive, coalesce(k.regions, 0), k.names
"""
_FROM = """
  FROM cases c LEFT JOIN analyses a ON a.id = c.analysis LEFT JOIN models m ON m.id = a.model_id
  LEFT JOIN masks k ON k.case_id = c.id
"""


class Cases(Splits):
    """Mixed into ``Casebook``."""

    _incoming: Counter[str]

    # ---- taking images in ------------------------------------------------------------------------------------

    def add_image(
        self,
        image: ImageRecord | NewImage | Path,
        *,
        copy: Literal["auto", True, False] = "auto",
        task: str | None = None,
        thumbnail: bytes | None = None,
    ) -> int:
        """Make an image a case and return the case's id; durable on return.

        The same bytes and frame a second time give the case that is there (out of the trash, if it was in it).

        Parameters
        ----------
        image : ImageRecord, NewImage or Path
            A record spares reading the file again and brings the patient's key along.
        copy : "auto", True or False
            Import the file itself, or refer to its path. Auto: copy pictures up to 50 MB, refer to DICOM radiographs.
        task : str, optional
            One of the glossary's tasks.
        thumbnail : bytes, optional
            PNG or JPEG.

        Raises
        ------
        UnreadableFileError, ImageAlteredError, CasebookReadOnlyError, CasebookFullError
        """
        return self.add_images([image], copy=copy, task=task, thumbnails=[thumbnail])[0]

    def add_images(
        self,
        images: Sequence[ImageRecord | NewImage | Path],
        *,
        copy: Literal["auto", True, False] = "auto",
        task: str | None = None,
        thumbnails: Sequence[bytes | None] | None = None,
    ) -> list[int]:
        """``add_image`` for many, in one transaction: all of them or none. About a hundred at a time is best."""
        prepared = [self._prepare(image, task) for image in images]
        pictures = thumbnails or [None] * len(prepared)
        # Files are copied before the act begins, so that a long import doesn't keep a stroke waiting.
        with database.translated(self.path), self._keeping() as incoming:
            suffixes = [self._copy(image, copy, incoming) for image in prepared]
            with self._act() as act:
                return [
                    self._add(act, image, suffix, picture or image.thumbnail)
                    for image, suffix, picture in zip(prepared, suffixes, pictures, strict=True)
                ]

    def _prepare(self, image: ImageRecord | NewImage | Path, task: str | None) -> NewImage:
        if isinstance(image, ImageRecord):
            group = image.header.get("PatientID") or None
            new = NewImage(
                image.path, image.sha256, image.frame, image.kind, image.width, image.height, group, None, task
            )
        else:
            new = image if isinstance(image, NewImage) else NewImage(image)
        try:
            storable(new.path)
            kind = new.kind or guess_kind(new.path)
            digest = new.sha256 or hash_file(new.path)
        except OSError as e:
            raise UnreadableFileError(
                f"{new.path.name} can't be read ({e.strerror}).", "Check that the file is there and may be read."
            ) from e
        except UnicodeEncodeError as e:
            raise UnreadableFileError(
                "A file's name holds characters that aren't text.", "Rename the file and open it again."
            ) from e
        return NewImage(
            new.path, digest, new.frame, kind, new.width, new.height, new.patient, new.name, task or new.task,
            new.thumbnail,
        )  # fmt: skip

    def _copy(self, image: NewImage, copy: Literal["auto", True, False], incoming: list[str]) -> str | None:
        """Import the file itself when that is wanted and it isn't here yet; returns the copy's suffix."""
        assert image.sha256 is not None
        size = image.path.stat().st_size
        film = image.kind == "radiograph" and is_dicom(image.path)
        wanted = not film and size <= COPY_LIMIT if copy == "auto" else copy
        if not wanted or self._reason is not None:
            return None
        if self._rows("SELECT 1 FROM cases WHERE sha256 = ? AND frame = ?", (image.sha256, image.frame)):
            return None
        suffix = image.path.suffix.lower()[:16] or ".bin"
        incoming.append(image.sha256 + suffix)
        self._incoming.update(incoming[-1:])
        self.blobs.put_copy(image.path, image.sha256, suffix)
        return suffix

    @contextmanager
    def _keeping(self) -> Iterator[list[str]]:
        """Names put into the list are safe from ``collect_garbage`` until rows refer to them."""
        incoming: list[str] = []
        try:
            yield incoming
        finally:
            self._incoming.subtract(incoming)

    def _add(self, act: Transaction, image: NewImage, suffix: str | None, picture: bytes | None) -> int:
        assert image.sha256 is not None
        found = act.sql(
            "SELECT id, trashed FROM cases WHERE sha256 = ? AND frame = ?", (image.sha256, image.frame)
        ).first()
        if found is not None:
            if found[1] is not None:
                act.update("cases", found[0], {"trashed": None})
                act.record("restore", case=found[0], path=str(image.path))
            return int(found[0])
        stat = image.path.stat()
        patient = self._patient_key(act, image.patient)
        values: dict[str, Any] = {
            "name": image.name or image.path.name,
            "path": storable(image.path),
            "relative": self._relative(image.path),
            "copy": suffix,
            "sha256": image.sha256,
            "size": stat.st_size,
            "modified": stat.st_mtime,
            "frame": image.frame,
            "kind": image.kind,
            "task": image.task,
            "width": image.width,
            "height": image.height,
            "thumbnail": self.blobs.put(picture) if picture else None,
            "patient": patient,
            "side": self._side(act, patient or image.sha256),
            "review": "new",
            "notes": "",
            "tags": "[]",
            "seconds": 0.0,
            "file_state": "ok",
            "added": now(),
        }
        case = act.insert("cases", values)
        act.record(
            "import", case=case, path=values["path"], sha256=image.sha256, frame=image.frame, copy=suffix is not None
        )
        return case

    def _relative(self, path: Path) -> str | None:
        try:
            return Path(os.path.relpath(path, self.path)).as_posix()
        except ValueError:  # another drive on Windows
            return None

    # ---- the worklist ----------------------------------------------------------------------------------------

    def cases(self, where: CaseFilter | None = None, sort: str = "id", *, descending: bool = False) -> list[CaseRow]:
        """The cases that pass the filter, in order, from one query.

        Parameters
        ----------
        where : CaseFilter, optional
            None: all but the trash.
        sort : str
            A name in ``SORTS``. Missing values come last either way; ties go by id.
        """
        condition, parameters = _condition(where or CaseFilter())
        key = SORTS[sort]
        order = f"{key} IS NULL, {key} {'DESC' if descending else 'ASC'}, c.id"
        with self._read() as connection:
            # SQLite's own cursor: SQLAlchemy's row objects cost half as much again as the query for 10,000 cases.
            driver = connection.connection.driver_connection
            assert driver is not None
            rows = driver.execute(f"SELECT {_COLUMNS} {_FROM} WHERE {condition} ORDER BY {order}", parameters)
            return list(map(CaseRow._make, rows))

    def case(self, case_id: int) -> CaseRow:
        """One case, in the trash or not."""
        return CaseRow._make(self._one(f"SELECT {_COLUMNS} {_FROM} WHERE c.id = ?", (case_id,), f"case {case_id}"))

    def find(self, sha256: str, frame: int = 0) -> int | None:
        """Id of the case with these bytes, None when there is none (the trash counts as none)."""
        rows = self._rows(
            "SELECT id FROM cases WHERE sha256 = ? AND frame = ? AND trashed IS NULL", (sha256, frame)
        )
        return int(rows[0][0]) if rows else None

    def count(self, where: CaseFilter | None = None) -> int:
        condition, parameters = _condition(where or CaseFilter())
        return int(self._rows(f"SELECT count(*) {_FROM} WHERE {condition}", parameters)[0][0])

    def tags(self) -> list[str]:
        """Every tag in use, sorted."""
        rows = self._rows("SELECT DISTINCT t.value FROM cases c, json_each(c.tags) t WHERE c.trashed IS NULL")
        return sorted(row[0] for row in rows)

    def thumbnail(self, digest: str) -> bytes:
        """A thumbnail's bytes by the hash in ``CaseRow.thumbnail``."""
        return self.blobs.get(digest)

    def set_thumbnails(self, pictures: dict[int, bytes]) -> None:
        """Keep thumbnails (PNG or JPEG) of several cases: one act, one record."""
        with self._act() as act:
            for case, picture in pictures.items():
                act.update("cases", case, {"thumbnail": self.blobs.put(picture)})
            act.record("thumbnails", cases=sorted(pictures))

    # ---- what the analyst says -------------------------------------------------------------------------------

    def set_label(self, cases: int | Iterable[int], value: int | None) -> None:
        """Label cases as class 0 or 1, or take the label away (None). The history is kept."""
        if value not in (None, 0, 1):
            raise ValueError(f"a label is 0, 1 or None, not {value!r}")
        with self._act() as act:
            for case in ids_of(cases):
                before = self._current(act, case, "label")
                act.insert("labels", {"case_id": case, "value": value, "user": self._user[0], "time": now()})
                act.update("cases", case, {"label": value})
                act.record("label", case=case, value=value, before=before)

    def labels(self, case_id: int) -> list[LabelRow]:
        """History of a case's label, oldest first."""
        return [
            LabelRow._make(row)
            for row in self._rows("SELECT id, value, user, time FROM labels WHERE case_id = ? ORDER BY id", (case_id,))
        ]

    def set_review(self, cases: int | Iterable[int], state: Review) -> None:
        if state not in REVIEWS:
            raise ValueError(f"not a review state: {state!r}")
        self._set(cases, "review", "review", state)

    def set_notes(self, case_id: int, text: str) -> None:
        self._set(case_id, "notes", "notes", text)

    def set_tags(self, cases: int | Iterable[int], tags: Iterable[str]) -> None:
        """Replace the tags; empty ones are dropped."""
        clean = sorted({tag.strip() for tag in tags} - {""})
        self._set(cases, "tags", "tags", canonical(clean))

    def add_tag(self, cases: int | Iterable[int], tag: str) -> None:
        with self._act() as act:
            for case in ids_of(cases):
                tags = sorted({*json.loads(self._current(act, case, "tags")), tag.strip()} - {""})
                act.update("cases", case, {"tags": canonical(tags)})
                act.record("tags", case=case, value=canonical(tags))

    def set_task(self, cases: int | Iterable[int], task: str | None) -> None:
        self._set(cases, "task", "task", task)

    def add_time(self, case_id: int, seconds: float) -> None:
        """Add to the time spent on a case."""
        if seconds <= 0:
            return
        with self._act() as act:
            total = self._current(act, case_id, "seconds") + float(seconds)
            act.update("cases", case_id, {"seconds": total})
            act.record("time", case=case_id, seconds=float(seconds))

    def _set(self, cases: int | Iterable[int], column: str, name: str, value: Any) -> None:
        with self._act() as act:
            for case in ids_of(cases):
                act.update("cases", case, {column: value})
                act.record(name, case=case, value=value)

    def _current(self, act: Transaction, case: int, column: str) -> Any:
        row = act.sql(f"SELECT {column} FROM cases WHERE id = ?", (case,)).first()
        if row is None:
            raise CasebookError(f"There is no case {case} in this casebook.", "Reload the list.")
        return row[0]


def ids_of(cases: int | Iterable[int]) -> list[int]:
    return [cases] if isinstance(cases, int) else list(dict.fromkeys(cases))


def _condition(where: CaseFilter) -> tuple[str, list[Any]]:
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
