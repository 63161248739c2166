"""What a feature is given: all that it may know of the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QMainWindow

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.runner import Runner
    from divisive_desktop.desktop.session.session import Session
    from divisive_desktop.desktop.session.settings import Settings
    from divisive_desktop.desktop.shell.action_set import ActionSet
    from divisive_desktop.desktop.shell.dialogs import Dialogs
    from divisive_desktop.desktop.shell.inspector import Inspector
    from divisive_desktop.desktop.shell.messages import Messages
    from divisive_desktop.desktop.shell.places import Places
    from divisive_desktop.desktop.shell.status import StatusBar
    from divisive_desktop.desktop.ui.theme import Theme
    from divisive_desktop.desktop.viewer import Viewer


class WindowEvents(QObject):
    """What happens to the window as a whole.

    Signals
    -------
    viewerReady(Viewer)
        The viewer was made: features that were there before it can connect to it.
    dropped(list)
        Paths (``list[Path]``) were dropped onto the window.
    keeping(list)
        What was done, and what is still being typed, has to be kept now: the window closes, or the user's session ends.
        Who hands something on to the background appends a function to the list that says whether it is kept.
    leaving(list)
        The window is asked to close, and what could be kept was: who has something that can't be appends what it is,
        in a sentence, and the user is asked.
    closing()
        The window is closing and nothing runs in the background any more.
    """

    viewerReady = Signal(object)  # its module loads after the first paint
    dropped = Signal(list)
    keeping = Signal(object)  # a list that slots append to
    leaving = Signal(object)  # a list that slots append to
    closing = Signal()


@dataclass(frozen=True)
class Services:
    """Handed to each feature's ``install``."""

    window: QMainWindow
    """Parent of dialogs and of what lives as long as the window; a feature doesn't look into it."""
    session: Session
    """What the window works on: cases, the current one, casebook, analyses."""
    runner: Runner
    """Work off the window's thread, and the engine."""
    settings: Settings
    theme: Theme
    actions: ActionSet
    messages: Messages
    status: StatusBar
    inspector: Inspector
    places: Places
    """Where pages, docks, a palette, a bar of options go."""
    dialogs: Dialogs
    """Asking for files, in the folder that was used last."""
    events: WindowEvents


@dataclass(frozen=True)
class ViewerServices(Services):
    """Handed to features that are installed once the viewer is there."""

    viewer: Viewer
