"""Takes out Qt's GTK plugin and the libraries that only it brings along (Linux).

PyInstaller copies what the plugin is linked with from the machine that builds: nothing, half of GTK or all of it, as
that machine happens to have. The program draws its own style and asks the desktop's portal for dialogs; GTK, which
must fit the desktop that it runs on, is no library to carry about.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

PLUGIN = "libqgtk3.so"


def remove(internal: Path, needed: Callable[[Path], set[str]] | None = None) -> int:
    """Delete the plugin and whatever nothing else in the bundle is linked with; the bytes saved.

    Parameters
    ----------
    internal : Path
        The bundle's folder of libraries.
    needed : callable, optional
        Names of the libraries that a file is linked with; default: as ``readelf`` says.
    """
    needed = needed or _needed
    files = {p.name: p for p in internal.rglob("*.so*") if p.is_file() and not p.is_symlink()}
    plugin = files.pop(PLUGIN, None)
    if plugin is None:
        return 0
    links = {name: needed(path) & files.keys() for name, path in files.items()}
    brought = _reach(needed(plugin) & files.keys(), links)
    kept = _reach(files.keys() - brought, links)
    gone = [plugin, *(files[name] for name in sorted(brought - kept))]
    saved = sum(path.stat().st_size for path in gone)
    for path in gone:
        path.unlink()
    for link in internal.iterdir():
        if link.is_symlink() and not link.exists():  # to one of those
            link.unlink()
    return saved


def _reach(start: Iterable[str], links: dict[str, set[str]]) -> set[str]:
    """The libraries named, and all that they are linked with, at any remove."""
    found: set[str] = set()
    left = list(start)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += links.get(name, ())
    return found


def _needed(path: Path) -> set[str]:
    shown = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=False).stdout
    return set(re.findall(r"\(NEEDED\)\s+Shared library: \[([^\]]+)\]", shown))
