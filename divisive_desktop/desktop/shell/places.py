"""The places in the window: pages in the middle with bars around them, docks at the sides."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QLabel, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import theme


class Places:
    """The frame of a main window, to be filled by features.

    Parameters
    ----------
    window : QMainWindow
    banner : str
        What stands above everything.
    messages : QWidget
        The bar of messages, below the banner.
    """

    def __init__(self, window: QMainWindow, banner: str, messages: QWidget) -> None:
        self._window = window
        self.banner = QLabel(banner, alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self.banner, "banner")
        self._docks: dict[str, QDockWidget] = {}
        self._pages = QStackedWidget()
        self._row = QHBoxLayout()
        self._row.setSpacing(0)
        self._row.addWidget(self._pages, 1)
        centre = QWidget()
        self._column = QVBoxLayout(centre)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.banner)
        self._column.addWidget(messages)
        self._column.addLayout(self._row, 1)
        window.setCentralWidget(centre)

    # -- the middle -----------------------------------------------------------------------------------------

    @property
    def page(self) -> QWidget | None:
        """What the middle shows now."""
        return self._pages.currentWidget()

    def add_page(self, page: QWidget) -> None:
        self._pages.addWidget(page)

    def remove_page(self, page: QWidget) -> None:
        self._pages.removeWidget(page)

    def show_page(self, page: QWidget) -> None:
        self._pages.setCurrentWidget(page)

    def add_left(self, widget: QWidget) -> None:
        """Put a palette left of the pages."""
        self._row.insertWidget(0, widget)

    def add_top(self, widget: QWidget) -> None:
        """Put a bar above the pages."""
        self._column.insertWidget(self._column.count() - 1, widget)

    # -- the sides ------------------------------------------------------------------------------------------

    def add_dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea, width: int) -> QDockWidget:
        """Put a panel at a side, ``width`` logical pixels wide at first."""
        dock = QDockWidget(title, self._window)
        dock.setObjectName(title.lower())
        dock.setWidget(widget)
        dock.setTitleBarWidget(QWidget())  # no title: what it is can be seen; closed and opened in the View menu
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        widget.setMinimumWidth(width - 24)
        self._window.addDockWidget(area, dock)
        self._window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
        self._docks[title] = dock
        return dock

    def show_dock(self, title: str) -> None:
        """Bring a panel back that was closed."""
        self._docks[title].show()

    def widen_dock(self, dock: QDockWidget, width: int) -> None:
        """Room for what a panel wants to show, but the pages keep most of the window."""
        width = min(width, self._window.width() * 2 // 5)
        if dock.width() < width:
            self._window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
