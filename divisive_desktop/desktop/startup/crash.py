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
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType

import psutil
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox

from divisive_desktop import paths, version
from divisive_desktop.foreign.text import LogLines

log = logging.getLogger("divisive_desktop")

_QUOTED = re.compile(r"""(["'])([^"'\n]*[\\/][^"'\n]*)\1""")
_SLASHES = re.compile(r"[\\/]+")
_BARE = re.compile(r"""(?<![\w<"'./\\-])(?:[A-Za-z]:)?[\\/]\S.*""")
_TAG = re.compile(r"(\([0-9A-Fa-f]{4},\s?[0-9A-Fa-f]{4}\)).*")
_STRING = re.compile(r"""(?<![\w])(["'])(?!<)((?:\\.|(?!\1).)*)\1""")
_ENDINGS = "dcm|dicom|ima|png|jpe?g|tiff?|bmp|webp|gif|zip|nii|gz|csv|json|pdf|html|casebook"
_FILE = re.compile(rf"""[^\s/\\:"'<>]+\.(?:{_ENDINGS})\b""", re.IGNORECASE)
_TOLD = re.compile(r"^(\s*(?:divisive_desktop|pydicom|highdicom)[\w.]*(?:Error|Warning)): .*$")


class NoPaths(LogLines):
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


def for_others(text: str) -> str:
    """A log as it may be handed on: without paths, file names, values of DICOM tags or texts in quotation marks.

    Lines of source code in tracebacks stay; what the program told its user (which may name a file) doesn't.
    """
    return "\n".join(_line_for_others(line) for line in text.splitlines()) + ("\n" if text.endswith("\n") else "")


def _line_for_others(line: str) -> str:
    if line.startswith("    ") or line.lstrip().startswith('File "'):
        return without_paths(line)
    line = _TOLD.sub(r"\1: <message>", line)
    line = _TAG.sub(r"\1 <value>", line)
    line = _STRING.sub(lambda m: m[0] if m[2].endswith(".py") else f"{m[1]}<text>{m[1]}", line)
    return _FILE.sub("<file>", without_paths(line))


def start_traces() -> Callable[[], None]:
    """Where the interpreter itself crashes (a decoder, a driver) its traceback goes to a file of this process.

    Returns
    -------
    callable
        Ends it; a file that says nothing is removed.
    """
    path = paths.user_log_dir() / f"crash-{os.getpid()}.log"
    try:
        file = paths.private_file(path).open("w", encoding="utf-8")
    except OSError:  # a full or read-only disk must not keep the window from opening
        return lambda: None
    faulthandler.enable(file)

    def stop() -> None:
        faulthandler.disable()
        file.close()
        if path.stat().st_size == 0:
            path.unlink()

    return stop


def tell_of_last_time(post: Callable[..., None]) -> None:
    """Say so when the program crashed last time, once, and offer the log."""
    folder = paths.user_log_dir()
    crashed = False
    for path in folder.glob("crash-*.log"):
        number = path.stem.partition("-")[2]
        if number.isdigit() and int(number) != os.getpid() and not psutil.pid_exists(int(number)):
            if path.stat().st_size:
                crashed = True
                path.replace(folder / "last-crash.log")
            else:  # it was ended from outside
                path.unlink()
    if crashed:
        post(
            "crash", "warning", "The program crashed last time. What you saved is safe.",
            "If it happens again, start it with --safe-mode, and send the log.", ("Save log…", save_log),
        )  # fmt: skip


class PrivateLog(logging.handlers.RotatingFileHandler):
    """A rotating log that no other account may read."""

    def _open(self) -> TextIOWrapper:
        paths.private_file(Path(self.baseFilename))
        return super()._open()


def start_log() -> logging.Handler:
    """Write a rotating log to the user's log folder."""
    folder = paths.user_log_dir()
    paths.private_folder(folder)
    handler = PrivateLog(
        folder / "desktop.log", maxBytes=1 << 20, backupCount=2, encoding="utf-8", delay=True
    )
    handler.setFormatter(NoPaths("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.info("Divisive Desktop %s, Python %s, %s", version.build(), platform.python_version(), platform.platform())
    return handler


def stop_log(handler: logging.Handler) -> None:
    log.removeHandler(handler)
    handler.close()


def write_log(target: Path) -> None:
    """Copy the logs of window and engine and the last crash, oldest part first, as they may be handed on."""
    folder = paths.user_log_dir()
    parts = [
        p
        for pattern in ("last-crash.log", "engine.log*", "training.log*", "desktop.log*")
        for p in sorted(folder.glob(pattern), reverse=True)
    ]
    texts = (f"== {p.name}\n{for_others(p.read_text(encoding='utf-8', errors='replace'))}\n" for p in parts)
    target.write_text("".join(texts), encoding="utf-8")


def save_log() -> None:
    """Ask where, and write the log there; a disk that refuses is told."""
    name, _ = QFileDialog.getSaveFileName(None, "Save log", str(Path.home() / "divisive-desktop.log"))
    if not name:
        return
    try:
        write_log(Path(name))
    except OSError as e:
        QMessageBox.warning(None, "Save log", f"The log can't be written there: {e.strerror}. Choose another folder.")


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
    box.setDetailedText(for_others(text))
    save = box.addButton("Save log…", QMessageBox.ButtonRole.ActionRole)
    box.addButton("Go on", QMessageBox.ButtonRole.AcceptRole)
    leave = box.addButton("Quit", QMessageBox.ButtonRole.DestructiveRole)
    box.exec()
    if box.clickedButton() is save:
        save_log()
    elif box.clickedButton() is leave:
        QApplication.exit(70)
