"""Starts the window: application, theme, crash handling, the engine in the background."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QApplication

from divisive_desktop import __version__, paths
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.startup import crash
from divisive_desktop.desktop.startup.ending import Ending
from divisive_desktop.desktop.startup.single_instance import FilesFromDesktop, Instance, bring_to_front
from divisive_desktop.desktop.ui.theme import Theme
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.imaging import limits
from divisive_desktop.processes.decoding import PROCESSES


def application(argv: Sequence[str] | None = None) -> QApplication:
    """The one ``QApplication``, made at the first call."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    sys.setswitchinterval(0.001)  # background threads hand the interpreter back to the window sooner
    app = QApplication(list(argv if argv is not None else sys.argv[:1]))
    QCoreApplication.setApplicationName("Divisive Desktop")
    QCoreApplication.setApplicationVersion(__version__)
    app.setDesktopFileName("divisive-desktop")
    return app


def build(settings: Settings | None = None, casebook: Path | None = None) -> MainWindow:
    """The main window with its theme and runner; not shown yet, engine not started yet.

    Parameters
    ----------
    casebook : Path, optional
        The casebook to work on; None: the user's own.
    """
    app = application()
    settings = settings or Settings()
    if settings.max_pixels is not None:
        limits.set_max_pixels(settings.max_pixels)
    theme = app.findChild(Theme)
    if theme is None:
        theme = Theme(app, settings.theme)
    else:
        theme.choice = settings.theme
    return MainWindow(settings, theme, Runner(), casebook)


def run(
    files: Iterable[str | Path] = (), argv: Sequence[str] | None = None, *, samples: bool = False, safe: bool = False
) -> int:
    """Show the window and run until it is closed, or hand the files to the window that is open already.

    Parameters
    ----------
    files : paths
        Files, folders and ZIP archives to open, or a casebook.
    argv : sequence of str, optional
        For Qt's own options (``-platform``, ``-style``); default: the program's name alone.
    samples : bool
        Open the sample cases.
    safe : bool
        Safe mode: a window of its own, with default settings that are thrown away, and no graphics card.

    Returns
    -------
    int
        Exit code: 0, or 70 after an unexpected error without a display.
    """
    wanted = [str(Path(f).resolve()) for f in files] + ["--samples"] * samples
    with ExitStack() as stack:
        if safe:
            _enter_safe_mode(stack)
        app = application(argv)
        if not safe:
            instance = Instance()
            if not instance.claim() and instance.hand_over(wanted):
                return 0
            stack.callback(instance.release)
        if wanted:  # begun while the window is made, on another core: pictures will be decoded
            threading.Thread(target=PROCESSES.warm, name="decoders", daemon=True).start()
        log = crash.start_log()
        stack.callback(crash.stop_log, log)
        crash.install()
        stack.callback(crash.start_traces())
        settings = Settings(paths.settings_file())
        first = next((book for name in wanted if (book := paths.casebook_at(Path(name))) is not None), None)
        window = build(settings, first)
        stack.callback(PROCESSES.close)
        ending = Ending(app)
        stack.callback(ending.release)
        ending.asked.connect(lambda: window.end() if window.isVisible() else None)
        ending.sessionEnds.connect(window.keep)
        services = window.services

        def open_(names: Sequence[str]) -> None:
            if found := [Path(name) for name in names if not name.startswith("--")]:
                services.session.open_given(found)
            if "--samples" in names:
                services.actions["samples"].trigger()

        def asked(names: Sequence[str]) -> None:
            open_(names)
            bring_to_front(window)

        def begin() -> None:
            # After the first paint: the engine's start must not compete with it for the processor.
            services.runner.start_engine("cpu" if safe else settings.device)
            services.runner.run(lambda _: PROCESSES.warm(), lambda _: None, services.messages.show_error)
            open_([name for name in wanted if paths.casebook_at(Path(name)) != first or first is None])
            if safe:
                services.messages.show(
                    "safe-mode", "info", "Safe mode: default settings, no graphics card.",
                    "Settings that you change now are not kept; cases are.",
                )  # fmt: skip
            crash.tell_of_last_time(services.messages.show)

        if not safe:
            instance.asked.connect(asked)
        if sys.platform == "darwin":  # elsewhere every event would pass through Python for nothing
            from_desktop = FilesFromDesktop(app)
            from_desktop.asked.connect(asked)
        window.painted.connect(begin)
        window.show()
        return app.exec()


def _enter_safe_mode(stack: ExitStack) -> None:
    """Before Qt and the engine start: both read the environment."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="divisive-safe-", ignore_cleanup_errors=True))
    os.environ["DIVISIVE_DESKTOP_SETTINGS"] = str(Path(folder) / "settings.ini")
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["HIP_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("QT_XCB_GL_INTEGRATION", "none")
