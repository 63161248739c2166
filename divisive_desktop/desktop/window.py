"""The main window: puts the panels together and passes news between them. No work is done here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QLabel, QMainWindow, QStackedWidget, QToolBar, QVBoxLayout, QWidget

from divisive_desktop.desktop import commands
from divisive_desktop.desktop.features.casebooks.feature import CasebookControls
from divisive_desktop.desktop.features.inspection import Inspector
from divisive_desktop.desktop.features.inspection.files import FilePanels
from divisive_desktop.desktop.features.reports.feature import Reports
from divisive_desktop.desktop.features.viewing.hanging import HangingLayouts
from divisive_desktop.desktop.features.viewing.second_screen import SecondScreen
from divisive_desktop.desktop.features.worklist.panel import Worklist
from divisive_desktop.desktop.session import opening, redaction
from divisive_desktop.desktop.session.case import Case, waiting_text
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.session import Session
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.shell import action_set, menu_layout
from divisive_desktop.desktop.shell.messages import Action as MessageAction
from divisive_desktop.desktop.shell.messages import MessageBar
from divisive_desktop.desktop.shell.pages import EmptyPage, ProblemPage
from divisive_desktop.desktop.shell.status import StatusBar
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import Theme
from divisive_desktop.engine.messages import EngineDied, EngineReady
from divisive_desktop.errors import UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer import Viewer
    from divisive_desktop.imaging.record import ImageRecord

BANNER = "Research use only, not for diagnosis"


class MainWindow(QMainWindow):
    """Worklist at the left, viewer in the middle, inspector at the right, status below.

    The viewer is made after the first paint: its libraries are imported while the window is already there.
    """

    painted = Signal()
    """The window was drawn for the first time."""
    viewerReady = Signal()
    closing = Signal()
    """The window is closing and nothing runs in the background any more."""

    def __init__(self, settings: Settings, app_theme: Theme, tasks: Runner, casebook: Path | None = None) -> None:
        super().__init__()
        self._casebook = casebook
        self.settings, self.theme, self.runner = settings, app_theme, tasks
        self.session = Session(tasks, settings, self)
        self.viewer: Viewer | None = None
        self.identity_visible = settings.identity_visible
        self._first_paint = True
        self.setWindowTitle("Divisive Desktop")
        self.setWindowIcon(icons.icon("app"))
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.resize(1280, 800)
        self.setMinimumSize(900, 560)

        self._build_centre()
        self.worklist = Worklist(self.session.cases, settings)
        self.inspector = Inspector()
        self.worklist_dock = self._dock("Worklist", self.worklist, Qt.DockWidgetArea.LeftDockWidgetArea, 264)
        self.inspector_dock = self._dock("Inspector", self.inspector, Qt.DockWidgetArea.RightDockWidgetArea, 344)
        self.resizeDocks([self.worklist_dock, self.inspector_dock], [264, 344], Qt.Orientation.Horizontal)
        self.status = StatusBar()
        self.setStatusBar(self.status)
        toolbar = self.toolbar = QToolBar("Tools")
        toolbar.setObjectName("toolbar")
        toolbar.setMovable(False)
        toolbar.setIconSize(QSize(20, 20))
        self.addToolBar(toolbar)
        self.second_screen: SecondScreen | None = None
        self.actions_ = action_set.ActionSet(self, self.menuBar(), toolbar)
        self.actions_.set_keys(settings.keys)
        self.worklist.list.keys = self.actions_.places
        self.actions_.add(action_set.TABLE)
        self.casebook = CasebookControls(self)
        self.reports = Reports(self)
        menu_layout.build(self)
        self._connect()
        self.files = FilePanels(self)
        self.set_identity_visible(self.identity_visible)
        self._restore_layout()
        self._update_state()

    # -- construction ---------------------------------------------------------------------------------------

    def _build_centre(self) -> None:
        self.banner = QLabel(BANNER, alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self.banner, "banner")
        self.messages = MessageBar()
        self.empty_page, self.problem_page = EmptyPage(), ProblemPage()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.empty_page)
        self.stack.addWidget(self.problem_page)
        centre = QWidget()
        column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.banner)
        column.addWidget(self.messages)
        column.addWidget(self.stack, 1)
        self.setCentralWidget(centre)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea, width: int) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(title.lower())
        dock.setWidget(widget)
        dock.setTitleBarWidget(QWidget())  # no title: what it is can be seen; closed and opened in the View menu
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        widget.setMinimumWidth(width - 24)
        self.addDockWidget(area, dock)
        return dock

    def _connect(self) -> None:
        work, tasks = self.session, self.runner
        work.currentChanged.connect(self._show_case)
        work.recordReady.connect(self._show_record)
        work.sync.known.connect(lambda _: self.show_title())  # it may go by its number
        work.analysisChanged.connect(self._show_analysis)
        work.featuresReady.connect(self._show_features)
        work.modelsChanged.connect(lambda: self._tell_inspector(work.current))
        work.problem.connect(self.report)
        work.batchChanged.connect(self._jobs_changed)
        work.cases.countsChanged.connect(self._update_state)
        tasks.engineChanged.connect(self._engine_changed)
        tasks.progressed.connect(self._progress)
        tasks.jobsChanged.connect(self._jobs_changed)
        self.status.cancelRequested.connect(work.cancel_batch)
        self.status.pauseRequested.connect(work.batch.toggle)
        self.worklist.chosen.connect(work.select)
        self.worklist.widthWanted.connect(self._widen_worklist)
        self.worklist.labelled.connect(lambda label: work.set_label(label, commands.chosen(self)))
        self.empty_page.openRequested.connect(lambda: commands.open_files(self))
        self.empty_page.folderRequested.connect(lambda: commands.open_folder(self))
        self.empty_page.samplesRequested.connect(lambda: commands.open_samples(self))
        verdict, features = self.inspector.verdict, self.inspector.features
        verdict.labelChosen.connect(work.set_label)
        verdict.analyseRequested.connect(lambda: commands.analyse_current(self))
        verdict.modelChosen.connect(work.choose_model)
        verdict.questionChosen.connect(work.choose_task)
        features.quantileChanged.connect(work.set_quantile)
        features.chosen.connect(self._zoom_on)
        self.theme.changed.connect(self._recolour)

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
        self.runner.run(
            lambda _: opening.warm_up(), self._build_viewer, lambda error: self.report(None, error), priority=50
        )
        self.session.refresh_models()
        self.session.casebook.open(self._casebook)

    def _build_viewer(self, _: Any = None) -> None:
        from divisive_desktop.desktop.viewer import Viewer

        viewer = Viewer()
        viewer.set_mouse_map(self.settings.mouse)
        viewer.probed.connect(self.status.set_probe)
        viewer.featureClicked.connect(self.inspector.features.select)
        for signal in (viewer.layoutChanged, viewer.displayChanged, viewer.toolChanged):
            signal.connect(lambda *_: self.actions_.refresh())
        viewer.voiChanged.connect(lambda *_: self.actions_.refresh())
        viewer.state.set_identity_visible(self.identity_visible)
        viewer.frameWanted.connect(self.session.show_frame)
        viewer.menuRequested.connect(lambda at: menu_layout.popup(self, at))
        self.viewer = viewer
        self.stack.addWidget(viewer)
        self.layouts, self.second_screen = HangingLayouts(self), SecondScreen(self)
        from divisive_desktop.desktop.features.viewing.measurements import KeptMeasurements

        kept = KeptMeasurements(self, viewer)
        self.actions_.add(action_set.viewer_table())
        menu_layout.add_opacity(self, viewer, self.toolbar)
        self.inspector.greys.connect_viewer(viewer)
        if self.session.record is not None and self.session.current is not None:
            self._show_record(self.session.current, self.session.record)
            kept.load(self.session.current, self.session.record)
            self.layouts.hang()
            self._show_analysis(self.session.current)
            self.session.update_features()
        from divisive_desktop.desktop.features.painting.feature import Painting
        from divisive_desktop.desktop.features.painting.mask_store import CasebookStore

        self.painting = Painting(self, CasebookStore(self.session.casebook.wait))
        self.painting.session.historyChanged.connect(self._painted)
        from divisive_desktop.desktop.features.finetuning.feature import FineTuning

        self.finetuning = FineTuning(self)
        from divisive_desktop.desktop.features.faces.feature import FaceControls

        self.faces = FaceControls(self)
        from divisive_desktop.desktop.features.inspection import model_input

        model_input.build(self)
        self.viewerReady.emit()

    def _painted(self) -> None:
        """A frame that was only looked at becomes a case with its first stroke."""
        if self.session.current is not None and self.painting.session.history.undo_name:
            self.session.ensure_listed([self.session.current])

    def show_opinion(self) -> None:
        """Show again what the model says about the current case, after it was hidden."""
        case = self.session.current
        if case is not None:
            self._tell_inspector(case)
            self._show_analysis(case)
            self.session.update_features()

    # -- news from the workspace ----------------------------------------------------------------------------

    def _show_case(self, case: Case | None) -> None:
        self.show_title()
        self.worklist.show_current(case)
        self.inspector.show_record(None)
        self.inspector.features.clear_choice()
        self.inspector.features.show_features(None, None)
        self._tell_inspector(case)
        if case is None:
            self.stack.setCurrentWidget(self.empty_page)
        elif case.error is not None:
            self.problem_page.set_error(case.name, case.told(case.error), self.casebook.way_out(case, case.error))
            self.stack.setCurrentWidget(self.problem_page)
        if self.viewer is not None and (case is None or case.error is not None):
            self.viewer.set_record(None)
        self._update_state()

    def show_title(self) -> None:
        """Case and casebook in the title bar."""
        case, book = self.session.current, self.session.casebook
        kept = f"{book.name} (read-only)" if book.name and not book.writable else book.name
        self.setWindowTitle(" – ".join(t for t in (case.name if case else "", kept, "Divisive Desktop") if t))

    def _show_record(self, case: Case, record: ImageRecord) -> None:
        self._update_state()
        self.inspector.show_record(record)
        self._tell_inspector(case)
        if self.viewer is not None:
            shown = self.viewer.state.record
            # Another frame of the same file: zoom, position and window stay.
            same = shown is not None and shown.path == record.path and shown.frame != record.frame
            self.viewer.set_record(record, keep_view=same)
            self.stack.setCurrentWidget(self.second_screen.page)

    def _show_analysis(self, case: Case) -> None:
        self._tell_inspector(case)
        if self.viewer is not None and self.session.record is not None:
            if case.analysis is not None:
                self.viewer.set_analysis(case.analysis, *case.analysis.true_class(case.label))
            else:
                self.viewer.set_analysis(None)
                self.viewer.set_features(None)
                self.viewer.set_waiting_text(waiting_text(case))
        self._update_state()

    def _show_features(self, found: opening.FoundFeatures | None) -> None:
        case = self.session.current
        names = None
        if case is not None and case.analysis is not None:
            true_class, _ = case.analysis.true_class(case.label)
            names = (case.analysis.model.classes[true_class], case.analysis.model.classes[1 - true_class])
        self.inspector.features.show_features(found, names)
        if self.viewer is not None:
            self.viewer.set_features(found.features if found is not None else None)
        self._update_state()

    def _tell_inspector(self, case: Case | None) -> None:
        self.inspector.show_case(case, *self.session.question(case), self.session.card(case))
        self.inspector.verdict.set_models(*self.session.model_choices(case))
        asked = self.session.task(case)
        choices = [(t.id, t.question) for t in self.session.task_choices(case)]
        self.inspector.verdict.set_questions(choices, asked.id if asked is not None else "")

    def _zoom_on(self, rank: int) -> None:
        if self.viewer is not None and self.session.features is not None:
            self.viewer.select_feature(rank)
            self.viewer.state.view.focus(*self.session.features.features[rank - 1].box)

    # -- messages and engine --------------------------------------------------------------------------------

    def notify(self, key: str, severity: str, text: str, remedy: str = "", *actions: MessageAction | None) -> None:
        """Post a message above the picture."""
        self.messages.post(key, severity, redaction.redacted(text), redaction.redacted(remedy), *actions)

    def report(self, case: Case | None, error: UserFacingError) -> None:
        """Tell the user about an error; a case's name stands before it."""
        said = case.told(error) if case is not None else error
        text = said.message if case is None or case.name in said.message else f"{case.name}: {said.message}"
        key = str(case.path) if case is not None else error.message
        self.notify(key, "error", text, said.remedy, self.casebook.way_out(case, error))

    def _engine_changed(self, event: Any) -> None:
        self.status.set_engine(event)
        if isinstance(event, EngineReady) and event.note:
            self.notify("engine", "info", event.note)
        if not isinstance(event, EngineDied) or event.asked:
            return
        again = ("Analyse again", lambda: commands.analyse_current(self)) if self.session.current is not None else None
        if event.restarting:
            text = "The analysis engine stopped unexpectedly and is being restarted."
        else:
            text = "The analysis engine stopped several times in a row and was not started again."
            again = ("Start engine", self.runner.restart_engine)
        self.notify("engine", "warning", text, "Your cases and labels are safe; the running analysis was lost.", again)

    def _progress(self, event: Any) -> None:
        if any(job.id == event.job for job in self.runner.shown_jobs()):
            self.status.progress(event)

    def _jobs_changed(self) -> None:
        jobs, batch = self.runner.shown_jobs(), self.session.batch
        if jobs:
            self.status.begin(jobs[0].title)
        elif batch.paused is not None:
            self.status.begin(f"Paused: {len(batch.paused.left):,} images left")
        else:
            self.status.end()
        self.status.set_pause(batch.running and (not jobs or batch.owns(jobs[0])), batch.paused is not None)
        self._update_state()

    def set_identity_visible(self, visible: bool) -> None:
        """One switch for everything that identifies the patient."""
        self.identity_visible = self.settings.identity_visible = visible
        redaction.follow(self)

    def _update_state(self) -> None:
        work = self.session
        case = work.current
        self.actions_.set_state(action_set.State(
            cases=len(work.cases), case=case is not None, record=self._has_picture(),
            analysis=case is not None and case.analysis is not None, label=case is not None and case.label is not None,
            busy=case is not None and case.analysing, batch=work.batch_running, unanalysed=work.any_unanalysed(),
            writable=work.casebook.writable, open=work.casebook.current is not None,
        ))  # fmt: skip

    def _has_picture(self) -> bool:
        """Something is shown of the current case; also while the next frame of its file is on its way."""
        viewer, case = self.viewer, self.session.current
        if viewer is None or case is None:
            return False
        shown = viewer.state.record
        return self.session.record is not None or (shown is not None and shown.path == case.path)

    # -- dropping, closing ----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        given = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        commands.open_given(self, given)
        event.acceptProposedAction()

    def _recolour(self) -> None:
        self.actions_.recolour()
        self.status.recolour()
        self.worklist.recolour()
        self.messages.recolour()
        for page in (self.empty_page, self.problem_page):
            page.recolour()
        self.session.update_features()

    def _widen_worklist(self, width: int) -> None:
        """Room for the columns that were chosen, but the picture keeps most of the window."""
        width = min(width, self.width() * 2 // 5)
        if self.worklist_dock.width() < width:
            self.resizeDocks([self.worklist_dock], [width], Qt.Orientation.Horizontal)

    def _restore_layout(self) -> None:
        geometry, state = self.settings.window_layout()
        if not geometry.isEmpty():
            self.restoreGeometry(geometry)
        if not state.isEmpty():
            self.restoreState(QByteArray(state))

    def closeEvent(self, event: QCloseEvent) -> None:
        self.settings.set_window_layout(self.saveGeometry(), self.saveState())
        self.settings.sync()
        self.hide()  # at once; what follows may take a moment
        self.session.casebook.stop_waiting()
        self.runner.close()
        self.closing.emit()
        self.session.casebook.close()
        super().closeEvent(event)
