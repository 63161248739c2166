"""From a picture of an eye to the part that an iris model sees; a model's own rule of cutting; no iris, no verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.desktop.features.opening.samples import sample_paths
from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import ModelIntegrityError, NoIrisError, OutOfScopeError
from divisive_desktop.imaging.correction import EYE_INVERTED, named
from divisive_desktop.imaging.framing import framing_of, whole
from divisive_desktop.imaging.framing_rule import FramingRule
from divisive_desktop.library import store
from divisive_desktop.library.card import Card, Preprocessing, read_card
from tests.conftest import ROOT
from tests.imaging.eyes import drawn_eye

EYE, RADIUS = (350, 230), 105


@pytest.fixture
def worker(with_models: Path) -> Worker:
    from divisive_desktop.networks.pretrained import pretrained_network
    from divisive_desktop.networks.saving import save_network

    card = Card(
        "seeded-iris", "1", "iris-attack", ("bona fide", "attack"), "efficientnet-lite0", "cross_entropy", "",
        Preprocessing(size=224), default=True, framing=FramingRule("iris", 3.0),
    )  # fmt: skip
    save_network(with_models / "models" / "seeded-iris", pretrained_network(seed=7), card)
    return Worker("cpu")


def saved(path: Path, pixels: np.ndarray) -> str:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return str(path)


@pytest.fixture
def eye(tmp_path: Path) -> str:
    return saved(tmp_path / "eye.png", drawn_eye(640, 480, EYE, RADIUS, 34))


def test_an_eye_is_asked_about_its_iris_and_cut_as_the_card_says(worker: Worker, eye: str) -> None:
    analysis = dispatch.answer(worker, Analyse(eye))
    assert analysis.model.id == "seeded-iris", "a grey picture without camera data that surely shows an iris"
    x, y, width, height = analysis.region
    assert width == height == pytest.approx(3.0 * RADIUS, rel=0.1)
    assert (x + width / 2, y + height / 2) == pytest.approx(EYE, abs=8)
    framing = framing_of(analysis.preprocessing)
    assert (framing.how, framing.kind, framing.rule.factor) == ("detected", "iris", 3.0)
    assert framing.detector.name == "Iris finder"


def test_without_an_iris_there_is_no_verdict_until_a_person_says_which_part(worker: Worker, tmp_path: Path) -> None:
    ramp = saved(tmp_path / "ramp.png", np.add.outer(np.arange(120), np.arange(110)).astype(np.uint8))
    with pytest.raises(NoIrisError) as caught:
        dispatch.answer(worker, Analyse(ramp, task="iris-attack"))
    assert "ramp.png" in caught.value.message
    assert "box" in caught.value.remedy
    assert dispatch.answer(worker, Analyse(ramp, task="iris-attack", framing=whole())).region == (0, 0, 110, 120)
    assert dispatch.answer(worker, Analyse(ramp)).model.task.startswith("chest-"), "nothing in it: a film, as before"


def test_the_negative_of_an_eye_gets_no_verdict_until_it_is_mended(with_models: Path, tmp_path: Path) -> None:
    model = "iris-attack-true-correlation-1"
    (with_models / "models" / model).symlink_to(ROOT / "models" / model)
    negative = saved(tmp_path / "negative.png", 255 - drawn_eye(640, 480, EYE, RADIUS, 34))
    worker = Worker("cpu")
    for framing in (None, whole()):
        with pytest.raises(OutOfScopeError) as refused:
            dispatch.answer(worker, Analyse(negative, model_id=model, framing=framing))
        assert refused.value.reasons == (EYE_INVERTED,)
        assert "mend it: invert the greys" in refused.value.remedy
        assert refused.value.asked["task"] == "iris-attack"
    insisted = dispatch.answer(worker, Analyse(negative, model_id=model, framing=whole(), ask_anyway=True))
    assert insisted.scope.insisted
    assert EYE_INVERTED in insisted.scope.reasons
    mended = Analyse(negative, model_id=model, correction=named("invert"), ask_anyway=True)
    assert EYE_INVERTED not in dispatch.answer(worker, mended).scope.reasons


def test_a_crop_of_an_iris_is_left_whole(worker: Worker, tmp_path: Path) -> None:
    crop = saved(tmp_path / "crop.png", drawn_eye(640, 480, EYE, RADIUS, 34)[80:380, 200:500])
    analysis = dispatch.answer(worker, Analyse(crop, task="iris-attack"))
    assert analysis.region == (0, 0, 300, 300)
    assert framing_of(analysis.preprocessing).found


def test_the_rule_is_part_of_what_the_weights_vouch_for(worker: Worker) -> None:
    folder = store.find_model("seeded-iris").folder
    card = read_card(folder / store.CARD)
    assert store.verify(folder).framing == FramingRule("iris", 3.0)
    for changed in (replace(card, framing=FramingRule("iris", 1.5)), replace(card, framing=None)):
        (folder / store.CARD).write_text(changed.to_json())
        with pytest.raises(ModelIntegrityError, match="changed in a field"):
            store.verify(folder)
    (folder / store.CARD).write_text(card.to_json().replace('"factor": 3.0', '"factor": -1'))
    with pytest.raises(ModelIntegrityError, match="factor"):
        read_card(folder / store.CARD)


def test_a_face_model_may_look_at_the_inner_face(worker: Worker, with_models: Path) -> None:
    from divisive_desktop.networks.saving import save_network
    from divisive_desktop.training.loading import read_network

    network, card = read_network(store.find_model("seeded-face").folder)
    inner = FramingRule("face", 2.1, 0.92, 0.42)
    save_network(with_models / "models" / "inner", network, replace(card, id="inner", framing=inner, default=False))
    photo = str(sample_paths()[-1])
    wide = dispatch.answer(worker, Analyse(photo, model_id="seeded-face"))
    near = dispatch.answer(worker, Analyse(photo, model_id="inner"))
    assert near.region[2] / wide.region[2] == pytest.approx(2.1 / 4, rel=0.1)
    assert framing_of(near.preprocessing).rule == inner
    x, _, side, _ = near.region
    (left, right, *_) = framing_of(near.preprocessing).face.landmarks
    assert x < left[0] < right[0] < x + side, "both eyes are in it"
