"""The privacy switch in the window: what cases and files are called while identity is hidden.

Names of files and folders often name people. They stay on the screen, because analysts find their cases by them,
unless the settings say that they count as identity: then the switch hides them, too, and cases go by their number.
What leaves the program never carries them while identity is hidden, as in reports.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop import privacy
from divisive_desktop.foreign.text import in_window
from divisive_desktop.paths import name_within_limits

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.settings import Settings

HIDDEN = "Hidden with the patient's identity"
_PATH = re.compile(r"(?<![\w<])(?:/\w|\\\\\w|[A-Za-z]:[\\/])[^\n]*")
"""A path may hold spaces, so the rest of its line goes with it."""
_FILE = re.compile(
    r"""[^\s/\\:"'<>“”]+\.(?:dcm|dicom|ima|png|jpe?g|tiff?|bmp|webp|gif|jp2|zip|csv|json|npy|nii|gz)\b""", re.IGNORECASE
)

_names_hidden = False


def names_hidden() -> bool:
    """Whether names of files and folders may not be shown now."""
    return _names_hidden


def case_name(name: str, number: object) -> str:
    """A case's name on the screen: ``name``, or its number in the casebook."""
    return f"Case {number or ''}".strip() if _names_hidden or not name else in_window(name)


def file_name(path: Path) -> str:
    """A file's name on the screen."""
    return HIDDEN if _names_hidden else in_window(path.name)


def stem(path: Path) -> str:
    """What the name of a file that is made from another one begins with."""
    return "image" if _names_hidden else name_within_limits(path.stem, "")


def shown_name(path: Path) -> str:
    """What was chosen or dropped, in a sentence."""
    return "what was chosen" if _names_hidden else in_window(path.name or path)


def shown_path(path: Path) -> str:
    """A whole path on the screen, '' while it is hidden."""
    return "" if _names_hidden else in_window(path)


def redacted(text: str, *paths: Path) -> str:
    """A sentence as it may be shown now; names of ``paths`` go whatever they look like, others by their look."""
    if not _names_hidden:
        return in_window(text, lines=True)
    for path in paths:
        for known in (str(path), path.name, path.stem):
            if len(known) > 2:
                text = text.replace(known, "The file" if text.startswith(known) else "the file")
    return in_window(_FILE.sub("…", _PATH.sub("…", text)), lines=True)


def exported_name(path: Path, sha256: str) -> str:
    """What a file that leaves the program calls the image: its name, or while identity is hidden its hash."""
    return path.name if privacy.identity_shown() else f"{sha256[:12]}{path.suffix}"


class Redaction(QObject):
    """The switch itself; one for the program.

    Signals
    -------
    changed()
        What identifies the patient is shown now, or isn't any more.
    namesChanged()
        :func:`names_hidden` answers otherwise now: texts with names of files are to be put together anew.
    """

    changed = Signal()
    namesChanged = Signal()

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._visible = settings.identity_visible
        self._hide_names()

    @property
    def visible(self) -> bool:
        """Whether what identifies the patient is shown."""
        return self._visible

    def set_visible(self, visible: bool) -> None:
        """Show or hide what identifies the patient, everywhere, from now on."""
        self._settings.identity_visible = visible
        switched, self._visible = visible != self._visible, visible
        renamed = self._hide_names()
        if switched:
            self.changed.emit()
        if renamed:
            self.namesChanged.emit()

    def update(self) -> None:
        """The settings may say otherwise now whether names of files count as identity."""
        if self._hide_names():
            self.namesChanged.emit()

    def _hide_names(self) -> bool:
        """Whether that makes a difference."""
        global _names_hidden
        before, _names_hidden = _names_hidden, self._settings.names_identify and not self._visible
        return before != _names_hidden
