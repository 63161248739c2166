"""Measurements are kept with their case: written when one is made, changed or deleted, shown again with the image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from divisive_desktop.desktop.shell.services import ViewerServices
from divisive_desktop.desktop.viewer.measuring import from_items, to_items
from divisive_desktop.imaging.correction import Correction

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.desktop.session.runner import BackgroundTask
    from divisive_desktop.imaging.record import ImageRecord


class KeptMeasurements(QObject):
    """Between the viewer and the casebook; made once the viewer is there."""

    def __init__(self, services: ViewerServices) -> None:
        super().__init__(services.window)
        self._services, self._session, self._viewer = services, services.session, services.viewer
        self._known: dict[tuple[str, int, Correction], list[Any]] = {}
        self._viewer.measured.connect(self._keep)
        self._session.recordReady.connect(self.load)
        self._session.casebook.changed.connect(self._known.clear)

    def _keep(self) -> None:
        """One act for all measurements of the case; a frame that was only looked at becomes a case by it."""
        session, record = self._session, self._viewer.state.record
        case = session.current
        if case is None or record is None or not session.casebook.writable:
            return
        items = to_items(self._viewer.state.measurements, record)
        self._known[(record.sha256, record.frame, record.correction)] = items
        drawn_on = record.correction, record.width, record.height
        session.ensure_listed([case])
        session.casebook.act([case], lambda book, ids: book.measurements.save(ids[0], items, drawn_on))

    def load(self, case: Case, record: ImageRecord) -> None:
        """Show what is known of an image: this session's measurements, or the casebook's."""
        key = record.sha256, record.frame, record.correction
        if key in self._known:  # this session's own, which may still be on its way to the disk
            self._show(record, self._known[key])
            return
        book = self._session.casebook

        def read(_: BackgroundTask) -> tuple[dict[str, Any], ...]:
            opened = book.current
            number = None if opened is None else opened.cases.find(*key[:2])
            return opened.measurements.load(number) if opened is not None and number is not None else ()

        self._services.runner.run(
            read,
            lambda items: self._show(record, items),
            lambda error: self._services.messages.show_error(error, case),
            key="measurements",
            priority=6,
        )

    def _show(self, record: ImageRecord, items: Iterable[Mapping[str, Any]]) -> None:
        if self._viewer.state.record is record and not self._viewer.state.measurements:
            self._viewer.state.set_measurements(from_items(items))
