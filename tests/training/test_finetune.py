"""The loop on real films: it learns, resumes to the bit, shares work between processes, and keeps off the test set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from divisive_desktop.errors import CancelledError, TrainingError
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.training import finetune as module
from divisive_desktop.training.dataset import read_index
from divisive_desktop.training.finetune import TrainResult, batches, finetune
from divisive_desktop.training.loop import Teacher
from divisive_desktop.training.settings import Settings, TrainProgress, learning_rate


def weights(result: TrainResult) -> dict[str, torch.Tensor]:
    return {n: t for n, t in result.network.state_dict().items() if t.is_floating_point()}


def assert_same(a: TrainResult, b: TrainResult) -> None:
    for name, tensor in weights(a).items():
        assert torch.equal(tensor, weights(b)[name]), name


def test_learns_a_small_set_of_real_films_by_heart(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    told: list[TrainProgress] = []
    settings = replace(small_settings, epochs=12, lr=3e-3, copies=1)
    result = finetune(settings, read_index(small_data), tmp_path / "run", progress=told.append)
    assert len(result.history) == 12
    assert result.history[-1]["classification"] < 0.7 * result.history[0]["classification"]
    assert result.history[-1]["saliency"] < result.history[0]["saliency"]
    assert {t.stage for t in told} == {"features", "training"}
    assert [t.fraction for t in told] == sorted(t.fraction for t in told)
    assert told[-1].fraction == pytest.approx(1)
    assert told[-1].remaining_s == pytest.approx(0)
    assert any(t.remaining_s for t in told)


def test_map_pair_of_the_result_is_exact(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    result = finetune(replace(small_settings, epochs=1), read_index(small_data), tmp_path / "run")
    with torch.inference_mode():
        logits, cams = result.network(torch.randn(2, 3, 96, 96))
    torch.testing.assert_close(cams.mean((2, 3)) + result.network.head.bias, logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "changes",
    [{}, {"ema": 0.9}, {"retain": 0.7}, {"optimiser": "sgd"}, {"stages": "all", "epochs": 2},
     {"precision": "bf16-mixed"}],
)
def test_resumes_to_the_bit(
    small_data: Path, small_settings: Settings, tmp_path: Path, changes: dict[str, Any]
) -> None:
    settings = replace(small_settings, **changes)
    parent = pretrained_network(seed=5) if "retain" in changes else None
    examples = read_index(small_data)
    whole = finetune(settings, examples, tmp_path / "whole", parent=parent)
    epochs: list[int] = []

    def stop() -> bool:
        return len(epochs) >= 1

    def listen(p: TrainProgress) -> None:
        if p.validation:
            epochs.append(p.epoch)

    with pytest.raises(CancelledError):
        finetune(settings, examples, tmp_path / "parts", parent=parent, progress=listen, cancelled=stop)
    resumed = finetune(settings, examples, tmp_path / "parts", parent=parent)
    assert_same(whole, resumed)
    assert [h["loss"] for h in whole.history] == [h["loss"] for h in resumed.history]


def test_half_precision_follows_single_precision(
    small_data: Path, small_settings: Settings, tmp_path: Path
) -> None:
    settings = replace(small_settings, epochs=2)
    single, half = (
        finetune(replace(settings, precision=name), read_index(small_data), tmp_path / name)
        for name in ("32-true", "bf16-mixed")
    )
    assert [h["loss"] for h in half.history] != [h["loss"] for h in single.history]  # else it isn't half
    assert half.history[-1]["loss"] == pytest.approx(single.history[-1]["loss"], rel=0.1)
    assert {t.dtype for t in weights(half).values()} == {torch.float32}


def test_a_finished_run_is_not_trained_again(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    settings = replace(small_settings, epochs=1)
    first = finetune(settings, read_index(small_data), tmp_path / "run")
    told: list[TrainProgress] = []
    again = finetune(settings, read_index(small_data), tmp_path / "run", progress=told.append)
    assert not told
    assert_same(first, again)


def test_other_settings_cant_continue_a_run(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    finetune(replace(small_settings, epochs=1), read_index(small_data), tmp_path / "run")
    with pytest.raises(TrainingError, match="other settings"):
        finetune(small_settings, read_index(small_data), tmp_path / "run")


def test_a_run_of_a_version_with_fewer_settings_goes_on(
    small_data: Path, small_settings: Settings, tmp_path: Path
) -> None:
    settings = replace(small_settings, epochs=1)
    first = finetune(settings, read_index(small_data), tmp_path / "run")
    state = tmp_path / "run" / "state.json"
    kept = json.loads(state.read_text())
    del kept["settings"]["mask_share"]  # as 0.1.0 wrote it
    state.write_text(json.dumps(kept))
    assert_same(first, finetune(settings, read_index(small_data), tmp_path / "run"))
    with pytest.raises(TrainingError, match="other settings"):
        finetune(replace(settings, mask_share=0.5), read_index(small_data), tmp_path / "run")


def test_a_damaged_checkpoint_is_said_to_be_damaged(
    small_data: Path, small_settings: Settings, tmp_path: Path
) -> None:
    settings = replace(small_settings, epochs=1)
    finetune(settings, read_index(small_data), tmp_path / "run")
    (tmp_path / "run" / "state.json").write_text('{"epoch": 1')
    with pytest.raises(TrainingError, match="damaged"):
        finetune(settings, read_index(small_data), tmp_path / "run")


@pytest.mark.slow
def test_two_processes_give_what_one_gives(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    settings = replace(small_settings, epochs=2, optimiser="sgd", lr=1e-2)
    examples = read_index(small_data)
    one = finetune(settings, examples, tmp_path / "one")
    two = finetune(replace(settings, devices=2), examples, tmp_path / "two")
    for name, tensor in weights(one).items():
        torch.testing.assert_close(tensor, weights(two)[name], atol=2e-5, rtol=1e-4)
    assert one.history[-1]["val_loss"] == pytest.approx(two.history[-1]["val_loss"], abs=1e-4)


def test_never_opens_a_test_image(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    examples = read_index(small_data)
    gone = [e for e in examples if e.split.startswith("test")]
    assert gone
    for example in gone:
        example.file.unlink()
        assert example.mask is not None
        example.mask.unlink()
    finetune(replace(small_settings, epochs=1), examples, tmp_path / "run")


def test_short_of_memory_goes_on_with_smaller_batches(
    small_data: Path, small_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SGD: Adam's division by the root of a tiny second moment would blow up rounding differences.
    settings = replace(small_settings, epochs=1, optimiser="sgd")
    plenty = finetune(settings, read_index(small_data), tmp_path / "plenty")
    forward = module.Learner.forward

    def scarce(self: module.Learner, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.training and len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, x)

    monkeypatch.setattr(module.Learner, "forward", scarce)
    told: list[TrainProgress] = []
    tight = finetune(settings, read_index(small_data), tmp_path / "tight", progress=told.append)
    assert [t.text for t in told if t.stage == "notice"] == [
        "Not enough memory: going on with 2 images at a time (same result, slower)."
    ]
    for name, tensor in weights(plenty).items():
        torch.testing.assert_close(tensor, weights(tight)[name], atol=1e-5, rtol=1e-4)


def test_only_what_should_learn_changes(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    before = {n: t.clone() for n, t in pretrained_network(seed=0).state_dict().items()}
    result = finetune(replace(small_settings, epochs=1), read_index(small_data), tmp_path / "run")
    names = list(result.network.backbone.stages())
    frozen = [n for n, _ in names[: [n for n, _ in names].index("block11") + 1]]
    for name, tensor in result.network.state_dict().items():
        stage = name.split(".")[1] if not name.startswith("backbone.blocks") else f"block{name.split('.')[2]}"
        if stage in frozen or "running" in name:
            assert torch.equal(tensor, before[name]), name
    assert not torch.equal(result.network.head.weight, before["head.weight"])


def test_all_methods_of_a_seed_see_the_same_batches() -> None:
    a, b = batches(50, 8, 3, 1), batches(50, 8, 3, 1)
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert not np.array_equal(batches(50, 8, 3, 2)[0], a[0])
    assert len(a) == 6
    assert len(set(np.concatenate(a))) == 48
    assert [len(x) for x in batches(5, 16, 0, 0, processes=2)] == [4]


def test_learning_rate_rises_and_falls() -> None:
    settings = Settings(lr=1.0)
    rates = [learning_rate(i, 100, settings) for i in range(100)]
    assert max(rates) == pytest.approx(1.0)
    assert np.argmax(rates) == 25
    assert rates[0] == pytest.approx(1 / 25)
    assert rates[-1] == pytest.approx(1e-4, abs=1e-6)


def test_validation_decides_which_epoch_is_kept(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    settings = replace(small_settings, epochs=5, select="loss", patience=1, lr=2e-2)
    result = finetune(settings, read_index(small_data), tmp_path / "run")
    losses = [h["val_loss"] for h in result.history]
    assert result.kept_epoch == int(np.argmin(losses)) + 1
    assert len(losses) < 5 or result.kept_epoch >= 4


def test_data_that_cant_be_trained_on_are_refused(small_data: Path, small_settings: Settings, tmp_path: Path) -> None:
    examples = read_index(small_data)
    with pytest.raises(TrainingError, match="lacks one of the two classes"):
        finetune(small_settings, [e for e in examples if e.label == 1], tmp_path / "a")
    bare = [replace(e, mask=None) for e in examples]
    with pytest.raises(TrainingError, match="needs masks"):
        finetune(small_settings, bare, tmp_path / "b")
    finetune(replace(small_settings, method="cross_entropy", epochs=1), bare, tmp_path / "c")
    half = [replace(e, mask=None) if e.label else e for e in examples]
    with pytest.raises(TrainingError, match="true_pos needs masks"):
        finetune(replace(small_settings, method="true_pos"), half, tmp_path / "d")


def test_with_few_masks_the_rest_trains_with_cross_entropy(
    small_data: Path, small_settings: Settings, tmp_path: Path
) -> None:
    examples = read_index(small_data)
    settings = replace(small_settings, epochs=1, method="true_correlation")
    without, baseline = replace(settings, mask_share=0.0), replace(settings, method="cross_entropy")
    few, all_ = (finetune(s, examples, tmp_path / f"{s.mask_share}", features_folder=tmp_path / "features")
                 for s in (replace(settings, mask_share=0.2), settings))
    assert few.history[0]["saliency"] > 0
    assert few.history[0]["loss"] != all_.history[0]["loss"]
    with pytest.raises(TrainingError, match="needs masks"):
        finetune(without, examples, tmp_path / "none")
    finetune(replace(baseline, mask_share=0.0), examples, tmp_path / "baseline")
    # The frozen part is computed once, whatever the masks' share: one set of files for training, one for validation.
    assert len(list((tmp_path / "features").glob("*.x.npy"))) == 2


def test_a_run_that_gives_every_image_the_same_answer_is_known_as_collapsed(
    small_data: Path, small_settings: Settings, tmp_path: Path
) -> None:
    examples = read_index(small_data)
    learnt = finetune(replace(small_settings, lr=3e-4), examples, tmp_path / "learnt")
    assert not learnt.collapsed
    # Steps this large switch off every one of the last features: nothing comes back from there.
    dead = finetune(replace(small_settings, lr=0.5, schedule="constant"), examples, tmp_path / "dead")
    assert dead.collapsed


def test_what_a_model_knew_is_learned_along_with_the_labels() -> None:
    network = pretrained_network(seed=5).eval()
    torch.nn.init.normal_(network.head.weight, std=0.2, generator=torch.Generator().manual_seed(5))
    x, labels = torch.randn(6, 3, 96, 96, generator=torch.Generator().manual_seed(6)), torch.arange(6) % 2
    own, hard = torch.softmax(network(x)[0], 1), torch.nn.functional.one_hot(labels, 2).float()
    for retain in (0.0, 0.5, 1.0):
        targets = Teacher(network, None, retain).targets(x, labels)
        torch.testing.assert_close(targets, (1 - retain) * hard + retain * own, atol=1e-4, rtol=0)
    assert torch.equal(Teacher(network, None, 0.5).targets(x, labels).argmax(1), labels)
    trunk = network.trunk(x, "block11")
    cut = Teacher(network, "block11", 1.0).targets(trunk, labels)
    torch.testing.assert_close(cut, own, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "wrong", [{"stages": "some"}, {"epochs": 0}, {"lr": 0.0}, {"retain": 1.5}, {"batch": 3, "devices": 2}, {"x": 1}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TrainingError):
        Settings.from_dict(wrong)
