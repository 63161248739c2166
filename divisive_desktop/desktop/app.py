"""Starts the window: application, theme, crash handling, the engine in the background."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QApplication

from divisive_desktop import __version__
from divisive_desktop.desktop import crash
from divisive_desktop.desktop.settings import Settings
from divisive_desktop.desktop.tasks import TaskRunner
from divisive_desktop.desktop.theme import Theme
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.imaging import limits


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
    """The main window with its theme and task runner; not shown yet, engine not started yet.

    Parameters
    ----------
    casebook : Path, optional
        The casebook to work on; None: the user's own.
    """
    app = application()
    settings = settings or Settings()
    if settings.max_pixels is not None:
        limits.set_max_pixels(settings.max_pixels)
    theme = getattr(app, "_divisive_theme", None)
    if theme is None:
        theme = Theme(app, settings.theme)
        app._divisive_theme = theme  # lives as long as the application
    else:
        theme.choice = settings.theme
    return MainWindow(settings, theme, TaskRunner(), casebook)


def run(files: Iterable[str | Path] = (), argv: Sequence[str] | None = None, *, samples: bool = False) -> int:
    """Show the window and run until it is closed.

    Parameters
    ----------
    files : paths
        Files, folders and ZIP archives to open.
    argv : sequence of str, optional
        For Qt's own options (``-platform``, ``-style``); default: the program's name alone.
    samples : bool
        Open the sample cases.

    Returns
    -------
    int
        Exit code: 0, or 70 after an unexpected error without a display.
    """
    app = application(argv)
    log = crash.start_log()
    crash.install()
    try:
        settings = Settings()
        window = build(settings)
        opened = [Path(f) for f in files]

        def begin() -> None:
            # After the first paint: the engine's start must not compete with it for the processor.
            window.tasks.start_engine(settings.device)
            if opened:
                window.work.open_paths(opened)
            if samples:
                window.actions_["samples"].trigger()

        window.painted.connect(begin)
        window.show()
        return app.exec()
    finally:
        crash.stop_log(log)
