"""From a process' start to the first verdict on the screen, in stages, against a bare PySide6 + pyqtgraph window.

Each run is a process of its own, with a casebook that is there and empty; "visible" is the first paint
after which the event loop is idle. The programs take turns and the median of the ratios of neighbours counts, so that
a busy machine slows all alike. Byte code is there beforehand, as it is where the program is installed.

Limits: window visible 1.35 x the bare window; no gap of the window's thread over 100 ms once it is visible; a film's
verdict 2.5 s, that of the sample cases 1.6 x the time to the visible window. Seconds are this machine's.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from divisive_desktop.casebook import Casebook

RUNS = 7
VISIBLE, GAP_S, VERDICT_S, SAMPLES = 1.35, 0.1, 2.5, 1.6
STAGES = ("visible", "viewer", "record", "picture", "analysis", "verdict")

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

# The children of the program import the main module: nothing of the window may be imported there.
OURS = """
import sys
import time
def main():
    from PySide6.QtCore import QTimer
    from divisive_desktop.desktop import application
    files, samples = [a for a in sys.argv[1:] if a != "--samples"], "--samples" in sys.argv
    def said(event):
        print(event, flush=True)
    class Told(application.MainWindow):
        def __init__(self, *a):
            super().__init__(*a)
            self.painted.connect(self.visible)
            self.viewerReady.connect(lambda: said("viewer"))
            session = self.services.session
            session.recordReady.connect(lambda *_: (said("record"), QTimer.singleShot(0, self.picture)))
            session.analysisChanged.connect(self.analysis)
            self.gap, self.last = 0.0, None
            self.beat = QTimer(self, interval=0)
            self.beat.timeout.connect(self.tick)
        def visible(self):
            said("visible")
            self.beat.start()
        def tick(self):
            now = time.perf_counter()
            if self.last is not None:
                self.gap = max(self.gap, now - self.last)
            self.last = now
        def picture(self):
            if self.viewer is None:
                QTimer.singleShot(1, self.picture)
                return
            self.viewer.repaint()
            said("picture")
        def analysis(self, case):
            if case.verdict is not None:
                said("analysis")
                QTimer.singleShot(0, self.verdict)
        def verdict(self):
            self.repaint()
            said(f"gap {self.gap}")
            said("verdict")
    application.MainWindow = Told
    application.run(files, samples=samples)
if __name__ == "__main__":
    main()
"""


def stages_until(script: Path, last: str, *arguments: str, used: bool = True) -> dict[str, float]:
    """Start a process and wait until it says ``last``; when it said what, in seconds, and the longest gap.

    Parameters
    ----------
    used : bool
        Whether the program was started before, so that there is a casebook.
    """
    home = os.environ["DIVISIVE_DESKTOP_HOME"] = tempfile.mkdtemp(dir=script.parent)
    if used and script.name == "ours.py":
        Casebook.open_default().close()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, script, *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    seen: dict[str, float] = {}
    try:
        for line in process.stdout or ():
            word, _, value = line.strip().partition(" ")
            seen.setdefault(word, float(value) if value else time.perf_counter() - start)
            if word == last:
                return seen
        raise RuntimeError(f"{script.name} ended without saying {last!r}")
    finally:
        # The engine too, which would otherwise still load its libraries while the next one is measured.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "bytecode")
        hello, ours = Path(folder) / "hello.py", Path(folder) / "ours.py"
        hello.write_text(HELLO)
        ours.write_text(OURS)
        from pydicom.data import get_testdata_file

        film = str(get_testdata_file("RG1_J2KR.dcm", download=False))
        stages_until(hello, "visible")  # warms the disk cache and makes the byte code
        stages_until(ours, "verdict", film)
        first = stages_until(ours, "verdict", film, used=False)
        peers, films, samples = [], [], []
        for _ in range(RUNS):
            peers.append(stages_until(hello, "visible")["visible"])
            films.append(stages_until(ours, "verdict", film))
            samples.append(stages_until(ours, "verdict", "--samples"))
    print(f"start-up, medians of {RUNS} runs ({first['verdict']:.2f} s to the first film's verdict in an empty home)")
    print(f"{'':34}{'seconds':>9}{'x bare':>9}{'x visible':>11}{'limit':>9}")
    print(f"{'bare window (PySide6, pyqtgraph)':34}{statistics.median(peers):9.2f}{1.0:9.2f}")
    good = [report("a J2K film", films, peers), report("the sample cases", samples, peers)]
    if not all(good):
        raise SystemExit(1)


def report(name: str, runs: list[dict[str, float]], peers: list[float]) -> bool:
    """A table of stages; whether the limits hold."""
    print(name)
    good = True
    for stage in STAGES:
        seconds = statistics.median(run[stage] for run in runs)
        bare = statistics.median(run[stage] / peer for run, peer in zip(runs, peers, strict=True))
        visible = statistics.median(run[stage] / run["visible"] for run in runs)
        limit, held = "", True
        if stage == "visible":
            limit, held = f"{VISIBLE:.2f} b", bare <= VISIBLE
        elif stage == "verdict" and name == "a J2K film":
            limit, held = f"{VERDICT_S:.1f} s", seconds <= VERDICT_S
        elif stage == "verdict":
            limit, held = f"{SAMPLES:.1f} v", visible <= SAMPLES
        good = good and held
        print(f"  {stage:32}{seconds:9.2f}{bare:9.2f}{visible:11.2f}{limit:>9}{'' if held else '  TOO SLOW'}")
    gap = statistics.median(run["gap"] for run in runs)
    held = gap <= GAP_S
    print(f"  {'longest gap after visible':32}{gap:9.2f}{'':20}{GAP_S:7.1f} s{'' if held else '  TOO LONG'}")
    return good and held


if __name__ == "__main__":
    main()
