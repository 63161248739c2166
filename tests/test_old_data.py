"""What 0.1.0 wrote opens as it did: a casebook, a model, reports, settings (tests/data/v0_1_0/README.md).

``expected.json`` beside the data holds what 0.1.0 itself read in it, so each value is compared with that.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QDockWidget, QHeaderView
from pytestqt.qtbot import QtBot

# All that this file takes from the program's modules; everything else goes through the command line.
from divisive_desktop.casebook import Casebook, CaseFilter
from divisive_desktop.desktop.application import build
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.library.archive import import_model
from divisive_desktop.library.store import default_model, verify
from divisive_desktop.reporting.keys import known_keys
from divisive_desktop.reporting.options import load_last

DATA = Path(__file__).with_name("data") / "v0_1_0"
CASEBOOK = Path("Divisive", "Old.casebook")
MODEL = "old-chest-difference-3"
SINCE = {"scope": None, "decision": None, "framing": None, "data_terms": ""}
"""What cards say since, and those of then don't."""
PURPOSES = ("open", "export", "mask", "model", "casebook", "report")


def read_case(book: Casebook, row: Any) -> dict[str, Any]:
    """Everything that a casebook knows of a case, as ``make.py`` wrote it down."""
    mask, analyses = book.masks.load(row.id), []
    for made in book.analyses.rows(row.id):
        whole = book.analyses.load(made.id)
        analyses.append({
            **made._asdict(), "cams": array(whole.cams), "bias": list(whole.bias), "region": list(whole.region),
            "preprocessing": dict(whole.preprocessing),
        })  # fmt: skip
    return {
        **row._asdict(),
        "tags": list(row.tags),
        "labels": [r._asdict() for r in book.cases.labels(row.id)],
        "mask": None if mask is None else {
            "digest": mask.digest(),
            "union": array(mask.union()),
            "regions": [[r.name, r.colour, r.weight] for r in mask.regions],
        },
        "analyses": analyses,
        "measurements": list(book.measurements.load(row.id)),
    }  # fmt: skip


def read_casebook(book: Casebook) -> dict[str, Any]:
    """The rest of it: runs, batches, what could be trained on, settings, audit chain."""
    return {
        "runs": [{**r._asdict(), "cases": [c._asdict() for c in book.runs.cases(r.id)]} for r in book.runs.rows()],
        "batches": [
            {**b._asdict(), "items": [i._asdict() for i in book.batches.items(b.id)]} for b in book.batches.rows()
        ],
        "training": [{**c._asdict(), "path": c.path.name} for c in book.runs.training_cases()],
        "settings": {key: book.settings.get(key) for key in ("identity", "patient_keys", "holdout_share", "copy")},
        "audit": [[r.seq, r.time, r.user, r.role, r.act, r.case_id, r.hash] for r in book.audit.trail(limit=9999)],
    }


# ---- the same for every version of the program from here on ---------------------------------------------------------


def array(values: npt.NDArray[Any]) -> dict[str, Any]:
    return {"shape": list(values.shape), "sum": float(values.sum()), "max": float(values.max())}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    """What 0.1.0 read."""
    found: dict[str, Any] = json.loads((DATA / "expected.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def old(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data where it may be written to, as the folders of this test's user."""
    shutil.copytree(DATA, home, dirs_exist_ok=True)
    with zipfile.ZipFile(home / "models.zip") as packed:
        packed.extractall(home / "Divisive" / "models")
    os.chmod(home / CASEBOOK, 0o700)  # which Git doesn't keep
    monkeypatch.setenv("DIVISIVE_DESKTOP_HOME", str(home / "Divisive"))
    return home


@pytest.fixture
def book(old: Path) -> Iterator[Casebook]:
    with Casebook.open(old / CASEBOOK) as opened:
        yield opened


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """What ``divisive-desktop verify`` says, in this process."""

    def run(*arguments: str | Path) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["divisive-desktop", "verify", *map(str, arguments), "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("divisive_desktop", run_name="__main__")
        out, err = capsys.readouterr()
        assert ended.value.code in (None, 0), out + err
        found: dict[str, Any] = json.loads(out)
        return found

    return run


def program(*arguments: str | Path) -> str:
    """What the command line prints, in a process of its own, since torch is loaded; it must be content."""
    done = subprocess.run(
        [sys.executable, "-m", "divisive_desktop", *map(str, arguments)], capture_output=True, check=False,
        encoding="utf-8", env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_casebook_is_as_it_was_written(
    old: Path, expected: dict[str, Any], verified: Callable[..., dict[str, Any]]
) -> None:
    found = verified(old / CASEBOOK)
    assert found["breaks"] == []
    assert found["remarks"] == []
    assert found["sealed"]
    assert (found["head"], found["rows"], found["blobs"]) == (expected["casebook"]["head"], 40, 6)


def test_every_row_of_the_casebook_has_its_values(book: Casebook, expected: dict[str, Any]) -> None:
    assert book.read_only is None
    assert book.warnings == ()
    rows = book.cases.rows(CaseFilter(trashed=None))
    assert len(rows) == 4
    for row, then in zip(rows, expected["casebook"]["cases"], strict=True):
        found = plain(read_case(book, row))
        assert {name: found[name] for name in then} == then
        since = {name: value for name, value in found.items() if name not in then}
        assert since.pop("model_task") in (None, "chest-xray", "face-synthetic", "face-manipulation", "chest-planted")
        weights = since.pop("weights_sha256")
        assert (weights is None) == (found["analysis"] is None)
        assert weights is None or len(weights) == 64
        nothing = dict.fromkeys(("p_negative", "p_positive", "rate_negative", "rate_positive", "correction"))
        assert since == {"insisted": 0, "zone": "not_checked", **nothing}, "scope and errors were not looked at then"
    rest = plain(read_casebook(book))
    for case in [*rest["training"], *(case for run in rest["runs"] for case in run["cases"])]:
        assert case.pop("correction") is None, "pictures could not be mended then"
    assert rest["audit"].pop(0)[4] == "migrate", "to the schema of now"
    for part, read in rest.items():
        assert read == expected["casebook"][part], part


def test_pictures_copies_and_thumbnails_are_found(book: Casebook) -> None:
    film, photo, radiograph, gone = book.cases.rows(CaseFilter(trashed=None))
    assert book.originals.path(film.id).read_bytes() == (DATA / "Pictures" / "film.png").read_bytes()
    assert book.originals.path(photo.id).read_bytes() == (DATA / "Pictures" / "photo.png").read_bytes()
    assert book.originals.path(radiograph.id).name == "radiograph.dcm", "found beside the casebook, which was moved"
    assert book.originals.path(gone.id).is_file()
    assert book.cases.thumbnail(film.thumbnail).startswith(b"\x89PNG")


def test_the_casebook_goes_on(
    book: Casebook, expected: dict[str, Any], verified: Callable[..., dict[str, Any]]
) -> None:
    """What is written now continues the chain of then."""
    book.cases.set_label(1, 0)
    path = book.path
    book.close()
    found = verified(path)
    assert found["breaks"] == []
    assert found["records"] > len(expected["casebook"]["audit"])


def test_the_model_is_found_and_its_card_is_read(old: Path, expected: dict[str, Any]) -> None:
    found = default_model("chest-xray")
    assert found.card.id == MODEL, "the user's own default goes before the program's"
    assert plain(asdict(verify(found.folder))) == {**expected["model"], **SINCE}


def test_the_model_answers_as_it_did(old: Path, expected: dict[str, Any]) -> None:
    then = expected["casebook"]["cases"][0]["analyses"][0]
    (now,) = json.loads(program("analyze", old / "Pictures" / "film.png", "--model", MODEL, "--json", "-"))
    assert now["scope"]["zone"] == "not_checked"
    assert now["logits"] == pytest.approx([then["logit0"], then["logit1"]], abs=1e-3)
    cams = np.array([now["cam"]["true"], now["cam"]["false"]])
    assert array(cams)["shape"] == then["cams"]["shape"]
    assert float(cams.sum()) == pytest.approx(then["cams"]["sum"], abs=1e-2)
    assert (now["nearer"], now["preprocessing"]["region"]) == (then["predicted"], then["region"])


def test_the_model_s_file_for_exchange_is_imported(home: Path, expected: dict[str, Any]) -> None:
    model = import_model(DATA / "exchange.divmodel")
    assert plain(asdict(verify(model.folder))) == {**expected["model"], "default": False, **SINCE}


@pytest.mark.parametrize("ending", ["pdf", "html", "json", "csv", "sr.dcm", "seg.dcm", "image.dcm"])
def test_a_report_holds(old: Path, ending: str, verified: Callable[..., dict[str, Any]]) -> None:
    (report,) = old.glob(f"Reports/*{ending}")
    said = verified(report, "--casebook", old / CASEBOOK)["findings"]
    states = [finding["state"] for finding in said]
    if ending == "csv":
        assert states == ["holds", "holds", "unknown", "unknown"], said
    else:
        assert states.count("holds") >= 11, said
        whats = "\n".join(finding["what"] for finding in said)
        assert "no record of this very file" in whats, "0.1.0 kept none"
        if ending in ("pdf", "html"):
            assert "Another version of the program made this file" in whats
    assert said[1]["what"].startswith("Signed by the owner of this account")


def test_the_analysis_of_a_report_can_be_repeated(old: Path) -> None:
    (report,) = old.glob("Reports/*.json")
    said = program("verify", report, "--original", old / "Pictures" / "radiograph.dcm")
    assert "the analysis was repeated and gives the same" in said
    assert "BROKEN" not in said


def test_settings_have_their_values(old: Path, expected: dict[str, Any]) -> None:
    read = Settings()
    columns, small = read.worklist()
    assert {
        "theme": read.theme, "identity_visible": read.identity_visible, "names_identify": read.names_identify,
        "recent": read.recent, "recent_casebooks": read.recent_casebooks, "user": list(read.user),
        "folders": {p: read.folder(p) for p in PURPOSES},
        "layouts": {q: read.layout_for(q) for q in ("chest-xray", "face-synthetic", "chest-planted")},
        "keys": read.keys, "mouse": read.mouse, "max_pixels": read.max_pixels, "device": read.device,
        "analyse_on_opening": read.analyse_on_opening, "small_rows": small,
        "columns": columns.toBase64().toStdString(),
        "window": [part.toBase64().toStdString() for part in read.window_layout()],
    } == expected["settings"]  # fmt: skip


def test_settings_of_reports_have_their_values(old: Path, expected: dict[str, Any]) -> None:
    assert plain({**asdict(load_last()), "logo": ""}) == {**expected["last_report"], "rates": None}
    assert known_keys() == expected["known_keys"]


def test_the_window_comes_up_as_it_was_left(qtbot: QtBot, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of docks, columns and actions are part of what settings hold."""
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", "")
    window = build(Settings(), old / CASEBOOK)
    try:
        with qtbot.waitSignal(window.viewerReady, timeout=30_000):
            window.show()
        worklist, inspector = (window.findChild(QDockWidget, name) for name in ("worklist", "inspector"))
        assert isinstance(worklist, QDockWidget)
        assert isinstance(inspector, QDockWidget)
        assert (worklist.isHidden(), inspector.isHidden()) == (False, True)
        header = next(h for h in worklist.findChildren(QHeaderView) if h.count() > 5)
        shown = [i for i in range(header.count()) if not header.isSectionHidden(i)]
        titles = [str(header.model().headerData(i, header.orientation())) for i in shown]
        assert titles == ["Case", "Label", "Verdict", "Notes"]
        qtbot.waitUntil(lambda: header.model().rowCount() == 3, timeout=20_000)
        assert action(window, "fit").shortcut().toString() == "Ctrl+Alt+F"
        assert action(window, "label-1").shortcut().isEmpty()
        assert action(window, "one-to-one").shortcut().toString(), "others keep theirs"
        assert action(window, "theme-dark").isChecked()
        assert action(window, "identity").isChecked()
        assert not action(window, "auto-analyse").isChecked()
        assert os.environ["DIVISIVE_DESKTOP_MAX_PIXELS"] == "123000000"
    finally:
        window.close()
        window.deleteLater()
        QApplication.processEvents()


def action(window: Any, name: str) -> QAction:
    found = window.findChild(QAction, name)
    assert isinstance(found, QAction), name
    return found


def plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value, default=list))
