"""From files to cases and decoded images, off the GUI thread: finding, opening, shrinking."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, Signal
from PySide6.QtGui import QImage, QImageWriter

from divisive_desktop import errors
from divisive_desktop.desktop.session import redaction, unpacked
from divisive_desktop.desktop.session.analyses import altered, chosen_framing
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.case_sync import CaseSync
from divisive_desktop.desktop.session.casebook_service import CasebookService, KnownImage
from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.errors import NotAnImageError, UserFacingError
from divisive_desktop.imaging.correction import Correction

if TYPE_CHECKING:
    from divisive_desktop.imaging.record import ImageRecord

Key = tuple[str, int, str]

THUMBNAIL_SIDE = 96
"""Longest side in pixels: twice what the list shows, for high-DPI screens."""
KEPT_BYTES = 512 * 2**20
"""Decoded images kept in memory, so that going back and forth is instant."""
_BATCH_S, _BATCH = 0.1, 64


class Opening(QObject):
    """Finds images in what was given, decodes them, and keeps the images that were decoded last.

    Signals
    -------
    found(Case)
        The first image of what was given is in the list.
    opened(Case, object)
        The case's ``ImageRecord`` was decoded. The case is the one that stays where the image was listed twice.
    failed(Case, UserFacingError)
        The case's file can't be opened.
    problem(object, UserFacingError)
        What the user should read now, about a ``Case`` or (None) about what was given.
    """

    found = Signal(Case)
    opened = Signal(Case, object)
    failed = Signal(Case, UserFacingError)
    problem = Signal(object, UserFacingError)

    def __init__(
        self,
        runner: Runner,
        settings: Settings,
        casebook: CasebookService,
        sync: CaseSync,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._runner, self._settings, self._casebook, self._sync = runner, settings, casebook, sync
        self._records: OrderedDict[Key, ImageRecord] = OrderedDict()

    def open_paths(self, given: Sequence[Path], remember: bool = True) -> None:
        """Add files, folders and ZIP archives; the first image is told of by ``found``.

        Parameters
        ----------
        remember : bool
            List them among the recent files.
        """
        if not given:
            return
        wanted = [Path(p) for p in given]
        anything = False

        def arrived(batch: list[Case]) -> None:
            nonlocal anything
            cases = self._sync.add(batch)
            if cases and not anything:
                anything = True
                self.found.emit(cases[0])

        def done(problems: list[UserFacingError]) -> None:
            for error in problems:
                self.problem.emit(None, error)

        self._runner.run(
            lambda task: find_cases(wanted, lambda cases: self._runner.stream(task, cases), task),
            done,
            lambda error: self.problem.emit(None, error),
            stream=arrived,
            priority=5,
        )
        if remember:
            self._settings.add_recent(wanted)

    def record(self, case: Case) -> ImageRecord | None:
        """A case's image, if it is still in memory."""
        record = self._records.get(case.key)
        return record if record is not None and record.correction == case.correction else None

    def recall(self, case: Case) -> ImageRecord | None:
        """The same, for a case that is looked at: others leave the memory before.

        None, too, where the file has to be opened all the same, because the casebook's analysis comes with that.
        """
        if case.analysis is None and case.stored_analysis is not None:
            return None
        record = self.record(case)
        if record is not None:
            self._records.move_to_end(case.key)
        return record

    def forget(self, case: Case) -> None:
        """The case's file holds another image now."""
        self._records.pop(case.key, None)

    def forget_all(self) -> None:
        """Another casebook follows: it may know other versions of the same files."""
        self._records.clear()

    def decode(self, case: Case) -> None:
        """Open a case's file in the background; the newest request wins."""
        # Opening it makes the thumbnail, too: large pictures decoded twice at once would take twice the memory.
        case.thumbnail_asked = case.thumbnail_asked or case.stored_thumbnail is None
        self._runner.run(
            lambda _: self._decode(case),
            lambda decoded: self._opened(case, *decoded),
            lambda error: self._failed(case, error),
            key="open",
            priority=10,
        )

    def _decode(self, case: Case) -> tuple[ImageRecord, QImage, KnownImage]:
        """Runs in the background."""
        record, picture = open_case(case, self._casebook.source(case))
        return record, picture, self._casebook.known_image(case, record)

    def _opened(self, case: Case, record: ImageRecord, picture: QImage, known: KnownImage) -> None:
        if known.row is not None:
            case.take_correction(Correction.parse(known.row.correction))
        if record.correction != case.correction:  # mended meanwhile, or in an earlier session
            self.decode(case)
            return
        self._remember(case, record)
        if known.altered:
            case.file_state = "altered"
            self.problem.emit(case, altered(case))
        elif known.row is not None:
            fits = known.analysis is not None and known.analysis.correction == str(case.correction)
            if case.analysis is None and fits and not case.analysing:
                case.analysis = known.analysis
                case.framing = case.framing or (chosen_framing(known.analysis) if known.analysis is not None else None)
            case = self._sync.bind(case, known.row)
        cases = self._sync.cases
        if case.thumbnail is None:
            case.thumbnail, case.thumbnail_asked = picture, True
            cases.changed(case)
            if case in cases and not known.altered:
                self._casebook.keep_thumbnail(case, png_of(picture))
        self.opened.emit(case, record)

    def _failed(self, case: Case, error: UserFacingError) -> None:
        case.error = error
        self._sync.cases.changed(case)
        self.failed.emit(case, error)

    def _remember(self, case: Case, record: ImageRecord) -> None:
        self._records[case.key] = record
        self._records.move_to_end(case.key)
        while len(self._records) > 1 and sum(r.stored.nbytes * 3 for r in self._records.values()) > KEPT_BYTES:
            self._records.popitem(last=False)


def find_cases(
    given: Sequence[Path], emit: Callable[[list[Case]], None], task: BackgroundTask
) -> list[UserFacingError]:
    """Look through files, folders and archives; hands over new cases in batches every tenth of a second.

    Returns
    -------
    list of UserFacingError
        What could not be looked through; folders without any image are among them.
    """
    from divisive_desktop.imaging import scan

    problems: list[UserFacingError] = []
    batch: list[Case] = []
    sent = monotonic()
    for path in given:
        found = 0
        try:
            for image in scan([path], unpack_to=unpacked.folder()):
                if task.cancelled:
                    return problems
                batch.append(Case(image))
                found += 1
                if monotonic() - sent > _BATCH_S or len(batch) >= _BATCH:
                    emit(batch)
                    batch, sent = [], monotonic()
        except UserFacingError as e:
            problems.append(e)
            continue
        if found == 0:
            problems.append(
                NotAnImageError(
                    f"There are no images in {redaction.shown_name(path)}.",
                    "Choose a folder or archive with DICOM files or pictures (PNG, JPEG, TIFF, WebP, BMP).",
                )
            )
    if batch:
        emit(batch)
    return problems


def open_case(case: Case, source: Path | None = None) -> tuple[ImageRecord, QImage]:
    """Decode a case's file; record and thumbnail.

    Parameters
    ----------
    source : Path, optional
        Where the file is read from when that isn't ``case.path``; the record names the latter all the same.
    """
    from divisive_desktop.imaging.apart import open_image_apart

    try:
        record = open_image_apart(source or case.path, case.frame, case.correction)
    except UserFacingError as e:
        if source is None or source.name == case.path.name:
            raise
        # The casebook's copy is called by its hash, which tells nobody which file it is.
        raise errors.of(e.kind, e.message.replace(source.name, case.path.name), e.remedy) from e
    if source is not None and source != case.path:
        record = replace(record, path=case.path)
    return record, thumbnail(record)


def thumbnail_of(case: Case, source: Path | None = None) -> QImage:
    """Open a file only for its thumbnail."""
    return open_case(case, source)[1]


def png_of(image: QImage) -> bytes:
    """A small picture as PNG."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"PNG")).write(image)
    return bytes(data.data())


def thumbnail(record: ImageRecord) -> QImage:
    """The record as first shown, at most ``THUMBNAIL_SIDE`` pixels a side, in its true proportions."""
    import cv2
    import numpy as np

    from divisive_desktop.imaging.display import default_voi, render

    tall = record.height * record.pixel_aspect
    scale = THUMBNAIL_SIDE / max(tall, record.width)
    size = max(1, round(record.width * scale)), max(1, round(tall * scale))
    stored = record.stored
    if stored.dtype.kind in "iu" and stored.dtype.itemsize > 2:
        stored = stored.astype(np.float32)
    small = cv2.resize(
        np.ascontiguousarray(stored), size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    grey = np.ascontiguousarray(render(replace(record, stored=small), default_voi(record)))
    kind = QImage.Format.Format_RGB888 if grey.ndim == 3 else QImage.Format.Format_Grayscale8
    return QImage(grey.data, grey.shape[1], grey.shape[0], grey.strides[0], kind).copy()
