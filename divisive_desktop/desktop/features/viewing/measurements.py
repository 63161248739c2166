"""Measurements are kept with their case: written when one is made, changed or deleted, shown again with the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from divisive_desktop.desktop.viewer.measuring import from_items, to_items

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.desktop.viewer import Viewer
    from divisive_desktop.desktop.window import MainWindow
    from divisive_desktop.imaging.record import ImageRecord


class KeptMeasurements(QObject):
    """Between the viewer and the casebook; made once the viewer is there."""

    def __init__(self, window: MainWindow, viewer: Viewer) -> None:
        super().__init__(window)
        self._window, self._viewer = window, viewer
        self._known: dict[tuple[str, int], list[Any]] = {}
        viewer.measured.connect(self._keep)
        window.session.recordReady.connect(self.load)
        window.session.casebook.changed.connect(self._known.clear)

    def _keep(self) -> None:
        """One act for all measurements of the case; a frame that was only looked at becomes a case by it."""
        work, record = self._window.session, self._viewer.record
        case = work.current
        if case is None or record is None or not work.casebook.writable:
            return
        items = to_items(self._viewer.measurements, record)
        self._known[(record.sha256, record.frame)] = items
        work.ensure_listed([case])
        work.casebook.measurements(case, items)

    def load(self, case: Case, record: ImageRecord) -> None:
        """Show what is known of an image: this session's measurements, or the casebook's."""
        key = (record.sha256, record.frame)
        if key in self._known:  # this session's own, which may still be on its way to the disk
            self._show(record, self._known[key])
            return
        book = self._window.session.casebook

        def read(_: Any) -> tuple[Any, ...]:
            opened = book.current
            number = None if opened is None else opened.cases.find(*key)
            return opened.measurements.load(number) if opened is not None and number is not None else ()

        self._window.runner.run(
            read,
            lambda items: self._show(record, items),
            lambda error: self._window.report(case, error),
            key="measurements",
            priority=6,
        )

    def _show(self, record: ImageRecord, items: Any) -> None:
        if self._viewer.record is record and not self._viewer.measurements:
            self._viewer.set_measurements(from_items(items))
