"""What the program remembers about its user, as an INI file in the user's own folder."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QByteArray, QSettings

from divisive_desktop import paths
from divisive_desktop.desktop.session import settings_table as table
from divisive_desktop.desktop.session.settings_table import Setting
from divisive_desktop.errors import in_words
from divisive_desktop.explanation.decision import Wanted
from divisive_desktop.foreign.files import MOST_SETTINGS, read_whole

T = TypeVar("T")

RECENT_LIMIT = 12
_TOKEN = re.compile(r"\\x([0-9a-fA-F]+)|\\([0-7]+)|\\\r?\n|\\(.)|([^\\])", re.DOTALL)
_STRANGE = re.compile(r"\s*@(?!ByteArray\(|Invalid\(|@)\w+\(")
"""Values of kinds that the program never writes. Qt makes any object of its own from them, as large as they say, before
anybody can look at it: a line of thirty letters ends the program for want of memory."""


def set_aside_unless_plain(file: Path) -> None:
    """Give a file of settings another name where Qt can't be trusted with it; the defaults hold then.

    That is: a pipe or a device, more than a mebibyte, or values of kinds that the program never writes.
    """
    try:
        text = read_whole(file, MOST_SETTINGS).decode("utf-8", "replace")
        if not any(_STRANGE.match(value) for value in _values(text)):
            return
        why = "it holds values that this program doesn't write"
    except FileNotFoundError:
        return
    except PermissionError:
        return  # Qt can't read it either
    except OSError as e:
        why = in_words(e)
    kept = file.with_name(f"{file.name}.unreadable")
    logging.getLogger(__name__).warning("%s is set aside as %s: %s", file.name, kept.name, why)
    with contextlib.suppress(OSError):
        os.replace(file, kept)


def _values(text: str) -> Iterator[str]:
    """Every value, and every part of one that is a list, as Qt reads them: letters may be written by their numbers, and
    quotation marks may stand anywhere."""
    value: list[str] | None = None  # what stands before the = is none
    quoted = comment = False
    for match in _TOKEN.finditer(text):
        hexadecimal, octal, escaped, letter = match.groups()
        if letter is None:
            number = int(hexadecimal[-8:], 16) if hexadecimal else int(octal[-8:], 8) if octal else None
            if value is not None and not comment:
                value.append(escaped or "" if number is None else chr(number & 0xFFFF))
        elif letter == '"' and not comment:
            quoted = not quoted
        elif letter in "\r\n" and not quoted:
            yield "".join(value or ())
            value, comment = None, False
        elif comment or (letter == ";" and not quoted):
            comment = True
        elif value is None:
            value = [] if letter == "=" and not quoted else None
        elif letter == "," and not quoted:
            yield "".join(value)
            value = []
        else:
            value.append(letter)
    yield "".join(value or ())


class Settings:
    """Typed access to ``settings.ini`` by the table of settings; an unreadable value falls back to its default."""

    theme = table.THEME
    identity_visible = table.IDENTITY_VISIBLE
    """`privacy.identity_shown` reads it without Qt."""
    names_identify = table.NAMES_IDENTIFY
    analyse_on_opening = table.ANALYSE_ON_OPENING
    max_pixels = table.MAX_PIXELS
    device = table.DEVICE
    error_rates = table.ERROR_RATES
    keys = table.KEYS
    mouse = table.MOUSE
    recent = table.RECENT
    recent_casebooks = table.RECENT_CASEBOOKS

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or paths.user_data_dir() / "settings.ini"
        set_aside_unless_plain(self.file)
        self._store = QSettings(str(self.file), QSettings.Format.IniFormat)

    def get(self, setting: Setting[T]) -> T:
        """The value of a row of the table."""
        return setting.read(self._store.value(setting.key))

    def set(self, setting: Setting[T], value: T) -> None:
        """Keep the value of a row of the table.

        Raises
        ------
        ValueError
            The table doesn't allow it.
        """
        self._close_to_others()
        self._store.setValue(setting.key, setting.write(value))
        if setting.at_once:
            self.sync()

    def sync(self) -> None:
        """Write to disk now (it also happens by itself, a little later)."""
        self._close_to_others()
        self._store.sync()

    def _close_to_others(self) -> None:
        """Names of recent files are nobody else's business; Qt keeps the permissions of a file that is there."""
        with contextlib.suppress(OSError):  # writing will tell
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            paths.private_file(self.file)

    @property
    def rates(self) -> Wanted | None:
        """Error rates that the analyst accepts for the two answers; None: what the models' cards state."""
        negative, positive = (percent / 100 if percent else None for percent in self.error_rates)
        return None if negative is None and positive is None else (negative, positive)

    # -- several at a time ----------------------------------------------------------------------------------

    @property
    def user(self) -> tuple[str, str]:
        """Name and role that the user gave; ('', '') for those of the operating system's account."""
        return self.get(table.USER_NAME), self.get(table.USER_ROLE)

    @user.setter
    def user(self, value: tuple[str, str]) -> None:
        self.set(table.USER_NAME, value[0])
        self.set(table.USER_ROLE, value[1])

    def window_layout(self) -> tuple[QByteArray, QByteArray]:
        """Geometry and dock state as the window left them; empty at first start."""
        return self.get(table.GEOMETRY), self.get(table.DOCKS)

    def set_window_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        self.set(table.GEOMETRY, geometry)
        self.set(table.DOCKS, state)

    def worklist(self) -> tuple[QByteArray, bool]:
        """The worklist's columns as its header left them (empty at first start), and whether its rows are small."""
        return self.get(table.COLUMNS), self.get(table.SMALL_ROWS)

    @property
    def columns_known(self) -> int:
        """How many columns there were when the header was left; later ones come after them."""
        return self.get(table.COLUMNS_KNOWN) or table.FIRST_COLUMNS

    def set_worklist(self, columns: QByteArray, small: bool, known: int) -> None:
        self.set(table.COLUMNS, columns)
        self.set(table.COLUMNS_KNOWN, known)
        self.set(table.SMALL_ROWS, small)

    # -- files ----------------------------------------------------------------------------------------------

    def add_recent(self, opened: Iterable[Path]) -> None:
        """Put paths at the head of the list."""
        new = [str(p) for p in opened]
        kept = [p for p in self.recent if p not in new]
        self.recent = (new + kept)[:RECENT_LIMIT]

    def clear_recent(self) -> None:
        self._store.remove(table.RECENT.key)

    def add_recent_casebook(self, path: Path) -> None:
        kept = [p for p in self.recent_casebooks if p != str(path)]
        self.recent_casebooks = [str(path), *kept][:RECENT_LIMIT]

    def folder(self, purpose: str) -> str:
        """Where a file dialog for ``purpose`` (``open``, ``export``) was last used, '' if never."""
        return self.get(table.FOLDERS.named(purpose))

    def set_folder(self, purpose: str, folder: Path) -> None:
        self.set(table.FOLDERS.named(purpose), str(folder))

    # -- layouts --------------------------------------------------------------------------------------------

    def layout_for(self, question: str) -> str:
        """The layout chosen for a task, '' for none."""
        return self.get(table.LAYOUTS.named(question))

    def set_layout_for(self, question: str, layout: str) -> None:
        self.set(table.LAYOUTS.named(question), layout)
