"""Something to begin a mask with: what the model saw, or the mask of the case before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from divisive_desktop.masks import ops

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.painting.panel import MaskPanel
    from divisive_desktop.desktop.features.painting.session import PaintSession
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.masks.shapes import Stamp


class Drafts:
    """What the current mask can begin with.

    Parameters
    ----------
    session : PaintSession
        Whose mask it is.
    panel : MaskPanel
        Offers what there is.
    """

    def __init__(self, session: PaintSession, panel: MaskPanel) -> None:
        self._session, self._panel = session, panel
        self._analysis: Analysis | None = None
        self._label: int | None = None
        self._features: FeatureSet | None = None

    @property
    def possible(self) -> bool:
        """There is an analysis to begin with."""
        return self._analysis is not None

    def offer(self, analysis: Analysis | None, label: int | None, features: FeatureSet | None) -> None:
        """What there is to begin with now; ``analysis``: None where it may not be shown, or doesn't fit the image."""
        self._analysis, self._label, self._features = analysis, label, features
        some = self.possible and features is not None and bool(features.of("true"))
        self._panel.set_drafts(some, self.possible, self._session.previous is not None)

    def from_features(self) -> None:
        """Add the important features that argue for the true class to the active region."""
        found, mask = self._features, self._session.mask
        if self.possible and found is not None and mask is not None:
            contours, size = [f.contour for f in found.of("true")], mask.size
            self._add("Draft from features", lambda: ops.from_polygons(contours, size))

    def from_cam(self, share: float) -> None:
        """Add the part of the true class's map that reaches ``share`` (0..1) of the way from its low to its peak."""
        analysis, mask = self._analysis, self._session.mask
        if analysis is not None and mask is not None:
            true_class = analysis.true_class(self._label)
            cam = analysis.cams[true_class]
            threshold = float(cam.min() + share * (cam.max() - cam.min()))
            size, region = mask.size, analysis.region
            self._add("Draft from CAM", lambda: ops.from_map(cam, threshold, region, size))

    def _add(self, name: str, make: Callable[[], Stamp | None]) -> None:
        """Add a shape to the active region; where something is painted on it already, ask first."""
        session, active = self._session, self._session.regions.active
        mask = session.mask
        if mask is None:
            return
        pixels = mask.width * mask.height
        if active is None or mask.bounds(active.id) is None:
            session.shape(name, make, pixels, "add")
            return
        box = QMessageBox(QMessageBox.Icon.Question, "Begin with what the model saw", "", parent=self._panel.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"“{active.name}” is painted already.")
        box.setInformativeText("Either way it can be undone.")
        new = box.addButton("As a new region", QMessageBox.ButtonRole.AcceptRole)
        add = box.addButton("Add to it", QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(new)

        def answered(button: object) -> None:
            if session.mask is not mask or button not in (new, add):
                return
            if button is new:
                session.add_region()
            session.shape(name, make, pixels, "add")

        box.buttonClicked.connect(answered)
        box.open()

    def copy_previous(self) -> None:
        """Add the regions of the case before."""
        previous, mask = self._session.previous, self._session.mask
        if previous is not None and mask is not None:
            pixels = max(previous.width * previous.height, mask.width * mask.height)
            self._session.edit("Copy from previous case", lambda mask: ops.copy_regions(mask, previous), pixels)
