"""Something to begin a mask with: what the model saw, or the mask of the case before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.masks import ops

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.painting.panel import MaskPanel
    from divisive_desktop.desktop.features.painting.session import PaintSession
    from divisive_desktop.desktop.window import MainWindow


class Drafts:
    """What the controller of painting can begin a mask with."""

    window: MainWindow
    session: PaintSession
    panel: MaskPanel

    def _analysis(self) -> Analysis | None:
        raise NotImplementedError

    def _label(self) -> int | None:
        raise NotImplementedError

    @property
    def can_draft(self) -> bool:
        """There is an analysis to begin with."""
        return self._analysis() is not None

    def _show_drafts(self) -> None:
        found = self.window.session.analyses.features
        features = self.can_draft and found is not None and bool(found.of("true"))
        self.panel.set_drafts(features, self.can_draft, self.session.previous is not None)
        self.window.actions_.refresh()

    def draft_from_features(self) -> None:
        """Add the important features that argue for the true class to the active region."""
        found = self.window.session.analyses.features
        if self.can_draft and found is not None and self.session.mask is not None:
            contours, size = [f.contour for f in found.of("true")], self.session.mask.size
            make = lambda: ops.from_polygons(contours, size)  # noqa: E731
            self.session.shape("Draft from features", make, size[0] * size[1], "add")

    def draft_from_cam(self, share: float) -> None:
        """Add the part of the true class's map that reaches ``share`` (0..1) of the way from its low to its peak."""
        analysis, mask = self._analysis(), self.session.mask
        if analysis is not None and mask is not None:
            true_class, _ = analysis.true_class(self._label())
            cam = analysis.cams[true_class]
            threshold = float(cam.min() + share * (cam.max() - cam.min()))
            size, region = mask.size, analysis.region
            make = lambda: ops.from_map(cam, threshold, region, size)  # noqa: E731
            self.session.shape("Draft from CAM", make, size[0] * size[1], "add")

    def copy_previous(self) -> None:
        """Add the regions of the case before."""
        previous = self.session.previous
        if previous is not None and self.session.mask is not None:
            pixels = max(previous.width * previous.height, self.session.mask.width * self.session.mask.height)
            self.session.edit("Copy from previous case", lambda mask: ops.copy_regions(mask, previous), pixels)
