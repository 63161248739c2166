"""The privacy switch in the window: what cases and files are called while identity is hidden.

Names of files and folders often name people. They stay on the screen, because analysts find their cases by them,
unless the settings say that they count as identity: then the switch hides them, too, and cases go by their number.
What leaves the program never carries them while identity is hidden, as in reports.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from divisive_desktop import privacy

if TYPE_CHECKING:
    from divisive_desktop.desktop.window import MainWindow

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
    return f"Case {number or ''}".strip() if _names_hidden or not name else name


def file_name(path: Path) -> str:
    """A file's name on the screen."""
    return HIDDEN if _names_hidden else path.name


def stem(path: Path) -> str:
    """What the name of a file that is made from another one begins with."""
    return "image" if _names_hidden else path.stem


def shown_name(path: Path) -> str:
    """What was chosen or dropped, in a sentence."""
    return "what was chosen" if _names_hidden else path.name or str(path)


def shown_path(path: Path) -> str:
    """A whole path on the screen, '' while it is hidden."""
    return "" if _names_hidden else str(path)


def redacted(text: str, *paths: Path) -> str:
    """A sentence as it may be shown now; names of ``paths`` go whatever they look like, others by their look."""
    if not _names_hidden:
        return text
    for path in paths:
        for known in (str(path), path.name, path.stem):
            if len(known) > 2:
                text = text.replace(known, "The file" if text.startswith(known) else "the file")
    return _FILE.sub("…", _PATH.sub("…", text))


def exported_name(path: Path, sha256: str) -> str:
    """What a file that leaves the program calls the image: its name, or while identity is hidden its hash."""
    return path.name if privacy.identity_shown() else f"{sha256[:12]}{path.suffix}"


def follow(window: MainWindow) -> None:
    """Bring all that is on the screen up to date with the switch."""
    global _names_hidden
    before, _names_hidden = _names_hidden, window.settings.names_identify and not window.identity_visible
    visible = window.identity_visible
    window.inspector.set_identity_visible(visible)
    window.files.set_identity_visible(visible)
    if window.viewer is not None:
        window.viewer.state.set_identity_visible(visible)
    if before == _names_hidden:
        return
    window.messages.clear()  # what they say was worded before
    window.session.cases.all_changed()
    window.show_title()
    case = window.session.current
    if case is not None and case.error is not None:
        way_out = window.casebook.way_out(case, case.error)
        window.problem_page.set_error(case.name, case.told(case.error), way_out)
