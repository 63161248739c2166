"""Fills the inspector: what the model says of the current case, how it came to it, and what the image is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QLabel

from divisive_desktop.desktop.features.inspection.feature_table import FeaturePanel
from divisive_desktop.desktop.features.inspection.files import FORENSIC, FilePanels
from divisive_desktop.desktop.features.inspection.histogram_panel import GreysPanel
from divisive_desktop.desktop.features.inspection.model_input import ModelInputPanel
from divisive_desktop.desktop.features.inspection.rows import image_rows, provenance_rows
from divisive_desktop.desktop.features.inspection.verdict import VerdictPanel
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.shell.action import Action, has_analysis
from divisive_desktop.desktop.shell.inspector import Inspector
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui.sections import Form
from divisive_desktop.errors import OutOfScopeError

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.explaining import FoundFeatures
    from divisive_desktop.desktop.viewer import Viewer
    from divisive_desktop.imaging.correction import Correction
    from divisive_desktop.imaging.record import ImageRecord

FEATURES, PROVENANCE, HISTOGRAM, IMAGE = "Important features", "Model and method", "Histogram", "Image"
LIMITS = "What this model is for, and its limits"


def install(services: Services) -> InspectionFeature:
    """Add the inspector's own sections to the window."""
    return InspectionFeature(services)


class InspectionFeature(QObject):
    """Verdict, important features, provenance, histogram, image, and the panels about the file."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._session = session = services.session
        self.inspector: Inspector = services.inspector
        self.verdict, self.features, self.greys = VerdictPanel(), FeaturePanel(), GreysPanel()
        self.provenance, self.image, self.limits = Form(), Form(), QLabel()
        self.limits.setWordWrap(True)
        self.limits.setTextFormat(Qt.TextFormat.PlainText)
        self.limits.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._record: ImageRecord | None = None
        self._viewer: Viewer | None = None
        self._add_sections()
        self.files = FilePanels(services)
        self.model_input = ModelInputPanel(services)
        services.actions.add((
            Action("tags", "All tags…", self.files.enlarge, "Ctrl+K",
                   "Everything that the file says about itself, with search", "info", lambda s: s.case),
            Action("forensic", "File and traces", lambda: self.files.open(FORENSIC), "Ctrl+Shift+K",
                   "Hashes, times, compression, thumbnail against the picture", "search", lambda s: s.case),
            Action("features-auto", "Automatic feature threshold", self.features.set_auto, "",
                   "Otsu's threshold on |D|", "reset", has_analysis),
        ))  # fmt: skip
        session.currentChanged.connect(self._case_changed)
        session.recordReady.connect(self._record_ready)
        session.analysisChanged.connect(self.show_case)
        session.featuresReady.connect(self._show_features)
        session.questions.modelsChanged.connect(lambda: self.show_case(session.current))
        session.casebook.changed.connect(self._casebook_changed)
        for signal in (session.redaction.changed, session.redaction.namesChanged):
            signal.connect(lambda: self._show_record(self._record))
        self.verdict.labelChosen.connect(lambda label: session.edits.set_label(label))
        self.verdict.analyseRequested.connect(self._analyse_again)
        self.verdict.askAnywayRequested.connect(self._ask_anyway)
        self.verdict.answer.askInUseRequested.connect(self._ask_in_use)
        self.verdict.mending.wanted.connect(self._mend)
        self.verdict.modelChosen.connect(lambda model: session.questions.choose_model(session.current, model))
        self.verdict.questionChosen.connect(lambda task: session.questions.choose_task(session.current, task))
        self.features.quantileChanged.connect(session.analyses.set_quantile)
        self.features.chosen.connect(self._zoom_on)
        services.theme.changed.connect(self.verdict.answer.recolour)
        services.theme.changed.connect(session.analyses.update_features)  # their marks have the scheme's colours
        services.events.viewerReady.connect(self._connect_viewer)
        self.show_case(None)

    def _add_sections(self) -> None:
        add = self.inspector.add_section
        self.inspector.add_head(self.verdict)
        add(FEATURES, self.features)
        add(PROVENANCE, self.provenance)
        add(LIMITS, self.limits, folded=True)
        add(HISTOGRAM, self.greys, folded=True).unfolded.connect(self.greys.refresh)
        add(IMAGE, self.image)

    def _connect_viewer(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.greys.connect_viewer(viewer)
        viewer.featureClicked.connect(self.features.select)

    # -- what is shown --------------------------------------------------------------------------------------

    def _case_changed(self, case: Case | None) -> None:
        self._show_record(None)
        self.features.clear_choice()
        self.features.show_features(None, None)
        self.show_case(case)

    def _record_ready(self, case: Case, record: ImageRecord) -> None:
        self._show_record(record)
        self.show_case(case)

    def _casebook_changed(self) -> None:
        self.verdict.set_writable(self._session.casebook.reason)
        if self._session.current is not None:
            self.show_case(self._session.current)

    def show_case(self, case: Case | None) -> None:
        """Verdict and provenance of a case, unless the model's opinion on it is hidden (its mask is painted blind)."""
        questions = self._session.questions
        card = questions.card(case)
        statement = self._session.statement(case)
        asked, classes = questions.of(case)
        self.verdict.show_case(case, asked, classes, statement)
        usable = case is not None and case.error is None
        hidden = case is not None and case.hidden
        self.verdict.setVisible(not hidden)
        section = self.inspector.section
        refused = case is not None and case.analysis is None and isinstance(case.analysis_error, OutOfScopeError)
        section(FEATURES).setVisible(usable and not hidden and not refused)  # out of scope there will be none
        analysis = case.analysis if case is not None and usable and not hidden else None
        section(PROVENANCE).setVisible(analysis is not None)
        if analysis is not None:
            self.provenance.set_rows(provenance_rows(analysis, card))
        section(LIMITS).setVisible(analysis is not None and card is not None)
        if card is not None:
            self.limits.setText("\n\n".join(t for t in (card.intended_use, *card.limits, card.data_terms) if t))
        for name in (HISTOGRAM, IMAGE):
            section(name).setVisible(usable and self._record is not None)
        self.verdict.set_models(*questions.model_choices(case))
        task = questions.task(case)
        choices = [(t.id, t.question) for t in questions.task_choices(case)]
        shown = [(t.id, t.question) for t in questions.demonstrations(case)]
        self.verdict.set_questions(choices, task.id if task is not None else "", shown)

    def _show_record(self, record: ImageRecord | None) -> None:
        """The image's own data."""
        self._record = record
        for name in (HISTOGRAM, IMAGE):
            self.inspector.section(name).setVisible(record is not None)
        self.greys.set_record(record)
        if record is not None:
            self.image.set_rows(image_rows(record, self._session.redaction.visible))

    def _show_features(self, found: FoundFeatures | None) -> None:
        case = self._session.current
        names = None
        if case is not None and case.analysis is not None:
            true_class = case.analysis.true_class(case.label)
            names = (case.analysis.model.classes[true_class], case.analysis.model.classes[1 - true_class])
        self.features.show_features(found, names, self._session.statement(case))

    def _analyse_again(self) -> None:
        if self._session.current is not None:
            self._session.analyses.analyse(self._session.current)

    def _mend(self, step: Correction) -> None:
        case = self._session.current
        if case is not None:
            self._session.corrections.apply(case, step)

    def _ask_anyway(self) -> None:
        if self._session.current is not None:
            self._session.analyses.analyse(self._session.current, ask_anyway=True)

    def _ask_in_use(self) -> None:
        case = self._session.current
        if case is not None and case.verdict is not None:
            self._session.analyses.analyse(case, task=case.verdict.task)

    def _zoom_on(self, rank: int) -> None:
        found = self._session.analyses.features
        if self._viewer is not None and found is not None:
            self._viewer.select_feature(rank)
            self._viewer.state.view.focus(*found.features[rank - 1].box)
