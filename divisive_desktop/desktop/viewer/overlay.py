"""The maps over the image: shown, hidden, or coming and going."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from divisive_desktop.desktop.viewer.view_state import ViewState

_BLINK_MS = 500


class MapOverlay(QObject):
    """Shows and hides the maps of the panes."""

    def __init__(self, state: ViewState) -> None:
        super().__init__(state)
        self._state = state
        self._blink = QTimer(self)
        self._blink.setInterval(_BLINK_MS)
        self._blink.timeout.connect(lambda: self._show(not state.overlay_shown))

    def set_shown(self, shown: bool) -> None:
        """Swap between the image with and without its map. Ends blinking."""
        self._blink.stop()
        self._show(shown)

    @property
    def blinking(self) -> bool:
        return self._blink.isActive()

    def set_blinking(self, on: bool) -> None:
        """Show and hide the maps twice a second."""
        if on:
            self._blink.start()
        else:
            self._blink.stop()
        self._show(not on or not self._state.overlay_shown)

    def _show(self, shown: bool) -> None:
        self._state.overlay_shown = shown
        self._state.display_changed()
