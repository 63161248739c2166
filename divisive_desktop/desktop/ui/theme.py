"""Light and dark: palettes from ``resources/themes``, following the system unless the user forces one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QWidget

from divisive_desktop import paths

GRID = 8
"""Spacing unit in device-independent pixels: margins and gaps are multiples (or halves) of it."""


@dataclass(frozen=True)
class Scheme:
    """The colours of one theme."""

    name: str
    palette: QPalette
    semantic: dict[str, QColor]
    """Colours with a meaning that no palette role has: muted, hairline, warning, error, positive, ..."""


class Theme(QObject):
    """Applies a scheme to the application and says when it changed."""

    changed = Signal()

    def __init__(self, app: QApplication, choice: str = "system") -> None:
        super().__init__(app)
        self._app = app
        self._choice = choice
        app.setStyle("Fusion")
        self._scheme = _load(self._resolved())
        self._apply()
        app.styleHints().colorSchemeChanged.connect(self._follow)

    @property
    def choice(self) -> str:
        """``system``, ``light`` or ``dark``: what the user asked for."""
        return self._choice

    @choice.setter
    def choice(self, choice: str) -> None:
        self._choice = choice
        self._follow()

    @property
    def scheme(self) -> Scheme:
        return self._scheme

    def _follow(self, *_: object) -> None:
        wanted = self._resolved()
        if wanted != self._scheme.name:
            self._scheme = _load(wanted)
            self._apply()
            self.changed.emit()

    def _resolved(self) -> str:
        if self._choice in ("light", "dark"):
            return self._choice
        return "dark" if self._app.styleHints().colorScheme() == Qt.ColorScheme.Dark else "light"

    def _apply(self) -> None:
        self._app.setPalette(self._scheme.palette)
        self._app.setStyleSheet(_style_sheet(self._scheme))


def scheme() -> Scheme:
    """The scheme in force, judged by the application's palette (so that it also works without a ``Theme``)."""
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    return _load("dark" if window.lightness() < 128 else "light")


def colour(name: str) -> QColor:
    """A semantic colour of the scheme in force."""
    return scheme().semantic[name]


def indent(box: QAbstractSpinBox) -> None:
    """Keep a number off its frame: the style sheet's padding doesn't reach the field in which it is written."""
    box.lineEdit().setTextMargins(GRID // 2, 0, 0, 0)


def set_role(widget: QWidget, role: str) -> None:
    """Mark a widget for the style sheet (``muted``, ``title``, ``banner``, ...)."""
    widget.setProperty("role", role)
    if widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):  # a new widget is polished when it is shown
        widget.style().unpolish(widget)
        widget.style().polish(widget)


_ROLES = tuple(role for role in QPalette.ColorRole if role != QPalette.ColorRole.NColorRoles)


@lru_cache(maxsize=2)
def _load(name: str) -> Scheme:
    raw = json.loads((paths.resources_dir() / "themes" / f"{name}.json").read_text(encoding="utf-8"))
    palette = QPalette()
    for role in _ROLES:
        key = role.name[0].lower() + role.name[1:]
        if key in raw:
            palette.setColor(role, QColor(raw[key]))
    faint = QColor(raw["disabledText"])
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, QColor(raw["mid"]))
    return Scheme(name, palette, {k: QColor(v) for k, v in raw["semantic"].items()})


def _style_sheet(s: Scheme) -> str:
    """``style.qss`` with its ``@name`` replaced by the scheme's colours."""
    folder = paths.resources_dir() / "themes"
    names = {role.name: s.palette.color(role).name() for role in _ROLES}
    names |= {name: value.name() for name, value in s.semantic.items()}
    names["disabledText"] = s.palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text).name()
    names["check"] = (folder / "check.svg").as_posix()
    names["arrow"] = (folder / f"arrow-{s.name}.svg").as_posix()
    names["arrowUp"] = (folder / f"arrow-up-{s.name}.svg").as_posix()
    return re.sub(r"@(\w+)", lambda m: names[m.group(1)], (folder / "style.qss").read_text(encoding="utf-8"))
