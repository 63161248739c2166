"""Painting in the window: the palette, the options above the picture, the panel with the regions, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton

from tests.desktop.pages.hand import LEFT, Hand
from tests.desktop.pages.waiting import until

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.painting.feature import PaintingFeature
    from divisive_desktop.desktop.features.painting.mask_store import MaskStore
    from divisive_desktop.desktop.features.painting.palette import OptionsBar, Palette
    from divisive_desktop.desktop.features.painting.panel import MaskPanel
    from divisive_desktop.desktop.features.painting.session import PaintSession
    from divisive_desktop.masks.mask import Mask
    from tests.desktop.pages.window import Page


class PaintPage:
    """The mask of the current case; a hand paints in the pane of the image."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def feature(self) -> PaintingFeature:
        """What stands behind all of it."""
        return self._page.feature("painting")

    @property
    def there(self) -> bool:
        """Whether the window can be painted in yet: it learns that after its viewer."""
        return "painting" in self._page.window.features

    @property
    def session(self) -> PaintSession:
        """Mask, regions, history and settings of the tools."""
        return self.feature.paint_session

    @property
    def palette(self) -> Palette:
        """The buttons at the left of the picture."""
        return self.feature.palette

    @property
    def options(self) -> OptionsBar:
        """The bar above the picture."""
        return self.feature.options

    @property
    def panel(self) -> MaskPanel:
        """The section of the inspector."""
        return self.feature.panel

    @property
    def store(self) -> MaskStore:
        """Where masks are kept."""
        return self.feature.store

    @property
    def tools(self) -> dict[str, Any]:
        """The painting tools by their ids."""
        return self.feature.tools

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def mask(self) -> Mask | None:
        """The mask that is painted on, None before there is one."""
        return self.session.mask

    @property
    def pixels(self) -> np.ndarray:
        """Where anything is painted, bool (h, w)."""
        return self.mask.union() > 0

    @property
    def area(self) -> int:
        """How many pixels are painted."""
        return int(self.pixels.sum())

    @property
    def ready(self) -> bool:
        """Whether the current case can be painted on: its picture is there, and so is what was kept of its mask."""
        return self.session.record is self._page.record is not None

    @property
    def saving(self) -> str:
        """``saved``, ``saving`` or ``failed``."""
        return self.feature.saver.state

    @property
    def nothing_to_save(self) -> bool:
        return self.feature.saver.idle()

    @property
    def saved_text(self) -> str:
        """What the panel says about it."""
        return self.panel.saved.text()

    @property
    def opinion_hidden(self) -> bool:
        """Whether the model's opinion is kept back until the mask is done."""
        return self.feature.hidden

    @property
    def can_draft(self) -> bool:
        """Whether the model's map may be turned into a mask."""
        return self.feature.drafts.possible

    # -- what is done ---------------------------------------------------------------------------------------

    def take(self, tool: str) -> None:
        """Take up a tool by its id: ``brush``, ``eraser``, ``lasso``, ..., ``pan`` for none."""
        self.feature.set_tool(tool)

    def press(self, tool: str) -> None:
        """Click on a tool's button in the palette."""
        QTest.mouseClick(self.button(tool), LEFT)

    def button(self, tool: str) -> QAbstractButton:
        """A tool's button in the palette."""
        return self.palette.buttons[tool]

    @property
    def hand(self) -> Hand:
        """The mouse on the image."""
        return self._page.hand

    def dab(self, x: float, y: float) -> None:
        """A click on a position of the picture."""
        self.hand.click(x, y)

    def brush(self, *points: tuple[float, float], radius: float | None = None) -> None:
        """Take the brush and draw one stroke through positions of the picture."""
        self.take("brush")
        if radius is not None:
            self.session.set_settings(brush_radius=radius)
        self.hand.drag(*points)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """A key in the viewer, where the hand is while it paints."""
        QTest.keyClick(self._page.viewer, key, modifiers)

    def set_blind(self, on: bool) -> None:
        """Keep the model's opinion back until the mask is done."""
        self._page.session.blinding.set_on(on)

    def draft_from_map(self, share: float) -> None:
        """Begin the mask with where the map is above ``share`` of its peak (0 to 1)."""
        self.feature.drafts.from_cam(share)

    def export(self, path: Path, kind: str) -> None:
        """Write the mask to a file of a kind (an entry of the file dialog), in the background."""
        self.feature.files.write(path, kind)

    def import_(self, path: Path) -> None:
        """Take the mask from a file, in the background."""
        self.feature.files.read(path)

    def wait_ready(self) -> None:
        """Until the current case can be painted on."""
        try:
            until(lambda: self.ready, "a mask to paint on")
        except AssertionError as e:
            page = self._page
            told = (page.messages.texts, page.current and page.current.error, page.casebook.reason, page.record)
            raise AssertionError(f"{e}: {told}") from e

    def wait_kept(self) -> None:
        """Until what was painted is in the casebook."""
        until(lambda: self.nothing_to_save and self._page.runner.idle, "the mask to be kept")
        assert self.saving == "saved"

    def kept(self, record: Any = None) -> Mask | None:
        """What the casebook holds of an image, of the current one if nothing is said."""
        return self.store.load(record or self._page.record)
