"""A study runs every method with every seed once, goes on where it stopped, and its tables say what was found."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.errors import TrainingError
from divisive_desktop.training.study import Study, run_study, spread

ROOT = Path(__file__).resolve().parents[2]

QUICK = """
name = "quick"
task = "chest-planted"
methods = ["cross_entropy", "difference"]
seeds = [0, 1]
border = ["test_open"]
compare = "difference"
by = "kind"
[settings]
epochs = 1
batch = 4
copies = 1
device = "cpu"
preprocessing = { size = 96 }
"""


def test_runs_resumes_and_reports(small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "quick.toml").write_text(QUICK)
    study = Study.read(tmp_path / "quick.toml")
    said: list[str] = []
    out = tmp_path / "out"
    found = run_study(study, small_data, out, say=said.append)
    assert len(said) == 4
    assert found["runs"] == found["wanted"] == 4
    figures = found["methods"]["difference"]["figures"]
    assert figures["test_open/auroc"]["n"] == 2
    assert "test_open/border_only" in figures
    assert set(found["compared"]["with"]) == {"cross_entropy"}
    assert found["twins"] == {}  # the ablation of difference is not among the methods
    table = (out / "results.md").read_text()
    assert "| `difference` | 2 |" in table
    assert "The same answer for every validation image" in table
    assert set(found["methods"]["difference"]["collapsed"]) <= {0, 1}
    for name in ("auroc.png", "mean_cams.png"):
        image = cv2.imdecode(np.frombuffer((out / name).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.std() > 5
    # Same start and same batches: only the loss differs, and the first seed's result is kept as it is.
    before = (out / "runs" / "difference-0" / "result.json").read_text()
    (out / "runs" / "difference-1" / "result.json").unlink()
    said.clear()
    run_study(study, small_data, out, say=said.append)
    assert said == ["Run 4 of 4: difference, seed 1"]
    assert (out / "runs" / "difference-0" / "result.json").read_text() == before


def test_what_the_false_class_adds_is_paired_by_seed(small_data: Path, tmp_path: Path) -> None:
    text = QUICK.replace('["cross_entropy", "difference"]', '["true_pos", "diff_pos", "focus"]')
    (tmp_path / "twins.toml").write_text(text.replace('"difference"', '""'))
    out = tmp_path / "out"
    found = run_study(Study.read(tmp_path / "twins.toml"), small_data, out, say=lambda _: None)
    assert set(found["twins"]) == {"diff_pos"}
    assert found["twins"]["diff_pos"]["twin"] == "true_pos"
    figures = found["twins"]["diff_pos"]["figures"]
    both = [found["methods"][m]["figures"]["val/positives/energy"]["mean"] for m in ("diff_pos", "true_pos")]
    assert figures["val/positives/energy"]["mean"] == pytest.approx(both[0] - both[1])
    assert "`diff_pos` - `true_pos`" in (out / "results.md").read_text()


def test_a_run_that_another_process_does_is_left_to_it(small_data: Path, tmp_path: Path) -> None:
    import os

    (tmp_path / "quick.toml").write_text(QUICK.replace("seeds = [0, 1]", "seeds = [0]"))
    out = tmp_path / "out"
    for method in ("cross_entropy", "difference"):
        (out / "runs" / f"{method}-0").mkdir(parents=True)
        (out / "runs" / f"{method}-0" / "claim").write_text(str(os.getppid()))
    said: list[str] = []
    found = run_study(Study.read(tmp_path / "quick.toml"), small_data, out, say=said.append)
    assert not said
    assert found["runs"] == 0


@pytest.mark.parametrize("text", ["name = 1", QUICK.replace('"difference"]', '"nonsense"]'), QUICK + "\nnoise = 3"])
def test_mistakes_in_a_study_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(TrainingError):
        Study.read(tmp_path / "s.toml")


@pytest.mark.parametrize("path", sorted((ROOT / "models" / "studies").glob("*.toml")), ids=lambda p: p.stem)
def test_the_shipped_studies_can_be_read(path: Path) -> None:
    study = Study.read(path)
    assert study.name == path.stem
    if not study.hide:  # with the marker hidden, cross-entropy alone is the ceiling
        assert {"cross_entropy", "cyborg", "true_correlation"} <= set(study.methods)
    assert len(study.seeds) >= 5


def test_the_shipped_descriptions_can_be_read() -> None:
    from divisive_desktop.training.shipping import Description

    for path in (ROOT / "models" / "descriptions").glob("*.toml"):
        words = Description.read(path)
        assert words.limits
        assert words.attribution


def test_spread_is_the_t_interval() -> None:
    found = spread([0.9, 0.92, 0.94, 0.96, 0.98])
    assert found["mean"] == pytest.approx(0.94)
    assert found["high"] - found["mean"] == pytest.approx(2.776 * 0.031623 / 5**0.5, rel=1e-3)
    assert spread([0.5])["low"] is None
    assert json.dumps(found)
