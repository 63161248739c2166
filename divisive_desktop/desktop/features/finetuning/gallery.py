"""Three cases whose CAM pairs are seen to change: before the run, and after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.finetuning.maps import (
    Outline,
    Picture,
    Pictures,
    Tile,
    image_of,
    outline_of,
    pictures_of,
    shrunk,
)
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.language import percent

if TYPE_CHECKING:
    from divisive_desktop.engine.finetuning.messages import CasePair, GalleryUpdate, TrainingCase


class Scene(NamedTuple):
    """A case's picture and the outline of its mask, small."""

    picture: Picture
    outline: Outline


def load_scene(case: TrainingCase) -> Scene:
    """Open a case's image and mask. Slow: for the background.

    Raises
    ------
    ImageError, MaskError
    """
    from divisive_desktop.masks.mask import Mask

    picture = shrunk(Path(case.path), case.frame, case.correction)
    outline: Outline = []
    if case.mask is not None:
        union = Mask.from_blob(Path(case.mask).read_bytes()).union()
        if union is not None and union.any():
            outline = outline_of(union)
    return Scene(picture, outline)


class Row:
    """The widgets of one case."""

    def __init__(self, grid: QGridLayout, row: int) -> None:
        self.title = QLabel()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.image, self.true, self.false, self.d = (Tile(side=116) for _ in range(4))
        grid.addWidget(self.title, 2 * row + 1, 0, 1, 4)
        for column, tile in enumerate((self.image, self.true, self.false, self.d)):
            grid.addWidget(tile, 2 * row + 2, column)
            grid.setRowStretch(2 * row + 2, 1)

    def set_visible(self, visible: bool) -> None:
        for widget in (self.title, self.image, self.true, self.false, self.d):
            widget.setVisible(visible)


class GalleryView(QWidget):
    """Rows of image, true-class map, false-class map and divergence."""

    def __init__(self, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._cases: list[TrainingCase] = []
        self._scenes: dict[int, Scene] = {}
        self._pairs: dict[int, CasePair] = {}
        self._classes = ("0", "1")
        self.epoch = 0
        self.caption = QLabel()
        theme.set_role(self.caption, "strong")
        grid = QGridLayout()
        grid.setSpacing(GRID // 2)
        for column, text in enumerate(("Image and mask", "True class", "False class", "D = true − false")):
            head = QLabel(text)
            theme.set_role(head, "muted")
            head.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            grid.addWidget(head, 0, column)
            grid.setColumnStretch(column, 1)
        self.rows = [Row(grid, i) for i in range(3)]
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(0, 0, 0, 0)
        column_.setSpacing(GRID)
        column_.addWidget(self.caption)
        column_.addLayout(grid, 1)
        self.set_cases((), ("0", "1"))

    def set_cases(self, cases: Sequence[TrainingCase], classes: tuple[str, str]) -> None:
        """Begin anew with these cases; their pictures are opened in the background."""
        self._cases, self._classes = list(cases[:3]), classes
        self._scenes.clear()
        self._pairs.clear()
        self.epoch = 0
        self.caption.setText("Held-out cases, watched" if cases and cases[0].side == "holdout" else "Cases, watched")
        for i, row in enumerate(self.rows):
            row.set_visible(i < len(self._cases))
            for tile in (row.image, row.true, row.false, row.d):
                tile.show_image(None, [])
            if i < len(self._cases):
                case = self._cases[i]
                row.title.setText(f"{redaction.case_name(case.name, case.id)} · {capitalised(classes[case.label])}")
                self._load(case)

    def _load(self, case: TrainingCase) -> None:
        def arrived(scene: Scene) -> None:
            if case in self._cases:
                self._scenes[case.id] = scene
                self._draw(case.id)

        # A case that can't be opened stays an empty frame: the run itself says what is wrong with it.
        self._runner.run(lambda _: load_scene(case), arrived, lambda error: None, priority=15)

    def show_update(self, update: GalleryUpdate) -> None:
        """New maps of the cases."""
        self.epoch = update.epoch
        when = "before the run" if update.epoch == 0 else f"after epoch {update.epoch}"
        self.caption.setText(f"Maps {when}")
        for pair in update.pairs:
            self._pairs[pair.case] = pair
            self._draw(pair.case)

    def _draw(self, case_id: int) -> None:
        index = next((i for i, c in enumerate(self._cases) if c.id == case_id), None)
        scene, pair = self._scenes.get(case_id), self._pairs.get(case_id)
        if index is None or scene is None:
            return
        row, case = self.rows[index], self._cases[index]
        if row.image.image is None:
            row.image.show_image(image_of(scene.picture), scene.outline)
        if pair is None:
            return


        def drawn(shown: Pictures) -> None:
            if self._pairs.get(case_id) is pair:
                for tile, image in ((row.true, shown.true), (row.false, shown.false), (row.d, shown.divergence)):
                    tile.show_image(image, scene.outline)

        self._runner.run(
            lambda _: pictures_of(scene.picture, by_class(pair), pair.label), drawn, lambda error: None,
            key=f"gallery-{case_id}", priority=12,
        )  # fmt: skip
        said = percent(pair.probability if pair.label == 1 else 1 - pair.probability)
        inside = f" · {percent(pair.energy)} of D inside the mask" if pair.energy is not None else ""
        name = redaction.case_name(case.name, case.id)
        row.title.setText(f"{name} · {capitalised(self._classes[case.label])}: {said}{inside}")


def by_class(pair: CasePair) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The pair as (2, h, w), by class."""
    maps = (pair.a_true, pair.a_false) if pair.label == 0 else (pair.a_false, pair.a_true)
    return np.stack(maps).astype(np.float32)
