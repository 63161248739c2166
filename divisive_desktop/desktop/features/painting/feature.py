"""Puts painting into the window: palette, options, panel, menu, and the news that passes between them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QTabletEvent

from divisive_desktop.desktop.features.painting import actions
from divisive_desktop.desktop.features.painting.autosave import Saver
from divisive_desktop.desktop.features.painting.drafts import Drafts
from divisive_desktop.desktop.features.painting.layer import RegionsLayer
from divisive_desktop.desktop.features.painting.mask_files import MaskFiles
from divisive_desktop.desktop.features.painting.mask_store import CasebookStore, MaskStore
from divisive_desktop.desktop.features.painting.paint_tool import PaintTool
from divisive_desktop.desktop.features.painting.palette import OptionsBar, Palette
from divisive_desktop.desktop.features.painting.panel import MaskPanel
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.features.painting.tools import PAINT_TOOLS
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.runner import BackgroundTask
from divisive_desktop.desktop.shell.services import ViewerServices
from divisive_desktop.errors import MaskSizeError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.geometry import Box, slices
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks.mask import Mask

SECTION = "Saliency mask"
log = logging.getLogger(__name__)
_KEYS = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease)


def install(services: ViewerServices) -> PaintingFeature:
    """Add painting to the window; masks are kept in the casebook."""
    return PaintingFeature(services, CasebookStore(services.session.casebook.wait))


class PaintingFeature(QObject):
    """Palette, options, panel and tools, and what passes between them, the session and the casebook.

    Parameters
    ----------
    services : ViewerServices
    store : MaskStore
        Where masks are kept.
    """

    def __init__(self, services: ViewerServices, store: MaskStore) -> None:
        super().__init__(services.window)
        self._services, self._session, self.blinding = services, services.session, services.session.blinding
        self._messages, self._inspector = services.messages, services.inspector
        self.viewer = services.viewer
        self._active = False
        """A painting tool is the active one."""
        self._moved = False
        """The inspector shows another case, or another analysis."""
        self._was_hidden = False
        self._picture: tuple[Any, npt.NDArray[np.uint8]] | None = None
        self._filtered: list[QObject] = []
        self.store = store
        self.saver = Saver(services.runner, self.store, self)
        self.paint_session = PaintSession(services.runner, self.saver, self)
        self.paint_session.pictured = self._pictured
        self.paint_session.keys = services.actions.local_keys
        self.layer = RegionsLayer(self.paint_session, self.viewer.state)
        self.viewer.add_layer(self.layer)
        self.tools: dict[str, PaintTool] = {}
        for kind in PAINT_TOOLS:
            self.tools[kind.id] = kind(self.viewer.state, self.paint_session)
            self.viewer.add_tool(self.tools[kind.id])
        self._build()
        self._connect()
        case = self._session.current
        if case is not None:  # opened before the viewer was ready: nobody will tell that it has changed
            self._show_widgets(case.error is None)
            if self._session.record is not None:
                self._record_ready(case, self._session.record)
                self._compare()
            self._show_blind()

    def _build(self) -> None:
        services = self._services
        self.palette = Palette(PAINT_TOOLS)
        self.options = OptionsBar(self.paint_session)
        services.places.add_left(self.palette)
        services.places.add_top(self.options)
        self.palette.setVisible(False)
        self.options.setVisible(False)
        self.panel = MaskPanel(self.paint_session)
        self.layer.preview = self.panel.preview
        self.panel.preview.changed.connect(self.viewer.state.notify)
        self._inspector.add_section(SECTION, self.panel).setVisible(False)
        self.drafts = Drafts(self.paint_session, self.panel)
        self.files = MaskFiles(services, self.paint_session)
        services.actions.add(actions.table(
            self.paint_session, self.panel, self.drafts, self.files, self.blinding, self.viewer, self.layer,
            set_tool=self.set_tool, toggle_shown=self.toggle_shown, finish=self.finish,
        ))  # fmt: skip

    def _connect(self) -> None:
        services, session, paint_session, viewer = self._services, self._session, self.paint_session, self.viewer
        session.blinding.changed.connect(lambda _: self._show_blind())
        session.casebook.changed.connect(self._casebook_changed)
        session.currentChanged.connect(self._case_changed)
        session.recordReady.connect(self._record_ready)
        session.analysisChanged.connect(lambda _: self._analysis_changed())
        session.featuresReady.connect(lambda _: self._features_changed())
        viewer.toolChanged.connect(self._tool_changed)
        self.palette.chosen.connect(self.set_tool)
        self.palette.undoRequested.connect(paint_session.undo)
        self.palette.redoRequested.connect(paint_session.redo)
        self.palette.shownToggled.connect(self.layer.set_shown)
        self.panel.featuresDraftRequested.connect(self.drafts.from_features)
        self.panel.camDraftRequested.connect(self.drafts.from_cam)
        self.panel.previousRequested.connect(self.drafts.copy_previous)
        self.panel.blindToggled.connect(session.blinding.set_on)
        self.panel.doneRequested.connect(self.finish)
        self.panel.reshaping.connect(self._open_panel)
        paint_session.historyChanged.connect(self._history_changed)
        paint_session.regionsChanged.connect(services.actions.refresh)
        paint_session.refused.connect(self._messages.show_error)
        self.saver.failed.connect(self._save_failed)
        services.theme.changed.connect(self._recolour)
        services.events.keeping.connect(self._keep)
        services.events.leaving.connect(self._leaving)
        services.events.closing.connect(self._close)
        for watched in (services.window, *(pane.canvas for pane in viewer.panes.values())):
            watched.installEventFilter(self)
            self._filtered.append(watched)
        services.actions.keysChanged.connect(self._name_keys)
        self._name_keys()
        self._tool_changed(viewer.tool)
        self._history_changed()
        self._casebook_changed()

    # -- which case -----------------------------------------------------------------------------------------

    def _case_changed(self, case: Case | None) -> None:
        self._picture = None
        self._leave()
        self.paint_session.open(None, None)
        self._show_widgets(case is not None and case.error is None)
        self._show_blind()

    def _leave(self) -> None:
        """The mask is left: write down the time, and how well model and mask agree, if it was worked on."""
        self.paint_session.edits.settle()
        record, agreement = self.paint_session.record, self.paint_session.agreement
        if record is None or not self.paint_session.edited or self.paint_session.read_only is not None:
            return
        self.paint_session.edited = False
        self.paint_session.clock.tick()
        seconds = self.paint_session.clock.take()

        def write(_: BackgroundTask) -> None:
            self.store.spent(record, seconds)
            if agreement.energy is not None:
                self.store.agreed(record, agreement)

        self.paint_session.runner.run(write, lambda _: None, self._messages.show_error)

    def _record_ready(self, case: Case, record: ImageRecord) -> None:
        self._picture = None
        pending = self.saver.pending(record)
        if pending is not None:  # come back before the last stroke was written
            self._opened(record, Mask.from_snapshot(pending))
        else:
            self.paint_session.runner.run(
                lambda _: self.store.load(record),
                lambda mask: self._opened(record, mask),
                lambda error: self._not_opened(record, error),
                key="mask",
                priority=25,
            )
        self._show_blind()

    def _opened(self, record: ImageRecord, mask: Mask | None) -> None:
        if self._session.record is not record:
            return
        if mask is not None and mask.size != (record.width, record.height):
            text = f"The mask kept for this image has {mask.width} x {mask.height} pixels, the image doesn't."
            self._not_opened(record, MaskSizeError(text, "Export it, and import it again with resampling."))
            return
        self.paint_session.open(record, mask)
        self.paint_session.clock.tick()
        self._compare()
        self._moved = True

    def _not_opened(self, record: ImageRecord, error: UserFacingError) -> None:
        # Painting over a mask that can't be read would lose it: this case stays without a mask to paint on.
        self._messages.show_error(error, self._session.current)

    def _casebook_changed(self) -> None:
        """Nothing is painted that could not be kept; what is shown says why."""
        reason = self._session.casebook.reason
        tool = self.tools.get(self.viewer.tool)
        if reason is not None and tool is not None:
            tool.cancel()
            self.viewer.set_tool("pan")
        self.paint_session.set_read_only(reason)
        self.palette.set_read_only(reason)
        self.options.set_read_only(reason)
        self.panel.set_read_only(reason)
        self._services.actions.refresh()

    def _show_widgets(self, shown: bool) -> None:
        self.palette.setVisible(shown)
        self.options.setVisible(shown)
        self._inspector.section(SECTION).setVisible(shown)
        self._tool_changed(self.viewer.tool)

    # -- the model's opinion --------------------------------------------------------------------------------

    @property
    def hidden(self) -> bool:
        """The current case's analysis isn't shown (blind mode, mask not done)."""
        case = self._session.current
        return case is not None and case.hidden

    def finish(self) -> None:
        """The mask is done: the case is marked so, and the model's opinion shown."""
        case, record = self._session.current, self.paint_session.record
        if case is None or record is None or self.paint_session.read_only is not None:
            return
        was_hidden = self.hidden
        self._session.blinding.reveal(case)
        self._session.edits.set_review(Review.DONE)
        self.paint_session.runner.run(
            lambda _: self.store.finished(record, was_hidden),
            lambda _: None,
            lambda error: self._messages.show_error(error, case),
        )
        self._show_blind()
        self._leave()

    def _show_blind(self) -> None:
        hidden = self.hidden
        self.panel.set_blind(self._session.blinding.on, hidden)
        if hidden != self._was_hidden and self._active:
            self._reveal_panel()
        self._was_hidden = hidden
        self._show_drafts()

    def _analysis_changed(self) -> None:
        self._show_blind()
        self._compare()
        self._moved = True

    def _features_changed(self) -> None:
        if not self.hidden:
            self.paint_session.compare_features(self._session.analyses.features)
        self._show_drafts()
        if self._moved and self._active:  # another case's verdict and features lie above: go on where one was
            self._moved = False
            self._reveal_panel()

    def _compare(self) -> None:
        analysis = self._analysis()
        if analysis is None:
            self.paint_session.compare_with(None, (0, 0, 0, 0), None)
        else:
            true_class = analysis.true_class(self._label())
            found = self._session.analyses.features
            self.paint_session.compare_with(analysis.divergence(true_class), analysis.region, found)
        self._show_drafts()

    def _show_drafts(self) -> None:
        """What a mask can begin with now."""
        self.drafts.offer(self._analysis(), self._label(), self._session.analyses.features)
        self._services.actions.refresh()

    def _analysis(self) -> Analysis | None:
        """The current case's analysis if it may be shown and fits the image."""
        case, record = self._session.current, self.paint_session.record
        if self.hidden or case is None or record is None or case.analysis is None:
            return None
        return case.analysis if case.analysis.image_size == (record.width, record.height) else None

    def _label(self) -> int | None:
        return self._session.current.label if self._session.current is not None else None

    # -- tools ----------------------------------------------------------------------------------------------

    def set_tool(self, tool_id: str) -> None:
        """Choose a tool; keys go to the picture from then on."""
        if tool_id in self.tools and self.paint_session.read_only is not None:
            self.paint_session.refuse_writing()
            return
        self.viewer.set_tool(tool_id)
        self.viewer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_panel(self) -> None:
        self._services.places.show_dock("Inspector")
        self._inspector.section(SECTION).open()
        self._reveal_panel()

    def _reveal_panel(self) -> None:
        """Bring the mask's section into view, once what was shown or hidden has its place."""
        QTimer.singleShot(0, self, lambda: self._inspector.reveal(SECTION))

    def toggle_shown(self) -> None:
        self.palette.shown.setChecked(not self.layer.shown)

    def _tool_changed(self, tool_id: str) -> None:
        self.palette.set_tool(tool_id)
        tool = self.tools.get(tool_id)
        if tool is not None and not self._active:
            self._reveal_panel()  # regions and agreement are seen from the first stroke on
        self._active = tool is not None
        self.options.set_tool(tool_id if tool is not None else "", tool.text if tool is not None else "")

    def _history_changed(self) -> None:
        history = self.paint_session.history
        self.palette.set_history(history.undo_name, history.redo_name)
        actions = self._services.actions
        for action, word, name in (("mask-undo", "Undo", history.undo_name), ("mask-redo", "Redo", history.redo_name)):
            actions[action].setText(f"{word} {name[0].lower() + name[1:]}" if name else word)
        actions.refresh()
        case = self._session.current
        if history.undo_name and case is not None:
            self._session.ensure_listed([case])  # a frame that was only looked at, until its first stroke

    def _pictured(self, box: Box) -> npt.NDArray[np.uint8]:
        """A part of the picture as displayed now; the whole is kept until record or window change."""
        state = self.viewer.state
        assert state.record is not None
        assert state.voi is not None
        key = (state.record, state.voi, state.invert)
        kept = self._picture
        if kept is None or any(a is not b for a, b in zip(kept[0], key, strict=True)):
            if box[2:] != (state.record.width, state.record.height):
                return render(state.record, state.voi, state.invert, box)
            self._picture = kept = (key, render(state.record, state.voi, state.invert))
        return kept[1][slices(box)]

    # -- keys, pens, the end --------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in (QEvent.Type.TabletPress, QEvent.Type.TabletMove, QEvent.Type.TabletRelease):
            assert isinstance(event, QTabletEvent)
            # Not accepted: Qt then sends the mouse event, which paints with this pressure.
            self.paint_session.pressure = event.pressure() if kind is not QEvent.Type.TabletRelease else 1.0
        elif watched is self._services.window and kind in _KEYS:
            assert isinstance(event, QKeyEvent)
            tool = self.tools.get(self.viewer.tool)
            if tool is not None and event.key() == Qt.Key.Key_Shift:
                tool.shift(kind is not QEvent.Type.KeyRelease)
            taker = self.panel.bar if self.panel.bar.wants_key(event) else tool
            if taker is not None and kind is not QEvent.Type.KeyRelease and taker.wants_key(event):
                if kind is QEvent.Type.KeyPress:
                    return taker.key(event)
                event.accept()
                return True
        return False

    def _name_keys(self) -> None:
        for part in (self.palette, self.options, self.panel):
            part.set_keys(self._services.actions.key)

    def _save_failed(self, error: UserFacingError) -> None:
        self._messages.show("mask", "error", f"The mask could not be saved: {error.message}", error.remedy)

    def _recolour(self) -> None:
        self.palette.recolour()
        self.panel.recolour()

    def _keep(self, kept: list[Callable[[], bool]]) -> None:
        """Write what was painted, now."""
        self.paint_session.edits.settle()
        self.saver.flush()
        kept.append(lambda: self.saver.idle() or self.saver.state == "failed")

    def _leaving(self, lost: list[str]) -> None:
        if self.saver.state == "failed" and not self.saver.idle():
            lost.append(f"What was painted last can't be saved. {self.saver.problem}".strip())

    def _close(self) -> None:
        """The window closes; the runner has stopped."""
        for watched in self._filtered:
            watched.removeEventFilter(self)
        paint_session = self.paint_session
        paint_session.edits.settle()
        paint_session.cancel()
        try:
            try:
                self.saver.finish()
            except (UserFacingError, OSError) as e:  # the user was asked, or couldn't be
                log.error("the last strokes weren't saved: %s", e)
            if paint_session.edited and paint_session.record is not None:
                paint_session.clock.tick()
                try:
                    self.store.spent(paint_session.record, paint_session.clock.take())
                except (UserFacingError, OSError) as e:  # the same disk; nobody is asked about seconds
                    log.error("the time spent on the last mask wasn't saved: %s", e)
        finally:
            self.store.close()
