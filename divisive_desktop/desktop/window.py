"""The main window: makes the places, the services and the features. No work is done here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEventLoop, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QMessageBox, QToolBar

from divisive_desktop import RESEARCH_USE
from divisive_desktop.desktop import features
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.session import Session
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.shell.action_set import ActionSet
from divisive_desktop.desktop.shell.dialogs import Dialogs
from divisive_desktop.desktop.shell.inspector import Inspector
from divisive_desktop.desktop.shell.messages import Messages
from divisive_desktop.desktop.shell.places import Places
from divisive_desktop.desktop.shell.services import Services, ViewerServices, WindowEvents
from divisive_desktop.desktop.shell.status import StatusBar
from divisive_desktop.desktop.ui import icons
from divisive_desktop.desktop.ui.theme import Theme
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer import Viewer

INSPECTOR_WIDTH = 360
_KEEPING_S = 5.0
"""A session that ends doesn't wait for longer."""


class MainWindow(QMainWindow):
    """Worklist at the left, viewer in the middle, inspector at the right, status below.

    The viewer is made after the first paint: its libraries are imported while the window is already there.

    Parameters
    ----------
    casebook : Path, optional
        The casebook to work on; None: the user's own.
    """

    painted = Signal()
    """The window was drawn for the first time."""
    viewerReady = Signal()
    """The viewer and the features that need it are there."""

    def __init__(self, settings: Settings, theme: Theme, runner: Runner, casebook: Path | None = None) -> None:
        super().__init__()
        self._casebook = casebook
        self._first_paint = True
        self.setWindowTitle("Divisive Desktop")
        self.setWindowIcon(icons.icon("app"))
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self._may_lose = False
        self.resize(1280, 800)
        self.setMinimumSize(900, 560)
        self.services = self._make_services(settings, theme, runner)
        self.viewer: Viewer | None = None
        """None until ``viewerReady``."""
        self.features = features.install(self.services)
        """Each feature's own object, by its name."""
        self._add_inspector()
        self.services.actions.arrange()
        session = self.services.session
        session.currentChanged.connect(self._show_title)
        session.sync.known.connect(self._show_title)  # it may go by its number
        session.casebook.changed.connect(self._show_title)
        session.redaction.namesChanged.connect(self._names_changed)
        theme.changed.connect(self._recolour)
        self._restore_layout()

    def _make_services(self, settings: Settings, theme: Theme, runner: Runner) -> Services:
        session, messages, status = Session(runner, settings, self), Messages(), StatusBar()
        self.setStatusBar(status)
        toolbar = QToolBar("Tools")
        toolbar.setObjectName("toolbar")
        toolbar.setMovable(False)
        toolbar.setIconSize(QSize(20, 20))
        self.addToolBar(toolbar)
        actions = ActionSet(self, self.menuBar(), toolbar, session)
        actions.set_keys(settings.keys)
        return Services(
            window=self, session=session, runner=runner, settings=settings, theme=theme, actions=actions,
            messages=messages, status=status, inspector=Inspector(), places=Places(self, RESEARCH_USE, messages.bar),
            dialogs=Dialogs(self, settings), events=WindowEvents(self),
        )  # fmt: skip

    def _add_inspector(self) -> None:
        side = Qt.DockWidgetArea.RightDockWidgetArea
        dock = self.services.places.add_dock("Inspector", self.services.inspector, side, INSPECTOR_WIDTH)
        self.services.inspector.setMinimumWidth(INSPECTOR_WIDTH)  # narrower, its buttons and sentences are cut
        self.services.actions.add_entry("show-inspector", dock.toggleViewAction())

    # -- the first seconds ----------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._first_paint:
            QTimer.singleShot(0, self._after_first_paint)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(2000, self._after_first_paint)  # a window that starts minimised isn't painted

    def _after_first_paint(self) -> None:
        if not self._first_paint:
            return
        self._first_paint = False
        self.painted.emit()
        services = self.services
        services.runner.run(
            lambda _: _import_viewer(), lambda _: self._build_viewer(), services.messages.show_error, priority=50
        )
        services.session.questions.refresh_models()
        services.session.casebook.open(self._casebook)

    def _build_viewer(self) -> None:
        from divisive_desktop.desktop.viewer import Viewer

        viewer = self.viewer = Viewer()
        services = self.services
        services.events.viewerReady.emit(viewer)
        self._install(features.with_viewer(ViewerServices(**vars(services), viewer=viewer)))

    def _install(self, left: Iterator[tuple[str, object]]) -> None:
        """One feature at a time, so that the window can paint and answer in between."""
        if self.services.runner.closed:
            return
        found = next(left, None)
        if found is not None:
            self.features[found[0]] = found[1]
            QTimer.singleShot(0, self, lambda: self._install(left))
            return
        self.services.actions.arrange()
        self.viewerReady.emit()

    # -- title, colours -------------------------------------------------------------------------------------

    def _show_title(self) -> None:
        """Case and casebook in the title bar."""
        case, book = self.services.session.current, self.services.session.casebook
        kept = f"{book.name} (read-only)" if book.name and not book.writable else book.name
        self.setWindowTitle(plain(" – ".join(t for t in (case.name if case else "", kept, "Divisive Desktop") if t)))

    def _names_changed(self) -> None:
        self.services.messages.clear()  # what they say was worded before
        self._show_title()

    def _recolour(self) -> None:
        self.services.actions.recolour()
        self.services.status.recolour()
        self.services.messages.bar.recolour()

    # -- dropping, closing ----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        given = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        self.services.events.dropped.emit(given)
        event.acceptProposedAction()

    def _restore_layout(self) -> None:
        geometry, state = self.services.settings.window_layout()
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        if not state.isEmpty():
            self.restoreState(QByteArray(state))

    def keep(self) -> None:
        """Have everything that was done on the disk when this returns; the window stays. It may take a moment."""
        kept = self._ask_to_keep()
        kept.append(lambda: self.services.session.casebook.idle)
        end = time.monotonic() + _KEEPING_S
        while not all(is_kept() for is_kept in kept) and time.monotonic() < end:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, 20)

    def _ask_to_keep(self) -> list[Callable[[], bool]]:
        kept: list[Callable[[], bool]] = []
        self.services.events.keeping.emit(kept)
        return kept

    def end(self) -> None:
        """Close without a question: the program is told to end, and nobody may be there to answer."""
        self._may_lose = True
        self.close()

    def _lost(self) -> list[str]:
        """What can't be kept though it was tried, in sentences."""
        kept, end = self._ask_to_keep(), time.monotonic() + _KEEPING_S
        while not all(is_kept() for is_kept in kept) and time.monotonic() < end:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents, 20)
        lost: list[str] = []
        self.services.events.leaving.emit(lost)
        return lost

    def _ask_to_leave(self, lost: list[str]) -> None:
        """Ask whether to close all the same; the window stays meanwhile."""
        box = QMessageBox(QMessageBox.Icon.Warning, "Close", "Close the window and lose this?")
        box.setObjectName("leaving")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setParent(self, box.windowFlags())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setInformativeText(plain("\n".join(lost), lines=True))
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.addButton("Close and lose it", QMessageBox.ButtonRole.DestructiveRole).clicked.connect(self.end)
        box.open()

    def closeEvent(self, event: QCloseEvent) -> None:
        services = self.services
        lost = [] if self._may_lose or not self.isVisible() else self._lost()
        if lost:
            self._ask_to_leave(lost)
            event.ignore()
            return
        self._ask_to_keep()
        services.settings.set_window_layout(self.saveGeometry(), self.saveState())
        services.settings.sync()
        self.hide()  # at once; what follows may take a moment
        services.session.casebook.stop_waiting()
        services.runner.close()
        services.events.closing.emit()
        services.session.casebook.close()
        super().closeEvent(event)


def _import_viewer() -> None:
    """Import what opening the first image needs, while the user still looks for it."""
    import divisive_desktop.desktop.viewer
    import divisive_desktop.explanation.features
    import divisive_desktop.imaging  # noqa: F401

    features.load_with_viewer()
