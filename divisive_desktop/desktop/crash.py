"""When the program itself fails: log files without patient data, and a dialog that offers to save them."""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import os
import platform
import re
import sys
import traceback
from pathlib import Path
from types import TracebackType

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox

from divisive_desktop import __version__, paths

log = logging.getLogger("divisive_desktop")

_QUOTED = re.compile(r"""(["'])([^"'\n]*[\\/][^"'\n]*)\1""")
_SLASHES = re.compile(r"[\\/]+")
_BARE = re.compile(r"""(?<![\w<"'./\\-])(?:[A-Za-z]:)?[\\/]\S.*""")


class NoPaths(logging.Formatter):
    """Leaves only the file names of the program's own code: folders and files of the user may name patients."""

    def format(self, record: logging.LogRecord) -> str:
        return without_paths(super().format(record))


def without_paths(text: str) -> str:
    """Replace the user's paths by ``<path>``; paths of code keep their last two parts.

    A path outside quotes may hold spaces, so the rest of its line goes with it.
    """

    def shorten(found: re.Match[str]) -> str:
        quote, path = found.groups()
        code = "/".join(_SLASHES.split(path)[-2:])
        return f"{quote}{code if path.endswith('.py') else '<path>'}{quote}"

    return _BARE.sub("<path>", _QUOTED.sub(shorten, text))


def start_log() -> logging.Handler:
    """Write a rotating log to the user's log folder; also where Python itself crashes (faulthandler)."""
    folder = paths.user_log_dir()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handler = logging.handlers.RotatingFileHandler(
        folder / "desktop.log", maxBytes=1 << 20, backupCount=2, encoding="utf-8", delay=True
    )
    handler.setFormatter(NoPaths("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.info("Divisive Desktop %s, Python %s, %s", __version__, platform.python_version(), platform.platform())
    return handler


def stop_log(handler: logging.Handler) -> None:
    log.removeHandler(handler)
    handler.close()


def write_log(target: Path) -> None:
    """Copy the log, oldest part first."""
    folder = paths.user_log_dir()
    parts = sorted(folder.glob("desktop.log*"), reverse=True)
    target.write_text("".join(p.read_text(encoding="utf-8", errors="replace") for p in parts), encoding="utf-8")


def headless() -> bool:
    """Nobody is there to read a dialog."""
    return QGuiApplication.platformName() in ("offscreen", "minimal") or "DIVISIVE_DESKTOP_HEADLESS" in os.environ


def install() -> None:
    """Make exceptions that nothing caught visible: a dialog, or an exit code where nobody would see one.

    Qt swallows exceptions in slots and goes on; without this a headless run would wait for ever.
    """
    sys.excepthook = _hook
    if sys.stderr is not None:  # a windowed program on Windows has none
        faulthandler.enable()


def _hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        QApplication.exit(130)
        return
    text = "".join(traceback.format_exception(kind, error, trace))
    log.critical("unexpected error\n%s", text)
    if sys.stderr is not None:
        sys.stderr.write(text)
    if QApplication.instance() is None or headless():
        QApplication.exit(70)  # EX_SOFTWARE
        return
    _dialog(text)


def _dialog(text: str) -> None:
    box = QMessageBox(QMessageBox.Icon.Critical, "Divisive Desktop", "<b>An unexpected error happened.</b>")
    box.setInformativeText(
        "What you saved is safe. You can go on, but if the window behaves oddly, restart the program. "
        "The log helps to repair this; it holds no pictures, patient data or file names."
    )
    box.setDetailedText(without_paths(text))
    save = box.addButton("Save log…", QMessageBox.ButtonRole.ActionRole)
    box.addButton("Go on", QMessageBox.ButtonRole.AcceptRole)
    leave = box.addButton("Quit", QMessageBox.ButtonRole.DestructiveRole)
    box.exec()
    if box.clickedButton() is save:
        name, _ = QFileDialog.getSaveFileName(None, "Save log", str(Path.home() / "divisive-desktop.log"))
        if name:
            write_log(Path(name))
    elif box.clickedButton() is leave:
        QApplication.exit(70)
