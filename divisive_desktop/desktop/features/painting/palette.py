"""The column of tools beside the picture, and the bar with the options of the active one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.features.painting.settings import LARGEST, MODES, ToolSettings
from divisive_desktop.desktop.shell.keys import PLACE_KEYS
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.flow_layout import Flow
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.painting.paint_tool import PaintTool
    from divisive_desktop.desktop.features.painting.session import PaintSession

_MODES: dict[str, tuple[str, str]] = {
    "add": ("+", "Add to the region"),
    "subtract": ("−", "Take away from the region (or hold Ctrl)"),
    "intersect": ("∩", "Keep only what lies inside (or hold Ctrl+Shift)"),
}
PLACE_TEXTS = {key.id: key.text for key in PLACE_KEYS}
_NUMBER = 60
_NOTHING = "Choose a tool at the left to paint the saliency mask"


def with_key(text: str, key: str) -> str:
    """A tooltip's line that names the key, if there is one."""
    return f"{text}  ({key})" if key else text


class Palette(QFrame):
    """One button per tool; none keeps the keyboard focus, so that keys go to the picture."""

    chosen = Signal(str)
    undoRequested = Signal()
    redoRequested = Signal()
    shownToggled = Signal(bool)

    def __init__(self, tools: Sequence[type[PaintTool]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "palette")
        self._names: dict[QToolButton, str] = {}
        self._texts: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        """Tool -> name, tip, its own keys."""
        self._key: Callable[[str], str] = lambda _: ""
        self._reason: str | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(GRID // 2, GRID, GRID // 2, GRID)
        self._column.setSpacing(GRID // 2)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        self._tool("pan", "pan", "Pan", "Move the picture; nothing is painted")
        self._line()
        for tool in tools:
            self._tool(tool.id, tool.icon, tool.text, tool.tip, tool.uses)
        self._line()
        self.undo = self._plain("undo", "Undo", self.undoRequested.emit)
        self.redo = self._plain("redo", "Redo", self.redoRequested.emit)
        self.shown = self._plain("eye", "Show or hide the mask", None)
        self.shown.setCheckable(True)
        self.shown.setChecked(True)
        self.shown.toggled.connect(self.shownToggled)
        self._column.addStretch(1)
        self._history: tuple[str | None, str | None] = (None, None)
        self._show_tips()

    def set_tool(self, tool_id: str) -> None:
        """Mark the active tool; one that isn't here marks none."""
        button = self.buttons.get(tool_id)
        if button is not None:
            button.setChecked(True)
        elif (checked := self._group.checkedButton()) is not None:
            self._group.setExclusive(False)
            checked.setChecked(False)
            self._group.setExclusive(True)

    def set_read_only(self, reason: str | None) -> None:
        """Nothing can be painted, and why; None: it can."""
        self._reason = reason
        for name, button in self.buttons.items():
            button.setEnabled(reason is None or name == "pan")
        self._show_tips()
        self.set_history(None, None)

    def set_keys(self, key: Callable[[str], str]) -> None:
        """Name the keys in force; ``key`` gives that of an action or of a single place, '' for none."""
        self._key = key
        self._show_tips()
        self.set_history(*self._history)

    def _show_tips(self) -> None:
        for name, button in self.buttons.items():
            text, tip, uses = self._texts[name]
            lines = [with_key(text, self._key(f"tool-{name}")), tip]
            lines += [f"{self._key(use)}: {PLACE_TEXTS[use].lower()}" for use in uses if self._key(use)]
            if self._reason is not None and name != "pan":
                lines.append(self._reason)
            button.setToolTip("\n".join(lines))
        self.shown.setToolTip(with_key("Show or hide the mask", self._key("mask-shown")))

    def set_history(self, undo: str | None, redo: str | None) -> None:
        """What undo and redo would do, None for nothing."""
        self._history = undo, redo
        for button, word, name in ((self.undo, "Undo", undo), (self.redo, "Redo", redo)):
            name = name if self._reason is None else None
            nothing = self._reason or f"Nothing to {word.lower()}"
            button.setEnabled(name is not None)
            key = self._key(f"mask-{word.lower()}")
            button.setToolTip(with_key(f"{word} {name[0].lower() + name[1:]}", key) if name else nothing)

    def recolour(self) -> None:
        """Draw the icons in the colours of the scheme in force."""
        for button, name in self._names.items():
            button.setIcon(icons.icon(name))

    def _tool(self, tool_id: str, icon: str, text: str, tip: str, uses: tuple[str, ...] = ()) -> None:
        button = self._button(icon, text)
        self._texts[tool_id] = text, tip, uses
        button.setCheckable(True)
        button.clicked.connect(lambda: self.chosen.emit(tool_id))
        self._group.addButton(button)
        self.buttons[tool_id] = button

    def _plain(self, icon: str, text: str, pressed: Callable[[], None] | None) -> QToolButton:
        button = self._button(icon, text)
        if pressed is not None:
            button.clicked.connect(lambda: pressed())
        return button

    def _button(self, icon: str, text: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icons.icon(icon))
        button.setIconSize(QSize(20, 20))
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setProperty("role", "tool")
        self._names[button] = icon
        self._column.addWidget(button)
        return button

    def _line(self) -> None:
        line = QFrame()
        line.setProperty("role", "hairline")
        self._column.addWidget(line)


class OptionsBar(QFrame):
    """Options of the active tool, in one row if the width allows; only those that mean something to it are there."""

    def __init__(self, session: PaintSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "optionsBar")
        self._session = session
        self._tool = ""
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)  # takes no room from the docks
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._row = Flow(self, GRID)
        self._row.setContentsMargins(GRID * 2, GRID // 2, GRID * 2, GRID // 2)
        self._groups: list[tuple[QWidget, frozenset[str]]] = []
        self.title = QLabel()
        theme.set_role(self.title, "strong")
        self._row.addWidget(self.title)
        self.nothing = QLabel(_NOTHING)
        theme.set_role(self.nothing, "muted")
        self._add("", frozenset({""}), self.nothing)

        brushes = frozenset({"brush", "eraser"})
        outlines = frozenset({"lasso", "polygon", "paint-rectangle", "paint-ellipse", "wand"})
        self.radius = QDoubleSpinBox(minimum=0.5, maximum=LARGEST, decimals=1, singleStep=1.0, suffix=" px")
        self.radius.valueChanged.connect(lambda v: self._set(**{self._radius_name(): v}))
        self._add("Radius", brushes, self.radius)
        self.hardness = QSlider(Qt.Orientation.Horizontal)
        self.hardness.setRange(0, 100)
        self.hardness.setFixedWidth(80)
        self.hardness.setAccessibleName("Hardness")
        self.hardness.setToolTip("Hardness: at the right a crisp edge, to the left a soft one")
        self.hardness.valueChanged.connect(lambda v: self._set(hardness=v / 100))
        self._add("Hardness", brushes, self.hardness)
        self.pressure = self._check("Pressure", "A pen's pressure changes the radius", "pressure", brushes)

        self.modes = QButtonGroup(self)
        buttons = []
        for mode in MODES:
            button = QToolButton()
            button.setText(_MODES[mode][0])
            button.setAccessibleName(mode.capitalize())
            button.setCheckable(True)
            button.setToolTip(_MODES[mode][1])
            button.setFixedWidth(GRID * 4)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            theme.set_role(button, "toggle")
            button.clicked.connect(lambda _=False, m=mode: self._set(mode=m))
            self.modes.addButton(button)
            buttons.append(button)
        self._add("", outlines, *buttons)
        self.by_grey = self._check(
            "Stop at greys", "Off: only what is painted stops the fill", "fill_by_grey", frozenset({"bucket"})
        )
        self.tolerance = QSpinBox(minimum=0, maximum=255)
        self.tolerance.setToolTip("How many grey levels (of 255, as displayed) a pixel may differ")
        self.tolerance.valueChanged.connect(lambda v: self._set(tolerance=v))
        self._add("Tolerance", frozenset({"bucket", "wand"}), self.tolerance)
        self.contiguous = self._check(
            "Contiguous", "Only what hangs together with the click", "contiguous", frozenset({"wand"})
        )
        self.sample = QSpinBox(minimum=1, maximum=51, singleStep=2, suffix=" px")
        self.sample.setToolTip("The level looked for is the mean of a square of this side")
        self.sample.valueChanged.connect(lambda v: self._set(sample=v))
        self._add("Sample", frozenset({"wand"}), self.sample)
        painting = self._painting = (brushes | outlines | {"bucket"}) - {"eraser"}
        self.low, self.high = QSpinBox(minimum=0, maximum=255), QSpinBox(minimum=0, maximum=255)
        self.low.valueChanged.connect(lambda v: self._set(low=v, high=max(v, self._session.settings.high)))
        self.high.valueChanged.connect(lambda v: self._set(high=v, low=min(v, self._session.settings.low)))
        self._range = (self.low, QLabel("–"), self.high)
        painting = (brushes | outlines | {"bucket"}) - {"eraser"}
        tip = "Paint only where the displayed grey lies in this range"
        self.limited = self._check("Only greys", tip, "limit_levels", painting, *self._range)
        self.low.setAccessibleName("Lowest grey")
        self.high.setAccessibleName("Highest grey")
        self.hint = QLabel()
        theme.set_role(self.hint, "muted")
        self._add("", frozenset({"smart"}), self.hint)
        session.settingsChanged.connect(self._show)
        self.set_keys(lambda _: "")
        self.set_tool("", "")

    def set_tool(self, tool_id: str, text: str) -> None:
        """Show the options of a tool; '' is none. The bar stays, so that the picture stays in place."""
        self._tool = tool_id
        self.title.setText(text)
        for widget, tools in self._groups:
            widget.setVisible(tool_id in tools)
        self.title.setVisible(bool(tool_id))
        self._show(self._session.settings)

    def set_read_only(self, reason: str | None) -> None:
        """Say why nothing can be painted; None: it can."""
        self.nothing.setText(_NOTHING if reason is None else f"Nothing can be painted: {reason}")
        self.nothing.setToolTip(reason or "")
        theme.set_role(self.nothing, "muted" if reason is None else "warningText")

    def set_keys(self, key: Callable[[str], str]) -> None:
        """Name the keys in force; ``key`` gives that of an action or of a single place, '' for none."""
        ways = [*filter(None, (key("brush-smaller"), key("brush-larger"))), "Shift+wheel"]
        self.radius.setToolTip(f"Radius of the brush in image pixels  ({', '.join(ways)})")
        accepts = key("paint-accept")
        self.hint.setText(
            "Left: belongs to it.  Ctrl: doesn't.  " + (f"{accepts} accepts, " if accepts else "") + "Escape forgets"
        )

    def _radius_name(self) -> str:
        return "eraser_radius" if self._tool == "eraser" else "brush_radius"

    def _set(self, **changes: object) -> None:
        self._session.set_settings(**changes)

    def _show(self, settings: ToolSettings) -> None:
        values: tuple[tuple[QWidget, Callable[[], None]], ...] = (
            (self.radius, lambda: self.radius.setValue(settings.radius(self._tool == "eraser"))),
            (self.hardness, lambda: self.hardness.setValue(round(settings.hardness * 100))),
            (self.pressure, lambda: self.pressure.setChecked(settings.pressure)),
            (self.by_grey, lambda: self.by_grey.setChecked(settings.fill_by_grey)),
            (self.tolerance, lambda: self.tolerance.setValue(settings.tolerance)),
            (self.contiguous, lambda: self.contiguous.setChecked(settings.contiguous)),
            (self.sample, lambda: self.sample.setValue(settings.sample)),
            (self.limited, lambda: self.limited.setChecked(settings.limit_levels)),
            (self.low, lambda: self.low.setValue(settings.low)),
            (self.high, lambda: self.high.setValue(settings.high)),
        )
        for widget, apply in values:
            with QSignalBlocker(widget):
                apply()
        self.modes.buttons()[MODES.index(settings.mode)].setChecked(True)
        for widget in self._range:
            widget.setVisible(settings.limit_levels)
        self.tolerance.setEnabled(self._tool != "bucket" or settings.fill_by_grey)

    def _check(self, text: str, tip: str, name: str, tools: frozenset[str], *beside: QWidget) -> QCheckBox:
        box = QCheckBox(text)
        box.setToolTip(tip)
        box.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        box.toggled.connect(lambda on: self._set(**{name: on}))
        self._add("", tools, box, *beside)
        return box

    def _add(self, label: str, tools: frozenset[str], *widgets: QWidget) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID // 2)
        if label:
            name = QLabel(label)
            theme.set_role(name, "muted")
            row.addWidget(name)
        for widget in widgets:
            if isinstance(widget, (QSpinBox, QDoubleSpinBox)):
                widget.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
                widget.setFixedWidth(_NUMBER if isinstance(widget, QSpinBox) else _NUMBER + GRID * 3)
                theme.indent(widget)
                widget.setAccessibleName(label or widget.accessibleName())
            row.addWidget(widget)
        self._row.addWidget(holder)
        self._groups.append((holder, tools))
        return holder
