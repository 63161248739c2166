"""Puts faces, irises and the choice of a part into the window: layer, tool, section, messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QImage, QKeyEvent

from divisive_desktop.desktop.features.faces.layer import FacesLayer
from divisive_desktop.desktop.features.faces.panel import FACE_SIDE, SHOWN, FramingPanel
from divisive_desktop.desktop.features.faces.tool import CropTool
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.wording import capitalised, plural
from divisive_desktop.desktop.shell.action import Action, has_record
from divisive_desktop.desktop.shell.services import ViewerServices
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tool import PaneMouse
from divisive_desktop.errors import NoIrisError, NothingFoundError, OutOfScopeError
from divisive_desktop.imaging.display import default_voi, render
from divisive_desktop.imaging.faces import TILTED, Face
from divisive_desktop.imaging.framing import (
    Found,
    Framing,
    by_hand,
    crop_of,
    framing_of,
    in_words,
    inside,
    pick,
    whole,
)
from divisive_desktop.imaging.record import ImageRecord

if TYPE_CHECKING:
    from divisive_desktop.desktop.ui.sections import Row
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.geometry import Box

SECTION = "Part that is analysed"
MESSAGE = "faces"
_PAUSE_MS = 350
"""A crop that is being nudged is analysed when it has rested for so long."""
_SMALL = 4.0
"""Enlarged more than this, a face has too few pixels to say much."""


def install(services: ViewerServices) -> FaceFeature:
    """Add faces and the choice of a part to the window."""
    return FaceFeature(services)


class FaceFeature(QObject):
    """The layer, the tool and the section of the inspector, and what passes between them."""

    def __init__(self, services: ViewerServices) -> None:
        super().__init__(services.window)
        self.viewer, self.session = services.viewer, services.session
        self._messages = services.messages
        self.layer = FacesLayer()
        self.viewer.add_layer(self.layer)
        self.tool = CropTool(
            self.viewer.state, self._cropped, self._reverted, lambda: self.viewer.set_tool("pan")
        )
        self.viewer.add_tool(self.tool)
        self.tool.keys = services.actions.local_keys
        self.viewer.installEventFilter(self)
        self.panel = FramingPanel()
        self._before: Framing | None = None
        """What the analyst had chosen when the tool was taken up."""
        self._wanted: tuple[Case, Framing] | None = None
        self._announced: tuple[Case, object] | None = None
        self._rest = QTimer(self, interval=_PAUSE_MS, singleShot=True)
        self._rest.timeout.connect(self._analyse)
        self._section = services.inspector.add_section(SECTION, self.panel)
        self._section.setVisible(False)
        services.actions.add((
            Action("crop", "Choose part to analyse", lambda: self.set_adjusting(not self.adjusting), "Ctrl+R",
                   "Move, size or draw the part of the picture that the model sees", enabled=has_record,
                   checked=lambda: self.adjusting),
            Action("crop-whole", "Analyse whole picture", self.analyse_whole, "",
                   "Without looking for a face or an iris", enabled=has_record),
            Action("crop-automatic", "Find face or iris", self.analyse_automatic, "",
                   "Let the face or the iris be found, and take the largest", enabled=has_record),
        ))  # fmt: skip
        self._connect()
        if self.session.current is not None:
            self._show(self.session.current)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The tool's keys go before the window's own; the viewer then hands them to the tool."""
        if event.type() is QEvent.Type.ShortcutOverride and self.adjusting:
            assert isinstance(event, QKeyEvent)
            if self.tool.wants_key(event):
                event.accept()
                return True
        return False

    def _connect(self) -> None:
        session, panel = self.session, self.panel
        session.currentChanged.connect(self._case_changed)
        session.recordReady.connect(lambda case, _: self._show(case))
        session.analysisChanged.connect(self._show)
        panel.facePicked.connect(self._picked_in_panel)
        panel.cropToggled.connect(self.set_adjusting)
        panel.wholeRequested.connect(self.analyse_whole)
        panel.automaticRequested.connect(self.analyse_automatic)
        self.viewer.panes[PaneKind.IMAGE].canvas.clicked.connect(self._clicked)
        self.viewer.toolChanged.connect(self._tool_changed)

    # -- what the analyst does ------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """A part was chosen and isn't being analysed yet."""
        return self._wanted is not None

    @property
    def adjusting(self) -> bool:
        return self.viewer.tool == self.tool.id

    def set_adjusting(self, on: bool) -> None:
        """Take up the crop tool, or put it away."""
        case, record = self.session.current, self.session.record
        if on and case is not None and record is not None:
            self._before = case.framing
            task = self.session.questions.task(case)
            self.tool.square = task is not None and task.kind != "radiograph"
            self.tool.set_box(self._region(case, record), (record.width, record.height))
            self.viewer.set_tool(self.tool.id)
            self.viewer.setFocus()
        elif self.adjusting:
            self.viewer.set_tool("pan")
        self._tool_changed(self.viewer.tool)

    def pick(self, index: int) -> None:
        """Analyse another one of the faces that were found."""
        case, record = self.session.current, self.session.record
        framing = self.layer.framing
        if case is None or record is None or framing is None or framing.chosen == index:
            self._show(case)
            return
        self._analyse_soon(case, pick(framing, index, record.width, record.height), now=True)

    def _picked_in_panel(self, index: int) -> None:
        """As `pick`, and the face comes near: it may be small in a large picture."""
        record, framing = self.session.record, self.layer.framing
        if record is not None and framing is not None:
            crop = crop_of(framing.found[index], framing.rule, record.width, record.height)
            if crop is not None:
                self.viewer.state.view.focus(*crop)
        self.pick(index)

    def analyse_whole(self) -> None:
        if self.session.current is not None:
            self._analyse_soon(self.session.current, whole(self.layer.framing), now=True)

    def analyse_automatic(self) -> None:
        """Forget what was chosen by hand."""
        if self.session.current is not None:
            self._stop()
            self.set_adjusting(False)
            self.session.analyses.set_framing(self.session.current, None)

    def _clicked(self, mouse: PaneMouse) -> None:
        framing = self.layer.framing
        if self.viewer.tool in ("pan", "probe") and framing is not None and len(framing.found) > 1:
            index = self.layer.face_at(mouse.x, mouse.y)
            if index is not None:
                self.pick(index)

    def _cropped(self, crop: Box) -> None:
        if self.session.current is not None:
            self._analyse_soon(self.session.current, by_hand(crop, self.layer.framing))

    def _reverted(self) -> None:
        case = self.session.current
        if case is not None:
            self._stop()
            self.session.analyses.set_framing(case, self._before)

    def _analyse_soon(self, case: Case, framing: Framing, now: bool = False) -> None:
        self._wanted = case, framing
        self._rest.start(0 if now else _PAUSE_MS)

    def _analyse(self) -> None:
        if self._wanted is None:
            return
        case, framing = self._wanted
        if case.analysing:  # the newest choice is analysed once the one before has ended
            self._rest.start(_PAUSE_MS)
            return
        self._wanted = None
        self.session.analyses.set_framing(case, framing)

    def _stop(self) -> None:
        self._rest.stop()
        self._wanted = None

    # -- what is shown --------------------------------------------------------------------------------------

    def _case_changed(self, case: Case | None) -> None:
        if self._wanted is not None and not self._wanted[0].analysing:
            self._analyse()  # the case was left before its crop had rested
        self._messages.dismiss(MESSAGE)
        self._announced = None
        self.layer.framing = self.layer.region = None
        if self.adjusting:
            self.viewer.set_tool("pan")
        self._show(case)

    def _tool_changed(self, tool: str) -> None:
        self.panel.set_adjusting(tool == self.tool.id)
        self._update_layer()

    def _update_layer(self) -> None:
        self.layer.shown = not self.adjusting
        self.viewer.state.notify()

    def _show(self, case: Case | None) -> None:
        record = self.session.record
        if case is None or case is not self.session.current or record is None:
            self._section.setVisible(False)
            return
        self._section.setVisible(True)
        analysis = case.analysis
        if analysis is not None:
            framing = framing_of(analysis.preprocessing)
            all_of_it = analysis.region == (0, 0, record.width, record.height)
            self.layer.framing, self.layer.region = framing, None if all_of_it else analysis.region
            self._announce_faces(case, framing)
            self.panel.set_texts(*_texts(analysis, framing, record))
        elif not case.analysing:
            self.layer.framing = self.layer.region = None
            self.panel.set_texts(*self._texts_without(case))
            self._announce_failure(case)
        framing = self.layer.framing
        several = framing.found[:SHOWN] if framing is not None and len(framing.found) > 1 else ()
        pictures = [_picture(record, found, framing) for found in several] if framing is not None else []
        self.panel.set_faces(pictures, framing.chosen if framing is not None else None)
        self.panel.adjust.setText("Adjust…" if analysis is not None else "Draw a box")
        self.panel.automatic.setEnabled(case.framing is not None)
        self.panel.whole.setEnabled(self.layer.region is not None or analysis is None)
        self._update_layer()

    def _texts_without(self, case: Case) -> tuple[str, str, list[Row]]:
        if isinstance(case.analysis_error, NothingFoundError):
            thing = "iris" if isinstance(case.analysis_error, NoIrisError) else "face"
            text = f"The model looks at one {thing}. Draw a box around it, or have the whole picture analysed."
            return text, f"No {thing} was found.", []
        if isinstance(case.analysis_error, OutOfScopeError):
            return "No part was analysed: the picture is out of the model's scope.", "", []
        return "Nothing was analysed yet.", "", []

    def _announce_faces(self, case: Case, framing: Framing | None) -> None:
        """Say once per analysis that there were several faces."""
        if framing is None or framing.how != "detected" or len(framing.found) < 2:
            self._messages.dismiss(MESSAGE)
            return
        if self._announced is None or self._announced[0] is not case:
            self._announced = case, framing
            text = f"{len(framing.found)} faces were found; the largest was analysed."
            self._messages.show(MESSAGE, "info", text, "Click another one in the picture to analyse that.")

    def _announce_failure(self, case: Case) -> None:
        error = case.analysis_error
        if not isinstance(error, NothingFoundError) or (self._announced is not None and self._announced[1] is error):
            return
        self._announced = case, error
        self._messages.show(
            MESSAGE, "warning", error.message, error.remedy,
            ("Draw a box", lambda: self.set_adjusting(True)), ("Whole picture", self.analyse_whole),
        )  # fmt: skip

    def _region(self, case: Case, record: ImageRecord) -> Box | None:
        """The box to begin with; None: there is none yet, the first drag draws it."""
        if case.analysis is not None:
            return case.analysis.region
        return case.framing.crop if case.framing is not None else None


def _texts(analysis: Analysis, framing: Framing | None, record: ImageRecord) -> tuple[str, str, list[Row]]:
    """In words, what to be careful about, and the figures."""
    x, y, width, height = analysis.region
    size = analysis.preprocessing.get("size")
    words = capitalised(in_words(framing)) + "." if framing is not None else "The whole picture."
    rows: list[Row] = [("Part", f"{width} × {height} px at {x}, {y}")]
    cautions = []
    if size:
        scale = size / max(width, height)
        how = f"enlarged {scale:.1f} ×" if scale > 1.05 else f"shrunk {1 / scale:.1f} ×" if scale < 0.95 else "as it is"
        rows.append(("Input", f"{size} × {size} px, {how}", "How much the part is enlarged for the network"))
        if scale > _SMALL:
            cautions.append(f"The part is small: the model sees it enlarged {scale:.1f} times.")
    subject = framing.subject if framing is not None else None
    if subject is not None and framing is not None:
        rows.append(("Score", f"{subject.score:.3f}", "The detector's own, 0 to 1"))
        rows.append(("Frame", framing.rule.words, "What the model was trained on, from its card"))
    if isinstance(subject, Face) and abs(subject.roll) > TILTED:
        cautions.append(f"The face is tilted by {abs(subject.roll):.0f}°; the models were trained on level ones.")
    if framing is not None and framing.detector is not None:
        d = framing.detector
        rows.append(("Detector", f"{d.name}, {d.version}", f"{d.licence}; weights SHA-256 {d.weights_sha256}"))
        rows.append(("Found", plural(len(framing.found), framing.kind)))
    if record.kind_is_guessed:
        words += " A grey picture without camera data: what it shows is guessed, another question can be chosen above."
    return words, " ".join(cautions), rows


def _picture(record: ImageRecord, found: Found, framing: Framing) -> QImage:
    """A face as a small square picture."""
    region = inside(found.square(framing.rule), record.width, record.height)
    shown = render(record, default_voi(record), region=region)
    side = 2 * FACE_SIDE  # for high-DPI screens
    small = np.ascontiguousarray(cv2.resize(shown, (side, side), interpolation=cv2.INTER_AREA))
    kind = QImage.Format.Format_RGB888 if small.ndim == 3 else QImage.Format.Format_Grayscale8
    return QImage(small.data, side, side, small.strides[0], kind).copy()
