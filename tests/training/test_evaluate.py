"""Evaluation and shipping on real films, small."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import torch

from divisive_desktop.imaging.opening import open_image
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.networks.analyse import analyse, load_model
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.reference import check_reference
from divisive_desktop.training.dataset import read_index, take
from divisive_desktop.training.evaluate import (
    Predictions,
    border_control,
    deletion_insertion,
    predict,
    predict_cached,
    randomised_head,
    report,
)
from divisive_desktop.training.settings import Settings
from divisive_desktop.training.shipping import calibrate, rescaled, ship
from divisive_desktop.training.trunk_features import compute_features

SMALL = Preprocessing(size=96)


def test_cached_features_give_the_same_answers(small_data: Path, tmp_path: Path) -> None:
    network = pretrained_network(seed=1)
    members = take(read_index(small_data), "val")
    direct = predict(network, members, SMALL)
    features = compute_features(network, members, "block11", SMALL, folder=tmp_path)
    cached = predict_cached(network, features, "block11", members)
    # Features are kept in float16.
    np.testing.assert_allclose(direct.logits, cached.logits, atol=0.02)
    np.testing.assert_array_equal(direct.masks, cached.masks)
    assert len(list(tmp_path.glob("*.x.npy"))) == 1
    again = compute_features(network, members, "block11", SMALL, folder=tmp_path)
    np.testing.assert_array_equal(np.asarray(again.x), np.asarray(features.x))
    assert not list(tmp_path.glob("*.part*"))


def test_evaluation_sees_what_analysis_sees(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    network = pretrained_network(seed=1)
    examples = read_index(small_data)
    stored = ship(tmp_path / "m", network, small_settings, examples, model_id="m", controls=False)
    test = take(examples, "test_open")
    model = load_model(stored.folder, "cpu")
    answers = predict(commands_network(stored.folder), test, small_settings.preprocessing)
    for example, logits, cams in zip(test, answers.logits, answers.cams, strict=True):
        analysis = analyse(model, open_image(example.file))
        np.testing.assert_allclose(analysis.logits, logits, atol=2e-3)
        np.testing.assert_allclose(analysis.cams, cams, atol=2e-2)


def commands_network(folder: Path) -> torch.nn.Module:
    from safetensors.torch import load_file

    from divisive_desktop.networks.network import Network
    from divisive_desktop.networks.pretrained import load_weights

    with torch.device("meta"):
        network = Network("efficientnet-lite0", 2)
    load_weights(network, load_file(folder / "weights.safetensors"))
    return network


def test_temperature_is_folded_and_maps_stay_exact(
    small_data: Path, small_settings: Settings, tmp_path: Path
) -> None:
    network = pretrained_network(seed=1)
    examples = read_index(small_data)
    before = predict(network, take(examples, "val"), SMALL)
    t = calibrate(network, before)
    after = predict(network, take(examples, "val"), SMALL)
    np.testing.assert_allclose(rescaled(before, t).logits, after.logits, rtol=1e-3, atol=1e-4)
    bias = network.head.bias.detach().numpy()
    np.testing.assert_allclose(after.cams.mean((2, 3)) + bias, after.logits, atol=1e-4)


def test_a_shipped_model_verifies_and_its_card_tells_what_was_measured(
    small_data: Path, small_settings: Settings, tmp_path: Path
) -> None:
    stored = ship(tmp_path / "m", pretrained_network(seed=1), small_settings, read_index(small_data), model_id="m",
                  open_sets={"open_other": take(read_index(small_data), "val")})
    model = load_model(stored.folder, "cpu")
    assert check_reference(model) < 1e-3
    assert stored.size < 8e6
    card = json.loads((stored.folder / "card.json").read_text())
    assert set(card["metrics"]) == {"val", "test_open", "open_other", "faithfulness", "head_cosine"}
    assert 0 <= card["metrics"]["test_open"]["border_only_auroc"] <= 1
    assert card["metrics"]["test_open"]["agreement"]["positives"]["images"] == 2
    assert card["calibration"]["folded"] is True
    picture = cv2.imdecode(np.frombuffer((stored.folder / "mean_cams.png").read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.std() > 5


def make_predictions(shared: bool) -> Predictions:
    from divisive_desktop.training.dataset import Example

    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    examples = tuple(
        Example(Path("x"), int(y), "test", Path("m"), 1.0, str(i // 2), {"kind": "morph" if y else "authentic"})
        for i, y in enumerate(labels)
    )
    masks = np.zeros((40, 4, 4), np.float32)
    masks[:, 1, 1] = 1
    cams = np.zeros((40, 2, 4, 4), np.float32)
    cams[np.arange(40), labels, 1, 1] = 8 if shared else -8
    logits = cams.mean((2, 3)) + rng.normal(0, 0.01, (40, 2)).astype(np.float32)
    return Predictions(logits, cams, masks, examples)


def test_report_of_a_perfect_and_of_an_inverted_model() -> None:
    good, bad = report(make_predictions(True), "face-manipulation", 50), report(make_predictions(False), "", 50)
    assert good["auroc"] == 1
    assert good["auroc_95"] == [1, 1]
    assert good["attack"]["acer"] == 0
    assert good["auroc_by_kind"] == {"morph": 1.0}
    assert good["agreement"]["all"]["pointing"] == 1
    assert bad["auroc"] == 0
    assert "attack" not in bad
    assert bad["agreement"]["all"]["pointing"] == 0
    json.dumps(good, allow_nan=False)


def test_one_class_only_is_reported_as_unknown() -> None:
    p = make_predictions(True).where(lambda e: e.label == 1)
    found = report(p, resamples=5)
    assert found["auroc"] is None
    assert found["specificity"] is None
    json.dumps(found, allow_nan=False)


def test_controls_are_finite_and_bounded(small_data: Path) -> None:
    network = pretrained_network(seed=1)
    members = take(read_index(small_data), "test_open")
    p = predict(network, members, SMALL)
    faith = deletion_insertion(network, members, SMALL, p, steps=4)
    assert all(0 <= v <= 1 for v in faith.values())
    assert abs(randomised_head(network, members, p, SMALL)) < 0.6
    blanked = border_control(network, members, SMALL)
    assert not np.allclose(blanked.logits, p.logits)


def test_a_random_head_that_is_the_trained_one_would_show() -> None:
    """The generator of the sanity check must not give the head that training starts from."""
    start = pretrained_network(seed=0).head.weight.detach()
    bound = 1280**-0.5
    g = torch.Generator().manual_seed(20_261_123)
    random = torch.empty(10, 1280).uniform_(-bound, bound, generator=g)
    assert float((random @ start.T).abs().max() / start.square().sum(1).max()) < 0.2
