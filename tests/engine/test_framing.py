"""From a photograph to the part that is analysed, and back: maps of a crop lie on the right pixels of the picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.desktop.features.opening.samples import sample_paths
from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse, AnalyseBatch, FindFaces, ModelInput
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import NoFaceError
from divisive_desktop.explanation.features import important_features
from divisive_desktop.explanation.maps import on_image
from divisive_desktop.imaging.framing import by_hand, framing_of, whole
from divisive_desktop.library import store, versions

ASTRONAUT = sample_paths()[-1]


@pytest.fixture
def worker(with_models: Path) -> Worker:
    return Worker("cpu")


def saved(path: Path, pixels: np.ndarray) -> str:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return str(path)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return cv2.imdecode(np.fromfile(ASTRONAUT, np.uint8), cv2.IMREAD_COLOR)


def test_the_face_is_found_and_the_choice_kept(worker: Worker) -> None:
    analysis = dispatch.answer(worker, Analyse(str(ASTRONAUT)))
    framing = framing_of(analysis.preprocessing)
    assert framing.how == "detected"
    assert analysis.region == framing.crop
    assert framing.detector.weights_sha256.startswith("a5acf0353e23")
    assert analysis.timings_ms["faces"] > 0
    found = dispatch.answer(worker, FindFaces(str(ASTRONAUT)))
    assert [np.round(f.box, 2).tolist() for f in found.found] == [list(f.box) for f in framing.found]


def test_a_crop_gives_the_maps_of_the_same_pixels_in_the_right_place(
    worker: Worker, astronaut: np.ndarray, tmp_path: Path
) -> None:
    in_picture = dispatch.answer(worker, Analyse(str(ASTRONAUT)))
    x, y, width, height = in_picture.region
    part = saved(tmp_path / "part.png", astronaut[y : y + height, x : x + width])
    alone = dispatch.answer(worker, Analyse(part, framing=whole()))

    assert np.allclose(alone.cams, in_picture.cams, atol=1e-5)
    assert np.allclose(alone.logits, in_picture.logits, atol=1e-5)
    d = in_picture.divergence(in_picture.predicted)
    here = important_features(d, in_picture.image_size, in_picture.region).features
    there = important_features(d, alone.image_size, alone.region).features
    assert len(here) == len(there) > 0
    for one, other in zip(here, there, strict=True):
        assert one.box == (other.box[0] + x, other.box[1] + y, *other.box[2:])
        assert np.array_equal(one.contour, np.add(other.contour, (x, y)))

    # And on the screen: the map of the picture is that of the part, moved; beside the part there is nothing.
    everything = on_image(d, in_picture.image_size, in_picture.region)
    cut = on_image(d, alone.image_size, alone.region)
    assert np.allclose(everything[y : y + height, x : x + width], cut, atol=1e-5)
    outside = np.ones(everything.shape, bool)
    outside[y : y + height, x : x + width] = False
    assert not everything[outside].any()


def test_what_the_model_saw_is_what_was_analysed(worker: Worker, astronaut: np.ndarray, tmp_path: Path) -> None:
    analysis = dispatch.answer(worker, Analyse(str(ASTRONAUT)))
    seen = dispatch.answer(worker, ModelInput(str(ASTRONAUT), 0, analysis.model.id, analysis.region))
    x, y, width, height = analysis.region
    rgb = astronaut[y : y + height, x : x + width, ::-1].astype(np.float32)
    size = analysis.preprocessing["size"]
    expected = (cv2.resize(rgb, (size, size), interpolation=cv2.INTER_LINEAR) - 127) / 128
    assert seen.shape == (3, size, size)
    assert np.abs(seen - expected.transpose(2, 0, 1)).max() < 1e-4


def test_a_picture_without_a_face_is_analysed_only_when_someone_says_which_part(worker: Worker, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    nobody = saved(tmp_path / "nobody.png", noise)
    with pytest.raises(NoFaceError) as caught:
        dispatch.answer(worker, Analyse(nobody))
    assert "nobody.png" in caught.value.message
    for request, region in (
        (Analyse(nobody, framing=whole()), (0, 0, 300, 200)),
        (Analyse(nobody, framing=by_hand((10, 20, 80, 90))), (10, 20, 80, 90)),
        (Analyse(nobody, crop=(10, 20, 80, 90)), (10, 20, 80, 90)),
    ):
        analysis = dispatch.answer(worker, request)
        assert analysis.region == region
        assert framing_of(analysis.preprocessing).by_person


def test_a_grey_picture_is_a_photograph_when_it_shows_a_face(
    worker: Worker, astronaut: np.ndarray, tmp_path: Path, rg1: Path
) -> None:
    grey = saved(tmp_path / "grey.png", cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY))
    analysis = dispatch.answer(worker, Analyse(grey))
    assert analysis.model.task == "face-manipulation"
    assert framing_of(analysis.preprocessing).how == "detected"
    ramp = saved(tmp_path / "ramp.png", np.add.outer(np.arange(120), np.arange(110)).astype(np.uint8))
    for radiograph in (ramp, str(rg1)):
        analysis = dispatch.answer(worker, Analyse(radiograph))
        assert analysis.model.task == "chest-cardiomegaly"
        assert framing_of(analysis.preprocessing) is None
    # What a person says goes before what the program takes it for.
    assert dispatch.answer(worker, Analyse(grey, task="chest-cardiomegaly")).model.task == "chest-cardiomegaly"
    with pytest.raises(NoFaceError):
        dispatch.answer(worker, Analyse(ramp, task="face-manipulation"))


def test_the_model_in_use_for_a_task_answers(worker: Worker) -> None:
    shipped = dispatch.answer(worker, Analyse(str(ASTRONAUT))).model.id
    other = next(m.card.id for m in store.find_models("face-manipulation") if m.card.id != shipped)
    versions.activate(other)
    assert dispatch.answer(worker, Analyse(str(ASTRONAUT))).model.id == other
    versions.deactivate("face-manipulation")
    assert dispatch.answer(worker, Analyse(str(ASTRONAUT))).model.id == shipped


def test_a_batch_finds_faces_file_by_file(worker: Worker, astronaut: np.ndarray, tmp_path: Path, rg1: Path) -> None:
    nobody = saved(tmp_path / "nobody.png", np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8))
    small = saved(tmp_path / "small.png", cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA))
    files = [str(ASTRONAUT), nobody, str(rg1), small]
    got: dict[int, object] = {}
    channel = Channel(partial=lambda index, value, error: got.update({index: value or error}))
    assert dispatch.answer(worker, AnalyseBatch(tuple(Analyse(f) for f in files)), channel) == 3
    assert isinstance(got[1], NoFaceError)
    alone = dispatch.answer(worker, Analyse(str(ASTRONAUT)))
    assert got[0].region == alone.region
    assert np.allclose(got[0].cams, alone.cams, atol=1e-4)
    assert got[2].model.task == "chest-cardiomegaly"
    assert framing_of(got[3].preprocessing).how == "detected"
