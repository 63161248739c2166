"""From a file to a verdict with the real engine: the main job, and what happens when the engine dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.opening.samples import sample_paths
from divisive_desktop.desktop.selftest.run import pixels
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.engine.messages import EngineReady

ENGINE_MS = 90_000


def analysed(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.session.features is not None and window.runner.idle, timeout=ENGINE_MS)


def test_the_main_job(
    qtbot: QtBot, working_window: MainWindow, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, work = working_window, working_window.session
    window.session.open_paths([rg1])
    qtbot.waitUntil(lambda: work.current is not None and work.current.analysing, timeout=20_000)
    assert window.inspector.verdict.verdict.text() == "Analysing…"
    analysed(qtbot, window)
    analysis = work.current.analysis

    # The verdict is the analysis, in words and number; without a label the true class is the predicted one.
    verdict = window.inspector.verdict
    predicted = analysis.model.classes[analysis.predicted]
    assert verdict.verdict.text().lower() == predicted
    assert verdict.classes.text()["True class"] == f"{predicted} (predicted)"
    assert verdict.classes.text()["False class"] == analysis.model.classes[1 - analysis.predicted]
    provenance = window.inspector.provenance.text()
    assert provenance["Model"] == "seeded-test"
    assert provenance["Weights"].rstrip("…") == analysis.model.weights_sha256[:12]
    assert provenance["Calibration"].startswith("none")
    assert "not calibrated" in verdict.words.text()
    assert "mean nothing" in window.inspector.limits.text()
    assert window.status.engine.text() == "Engine ready · CPU"

    # A label turns the pair around: what was the true class's map is now the false class's.
    seen = {}
    for label in (0, 1):
        qtbot.keyClick(window, Qt.Key(Qt.Key.Key_0 + label), Qt.KeyboardModifier.ControlModifier)
        assert verdict.classes.text()["True class"] == f"{analysis.model.classes[label]} (your label)"
        window.viewer.set_layout("true")
        qtbot.wait(50)
        seen[label] = pixels(window.viewer.grab().toImage())
    assert not np.array_equal(seen[0], seen[1])
    window.viewer.set_layout("2x2")
    analysed(qtbot, window)

    # The table lists the features; a click on a row brings it close.
    table = window.inspector.features.table
    assert table.rowCount() == len(work.features.features) > 0
    zoom = window.viewer.state.view.zoom
    last = table.visualItemRect(table.item(table.rowCount() - 1, 1)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=last)
    assert window.viewer.state.view.zoom > zoom
    assert window.viewer.state.selected == table.rowCount()

    # The slider moves the threshold, and Auto brings Otsu's back.
    otsu = work.features.threshold
    slider = window.inspector.features.slider
    slider.setValue(slider.maximum())
    qtbot.waitUntil(lambda: work.features.method == "quantile" and window.runner.idle)
    assert work.features.threshold > otsu
    assert "top 0.5 % of |D|" in window.inspector.features.threshold.text()
    window.actions_["features-auto"].trigger()
    qtbot.waitUntil(lambda: work.features.method == "otsu")
    assert work.features.threshold == otsu

    # The export holds the same figures.
    target = tmp_path / "case.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    window.actions_["export-json"].trigger()
    qtbot.waitUntil(lambda: target.exists() and window.runner.idle)
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["sha256"] == work.record.sha256
    assert written["true_class_source"] == "label"
    assert np.allclose(written["cam"]["true"], analysis.cams[1], atol=1e-5)
    assert len(written["features"]) == len(work.features.features)


def test_a_killed_engine_is_told_and_the_analysis_can_be_repeated(
    qtbot: QtBot, working_window: MainWindow, rg1: Path
) -> None:
    window, work = working_window, working_window.session
    qtbot.waitUntil(lambda: isinstance(window.runner.engine, EngineReady), timeout=ENGINE_MS)
    with qtbot.waitSignal(work.recordReady, timeout=20_000):
        work.open_paths([rg1])
    assert work.current.analysing
    qtbot.waitUntil(lambda: window.runner.engine_pid is not None)
    os.kill(window.runner.engine_pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: window.messages.messages() != [], timeout=20_000)
    message = window.messages.messages()[0]
    assert "stopped unexpectedly" in message.text
    assert "safe" in message.remedy
    assert window.stack.currentWidget() is window.viewer, "the picture stays"
    # Whether the job was lost or had just been answered, asking again gives an answer.
    qtbot.waitUntil(lambda: not work.current.analysing, timeout=ENGINE_MS)
    qtbot.mouseClick(message.findChild(QPushButton), Qt.MouseButton.LeftButton)
    assert window.messages.messages() == []
    analysed(qtbot, window)
    assert work.current.analysis_error is None
    assert window.status.engine.text().startswith("Engine ready")


def test_all_cases_are_analysed_with_progress_and_bad_files_do_not_stop_it(
    qtbot: QtBot, working_window: MainWindow, rg1: Path, tmp_path: Path
) -> None:
    window, work = working_window, working_window.session
    window.settings.analyse_on_opening = False
    bad = tmp_path / "empty.dcm"
    bad.write_bytes(b"")
    astronaut = sample_paths()[-1]
    copies = [tmp_path / f"copy{i}.dcm" for i in range(3)]
    for i, copy in enumerate(copies):  # no two alike: the same image would be listed once
        copy.write_bytes(bytes([i]) + rg1.read_bytes()[1:])
    with qtbot.waitSignal(work.recordReady, timeout=20_000):
        work.open_paths([copies[0], bad, *copies[1:], astronaut])
    qtbot.waitUntil(lambda: window.runner.idle, timeout=30_000)
    fractions: list[float] = []
    window.runner.progressed.connect(lambda event: fractions.append(event.fraction))
    window.actions_["analyse-all"].trigger()
    assert window.status.work.isVisible()
    assert not window.actions_["analyse-all"].isEnabled()
    qtbot.waitUntil(lambda: not work.batch_running, timeout=ENGINE_MS)
    assert not window.status.work.isVisible()
    assert fractions == sorted(fractions)
    by_name = {c.name: c for c in work.cases}
    assert all(by_name[c.name].analysis is not None for c in copies)
    face = by_name[astronaut.name]
    assert (face.analysis is None) != (face.analysis_error is None), "analysed, or told why not"
    assert by_name["empty.dcm"].error is not None


@pytest.mark.timeout(400)
def test_the_selftest_passes_in_a_process_without_torch(model: Path, home: Path, tmp_path: Path) -> None:
    picture = tmp_path / "out" / "window.png"
    code = (
        "import sys\n"
        "if __name__ == '__main__':\n"
        "    from pathlib import Path\n"
        "    from divisive_desktop.desktop.selftest.run import run\n"
        f"    code = run(Path({str(picture)!r}))\n"
        "    assert not {'torch', 'lightning_fabric'} & set(sys.modules), 'torch in the desktop process'\n"
        "    sys.exit(code)\n"
    )
    script = tmp_path / "run.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=390, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RG1_UNCR.dcm" in done.stdout
    said = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if " s  " in line}
    assert said == {"window": "ok", "decoders": "ok", "fine-tuning": "ok", "report": "ok", "exports": "ok"}
    assert "5 steps" in done.stdout
    assert picture.stat().st_size > 50_000
