"""Light and dark: palettes from ``resources/themes``, following the system unless the user forces one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

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

    @property
    def is_dark(self) -> bool:
        return self._scheme.name == "dark"

    def _follow(self, *_: Any) -> None:
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


def set_role(widget: QWidget, role: str) -> None:
    """Mark a widget for the style sheet (``muted``, ``title``, ``banner``, ...)."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


@lru_cache(maxsize=2)
def _load(name: str) -> Scheme:
    raw = json.loads((paths.resources_dir() / "themes" / f"{name}.json").read_text(encoding="utf-8"))
    palette = QPalette()
    for role in QPalette.ColorRole:
        key = role.name[0].lower() + role.name[1:]
        if key in raw:
            palette.setColor(role, QColor(raw[key]))
    faint = QColor(raw["disabledText"])
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, QColor(raw["mid"]))
    return Scheme(name, palette, {k: QColor(v) for k, v in raw["semantic"].items()})


def _style_sheet(s: Scheme) -> str:
    """Only what a palette can't say; colours come from the scheme."""
    c = {k: v.name() for k, v in s.semantic.items()}
    p = {
        r.name: s.palette.color(r).name()
        for r in (
            QPalette.ColorRole.Window,
            QPalette.ColorRole.Base,
            QPalette.ColorRole.Mid,
            QPalette.ColorRole.Highlight,
            QPalette.ColorRole.ToolTipBase,
            QPalette.ColorRole.ToolTipText,
            QPalette.ColorRole.Button,
            QPalette.ColorRole.WindowText,
        )
    }
    return f"""
QToolTip {{ background: {p["ToolTipBase"]}; color: {p["ToolTipText"]}; border: none; padding: 4px 6px; }}
QMainWindow::separator {{ background: {c["hairline"]}; width: 1px; height: 1px; }}
QMainWindow::separator:hover {{ background: {p["Highlight"]}; }}
QMenuBar {{ background: {p["Window"]}; border-bottom: 1px solid {c["hairline"]}; }}
QMenuBar::item {{ padding: 4px 8px; background: transparent; }}
QMenuBar::item:selected {{ background: {c["hover"]}; }}
QToolBar {{ background: {p["Window"]}; border: none; border-bottom: 1px solid {c["hairline"]};
  padding: 4px 8px; spacing: 4px; }}
QToolBar::separator {{ background: {c["hairline"]}; width: 1px; margin: 4px 4px; }}
QToolBar QToolButton {{ border: none; border-radius: 4px; padding: 4px; }}
QToolBar QToolButton:hover {{ background: {c["hover"]}; }}
QToolBar QToolButton:checked {{ background: {c["infoBack"]}; }}
QToolBar QToolButton:pressed {{ background: {p["Mid"]}; }}
QStatusBar {{ border-top: 1px solid {c["hairline"]}; }}
QStatusBar::item {{ border: none; }}
QDockWidget::title {{ padding: 0; }}
QScrollArea {{ border: none; }}
*[role="muted"] {{ color: {c["muted"]}; }}
*[role="title"] {{ font-size: 20px; font-weight: 600; }}
*[role="section"] {{ color: {c["muted"]}; font-weight: 600; font-size: 11px; }}
*[role="strong"] {{ font-weight: 600; }}
*[role="errorText"] {{ color: {c["error"]}; }}
*[role="warningText"] {{ color: {c["warning"]}; }}
*[role="number"] {{ font-size: 20px; font-weight: 600; }}
QLabel[role="banner"] {{ background: {c["warningBack"]}; color: {c["warning"]}; padding: 3px 8px; }}
QToolButton[role="sectionHead"] {{ border: none; padding: 8px 12px; font-weight: 600; text-align: left; }}
QToolButton[role="sectionHead"]:hover {{ background: {c["hover"]}; }}
QFrame[role="hairline"] {{ background: {c["hairline"]}; border: none; max-height: 1px; min-height: 1px; }}
QFrame[severity="error"] {{ background: {c["errorBack"]}; border: none; border-left: 3px solid {c["error"]}; }}
QFrame[severity="warning"] {{ background: {c["warningBack"]}; border: none; border-left: 3px solid {c["warning"]}; }}
QFrame[severity="info"] {{ background: {c["infoBack"]}; border: none; border-left: 3px solid {c["info"]}; }}
QFrame[severity] QLabel {{ background: transparent; border: none; }}
QFrame[severity] QToolButton {{ border: none; background: transparent; padding: 2px; }}
"""
