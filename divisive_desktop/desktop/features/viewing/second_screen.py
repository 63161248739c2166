"""The panes in a window of their own, on the second monitor where there is one."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from divisive_desktop.desktop.shell.pages import Page
from divisive_desktop.desktop.shell.services import ViewerServices
from divisive_desktop.desktop.ui import theme


class PanesWindow(QWidget):
    """Holds the viewer while it isn't in the main window; closing it brings the viewer back."""

    def __init__(self, owner: SecondScreen, services: ViewerServices) -> None:
        super().__init__(services.window, Qt.WindowType.Window)
        self._owner = owner
        self._name(services.window.windowTitle())
        services.window.windowTitleChanged.connect(self._name)  # another case, or its name may not be shown any more
        banner = QLabel(services.places.banner.text(), alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(banner, "banner")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(banner)
        column.addWidget(services.viewer, 1)
        services.viewer.show()
        self.addActions(services.actions.all())  # so that keys work here as well

    def _name(self, title: str) -> None:
        self.setWindowTitle(f"Panes – {title}")

    def closeEvent(self, event: QCloseEvent) -> None:
        self._owner.bring_back()
        super().closeEvent(event)


class SecondScreen(QObject):
    """Moves the viewer out and back."""

    def __init__(self, services: ViewerServices) -> None:
        super().__init__(services.window)
        self._services, self._places, self._viewer = services, services.places, services.viewer
        self._panes: PanesWindow | None = None
        self._page = Page("layout-4", "muted")
        self._page.title.setText("The panes are in their own window")
        self._page.detail.setText("Close that window to bring them back.")
        self._page.add_button("Bring them back").clicked.connect(self.bring_back)
        self._places.add_page(self._page)
        services.theme.changed.connect(self._page.recolour)
        services.events.closing.connect(self.bring_back)

    @property
    def on(self) -> bool:
        return self._panes is not None

    @property
    def page(self) -> QWidget:
        """What stands in the main window for the viewer: the viewer itself, or a note where it is."""
        return self._page if self.on else self._viewer

    def toggle(self) -> None:
        if self.on:
            self.bring_back()
        else:
            self.move_out()

    def move_out(self) -> None:
        """To another monitor, filling it; without one, to a window beside this one."""
        if self.on:
            return
        shown = self._places.page is self._viewer
        self._places.remove_page(self._viewer)
        panes = self._panes = PanesWindow(self, self._services)
        if shown:
            self._places.show_page(self._page)
        others = [screen for screen in QGuiApplication.screens() if screen is not self._services.window.screen()]
        if others:
            panes.setGeometry(others[0].availableGeometry())
            panes.showMaximized()
        else:
            panes.resize(900, 720)
            panes.show()
        self._viewer.setFocus()
        self._services.actions.refresh()

    def bring_back(self) -> None:
        panes = self._panes
        if panes is None:
            return
        self._panes = None
        shown = self._places.page is self._page
        self._places.add_page(self._viewer)
        if shown:
            self._places.show_page(self._viewer)
        panes.hide()
        panes.deleteLater()
        self._services.actions.refresh()
