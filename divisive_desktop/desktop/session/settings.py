"""What the program remembers about its user, as an INI file in the user's own folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from divisive_desktop import paths, privacy

RECENT_LIMIT = 12


class Settings:
    """Typed access to ``settings.ini``; an unreadable value falls back to its default."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or paths.user_data_dir() / "settings.ini"
        self._store = QSettings(str(self.file), QSettings.Format.IniFormat)

    # -- appearance -----------------------------------------------------------------------------------------

    @property
    def theme(self) -> str:
        """``system``, ``light`` or ``dark``."""
        value = str(self._store.value("appearance/theme", "system"))
        return value if value in ("system", "light", "dark") else "system"

    @theme.setter
    def theme(self, value: str) -> None:
        self._store.setValue("appearance/theme", value)

    def window_layout(self) -> tuple[QByteArray, QByteArray]:
        """Geometry and dock state as the window left them; empty at first start."""
        return self._bytes("window/geometry"), self._bytes("window/state")

    def set_window_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        self._store.setValue("window/geometry", geometry)
        self._store.setValue("window/state", state)

    @property
    def identity_visible(self) -> bool:
        """Whether what identifies the patient is shown and exported; `privacy.identity_shown` reads it without Qt."""
        return str(self._store.value(f"{privacy.SECTION}/{privacy.KEY}", "false")).lower() == "true"

    @identity_visible.setter
    def identity_visible(self, on: bool) -> None:
        self._store.setValue(f"{privacy.SECTION}/{privacy.KEY}", "true" if on else "false")
        self._store.sync()  # at once: reports read the file

    @property
    def names_identify(self) -> bool:
        """Whether names of files and folders count as identity, and are hidden with it."""
        return str(self._store.value(f"{privacy.SECTION}/names", "false")).lower() == "true"

    @names_identify.setter
    def names_identify(self, on: bool) -> None:
        self._store.setValue(f"{privacy.SECTION}/names", "true" if on else "false")

    def worklist(self) -> tuple[QByteArray, bool]:
        """The worklist's columns as its header left them (empty at first start), and whether its rows are small."""
        return self._bytes("worklist/columns"), str(self._store.value("worklist/small", "false")).lower() == "true"

    def set_worklist(self, columns: QByteArray, small: bool) -> None:
        self._store.setValue("worklist/columns", columns)
        self._store.setValue("worklist/small", "true" if small else "false")

    # -- files ----------------------------------------------------------------------------------------------

    @property
    def recent(self) -> list[str]:
        """Files and folders opened lately, newest first."""
        value = self._store.value("files/recent", [])
        return [value] if isinstance(value, str) else [str(v) for v in value or []]

    def add_recent(self, opened: Iterable[Path]) -> None:
        """Put paths at the head of the list."""
        new = [str(p) for p in opened]
        kept = [p for p in self.recent if p not in new]
        self._store.setValue("files/recent", (new + kept)[:RECENT_LIMIT])

    def clear_recent(self) -> None:
        self._store.remove("files/recent")

    @property
    def recent_casebooks(self) -> list[str]:
        """Casebooks used lately, newest first."""
        value = self._store.value("files/casebooks", [])
        return [value] if isinstance(value, str) else [str(v) for v in value or []]

    def add_recent_casebook(self, path: Path) -> None:
        kept = [p for p in self.recent_casebooks if p != str(path)]
        self._store.setValue("files/casebooks", [str(path), *kept][:RECENT_LIMIT])

    @property
    def user(self) -> tuple[str, str]:
        """Name and role that the user gave; ('', '') for those of the operating system's account."""
        return str(self._store.value("user/name", "")), str(self._store.value("user/role", ""))

    @user.setter
    def user(self, value: tuple[str, str]) -> None:
        self._store.setValue("user/name", value[0])
        self._store.setValue("user/role", value[1])

    def folder(self, purpose: str) -> str:
        """Where a file dialog for ``purpose`` (``open``, ``export``) was last used, '' if never."""
        return str(self._store.value(f"files/{purpose}_folder", ""))

    def set_folder(self, purpose: str, folder: Path) -> None:
        self._store.setValue(f"files/{purpose}_folder", str(folder))

    # -- picture, keys and mouse ----------------------------------------------------------------------------

    def layout_for(self, question: str) -> str:
        """The layout chosen for a task, '' for none."""
        from divisive_desktop.desktop.viewer import LAYOUTS

        value = str(self._store.value(f"layouts/{question}", ""))
        return value if value in LAYOUTS else ""

    def set_layout_for(self, question: str, layout: str) -> None:
        self._store.setValue(f"layouts/{question}", layout)

    @property
    def keys(self) -> dict[str, str]:
        """Action id -> key, for actions whose key was changed."""
        return self._texts("bindings/keys")

    @keys.setter
    def keys(self, changes: Mapping[str, str]) -> None:
        self._store.setValue("bindings/keys", json.dumps(dict(changes)))

    @property
    def mouse(self) -> dict[str, str]:
        """Gesture -> what it does, for gestures that were changed."""
        return self._texts("bindings/mouse")

    @mouse.setter
    def mouse(self, changes: Mapping[str, str]) -> None:
        self._store.setValue("bindings/mouse", json.dumps(dict(changes)))

    @property
    def max_pixels(self) -> int | None:
        """Largest picture that is opened, in pixels; None: the program's own limit."""
        try:
            value = int(str(self._store.value("images/max_pixels", "")))
        except ValueError:
            return None
        return value if value > 0 else None

    @max_pixels.setter
    def max_pixels(self, pixels: int | None) -> None:
        self._store.setValue("images/max_pixels", str(pixels or ""))

    # -- work -----------------------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
        value = str(self._store.value("engine/device", "auto"))
        return value if re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps", value) else "auto"

    @device.setter
    def device(self, device: str) -> None:
        self._store.setValue("engine/device", device)

    @property
    def analyse_on_opening(self) -> bool:
        """Whether a case is analysed as soon as it is looked at."""
        return str(self._store.value("work/analyse_on_opening", "true")).lower() != "false"

    @analyse_on_opening.setter
    def analyse_on_opening(self, on: bool) -> None:
        self._store.setValue("work/analyse_on_opening", "true" if on else "false")

    def sync(self) -> None:
        """Write to disk now (it also happens by itself, a little later)."""
        self._store.sync()

    def _texts(self, key: str) -> dict[str, str]:
        try:
            found = json.loads(str(self._store.value(key, "") or "{}"))
        except ValueError:
            return {}
        return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()
