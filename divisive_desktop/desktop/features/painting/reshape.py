"""Grow, shrink, smooth, clean up, keep greys: the active region reshaped, with a preview while the numbers change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSpinBox, QToolButton, QVBoxLayout

from divisive_desktop.desktop.features.painting.edits import within_levels
from divisive_desktop.desktop.features.painting.preview import Preview, Reshaping
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.geometry import Box
from divisive_desktop.masks import ops
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Stamp


@dataclass(frozen=True)
class Kind:
    """One way to reshape a region."""

    text: str
    asks: str
    """What it must be told: 'px', 'greys' or nothing."""
    make: Callable[[PaintSession, float], Reshaping]


def _grow(sign: int) -> Callable[[PaintSession, float], Reshaping]:
    def make(session: PaintSession, by: float) -> Reshaping:
        aspect = session.aspect
        return lambda mask, region: ops.grow_by(mask, region, sign * by, aspect)

    return make


def _greys(session: PaintSession, _: float) -> Reshaping:
    pictured, low, high = session.pictured, session.settings.low, session.settings.high

    def keep(mask: Mask, region: int) -> Box | None:
        box = mask.bounds(region)
        if box is None or pictured is None:
            return None
        inside = within_levels(Stamp(box, mask.pixels(region, box)), pictured, low, high)
        return ops.apply(mask, region, inside, "intersect")

    return keep


KINDS: dict[str, Kind] = {
    "grow": Kind("Grow", "px", _grow(1)),
    "shrink": Kind("Shrink", "px", _grow(-1)),
    "smooth": Kind("Smooth", "px", lambda _, by: lambda mask, region: ops.smooth(mask, region, by)),
    "holes": Kind("Fill holes", "", lambda *_: ops.fill_holes),
    # Parts smaller than a disc of the radius chosen are specks.
    "specks": Kind(
        "Remove specks", "px", lambda _, by: lambda mask, region: ops.remove_specks(mask, region, 3.14 * by**2)
    ),
    "greys": Kind("Keep greys", "greys", _greys),
}


def reshape(session: PaintSession, kind: str, by: float = 0.0) -> None:
    """Reshape the active region, as one step."""
    session.run(KINDS[kind].text, KINDS[kind].make(session, by))


class ReshapeBar(QFrame):
    """Chooses what to do and how far, shows what would come of it, applies it or doesn't.

    Parameters
    ----------
    session : PaintSession
    preview : Preview
        Shows the outcome over the picture.
    """

    def __init__(self, session: PaintSession, preview: Preview) -> None:
        super().__init__()
        self._session, self._preview = session, preview
        self.kind = QComboBox()
        self.kind.setAccessibleName("What to do with the region")
        for name, kind in KINDS.items():
            self.kind.addItem(kind.text, name)
        self.amount = QSpinBox(minimum=1, maximum=200, value=5, suffix=" px")
        self.amount.setAccessibleName("Distance")
        self.amount.setToolTip("How far; specks are parts smaller than a disc of this radius")
        self.low, self.high = QSpinBox(minimum=0, maximum=255), QSpinBox(minimum=0, maximum=255)
        self.low.setAccessibleName("Lowest grey that stays")
        self.high.setAccessibleName("Highest grey that stays")
        self._dash = QLabel("–")
        for box in (self.amount, self.low, self.high):
            theme.indent(box)
        self.result = QLabel()
        theme.set_role(self.result, "muted")
        self.cancel, self.apply = QToolButton(), QToolButton()
        for button, text in ((self.cancel, "Cancel"), (self.apply, "Apply")):
            button.setText(text)
            theme.set_role(button, "compact")
        first, second = QHBoxLayout(), QHBoxLayout()
        for row in (first, second):
            row.setSpacing(GRID // 2)
        first.addWidget(self.kind, 1)
        for widget in (self.amount, self.low, self._dash, self.high):
            first.addWidget(widget)
        second.addWidget(self.result, 1)
        second.addWidget(self.cancel)
        second.addWidget(self.apply)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(first)
        column.addLayout(second)
        self.hide()
        self.kind.currentIndexChanged.connect(lambda _: self._try())
        self.amount.valueChanged.connect(lambda _: self._try())
        self.low.valueChanged.connect(lambda v: session.set_settings(low=v, high=max(v, session.settings.high)))
        self.high.valueChanged.connect(lambda v: session.set_settings(high=v, low=min(v, session.settings.low)))
        self.cancel.clicked.connect(self.close_bar)
        self.apply.clicked.connect(self._apply)
        session.settingsChanged.connect(lambda _: self._try())
        session.historyChanged.connect(self._try)
        session.regionsChanged.connect(self._try)
        session.opened.connect(self.close_bar)
        preview.changed.connect(self._show_result)

    @property
    def open(self) -> bool:
        return not self.isHidden()

    def begin(self, kind: str, by: int) -> None:
        """Show what this would do."""
        self.amount.setValue(by)
        self.kind.setCurrentIndex(self.kind.findData(kind))
        self.show()
        self._try()
        self.setFocusProxy(self.amount if KINDS[kind].asks == "px" else self.low if KINDS[kind].asks else self.kind)
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_bar(self) -> None:
        """Leave the region as it is."""
        self.hide()
        self._preview.clear()

    def wants_key(self, event: QKeyEvent) -> bool:
        """Escape, and the key that accepts."""
        return self.open and (
            event.key() == Qt.Key.Key_Escape or bool(self._session.keys.pressed(event, "paint-accept"))
        )

    def key(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
        elif self.apply.isEnabled():
            self._apply()
        return True

    def _apply(self) -> None:
        kind, by = str(self.kind.currentData()), self.amount.value()
        self.close_bar()
        reshape(self._session, kind, by)

    def _try(self) -> None:
        if not self.open:
            return
        kind, settings = KINDS[str(self.kind.currentData())], self._session.settings
        self.amount.setVisible(kind.asks == "px")
        for widget in (self.low, self._dash, self.high):
            widget.setVisible(kind.asks == "greys")
        for box, value in ((self.low, settings.low), (self.high, settings.high)):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        self._preview.show(kind.make(self._session, self.amount.value()))
        self._show_result()

    def _show_result(self) -> None:
        outcome = self._preview.outcome
        self.apply.setEnabled(outcome is not None)
        self.result.setText(f"{outcome.before:,} → {outcome.after:,} px" if outcome is not None else "")
