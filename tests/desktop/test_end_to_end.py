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
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.opening.samples import sample_paths
from divisive_desktop.desktop.selftest.run import pixels
from tests.desktop.pages import Page

ENGINE_MS = 90_000


def test_the_main_job(
    qtbot: QtBot, working_page: Page, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = working_page
    page.begin_opening(rg1)
    qtbot.waitUntil(lambda: page.current is not None and page.current.analysing, timeout=20_000)
    assert page.verdict.text == "Analysing…"
    page.wait_analysed()
    analysis = page.current.analysis

    # The verdict is the analysis, in words and number; without a label the maps take the nearer one first.
    verdict = page.verdict
    predicted = analysis.model.classes[analysis.predicted]
    assert verdict.text == "Undecided (scope not checked)", "nobody measured how often the seeded model is wrong"
    assert verdict.chance.startswith("P(abnormal) ")
    assert verdict.classes["Nearer class"] == predicted
    assert verdict.classes["Other class"] == analysis.model.classes[1 - analysis.predicted]
    provenance = page.inspector.provenance
    assert provenance["Model"] == "seeded-test"
    assert provenance["Weights"].rstrip("…") == analysis.model.weights_sha256[:12]
    assert "Temperature" not in provenance
    assert "nobody checked" in verdict.words
    assert "mean nothing" in page.inspector.limits
    assert page.status.engine.text() == "Engine ready · CPU"

    # A label turns the pair around: what was the true class's map is now the false class's.
    seen = {}
    for label in (0, 1):
        page.key(Qt.Key(Qt.Key.Key_0 + label), Qt.KeyboardModifier.ControlModifier)
        assert verdict.classes["True class"] == f"{analysis.model.classes[label]} (label)"
        page.viewer.set_layout("true")
        page.wait_analysed()
        seen[label] = pixels(page.viewer.grab().toImage())
    assert not np.array_equal(seen[0], seen[1])
    page.viewer.set_layout("2x2")
    page.wait_analysed()

    # The table lists the features; a click on a row brings it close.
    table = page.inspector.features.table
    assert table.rowCount() == len(page.features.features) > 0
    zoom = page.viewer.state.view.zoom
    page.inspector.click_feature(table.rowCount() - 1)
    assert page.viewer.state.view.zoom > zoom
    assert page.viewer.state.selected == table.rowCount()

    # The slider moves the threshold, and Auto brings Otsu's back.
    otsu = page.features.threshold
    slider = page.inspector.features.slider
    slider.setValue(slider.maximum())
    qtbot.waitUntil(lambda: page.features.method == "quantile" and page.idle)
    assert page.features.threshold > otsu
    assert "top 0.5 % of |D|" in page.inspector.features.threshold.text()
    page.trigger("features-auto")
    qtbot.waitUntil(lambda: page.features.method == "otsu")
    assert page.features.threshold == otsu

    # The export holds the same figures.
    target = tmp_path / "case.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    page.trigger("export-json")
    qtbot.waitUntil(lambda: target.exists() and page.idle)
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["sha256"] == page.record.sha256
    assert written["true_class_source"] == "label"
    assert np.allclose(written["cam"]["true"], analysis.cams[1], atol=1e-5)
    assert len(written["features"]) == len(page.features.features)


def test_a_killed_engine_is_told_and_the_analysis_can_be_repeated(
    qtbot: QtBot, working_page: Page, rg1: Path
) -> None:
    page = working_page
    page.wait_engine()
    page.open(rg1)
    assert page.current.analysing
    qtbot.waitUntil(lambda: page.runner.engine_pid is not None)
    os.kill(page.runner.engine_pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: page.messages.texts != [], timeout=20_000)
    message = page.messages[0]
    assert "stopped unexpectedly" in message.text
    assert "safe" in message.remedy
    assert page.showing == "viewer", "the picture stays"
    # Whether the job was lost or had just been answered, asking again gives an answer.
    qtbot.waitUntil(lambda: not page.current.analysing, timeout=ENGINE_MS)
    page.wait_engine()
    qtbot.waitUntil(lambda: "runs again" in page.messages[0].text, timeout=ENGINE_MS)
    page.messages.press("Analyse again")
    assert page.messages.texts == []
    page.wait_analysed()
    assert page.current.analysis_error is None
    assert page.status.engine.text().startswith("Engine ready")


def test_all_cases_are_analysed_with_progress_and_bad_files_do_not_stop_it(
    qtbot: QtBot, working_page: Page, rg1: Path, tmp_path: Path
) -> None:
    page = working_page
    page.settings.analyse_on_opening = False
    bad = tmp_path / "empty.dcm"
    bad.write_bytes(b"")
    astronaut = sample_paths()[-1]
    copies = [tmp_path / f"copy{i}.dcm" for i in range(3)]
    for i, copy in enumerate(copies):  # no two alike: the same image would be listed once
        copy.write_bytes(bytes([i]) + rg1.read_bytes()[1:])
    page.open(copies[0], bad, *copies[1:], astronaut)
    page.wait_idle()
    fractions: list[float] = []
    page.runner.progressed.connect(lambda event: fractions.append(event.fraction))
    page.trigger("analyse-all")
    assert page.progress_shown
    assert not page.enabled("analyse-all")
    qtbot.waitUntil(lambda: not page.batch_running, timeout=ENGINE_MS)
    assert not page.progress_shown
    assert fractions == sorted(fractions)
    by_name = {c.name: c for c in page.cases}
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
