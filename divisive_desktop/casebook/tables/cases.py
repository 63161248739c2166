"""Cases: each image taken in once, with what the analyst says of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
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
from divisive_desktop.casebook.storage.stored_json import stored_json
from divisive_desktop.casebook.storage.transaction import Store, Transaction, now
from divisive_desktop.casebook.tables.case_query import COLUMNS, FROM, condition
from divisive_desktop.casebook.tables.splits import Splits
from divisive_desktop.errors import CasebookError, UnreadableFileError, in_words
from divisive_desktop.imaging.kind import guess_kind, is_dicom
from divisive_desktop.imaging.record import ImageRecord

COPY_LIMIT = 50 * 1024 * 1024
"""Photographs up to this many bytes are imported as copies by default."""


class Cases:
    """The cases (``book.cases``)."""

    def __init__(self, store: Store, splits: Splits) -> None:
        self._store = store
        self._splits = splits

    # ---- taking images in ------------------------------------------------------------------------------------

    def add(
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
        return self.add_all([image], copy=copy, task=task, thumbnails=[thumbnail])[0]

    def add_all(
        self,
        images: Sequence[ImageRecord | NewImage | Path],
        *,
        copy: Literal["auto", True, False] = "auto",
        task: str | None = None,
        thumbnails: Sequence[bytes | None] | None = None,
    ) -> list[int]:
        """``add`` for many, in one transaction: all of them or none. About a hundred at a time is best."""
        prepared = [self._prepare(image, task) for image in images]
        pictures = thumbnails or [None] * len(prepared)
        # Files are copied before the act begins, so that a long import doesn't keep a stroke waiting.
        with database.translated(self._store.path), self._store.blobs.expecting() as expect:
            suffixes = [self._copy(image, copy, expect) for image in prepared]
            with self._store.act() as act:
                return [
                    self._insert(act, image, suffix, picture or image.thumbnail)
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
                f"{new.path.name} can't be read ({in_words(e)}).", "Check that the file is there and may be read."
            ) from e
        except UnicodeEncodeError as e:
            raise UnreadableFileError(
                "A file's name holds characters that aren't text.", "Rename the file and open it again."
            ) from e
        return NewImage(
            new.path, digest, new.frame, kind, new.width, new.height, new.patient, new.name, task or new.task,
            new.thumbnail,
        )  # fmt: skip

    def _copy(self, image: NewImage, copy: Literal["auto", True, False], expect: Callable[[str], None]) -> str | None:
        """Import the file itself when that is wanted and it isn't here yet; returns the copy's suffix."""
        assert image.sha256 is not None
        size = image.path.stat().st_size
        film = image.kind == "radiograph" and is_dicom(image.path)
        wanted = not film and size <= COPY_LIMIT if copy == "auto" else copy
        if not wanted or self._store.read_only is not None:
            return None
        if self._store.rows("SELECT 1 FROM cases WHERE sha256 = ? AND frame = ?", (image.sha256, image.frame)):
            return None
        suffix = image.path.suffix.lower()[:16] or ".bin"
        expect(image.sha256 + suffix)
        self._store.blobs.put_copy(image.path, image.sha256, suffix)
        return suffix

    def _insert(self, act: Transaction, image: NewImage, suffix: str | None, picture: bytes | None) -> int:
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
        patient = self._splits.patient_key(act, image.patient)
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
            "thumbnail": self._store.blobs.put(picture) if picture else None,
            "patient": patient,
            "side": self._splits.side(act, patient or image.sha256),
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
            return Path(os.path.relpath(path, self._store.path)).as_posix()
        except ValueError:  # another drive on Windows
            return None

    # ---- the worklist ----------------------------------------------------------------------------------------

    def rows(self, where: CaseFilter | None = None, sort: str = "id", *, descending: bool = False) -> list[CaseRow]:
        """The cases that pass the filter, in order, from one query.

        Parameters
        ----------
        where : CaseFilter, optional
            None: all but the trash.
        sort : str
            A name in ``SORTS``. Missing values come last either way; ties go by id.
        """
        sql, parameters = condition(where or CaseFilter())
        key = SORTS[sort]
        order = f"{key} IS NULL, {key} {'DESC' if descending else 'ASC'}, c.id"
        with self._store.read() as connection:
            # SQLite's own cursor: SQLAlchemy's row objects cost half as much again as the query for 10,000 cases.
            driver = connection.connection.driver_connection
            assert driver is not None
            rows = driver.execute(f"SELECT {COLUMNS} {FROM} WHERE {sql} ORDER BY {order}", parameters)
            return list(map(CaseRow._make, rows))

    def get(self, case_id: int) -> CaseRow:
        """One case, in the trash or not."""
        return CaseRow._make(self._store.one(f"SELECT {COLUMNS} {FROM} WHERE c.id = ?", (case_id,), f"case {case_id}"))

    def find(self, sha256: str, frame: int = 0) -> int | None:
        """Id of the case with these bytes, None when there is none (the trash counts as none)."""
        rows = self._store.rows(
            "SELECT id FROM cases WHERE sha256 = ? AND frame = ? AND trashed IS NULL", (sha256, frame)
        )
        return int(rows[0][0]) if rows else None

    def count(self, where: CaseFilter | None = None) -> int:
        sql, parameters = condition(where or CaseFilter())
        return int(self._store.rows(f"SELECT count(*) {FROM} WHERE {sql}", parameters)[0][0])

    def tags(self) -> list[str]:
        """Every tag in use, sorted."""
        rows = self._store.rows("SELECT DISTINCT t.value FROM cases c, json_each(c.tags) t WHERE c.trashed IS NULL")
        return sorted(row[0] for row in rows)

    def thumbnail(self, digest: str) -> bytes:
        """A thumbnail's bytes by the hash in ``CaseRow.thumbnail``."""
        return self._store.blobs.get(digest)

    def set_thumbnails(self, pictures: dict[int, bytes]) -> None:
        """Keep thumbnails (PNG or JPEG) of several cases: one act, one record."""
        with self._store.act() as act:
            for case, picture in pictures.items():
                act.update("cases", case, {"thumbnail": self._store.blobs.put(picture)})
            act.record("thumbnails", cases=sorted(pictures))

    # ---- what the analyst says -------------------------------------------------------------------------------

    def set_label(self, cases: int | Iterable[int], value: int | None) -> None:
        """Label cases as class 0 or 1, or take the label away (None). The history is kept."""
        if value not in (None, 0, 1):
            raise ValueError(f"a label is 0, 1 or None, not {value!r}")
        with self._store.act() as act:
            for case in ids_of(cases):
                before = self._current(act, case, "label")
                act.insert("labels", {"case_id": case, "value": value, "user": self._store.user[0], "time": now()})
                act.update("cases", case, {"label": value})
                act.record("label", case=case, value=value, before=before)

    def labels(self, case_id: int) -> list[LabelRow]:
        """History of a case's label, oldest first."""
        sql = "SELECT id, value, user, time FROM labels WHERE case_id = ? ORDER BY id"
        return [LabelRow._make(row) for row in self._store.rows(sql, (case_id,))]

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
        with self._store.act() as act:
            for case in ids_of(cases):
                tags = sorted({*stored_json(self._current(act, case, "tags")), tag.strip()} - {""})
                act.update("cases", case, {"tags": canonical(tags)})
                act.record("tags", case=case, value=canonical(tags))

    def set_task(self, cases: int | Iterable[int], task: str | None) -> None:
        self._set(cases, "task", "task", task)

    def add_time(self, case_id: int, seconds: float) -> None:
        """Add to the time spent on a case."""
        if seconds <= 0:
            return
        with self._store.act() as act:
            total = self._current(act, case_id, "seconds") + float(seconds)
            act.update("cases", case_id, {"seconds": total})
            act.record("time", case=case_id, seconds=float(seconds))

    def _set(self, cases: int | Iterable[int], column: str, name: str, value: Any) -> None:
        with self._store.act() as act:
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
