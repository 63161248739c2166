"""The window as a whole: its cases, its menus and messages, and the way to its parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl, SignalInstance
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDockWidget, QMenu, QToolBar, QWidget

from divisive_desktop.desktop import application
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.engine.messages import EngineReady
from tests.desktop.pages.hand import LEFT, NONE, Hand
from tests.desktop.pages.inspector import FilesPage, InspectorPage, VerdictPage
from tests.desktop.pages.messages import MessagesPage
from tests.desktop.pages.painting import PaintPage
from tests.desktop.pages.tools import FacesPage, FineTuningPage, ReportPage
from tests.desktop.pages.waiting import ENGINE_MS, MS, until
from tests.desktop.pages.worklist import WorklistPage

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.desktop.features.opening.pages import EmptyPage, ProblemPage
    from divisive_desktop.desktop.features.painting.session import PaintSession
    from divisive_desktop.desktop.session.batch import BatchRunner
    from divisive_desktop.desktop.session.case import Case, Review
    from divisive_desktop.desktop.session.case_model import CaseModel
    from divisive_desktop.desktop.session.casebook_service import CasebookService
    from divisive_desktop.desktop.session.runner import Runner
    from divisive_desktop.desktop.session.session import Session
    from divisive_desktop.desktop.shell.action import Action
    from divisive_desktop.desktop.shell.action_set import ActionSet
    from divisive_desktop.desktop.shell.status import StatusBar
    from divisive_desktop.desktop.ui.theme import Theme
    from divisive_desktop.desktop.viewer import Viewer
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.imaging.record import ImageRecord

W = TypeVar("W", bound=QWidget)


class Page:
    """One window, made by `build` and shown by `show`.

    Parameters
    ----------
    window : MainWindow
        For what is Qt's own (size, focus, grabbing). Nothing of the program is reached through it in a test.
    """

    def __init__(self, window: MainWindow) -> None:
        self.window = window
        self.verdict, self.inspector, self.files = VerdictPage(self), InspectorPage(self), FilesPage(self)
        self.worklist, self.messages = WorklistPage(self), MessagesPage(self)
        self.paint = PaintPage(self)
        self.tuning, self.report, self.faces = FineTuningPage(self), ReportPage(self), FacesPage(self)

    # -- beginning and end ----------------------------------------------------------------------------------

    @classmethod
    def build(
        cls, settings: Settings | None = None, casebook: Path | None = None, size: tuple[int, int] | None = (1280, 800)
    ) -> Page:
        """A window that isn't shown yet.

        Parameters
        ----------
        settings : Settings, optional
            Default: the user's own, as they were left.
        casebook : Path, optional
            Default: the user's own.
        size : (width, height), optional
            None: as large as it was when it was closed.
        """
        page = cls(application.build(settings or Settings(), casebook))
        if size is not None:
            page.window.resize(*size)
        return page

    @classmethod
    def shown(cls) -> Page | None:
        """The window that is on the screen, if there is one: for programs that show it themselves."""
        windows = (w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow) and w.isVisible())
        return next((cls(window) for window in windows), None)

    def show(self, active: bool = False) -> Page:
        """Show the window and wait for its viewer; ``active``: and for the keyboard."""
        ready: list[bool] = []
        self.window.viewerReady.connect(lambda: ready.append(True))
        self.window.show()
        until(lambda: ready, "the viewer")
        if active:
            self.activate()
        return self

    def activate(self) -> None:
        """Give the window the keyboard; a bare X server has no window manager that would do it."""
        self.window.activateWindow()
        assert QTest.qWaitForWindowActive(self.window, 5000)

    def close(self) -> None:
        """Close the window as a person does."""
        self.window.close()

    def discard(self) -> None:
        """Close the window, if it wasn't, and give back what it holds."""
        self.window.close()
        self.window.deleteLater()
        QApplication.processEvents()

    # -- what is behind it ----------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """What the window works on; for its signals, and for what no test does twice."""
        return self.window.services.session

    @property
    def runner(self) -> Runner:
        """Work in the background, and the engine."""
        return self.window.services.runner

    @property
    def settings(self) -> Settings:
        return self.window.services.settings

    @property
    def theme(self) -> Theme:
        return self.window.services.theme

    @property
    def viewer(self) -> Viewer:
        """The panes; not before `viewer_there`."""
        assert self.window.viewer is not None
        return self.window.viewer

    @property
    def viewer_there(self) -> bool:
        return self.window.viewer is not None

    def feature(self, name: str) -> Any:
        """What a feature keeps, by the name of its folder."""
        return self.window.features[name]

    @property
    def casebook(self) -> CasebookService:
        """The casebook as the window keeps it: opened, written in the background."""
        return self.session.casebook

    @property
    def book(self) -> Casebook:
        """The open casebook itself, waited for."""
        until(lambda: self.book_open, "the casebook")
        assert self.casebook.current is not None
        return self.casebook.current

    @property
    def book_open(self) -> bool:
        return self.casebook.current is not None

    @property
    def batch(self) -> BatchRunner:
        """The analysis of many cases."""
        return self.session.batch

    @property
    def batch_running(self) -> bool:
        """Whether many cases are being analysed, or wait for it."""
        return self.session.batch.running

    @property
    def paint_session(self) -> PaintSession:
        """What is painted on."""
        return self.paint.session

    @property
    def _actions(self) -> ActionSet:
        return self.window.services.actions

    @property
    def action_table(self) -> Sequence[Action]:
        """All actions, as they are before anyone changes a key."""
        return self._actions.table

    def actions_with_keys(self) -> Sequence[Action]:
        """All actions with the keys in force."""
        return self._actions.with_keys()

    # -- cases ----------------------------------------------------------------------------------------------

    @property
    def cases(self) -> CaseModel:
        """All cases, in the order in which they came."""
        return self.session.cases

    def case(self, at: int) -> Case:
        """The case that came as number ``at``, from 0."""
        return self.cases.case(at)

    @property
    def case_names(self) -> list[str]:
        return [case.name for case in self.cases]

    @property
    def current(self) -> Case | None:
        """The case that is looked at."""
        return self.session.current

    @property
    def record(self) -> ImageRecord | None:
        """Its picture, None while it is on its way."""
        return self.session.record

    @property
    def features(self) -> FeatureSet | None:
        """Its important features, None without an analysis."""
        return self.session.analyses.features

    def begin_opening(self, *files: Path) -> None:
        """Open files and folders; what comes of it is to be waited for."""
        self.session.opening.open_paths(list(files))

    def open(self, *files: Path) -> None:
        """Open files and folders, and wait for the first picture."""
        with self.loading():
            self.begin_opening(*files)

    def drop(self, *files: Path) -> None:
        """Drop files on the window with the events that Qt sends."""
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(f)) for f in files])
        enter = QDragEnterEvent(QPoint(400, 300), Qt.DropAction.CopyAction, data, LEFT, NONE)
        QApplication.sendEvent(self.window, enter)
        assert enter.isAccepted()
        drop = QDropEvent(QPointF(400, 300), Qt.DropAction.CopyAction, data, LEFT, NONE)
        QApplication.sendEvent(self.window, drop)

    def select(self, case: Case | int | None) -> None:
        """Look at a case (or the one that came as this number); its picture may still be on its way."""
        self.session.select(self.case(case) if isinstance(case, int) else case)

    def go_to(self, case: Case | int) -> None:
        """Look at a case, and wait for its picture."""
        with self.loading():
            self.select(case)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Wait at the end for the picture that was asked for inside."""
        arrived: list[bool] = []

        def came(*_: Any) -> None:
            arrived.append(True)

        self.session.recordReady.connect(came)
        try:
            yield
            until(lambda: arrived, "a picture")
        finally:
            self.session.recordReady.disconnect(came)

    def label(self, label: Literal[0, 1] | None, cases: Sequence[Case] = ()) -> None:
        """Say what is true of cases, of the current one if none are named."""
        self.session.edits.set_label(label, cases)

    def review(self, review: Review, cases: Sequence[Case] = ()) -> None:
        """Say how far cases are, the current one if none are named."""
        self.session.edits.set_review(review, cases)

    def note(self, text: str, case: Case | None = None) -> None:
        """Write notes on a case, on the current one if none is named."""
        self.session.edits.set_notes(case or self.current, text)

    def tag(self, cases: Sequence[Case], add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        self.session.edits.change_tags(cases, add, remove)

    def open_casebook(self, path: Path | None = None, create: bool = False) -> None:
        """Work on another casebook; None: the user's own."""
        self.session.open_casebook(path, create=create)

    # -- analyses -------------------------------------------------------------------------------------------

    def analyse(self, case: Case | None = None) -> None:
        """Ask the engine about a case, about the current one if none is named."""
        self.session.analyses.analyse(case or self.current)

    def keep_analysis(self, case: Case, analysis: Analysis) -> None:
        """Let the casebook have an analysis of a case, as if the engine had made it."""
        self.casebook.act([case], lambda book, ids: book.analyses.add(ids[0], analysis))

    def take_analysis(self, analysis: Analysis) -> None:
        """Let the current case have this analysis, as if the engine had made it of the bytes that are open."""
        self.current.analysis = replace(analysis, sha256=self.record.sha256)
        self.tell_analysis_changed()
        self.update_features()

    def take_analysis_of_this_size(self, analysis: Analysis) -> None:
        """The same, made to fit the current picture."""
        record = self.record
        size = (record.width, record.height)
        self.take_analysis(replace(analysis, image_size=size, region=(0, 0, *size), file=str(record.path)))

    def tell_analysis_changed(self) -> None:
        """News about the current case's analysis."""
        self.session.analysisChanged.emit(self.current)

    def update_features(self) -> None:
        """Have the features looked for anew."""
        self.session.analyses.update_features()

    def resume_batch(self, batch_id: int) -> None:
        """Go on with the analysis of many cases that was interrupted, by its number in the casebook."""
        self.batch.resume(batch_id, self.session.sync.by_id)

    def start_engine(self, device: str = "cpu") -> None:
        """Start the engine; it is ready some seconds later."""
        self.runner.start_engine(device)

    def wait_engine(self) -> None:
        until(lambda: isinstance(self.runner.engine, EngineReady), "the engine", ENGINE_MS)

    def wait_analysed(self) -> None:
        """Until the current case has its features and nothing is under way."""
        until(lambda: self.features is not None and self.runner.idle, "the analysis", ENGINE_MS)

    # -- waiting --------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Nothing runs in the background."""
        return self.runner.idle

    @property
    def quiet(self) -> bool:
        """Nothing runs in the background, and everything is written."""
        return self.runner.idle and self.casebook.idle

    def wait_idle(self, ms: int = MS) -> None:
        until(lambda: self.idle, "what runs in the background", ms)

    def wait_written(self, ms: int = MS) -> None:
        """Until the casebook holds everything that was said."""
        until(lambda: self.casebook.idle, "the casebook", ms)

    def wait_quiet(self, ms: int = ENGINE_MS) -> None:
        until(lambda: self.quiet, "quiet", ms)

    # -- menus and keys -------------------------------------------------------------------------------------

    def action(self, action_id: str) -> QAction:
        """An entry of the menus."""
        return self._actions[action_id]

    def has_entry(self, name: str) -> bool:
        """Whether something was added under a name of the menus' layout."""
        return name in self._actions

    def trigger(self, action_id: str) -> None:
        """Choose an entry of the menus."""
        self.action(action_id).trigger()

    def enabled(self, action_id: str) -> bool:
        return self.action(action_id).isEnabled()

    def checked(self, action_id: str) -> bool:
        return self.action(action_id).isChecked()

    def menu(self, title: str) -> QMenu:
        """A menu or submenu by its title, filled as it is when it is opened."""
        found = next(m for m in self.find_all(QMenu) if m.title().removeprefix("&") == title)
        found.aboutToShow.emit()
        return found

    def menus(self) -> list[QMenu]:
        """The menus in the menu bar."""
        return [entry.menu() for entry in self.window.menuBar().actions()]

    @property
    def toolbar(self) -> QToolBar:
        found = self.window.findChild(QToolBar, "toolbar")
        assert found is not None
        return found

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Press a key in the window."""
        QTest.keyClick(self.window, key, modifiers)

    def viewer_key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Press a key in the viewer."""
        QTest.keyClick(self.viewer, key, modifiers)

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.window.windowTitle()

    @property
    def showing(self) -> Literal["empty", "problem", "viewer"]:
        """What fills the middle: the invitation, what is wrong with the file, or the panes."""
        shown = self.window.services.places.page
        if shown is self.empty_page:
            return "empty"
        return "problem" if shown is self.problem_page else "viewer"

    @property
    def viewer_in_middle(self) -> bool:
        """Whether the middle holds the panes themselves, and not what stands there while they have their own window."""
        return self.window.services.places.page is self.window.viewer

    @property
    def empty_page(self) -> EmptyPage:
        """The invitation of a window without cases."""
        return self.feature("opening").empty_page

    @property
    def problem_page(self) -> ProblemPage:
        """What is shown in place of a picture that can't be."""
        return self.feature("opening").problem_page

    @property
    def banner(self) -> QWidget:
        """The line that says what the program isn't for."""
        return self.window.services.places.banner

    @property
    def status(self) -> StatusBar:
        return self.window.services.status

    @property
    def progress_shown(self) -> bool:
        """Whether the status bar tells how far something is."""
        return self.status.job.isVisible()

    @property
    def probe_text(self) -> str:
        """What is under the pointer."""
        return self.status.probe.text()

    @property
    def worklist_dock(self) -> QDockWidget:
        return self.window.findChild(QDockWidget, "worklist")

    @property
    def inspector_dock(self) -> QDockWidget:
        return self.window.findChild(QDockWidget, "inspector")

    @property
    def identity_shown(self) -> bool:
        """Whether names and other identity are on the screen."""
        return self.session.redaction.visible

    def show_identity(self, shown: bool) -> None:
        self.session.redaction.set_visible(shown)

    @property
    def hand(self) -> Hand:
        """The mouse on the pane of the image."""
        return self.hand_on(PaneKind.IMAGE)

    def hand_on(self, pane: PaneKind) -> Hand:
        """The mouse on a pane."""
        return Hand(lambda: self.viewer.panes[pane].canvas)

    def grab(self) -> QPixmap:
        """The window as it is drawn."""
        return self.window.grab()

    def find(self, kind: type[W]) -> W | None:
        """A dialog or widget of a kind in this window, None where there is none."""
        return self.window.findChild(kind)

    def wait_for(self, kind: type[W]) -> W:
        """The dialog of a kind that was asked for, when it is there."""
        until(lambda: self.find(kind) is not None, f"a {kind.__name__}")
        found = self.find(kind)
        assert found is not None
        return found

    def wait_gone(self, kind: type[QWidget]) -> None:
        """Until there is no dialog of a kind any more."""
        until(lambda: self.find(kind) is None, f"the end of the {kind.__name__}")

    def find_all(self, kind: type[W]) -> list[W]:
        return self.window.findChildren(kind)

    # -- signals --------------------------------------------------------------------------------------------

    @property
    def picture_came(self) -> SignalInstance:
        """The current case's picture is there."""
        return self.session.recordReady

    @property
    def problem_told(self) -> SignalInstance:
        """Something is wrong that the user should read now."""
        return self.session.problem

    @property
    def models_changed(self) -> SignalInstance:
        """The list of installed models was read."""
        return self.session.questions.modelsChanged
