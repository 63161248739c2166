"""Pictures that were treated as a whole are told from those that a model was made with, and are unfamiliar."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.cli.app import app
from divisive_desktop.errors import TrainingError
from divisive_desktop.explanation.reasons import reason
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.scope import Limits, References, Scope
from divisive_desktop.library.store import CARD, read_card
from divisive_desktop.networks.analyse import analyse, load_model
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.saving import save_network
from divisive_desktop.training.dataset import read_index
from divisive_desktop.training.scope_fitting import add_scope, fit, look_at
from divisive_desktop.training.treatment_fitting import Treated, as_picture, fit_treatment
from divisive_desktop.training.treatments import TREATMENTS

SIDE = 128
PREPROCESSING = Preprocessing(size=SIDE, colour="grey", low_percentile=0.0, high_percentile=100.0)


def picture(number: int) -> np.ndarray:
    """Grain of a camera over soft shapes, as no two photographs are the same."""
    rng = np.random.default_rng(number)
    shapes = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 12)
    shapes = 128 + shapes / np.abs(shapes).max() * 90
    return np.clip(shapes + rng.normal(0, 4, (SIDE, SIDE)), 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 training, 50 validation and 20 test pictures."""
    rows = []
    for number in range(130):
        split = "train" if number < 60 else "val" if number < 110 else "test"
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), picture(number))
        rows.append((f"{number:03d}.png", number % 2, split))
    with (tmp_path / "index.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("file", "label", "split"), *rows])
    return tmp_path


@pytest.mark.parametrize("name", TREATMENTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_each_treatment_changes_a_picture_and_keeps_its_form(name: str, channels: int) -> None:
    plain = picture(3) if channels == 1 else np.dstack([picture(3), picture(4), picture(5)])
    before, other = plain.copy(), plain[::-1].copy()
    for seed in range(6):
        found = TREATMENTS[name](plain, other, np.random.default_rng(seed))
        assert (found.shape, found.dtype) == (plain.shape, np.uint8)
        assert (found != plain).mean() > 0.02
        assert np.array_equal(found, TREATMENTS[name](plain, other, np.random.default_rng(seed))), "by its seed alone"
    assert np.array_equal(plain, before)


def test_deep_greys_become_a_picture() -> None:
    deep = picture(1).astype(np.uint16) * 16 + 1000
    found = as_picture(deep).ravel()
    assert (found.min(), found.max()) == (0, 255)
    assert np.corrcoef(found, deep.ravel())[0, 1] > 0.99
    assert as_picture(picture(1)).tobytes() == picture(1).tobytes()
    assert as_picture(np.full((4, 4), 7, np.uint16)).max() == 0


def test_a_probe_is_taught_by_the_command_and_believed_by_the_analysis(
    home: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = Card("t", "1", "chest-cardiomegaly", ("no", "yes"), "efficientnet-lite0", "focus", "", PREPROCESSING)
    stored = save_network(home / "models" / "t", pretrained_network(seed=7), card)
    network = pretrained_network(seed=7).fold()
    splits = [[e for e in read_index(folder) if e.split == split] for split in ("train", "val")]
    references, limits = fit((look_at(network, splits[0], PREPROCESSING), look_at(network, splits[1], PREPROCESSING)))
    limits = replace(limits, far=99.0, unlike=1e6)  # nothing else speaks against a picture here
    add_scope([stored], [network], Scope("a picture"), "pictures", references, limits, 50)

    def zones(treatment: str | None) -> list[str]:
        model, found = load_model(home / "models" / "t", "cpu"), []
        for number in range(110, 130):
            path = folder / "shown.png"
            shown = picture(number)
            if treatment:
                shown = TREATMENTS[treatment](shown, picture(number + 1000), np.random.default_rng(number))
            cv2.imwrite(str(path), shown)
            found.append(analyse(model, open_image(path)).scope)
        return ["treated" if check.reasons == (reason("treated"),) else check.zone for check in found]

    assert "treated" not in zones("covered"), "nobody looks"
    with pytest.raises(SystemExit) as end:
        app(["probes", "t", "--data", str(folder), "--treatments", "denoised,covered"])
    assert end.value.code == 0
    assert "60 training and 50 validation pictures" in capsys.readouterr().out
    scope = read_card(home / "models" / "t" / CARD).scope
    assert scope is not None
    assert scope.treatments == ("denoised", "covered")
    assert zones(None).count("familiar") >= 17
    assert zones("covered").count("treated") >= 15
    assert zones("denoised").count("treated") >= 15


def test_the_limit_is_from_validation_pictures_alone() -> None:
    rng = np.random.default_rng(0)
    training = Treated(rng.normal(0, 1, (200, 8)).astype(np.float32), rng.normal(2, 1, (300, 8)).astype(np.float32))
    validation = Treated(rng.normal(0, 1, (100, 8)).astype(np.float32), rng.normal(2, 1, (100, 8)).astype(np.float32))
    probe, limit, told = fit_treatment(training, validation)
    scores = validation.plain @ probe.weights + probe.bias
    assert (scores > limit).mean() == pytest.approx(0.01, abs=0.011)
    assert told > 0.9
    with pytest.raises(TrainingError, match="40 training"):
        fit_treatment(Treated(training.plain[:9], training.treated), validation)


def test_a_card_that_names_treatments_needs_their_probe() -> None:
    limits = Limits(far_mean=-2.0, far_sd=0.1, far=-1.0, unlike=None, treated=0.5)
    assert limits.treated == 0.5
    with pytest.raises(ValueError, match="treated"):
        Limits(far_mean=-2.0, far_sd=0.1, far=-1.0, unlike=None, treated=float("nan"))
    references = References(
        np.zeros(4, np.float32), np.ones((1, 4), np.float32), np.zeros((6, 2), np.float32), np.zeros(0, np.float32),
        np.zeros((0, 0), np.float32),
    )  # fmt: skip
    with pytest.raises(ValueError, match="probe of treatments"):
        References.from_bytes(references.to_bytes(), (), ("denoised",))
