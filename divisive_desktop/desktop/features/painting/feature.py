"""Puts painting into the window: palette, options, panel, menu, and the news that passes between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QTabletEvent
from PySide6.QtWidgets import QHBoxLayout

from divisive_desktop.desktop.features.painting import actions
from divisive_desktop.desktop.features.painting.autosave import Saver
from divisive_desktop.desktop.features.painting.drafts import Drafts
from divisive_desktop.desktop.features.painting.layer import RegionsLayer
from divisive_desktop.desktop.features.painting.mask_store import CasebookStore, MaskStore
from divisive_desktop.desktop.features.painting.palette import OptionsBar, Palette
from divisive_desktop.desktop.features.painting.panel import MaskPanel
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.features.painting.tools import PAINT_TOOLS, PaintTool
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.errors import MaskSizeError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis, Box
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks.boxes import slices
from divisive_desktop.masks.mask import Mask

if TYPE_CHECKING:
    from divisive_desktop.desktop.window import MainWindow

SECTION = "Saliency mask"
_KEYS = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress, QEvent.Type.KeyRelease)
HIDDEN = "Hidden until the mask is done"


class Painting(Drafts, QObject):
    """Made once for a window, when its viewer is ready.

    Parameters
    ----------
    window : MainWindow
    store : MaskStore, optional
        Where masks are kept; default: the user's own casebook.
    """

    def __init__(self, window: MainWindow, store: MaskStore | None = None) -> None:
        super().__init__(window)
        assert window.viewer is not None
        self.window, self.viewer = window, window.viewer
        self.blind = False
        self._active = False
        """A painting tool is the active one."""
        self._moved = False
        """The inspector shows another case, or another analysis."""
        self._revealed: set[tuple[str, int]] = set()
        self._picture: tuple[Any, npt.NDArray[np.uint8]] | None = None
        self._filtered: list[QObject] = []
        self.store = store or CasebookStore.default()
        self.saver = Saver(window.runner, self.store, self)
        self.session = PaintSession(window.runner, self.saver, self)
        self.session.pictured = self._pictured
        self.session.keys = window.actions_.places
        self.layer = RegionsLayer(self.session, self.viewer.state)
        self.viewer.add_layer(self.layer)
        self.tools: dict[str, PaintTool] = {}
        for kind in PAINT_TOOLS:
            self.tools[kind.id] = kind(self.viewer.state, self.session)
            self.viewer.add_tool(self.tools[kind.id])
        self._build()
        self._connect()
        case = window.session.current
        if case is not None:  # opened before the viewer was ready: nobody will tell that it has changed
            self._show_widgets(case.error is None)
            if window.session.record is not None:
                self._record_ready(case, window.session.record)
                self._compare()
            self._apply_blind()

    def _build(self) -> None:
        window = self.window
        self.palette = Palette(PAINT_TOOLS)
        self.options = OptionsBar(self.session)
        column = window.centralWidget().layout()
        index = column.indexOf(window.stack)
        column.removeWidget(window.stack)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.palette)
        row.addWidget(window.stack, 1)
        column.insertWidget(index, self.options)
        column.insertLayout(index + 1, row, 1)
        self.palette.setVisible(False)
        self.options.setVisible(False)
        self.panel = MaskPanel(self.session)
        self.layer.preview = self.panel.preview
        self.panel.preview.changed.connect(self.viewer.state.notify)
        window.inspector.add_section(SECTION, self.panel, after="Important features").setVisible(False)
        window.actions_.add(actions.table(self))

    def _connect(self) -> None:
        window, session, viewer = self.window, self.session, self.viewer
        work = window.session
        work.cases.hides = self._hides
        work.casebook.changed.connect(self._casebook_changed)
        work.currentChanged.connect(self._case_changed)
        work.recordReady.connect(self._record_ready)
        work.analysisChanged.connect(lambda _: self._analysis_changed())
        work.featuresReady.connect(lambda _: self._features_changed())
        viewer.toolChanged.connect(self._tool_changed)
        self.palette.chosen.connect(self.set_tool)
        self.palette.undoRequested.connect(session.undo)
        self.palette.redoRequested.connect(session.redo)
        self.palette.shownToggled.connect(self.layer.set_shown)
        self.panel.featuresDraftRequested.connect(self.draft_from_features)
        self.panel.camDraftRequested.connect(self.draft_from_cam)
        self.panel.previousRequested.connect(self.copy_previous)
        self.panel.blindToggled.connect(self.set_blind)
        self.panel.doneRequested.connect(self.finish)
        self.panel.reshaping.connect(self._open_panel)
        session.historyChanged.connect(self._history_changed)
        session.regionsChanged.connect(window.actions_.refresh)
        session.refused.connect(lambda error: window.report(None, error))
        self.saver.failed.connect(self._save_failed)
        window.theme.changed.connect(self._recolour)
        window.closing.connect(self._close)
        for watched in (window, *(pane.canvas for pane in viewer.panes.values())):
            watched.installEventFilter(self)
            self._filtered.append(watched)
        window.actions_.keysChanged.connect(self._name_keys)
        self._name_keys()
        self._tool_changed(viewer.tool)
        self._history_changed()
        self._casebook_changed()

    # -- which case -----------------------------------------------------------------------------------------

    def _case_changed(self, case: Case | None) -> None:
        self._picture = None
        self._leave()
        self.session.open(None, None)
        self._show_widgets(case is not None and case.error is None)
        self._apply_blind()

    def _leave(self) -> None:
        """The mask is left: write down the time, and how well model and mask agree, if it was worked on."""
        self.session.runner.settle()
        record, agreement = self.session.record, self.session.agreement
        if record is None or not self.session.edited or self.session.read_only is not None:
            return
        self.session.edited = False
        self.session.clock.tick()
        seconds = self.session.clock.take()

        def write(_: Any) -> None:
            self.store.spent(record, seconds)
            if agreement.energy is not None:
                self.store.agreed(record, agreement)

        self.session.tasks.run(write, lambda _: None, lambda error: self.window.report(None, error))

    def _record_ready(self, case: Case, record: ImageRecord) -> None:
        self._picture = None
        pending = self.saver.pending(record)
        if pending is not None:  # come back before the last stroke was written
            self._opened(record, Mask.from_snapshot(pending))
        else:
            self.session.tasks.run(
                lambda _: self.store.load(record),
                lambda mask: self._opened(record, mask),
                lambda error: self._not_opened(record, error),
                key="mask",
                priority=25,
            )
        self._apply_blind()

    def _opened(self, record: ImageRecord, mask: Mask | None) -> None:
        if self.window.session.record is not record:
            return
        if mask is not None and mask.size != (record.width, record.height):
            text = f"The mask kept for this image has {mask.width} x {mask.height} pixels, the image doesn't."
            self._not_opened(record, MaskSizeError(text, "Export it, and import it again with resampling."))
            return
        self.session.open(record, mask)
        self.session.clock.tick()
        self._compare()
        self._moved = True

    def _not_opened(self, record: ImageRecord, error: UserFacingError) -> None:
        # Painting over a mask that can't be read would lose it: this case stays without a mask to paint on.
        self.window.report(self.window.session.current, error)

    def _casebook_changed(self) -> None:
        """Nothing is painted that could not be kept; what is shown says why."""
        reason = self.window.session.casebook.reason
        tool = self.tools.get(self.viewer.tool)
        if reason is not None and tool is not None:
            tool.cancel()
            self.viewer.set_tool("pan")
        self.session.set_read_only(reason)
        self.palette.set_read_only(reason)
        self.options.set_read_only(reason)
        self.panel.set_read_only(reason)
        self.window.actions_.refresh()

    def _show_widgets(self, shown: bool) -> None:
        self.palette.setVisible(shown)
        self.options.setVisible(shown)
        self.window.inspector.section(SECTION).setVisible(shown)
        self._tool_changed(self.viewer.tool)

    # -- the model's opinion --------------------------------------------------------------------------------

    @property
    def hidden(self) -> bool:
        """The current case's analysis isn't shown (blind mode, mask not done)."""
        case = self.window.session.current
        return case is not None and self._hides(case)

    def set_blind(self, blind: bool) -> None:
        """Hide the model's opinion on cases whose mask isn't done."""
        if blind == self.blind:
            return
        self.blind = blind
        if not blind:
            self._revealed.clear()
        for case in self.window.session.cases:
            case.hidden = self._hides(case)
        self.window.session.cases.all_changed()
        self._apply_blind()
        self.window.actions_.refresh()

    def finish(self) -> None:
        """The mask is done: the case is marked so, and the model's opinion shown."""
        case, record = self.window.session.current, self.session.record
        if case is None or record is None or self.session.read_only is not None:
            return
        was_hidden = self.hidden
        self._revealed.add(case.key)
        self.window.session.set_review(Review.DONE)
        self._mark(case)
        self.session.tasks.run(
            lambda _: self.store.finished(record, was_hidden),
            lambda _: None,
            lambda error: self.window.report(case, error),
        )
        self._apply_blind()
        self._leave()

    def _hides(self, case: Case) -> bool:
        return self.blind and case.key not in self._revealed and case.review is not Review.DONE

    def _mark(self, case: Case) -> None:
        case.hidden = self._hides(case)
        self.window.session.cases.changed(case)

    def _apply_blind(self) -> None:
        case, hidden = self.window.session.current, self.hidden
        if case is not None and case.hidden != hidden:
            self._mark(case)
        was_hidden = self.window.inspector.opinion_hidden
        self.window.inspector.set_opinion_hidden(hidden)
        self.panel.set_blind(self.blind, hidden)
        if hidden != was_hidden and self._active:
            self._reveal_panel()
        if hidden:
            self.viewer.set_analysis(None)
            self.viewer.set_features(None)
            self.viewer.set_waiting_text(HIDDEN)
            self.viewer.probed.emit(None)  # the status bar showed map values
            self.session.compare_with(None, (0, 0, 0, 0), None)
        elif was_hidden and case is not None:
            self.window.show_opinion()
            self._compare()
        self._show_drafts()

    def _analysis_changed(self) -> None:
        self._apply_blind()
        self._compare()
        self._moved = True

    def _features_changed(self) -> None:
        if self.hidden:
            self.viewer.set_features(None)
        else:
            self.session.compare_features(self.window.session.features)
        self._show_drafts()
        if self._moved and self._active:  # another case's verdict and features lie above: go on where one was
            self._moved = False
            self._reveal_panel()

    def _compare(self) -> None:
        analysis = self._analysis()
        if analysis is None:
            self.session.compare_with(None, (0, 0, 0, 0), None)
        else:
            true_class, _ = analysis.true_class(self._label())
            self.session.compare_with(analysis.divergence(true_class), analysis.region, self.window.session.features)
        self._show_drafts()

    def _analysis(self) -> Analysis | None:
        """The current case's analysis if it may be shown and fits the image."""
        case, record = self.window.session.current, self.session.record
        if self.hidden or case is None or record is None or case.analysis is None:
            return None
        return case.analysis if case.analysis.image_size == (record.width, record.height) else None

    def _label(self) -> int | None:
        return self.window.session.current.label if self.window.session.current is not None else None

    # -- tools ----------------------------------------------------------------------------------------------

    def set_tool(self, tool_id: str) -> None:
        """Choose a tool; keys go to the picture from then on."""
        if tool_id in self.tools and self.session.read_only is not None:
            self.session.refuse_writing()
            return
        self.viewer.set_tool(tool_id)
        self.viewer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_panel(self) -> None:
        self.window.inspector_dock.show()
        self.window.inspector.section(SECTION).open()
        self._reveal_panel()

    def _reveal_panel(self) -> None:
        """Bring the mask's section into view, once what was shown or hidden has its place."""
        QTimer.singleShot(0, self, lambda: self.window.inspector.reveal(SECTION))

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
        history = self.session.history
        self.palette.set_history(history.undo_name, history.redo_name)
        acts = self.window.actions_
        for action, word, name in (("mask-undo", "Undo", history.undo_name), ("mask-redo", "Redo", history.redo_name)):
            acts[action].setText(f"{word} {name[0].lower() + name[1:]}" if name else word)
        acts.refresh()

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
            self.session.pressure = event.pressure() if kind is not QEvent.Type.TabletRelease else 1.0
        elif watched is self.window and kind in _KEYS:
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
            part.set_keys(self.window.actions_.key)

    def _save_failed(self, error: UserFacingError) -> None:
        self.window.notify("mask", "error", f"The mask could not be saved: {error.message}", error.remedy)

    def _recolour(self) -> None:
        self.palette.recolour()
        self.panel.recolour()

    def _close(self) -> None:
        """The window closes; the task runner has stopped."""
        for watched in self._filtered:
            watched.removeEventFilter(self)
        session = self.session
        session.runner.settle()
        session.cancel()
        try:
            self.saver.finish()
            if session.edited and session.record is not None:
                session.clock.tick()
                self.store.spent(session.record, session.clock.take())
        finally:
            self.store.close()
