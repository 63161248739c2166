"""Before | after: the maps of one case by both versions, on one raw scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.finetuning.gallery import Scene, load_scene
from divisive_desktop.desktop.features.finetuning.maps import Pictures, Tile, common_limits, pictures_of
from divisive_desktop.desktop.features.finetuning.setup_widgets import words
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
from divisive_desktop.desktop.session.wording import capitalised, signed, told
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.finetuning.messages import ComparePair
from divisive_desktop.language import percent

if TYPE_CHECKING:
    from divisive_desktop.engine.finetuning.messages import TrainingCase
    from divisive_desktop.errors import UserFacingError
    from divisive_desktop.explanation.analysis import Analysis

Limits = tuple[float, float]
_COLUMNS = ("True class", "False class", "D = true − false")


class CompareView(QWidget):
    """Any case by the version before and the version after.

    Signals
    -------
    caseChanged(int)
        Id of the case that is shown now.
    """

    caseChanged = Signal(int)

    def __init__(self, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._cases: list[TrainingCase] = []
        self._classes = ("0", "1")
        self._models = ("", "")
        self._scene: Scene | None = None
        self._pair: tuple[Analysis, Analysis] | None = None
        self._wanted = 0
        self.choice = QComboBox()
        self.choice.setAccessibleName("Case")
        self.choice.setMaxVisibleItems(20)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.currentIndexChanged.connect(self._chosen)
        self.previous, self.next = _arrow("Previous case"), _arrow("Next case")
        self.recolour()
        self.previous.clicked.connect(lambda: self.step(-1))
        self.next.clicked.connect(lambda: self.step(1))
        self.state = words("", "muted")
        self.lines = (QLabel(), QLabel())
        self.tiles = [[Tile(side=150) for _ in _COLUMNS] for _ in range(2)]
        self.scales = words("", "muted")
        self._build()

    def _build(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GRID // 2)
        top.addWidget(self.choice, 1)
        top.addWidget(self.previous)
        top.addWidget(self.next)
        grid = QGridLayout()
        grid.setSpacing(GRID // 2)
        for column, text in enumerate(_COLUMNS):
            head = QLabel(text)
            theme.set_role(head, "muted")
            head.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            grid.addWidget(head, 0, column)
            grid.setColumnStretch(column, 1)
        for i, line in enumerate(self.lines):
            line.setTextFormat(Qt.TextFormat.RichText)
            grid.addWidget(line, 2 * i + 1, 0, 1, 3)
            for column, tile in enumerate(self.tiles[i]):
                grid.addWidget(tile, 2 * i + 2, column)
            grid.setRowStretch(2 * i + 2, 1)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(0, 0, 0, 0)
        column_.setSpacing(GRID // 2)
        column_.addLayout(top)
        column_.addWidget(self.state)
        column_.addLayout(grid, 1)
        column_.addWidget(self.scales)

    # -- content --------------------------------------------------------------------------------------------

    def set_run(self, before: str, after: str, cases: Sequence[TrainingCase], classes: tuple[str, str]) -> None:
        """Two versions and the cases that they can be shown on, the first one at once.

        Parameters
        ----------
        before : str
            Id of an installed model.
        after : str
            Id, or the folder of a version that isn't installed.
        """
        kept = self.case()
        self._models, self._classes = (before, after), classes
        self._cases = sorted(cases, key=lambda c: (c.side != "holdout", c.mask is None, c.id))
        self.choice.blockSignals(True)
        self.choice.clear()
        for case in self._cases:
            side = "held out" if case.side == "holdout" else "learned from"
            name = redaction.case_name(case.name, case.id)
            self.choice.addItem(f"{name} · {capitalised(classes[case.label])} · {side}", case.id)
        at = next((i for i, c in enumerate(self._cases) if kept is not None and c.id == kept.id), 0)
        self.choice.setCurrentIndex(at if self._cases else -1)
        self.choice.blockSignals(False)
        self._load()

    def case(self) -> TrainingCase | None:
        """The case that is shown."""
        index = self.choice.currentIndex()
        return self._cases[index] if 0 <= index < len(self._cases) else None

    def show_case(self, case_id: int) -> None:
        index = self.choice.findData(case_id)
        if index >= 0:
            self.choice.setCurrentIndex(index)

    def step(self, by: int) -> None:
        """The next or the previous case."""
        if self._cases:
            self.choice.setCurrentIndex((self.choice.currentIndex() + by) % len(self._cases))

    @property
    def shown(self) -> tuple[Analysis, Analysis] | None:
        """The two analyses on the screen."""
        return self._pair

    def recolour(self) -> None:
        """Take the colours of the scheme in force."""
        self.previous.setIcon(icons.icon("previous"))
        self.next.setIcon(icons.icon("next"))
        self._draw()

    # -- loading --------------------------------------------------------------------------------------------

    def _chosen(self, index: int) -> None:
        if index >= 0:
            self._load()
            self.caseChanged.emit(int(self.choice.itemData(index)))

    def _load(self) -> None:
        case = self.case()
        self._scene = self._pair = None
        self._wanted += 1
        wanted = self._wanted
        for row in self.tiles:
            for tile in row:
                tile.show_image(None, [])
        for line, name in zip(self.lines, ("Before", "After"), strict=True):
            line.setText(f"<b>{name}</b>")
        self.scales.setText("")
        if case is None:
            self._say("No case.")
            return
        self._say("Opening…")

        def failed(error: UserFacingError) -> None:
            if wanted == self._wanted:
                self._say(told(error))

        self._runner.run(lambda _: load_scene(case), self._if(wanted, self._scene_arrived), failed, key="compare-scene",
                        priority=15)  # fmt: skip
        request = ComparePair(
            self._models[0], self._models[1], case.path, case.frame, case.crop, expected_sha256=case.sha256,
            correction=case.correction,
        )
        self._runner.submit(request, self._if(wanted, self._pair_arrived), failed)

    def _say(self, text: str) -> None:
        self.state.setText(text)
        self.state.setVisible(bool(text))

    def _if(self, wanted: int, take: Callable[[Any], None]) -> Callable[[Any], None]:
        """Only while the same case is asked for."""
        return lambda value: take(value) if wanted == self._wanted else None

    def _scene_arrived(self, scene: Scene) -> None:
        self._scene = scene
        self._draw()

    def _pair_arrived(self, pair: tuple[Analysis, Analysis]) -> None:
        self._pair = pair
        self._draw()

    def _draw(self) -> None:
        case = self.case()
        if self._scene is None or self._pair is None or case is None:
            return
        self._say("")
        scene, pair, wanted = self._scene, self._pair, self._wanted

        def draw(_: BackgroundTask) -> tuple[list[Pictures], Limits, Limits]:
            limits, around = common_limits(*(a.cams for a in pair))
            return [pictures_of(scene.picture, a.cams, case.label, limits, around) for a in pair], limits, around

        self._runner.run(
            draw, self._if(wanted, lambda drawn: self._show(case, pair, *drawn)), lambda error: None,
            key="compare-draw", priority=15,
        )  # fmt: skip

    def _show(
        self, case: TrainingCase, pair: tuple[Analysis, Analysis], pictures: list[Pictures], limits: Limits,
        around: Limits,
    ) -> None:
        assert self._scene is not None
        for analysis, drawn, tiles, line, when in zip(
            pair, pictures, self.tiles, self.lines, ("Before", "After"), strict=True
        ):
            for tile, image in zip(tiles, (drawn.true, drawn.false, drawn.divergence), strict=True):
                tile.show_image(image, self._scene.outline)
            sure = analysis.probability if case.label == 1 else 1 - analysis.probability
            nearer = "your label" if analysis.predicted == case.label else "the other class"
            line.setText(
                f"<b>{when}</b> · {capitalised(self._classes[case.label])} {percent(sure)}, nearer to {nearer} · "
                f'<span style="color:{theme.colour("muted").name()}">{analysis.model.id}, '
                f"weights {analysis.model.short_hash}…</span>"
            )
        self.scales.setText(
            f"One raw scale for both: maps {signed(limits[0])} to {signed(limits[1])}, D {signed(around[0])} to "
            f"{signed(around[1])}. The outline is your mask."
        )


def _arrow(text: str) -> QToolButton:
    button = QToolButton()
    button.setAccessibleName(text)
    button.setToolTip(text)
    button.setAutoRaise(True)
    return button
