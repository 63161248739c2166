"""The program tries itself, without a person: the window's main job on the samples, decoders, learning, exports."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QImage

from divisive_desktop import version
from divisive_desktop.desktop import application
from divisive_desktop.desktop.features.opening.samples import sample_paths
from divisive_desktop.desktop.selftest import checks as selftest_checks
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.startup import crash
from divisive_desktop.desktop.ui.pictures import save_png
from divisive_desktop.desktop.viewer import Viewer
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.engine.messages import Analyse, Request
from divisive_desktop.errors import UserFacingError

log = logging.getLogger(__name__)
_VIEWER = "not in the Viewer, which comes without PyTorch"

TIMEOUT_S = 300.0
"""Much longer than it takes: machines may be slow and busy."""
SIZE = (1440, 900)
PANES = ("image", "true", "false", "features")


class SelfTestError(UserFacingError):
    """The window didn't do its main job."""

    kind = "selftest"

    def __init__(self, message: str) -> None:
        super().__init__(message, "Run with a display to see the window; Help > Save log… has the details.")


def run(screenshot: Path | None = None, timeout_s: float = TIMEOUT_S) -> int:
    """Open, analyse, decode, learn, export; a table says how it went.

    Parameters
    ----------
    screenshot : Path, optional
        Where the picture of the window goes (PNG).
    timeout_s : float
        Give up when a step takes longer.

    Returns
    -------
    int
        0 when everything was as it should be, 1 otherwise; the reason is printed.
    """
    application.application()
    handler = crash.start_log()
    crash.install()
    place = tempfile.TemporaryDirectory(prefix="divisive-selftest-", ignore_cleanup_errors=True)
    folder = Path(place.name)  # neither the user's own casebook nor the user's settings
    window = application.build(Settings(folder / "settings.ini"), folder / "Selftest.casebook")
    try:
        return _table(window, folder, screenshot, timeout_s)
    finally:
        window.close()
        window.deleteLater()
        place.cleanup()
        crash.stop_log(handler)


def _table(window: MainWindow, folder: Path, screenshot: Path | None, timeout_s: float) -> int:
    """Each check in turn; one that fails doesn't keep the others from running."""
    sample = next(iter(sample_paths()))

    def ask(request: Request) -> Any:
        return _ask(window, request, timeout_s)

    def window_check() -> str:
        seen = _main_job(window, timeout_s)
        if screenshot is not None:
            _save(window.grab().toImage(), screenshot)
        return seen

    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("window", window_check),
        ("decoders", selftest_checks.decoders),
        ("fine-tuning", lambda: selftest_checks.fine_tuning(ask, folder) if version.can_teach() else _VIEWER),
        ("report", lambda: _report(window, timeout_s)),
        ("exports", lambda: selftest_checks.exports(
            lambda record: ask(Analyse(str(record.path), expected_sha256=record.sha256)), sample, folder / "report"
        )),
    )  # fmt: skip
    failed = 0
    for name, check in checks:
        start = time.monotonic()
        try:
            state, said = "ok", check()
        except UserFacingError as e:
            state, said = "FAILED", f"{e.message} {e.remedy}"
            failed += 1
        except Exception as e:
            state, said = "FAILED", f"{type(e).__name__}: {e}"
            failed += 1
            log.exception("self-test: %s", name)
        print(f"{name:12} {state:7} {time.monotonic() - start:5.1f} s  {said}", flush=True)
    if failed:
        print(f"selftest failed: {failed} of {len(checks)} checks", file=sys.stderr)
    return 1 if failed else 0


def _ask(window: MainWindow, request: Request, timeout_s: float) -> Any:
    """Send a request to the window's engine and wait for the answer; the window goes on working meanwhile."""
    answers: list[Any] = []
    window.services.runner.submit(request, answers.append, answers.append)
    wait_for(lambda: bool(answers), timeout_s, f"the engine's answer to {type(request).__name__}")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _main_job(window: MainWindow, timeout_s: float) -> str:
    samples = sample_paths()
    window.resize(*SIZE)
    problems: list[UserFacingError] = []
    window.services.session.problem.connect(lambda _, error: problems.append(error))
    window.show()
    window.services.runner.start_engine(window.services.settings.device)
    window.services.session.opening.open_paths(samples, remember=False)
    session = window.services.session

    def settled() -> bool:
        failed = session.current is not None and (session.current.error or session.current.analysis_error)
        return session.analyses.features is not None or bool(failed) or bool(problems)

    wait_for(settled, timeout_s, "the analysis of the sample")
    case = session.current
    if problems:
        raise problems[0]
    if case is None or case.analysis is None:
        raise (case.analysis_error if case and case.analysis_error else SelfTestError("Nothing was analysed."))
    wait_for(lambda: window.services.runner.idle, timeout_s, "the background work to end")
    analysis = case.analysis
    if np.array_equal(analysis.cams[0], analysis.cams[1]):
        raise SelfTestError("The two class activation maps are the same.")
    found = session.analyses.features
    if found is None or window.viewer is None:
        raise SelfTestError("Nothing was explained, or there is no viewer.")
    _check_panes(window.viewer)
    statement = session.statement(case)
    assert statement is not None  # it was analysed, above
    return (
        f"{case.name}: {statement.line}; {len(found.features)} important features; "
        f"weights {analysis.model.short_hash}, {analysis.device}"
    )


def _report(window: MainWindow, timeout_s: float) -> str:
    """The report window: its process starts, and the pages of the current case are shown."""
    from divisive_desktop.desktop.features.reports.dialog import ReportDialog

    wait_for(lambda: window.services.session.casebook.idle, timeout_s, "the casebook")
    window.services.actions["report"].trigger()
    wait_for(lambda: window.findChild(ReportDialog) is not None, timeout_s, "the report window")
    dialog = window.findChild(ReportDialog)
    assert dialog is not None
    waiting = dialog.preview.words
    wait_for(lambda: dialog.preview.words != waiting, timeout_s, "the pages of a report")
    pages, words = len(dialog.preview.pages), dialog.preview.words
    dialog.close()
    if not pages:
        raise SelfTestError(f"The report has no pages: {words}")
    return f"preview of {pages} pages, made by a process of its own"


def _check_panes(viewer: Viewer) -> None:
    """Each pane shows something, and no two show the same."""
    seen: dict[str, npt.NDArray[np.uint8]] = {}
    for name in PANES:
        viewer.set_layout(name)
        pump(50)
        seen[name] = pixels(viewer.grab().toImage())
        if len(np.unique(seen[name][::4, ::4].reshape(-1, 3), axis=0)) < 32:
            raise SelfTestError(f"The pane {name!r} is blank.")
    for i, first in enumerate(PANES):
        for second in PANES[i + 1 :]:
            if np.array_equal(seen[first], seen[second]):
                raise SelfTestError(f"The panes {first!r} and {second!r} show the same picture.")
    viewer.set_layout("2x2")
    pump(50)


def _save(picture: QImage, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not save_png(picture, target):
        raise SelfTestError(f"The picture {target} could not be written.")
    print(f"Picture of the window: {target.resolve()}")


def pixels(picture: QImage) -> npt.NDArray[np.uint8]:
    """uint8 (height, width, 3), RGB."""
    rgb = picture.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(rgb.constBits(), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : rgb.width() * 3].reshape(rgb.height(), rgb.width(), 3).copy()


def wait_for(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Let the window work until a condition holds.

    Raises
    ------
    SelfTestError
        It didn't in time.
    """
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise SelfTestError(f"Waited {timeout_s:.0f} s in vain for {what}.")
        pump(20)


def pump(milliseconds: int) -> None:
    """Run the event loop for a moment."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
