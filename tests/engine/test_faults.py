"""Turned, upside down, inverted and mirrored films, by the shipped model: which fault it is, and that mending helps."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import LOOKS, Correction, named, suggested_by
from divisive_desktop.imaging.display import render
from tests.conftest import dicom_sample

MODEL = "chest-cardiomegaly-focus-1"


@pytest.fixture(scope="module")
def worker() -> Worker:
    return Worker("cpu")


def film(folder: Path, fault: str = "") -> Path:
    """A film without header, shown with these faults."""
    record = corrected(open_image(dicom_sample("RG1_UNCR.dcm")), Correction.parse(fault))
    small = cv2.resize(render(record), (512, 512), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "film.png"), small)
    return folder / "film.png"


def ask(worker: Worker, path: Path, mend: str = "") -> Analysis:
    found = dispatch.answer(worker, Analyse(str(path), model_id=MODEL, correction=Correction.parse(mend)))
    assert isinstance(found, Analysis)
    return found


@pytest.mark.parametrize(("fault", "mend"), [
    ("invert", "invert"), ("turn-left", "turn-right"), ("turn-right", "turn-left"), ("turn-over", "turn-over"),
])  # fmt: skip
def test_a_fault_is_named_and_mending_it_brings_the_answer(
    worker: Worker, tmp_path: Path, fault: str, mend: str
) -> None:
    path = film(tmp_path, fault)
    with pytest.raises(OutOfScopeError, match=LOOKS[mend]) as refused:
        ask(worker, path)
    assert suggested_by(refused.value.message) == named(mend)
    assert "mend it" in refused.value.remedy
    answer, straight = ask(worker, path, mend), ask(worker, film(tmp_path))
    assert answer.scope.zone in ("familiar", "unfamiliar")
    assert answer.correction == mend
    assert answer.preprocessing["correction"] == mend
    assert np.allclose(answer.logits, straight.logits, atol=0.05)
    assert answer.image_size == straight.image_size


def test_two_faults_are_mended_at_once(worker: Worker, tmp_path: Path) -> None:
    path = film(tmp_path, "turn-over+invert")
    with pytest.raises(OutOfScopeError) as refused:
        ask(worker, path)
    mended = suggested_by(refused.value.message)
    assert mended == Correction.parse("turn-over+invert")
    assert "turn by 180 degrees and invert the greys" in refused.value.remedy
    assert ask(worker, path, str(mended)).scope.zone != "out_of_scope"


def test_a_mirrored_film_is_only_hinted_at(worker: Worker, tmp_path: Path) -> None:
    answer = ask(worker, film(tmp_path, "mirror"))
    assert answer.scope.zone == "unfamiliar"
    assert suggested_by(answer.scope.reasons) == named("mirror")
    assert not suggested_by(ask(worker, film(tmp_path)).scope.reasons)


@pytest.mark.parametrize("name", ["camera.png", "brick.png", "text.png"])
def test_what_is_no_film_is_no_inverted_film(worker: Worker, name: str) -> None:
    data = pytest.importorskip("skimage").data
    path = Path(data.__file__).with_name(name)
    with pytest.raises(OutOfScopeError) as refused:
        ask(worker, path)
    assert not suggested_by(refused.value.message)
