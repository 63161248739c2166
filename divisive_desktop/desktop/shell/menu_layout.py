"""Menus whose entries depend on what is open: recent files, window presets, models, the context menu."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QMenu, QSlider, QToolBar

from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer import Viewer
    from divisive_desktop.desktop.window import MainWindow

CONTEXT = (
    "fit", "one-to-one", "invert", "reset-view", "", "layout-2x2", "layout-pair", "layout-image", "",
    "label-0", "label-1", "label-clear", "", "copy-picture", "save-picture", "export-json",
)  # fmt: skip
LIST_CONTEXT = (
    "analyse-selected", "label-0", "label-1", "label-clear", "", "review-done", "review-flag", "review-open", "",
    "done-next", "case-tags", "notes", "copy-path", "close-case",
)  # fmt: skip


def build(window: MainWindow) -> None:
    """Add the menus that change, and the worklist's context menu."""
    recent = QMenu("Open recent", window)
    recent.aboutToShow.connect(lambda: _fill_recent(window, recent))
    files = window.actions_.menus["File"]
    files.insertMenu(window.actions_["samples"], recent)
    casebooks = QMenu("Open recent casebook", window)
    casebooks.aboutToShow.connect(lambda: window.casebook.fill_recent(casebooks))
    files.insertMenu(window.actions_["casebook-copy"], casebooks)
    view = window.actions_.menus["View"]
    presets = QMenu("Window presets", window)
    presets.aboutToShow.connect(lambda: _fill_presets(window, presets))
    view.insertMenu(window.actions_.menus["View/Maps"].menuAction(), presets)
    for dock in (window.worklist_dock, window.inspector_dock):
        view.insertAction(window.actions_["find"], dock.toggleViewAction())
    for name in LIST_CONTEXT:
        window.worklist.list.addAction(window.actions_[name] if name else _separator(window))


def add_opacity(window: MainWindow, viewer: Viewer, toolbar: QToolBar) -> None:
    """A slider for the strength of the maps, in the toolbar."""
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, 100)
    slider.setFixedWidth(96)
    slider.setAccessibleName("Strength of the maps over the image")

    def name_keys() -> None:
        keys = [key for name in ("less-overlay", "more-overlay") if (key := window.actions_.key(name))]
        slider.setToolTip("Strength of the maps over the image" + (f"  ({' and '.join(keys)})" if keys else ""))

    window.actions_.keysChanged.connect(name_keys)
    name_keys()
    slider.setValue(round(viewer.state.opacity * 100))
    slider.valueChanged.connect(lambda value: viewer.state.set_opacity(value / 100))
    viewer.displayChanged.connect(lambda: slider.setValue(round(viewer.state.opacity * 100)))
    caption = QLabel("Maps")
    caption.setContentsMargins(GRID, 0, GRID // 2, 0)
    theme.set_role(caption, "muted")
    toolbar.addSeparator()
    toolbar.addWidget(caption)
    toolbar.addWidget(slider)


def popup(window: MainWindow, at: QPointF) -> None:
    """The viewer's context menu."""
    menu = QMenu(window)
    menu.aboutToHide.connect(menu.deleteLater)
    for name in CONTEXT:
        menu.addAction(window.actions_[name] if name else _separator(menu))
    menu.popup(at.toPoint())


def _fill_recent(window: MainWindow, menu: QMenu) -> None:
    menu.clear()
    if redaction.names_hidden():
        menu.addAction(redaction.HIDDEN).setEnabled(False)
        return
    for path in window.settings.recent:
        menu.addAction(_short(path), lambda p=path: window.session.open_paths([Path(p)]))
    if menu.isEmpty():
        menu.addAction("Nothing opened yet").setEnabled(False)
    else:
        menu.addSeparator()
        menu.addAction("Clear list", window.settings.clear_recent)


def _fill_presets(window: MainWindow, menu: QMenu) -> None:
    menu.clear()
    viewer = window.viewer
    if viewer is None or viewer.state.record is None:
        menu.addAction("Open an image first").setEnabled(False)
        return
    keys = [window.actions_.key(f"preset-{n}") for n in range(10)]
    menu.addAction(f"Auto\t{keys[0]}", lambda: viewer.greys.preset(0))
    for i, voi in enumerate(viewer.greys.presets, 1):
        name = voi.explanation or f"Window {i}"
        if voi.kind in ("linear", "linear_exact", "sigmoid"):
            name += f"  ({voi.center:g} / {voi.width:g})"
        action = menu.addAction(name + (f"\t{keys[i]}" if i < 10 else ""), lambda v=voi: viewer.state.set_voi(v))
        action.setCheckable(True)
        action.setChecked(voi is viewer.state.voi)


def _separator(parent: QMenu | MainWindow) -> QAction:
    line = QAction(parent)
    line.setSeparator(True)
    return line


def _short(path: str) -> str:
    """The end of a long path; '&' would make a mnemonic."""
    shown = path if len(path) <= 60 else "…" + path[-58:]
    return shown.replace("&", "&&")
