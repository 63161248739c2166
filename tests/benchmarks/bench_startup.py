"""How long until the window is on the screen, against a bare PySide6 + pyqtgraph hello window.

Each run is a process of its own; "visible" is the first paint after which the event loop is idle. The order of the
two alternates, and the median of the ratios of neighbours counts, so that a busy machine slows both alike.
Limit: 1.5. Also measured: first radiograph on the screen, with the file given on the command line.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
LIMIT = 1.5

HELLO = """
import sys
import pyqtgraph
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
app = QApplication(sys.argv)
class Hello(pyqtgraph.PlotWidget):
    def paintEvent(self, event):
        super().paintEvent(event)
        QTimer.singleShot(0, said)
def said():
    print("visible", flush=True)
    sys.stdin.read()
    app.quit()
window = Hello(title="hello")
window.resize(1280, 800)
window.show()
app.exec()
"""

OURS = """
import sys
from PySide6.QtCore import QTimer
from divisive_desktop.desktop import application
files = sys.argv[1:]
def said(event):
    print(event, flush=True)
class Told(application.MainWindow):
    def __init__(self, *a):
        super().__init__(*a)
        self.painted.connect(lambda: said("visible"))
        if files:
            self.services.session.recordReady.connect(lambda *_: QTimer.singleShot(0, self.picture))
    def picture(self):
        if self.viewer is None:
            QTimer.singleShot(1, self.picture)
            return
        self.viewer.repaint()
        said("picture")
application.MainWindow = Told
if __name__ == "__main__":
    application.run(files)
"""


def seconds_until(script: Path, word: str, *arguments: str) -> float:
    """Start a process and wait until it prints a word."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, script, *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        for line in process.stdout or ():
            if line.strip() == word:
                return time.perf_counter() - start
        raise RuntimeError(f"{script.name} ended without saying {word!r}")
    finally:
        # The engine too, which would otherwise still load its libraries while the next one is measured.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["DIVISIVE_DESKTOP_HOME"] = str(Path(folder) / "home")
        hello, ours = Path(folder) / "hello.py", Path(folder) / "ours.py"
        hello.write_text(HELLO)
        ours.write_text(OURS)
        from pydicom.data import get_testdata_file

        radiograph = str(get_testdata_file("RG1_UNCR.dcm", download=False))
        for script in (hello, ours):  # warm the disk cache and the byte code
            seconds_until(script, "visible")
        rows = []
        for _ in range(RUNS):
            rows.append(
                (
                    seconds_until(hello, "visible"),
                    seconds_until(ours, "visible"),
                    seconds_until(ours, "picture", radiograph),
                )
            )
    peer, shown, picture = (statistics.median(r[i] for r in rows) for i in range(3))
    ratio = statistics.median(r[1] / r[0] for r in rows)
    picture_ratio = statistics.median(r[2] / r[0] for r in rows)
    print(f"start-up, median of {RUNS} runs")
    print(f"{'':34}{'seconds':>9}{'ratio':>8}{'limit':>8}")
    print(f"{'hello window (PySide6, pyqtgraph)':34}{peer:9.2f}{1.0:8.2f}")
    print(f"{'our window visible':34}{shown:9.2f}{ratio:8.2f}{LIMIT:8.2f}  {'ok' if ratio <= LIMIT else 'TOO SLOW'}")
    print(f"{'first radiograph on the screen':34}{picture:9.2f}{picture_ratio:8.2f}")
    if ratio > LIMIT:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
