"""The panes in a window of their own, on the second monitor where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from divisive_desktop.desktop.shell.pages import Page
from divisive_desktop.desktop.ui import theme

if TYPE_CHECKING:
    from divisive_desktop.desktop.window import MainWindow


class PanesWindow(QWidget):
    """Holds the viewer while it isn't in the main window; closing it brings the viewer back."""

    def __init__(self, owner: SecondScreen, window: MainWindow) -> None:
        super().__init__(window, Qt.WindowType.Window)
        self._owner = owner
        self.setWindowTitle(f"Panes – {window.windowTitle()}")
        banner = QLabel(window.banner.text(), alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(banner, "banner")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(banner)
        column.addWidget(window.viewer, 1)
        window.viewer.show()
        self.addActions(window.actions_.all())  # so that keys work here as well

    def closeEvent(self, event: QCloseEvent) -> None:
        self._owner.bring_back()
        super().closeEvent(event)


class SecondScreen(QObject):
    """Moves the viewer out and back."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._panes: PanesWindow | None = None
        self._page = Page("layout-4", "muted")
        self._page.title.setText("The panes are in their own window")
        self._page.detail.setText("Close that window to bring them back.")
        self._page.add_button("Bring them back").clicked.connect(self.bring_back)
        window.stack.addWidget(self._page)
        window.theme.changed.connect(self._page.recolour)
        window.closing.connect(self.bring_back)

    @property
    def on(self) -> bool:
        return self._panes is not None

    @property
    def page(self) -> QWidget | None:
        """What stands in the main window for the viewer: the viewer itself, or a note where it is."""
        return self._page if self.on else self._window.viewer

    def toggle(self) -> None:
        if self.on:
            self.bring_back()
        else:
            self.move_out()

    def move_out(self) -> None:
        """To another monitor, filling it; without one, to a window beside this one."""
        window = self._window
        if self.on or window.viewer is None:
            return
        shown = window.stack.currentWidget() is window.viewer
        window.stack.removeWidget(window.viewer)
        panes = self._panes = PanesWindow(self, window)
        if shown:
            window.stack.setCurrentWidget(self._page)
        others = [screen for screen in QGuiApplication.screens() if screen is not window.screen()]
        if others:
            panes.setGeometry(others[0].availableGeometry())
            panes.showMaximized()
        else:
            panes.resize(900, 720)
            panes.show()
        window.viewer.setFocus()
        window.actions_.refresh()

    def bring_back(self) -> None:
        panes, window = self._panes, self._window
        if panes is None or window.viewer is None:
            return
        self._panes = None
        shown = window.stack.currentWidget() is self._page
        window.stack.addWidget(window.viewer)
        if shown:
            window.stack.setCurrentWidget(window.viewer)
        panes.hide()
        panes.deleteLater()
        window.actions_.refresh()
