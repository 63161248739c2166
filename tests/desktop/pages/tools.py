"""What has a window or a tool of its own: fine-tuning, reports, and the part of a picture that is analysed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.desktop.pages.waiting import ENGINE_MS, until

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.faces.feature import FaceFeature
    from divisive_desktop.desktop.features.faces.panel import FramingPanel
    from divisive_desktop.desktop.features.faces.tool import CropTool
    from divisive_desktop.desktop.features.finetuning.dialog import FineTuneDialog
    from divisive_desktop.desktop.features.finetuning.feature import FineTuningFeature
    from divisive_desktop.desktop.features.finetuning.preparation import PreparedRun
    from divisive_desktop.desktop.features.finetuning.run import RunSession
    from divisive_desktop.desktop.features.finetuning.versions import VersionsDialog
    from divisive_desktop.desktop.features.reports.checking import CheckDialog
    from divisive_desktop.desktop.features.reports.dialog import ReportDialog
    from divisive_desktop.desktop.features.reports.feature import ReportFeature
    from tests.desktop.pages.window import Page


class FineTuningPage:
    """The fine-tuning window, the run, and the tree of versions."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _feature(self) -> FineTuningFeature:
        return self._page.feature("finetuning")

    @property
    def run(self) -> RunSession:
        """What is learned now, or was last."""
        return self._feature.run

    @property
    def dialog(self) -> FineTuneDialog | None:
        """The window, once it was asked for."""
        return self._feature.dialog

    @property
    def prepared(self) -> PreparedRun | None:
        """What the casebook offers for the choices on the page; another object after each change."""
        return self._feature.prepared

    @property
    def versions(self) -> VersionsDialog | None:
        """The tree of versions, once it was asked for."""
        return self._feature.versions

    def open(self) -> FineTuneDialog:
        """Ask for the window by its menu entry, and wait until it has looked at the casebook."""
        self._page.trigger("finetune")
        return self.opened()

    def opened(self) -> FineTuneDialog:
        """The window that was asked for, when it has looked at the casebook."""
        until(lambda: self.prepared is not None, "the look at the casebook", ENGINE_MS)
        assert self.dialog is not None
        return self.dialog

    def open_versions(self) -> VersionsDialog:
        """Ask for the tree of versions, and wait until it is filled."""
        self._page.trigger("versions")
        dialog = self.versions
        assert dialog is not None
        until(lambda: dialog.tree.topLevelItemCount() > 0, "the versions")
        return dialog


class ReportPage:
    """The report window and the one that checks a report."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _feature(self) -> ReportFeature:
        return self._page.feature("reports")

    @property
    def dialog(self) -> ReportDialog | None:
        """The report window while there is one."""
        return self._feature.dialog

    @property
    def check_dialog(self) -> CheckDialog | None:
        """What was found out about a report that was checked."""
        return self._feature.checked

    @property
    def process_id(self) -> int | None:
        """Of the process that makes the reports."""
        return self._feature.process_id

    @property
    def idle(self) -> bool:
        """Nothing is being made."""
        return self._feature.idle

    def open(self) -> ReportDialog:
        """Ask for a report on the selected cases by its menu entry, and wait for the pages."""
        self._page.trigger("report")
        return self.opened()

    def opened(self) -> ReportDialog:
        """The report window that was asked for, when its pages are there."""
        until(lambda: self.dialog is not None, "the report window", ENGINE_MS)
        dialog = self.dialog
        assert dialog is not None
        until(lambda: bool(dialog.preview.pages), "the pages of the report", ENGINE_MS)
        return dialog


class FacesPage:
    """Which part of a photograph is analysed."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def _feature(self) -> FaceFeature:
        return self._page.feature("faces")

    @property
    def panel(self) -> FramingPanel:
        """The section of the inspector."""
        return self._feature.panel

    @property
    def tool(self) -> CropTool:
        """The box in the picture."""
        return self._feature.tool

    @property
    def adjusting(self) -> bool:
        """Whether the box can be moved now."""
        return self._feature.adjusting

    @property
    def waiting(self) -> bool:
        """Whether a change of the box is about to be analysed."""
        return self._feature.waiting

    def pick(self, index: int) -> None:
        """Have another of the faces analysed that were found (0: the largest)."""
        self._feature.pick(index)
