"""Each loss: right gradient, right range, safe where maps and masks degenerate, prefers the right map."""

from __future__ import annotations

import pytest
import torch

from divisive_desktop.errors import TrainingError
from divisive_desktop.training.losses import REGISTRY, Objective, mask_on_grid

GUIDED = [name for name, method in REGISTRY.items() if method.guided]
N, H, W = 4, 6, 5
LABELS = torch.tensor([0, 1, 1, 0])


def batch(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    cams = torch.randn(N, 2, H, W, generator=g, dtype=dtype)
    masks = torch.rand(N, H, W, generator=g, dtype=dtype)
    return cams, masks


def test_registry_has_the_baselines_the_methods_and_the_ablations() -> None:
    expected = {"cross_entropy", "cyborg", "difference", "containment", "evidence", "true_correlation",
                "true_containment", "difference_mse", "complement", "absolute", "true_pos", "true_pos_weighted",
                "diff_pos"}
    assert expected <= set(REGISTRY)


@pytest.mark.parametrize("name", [n for n in GUIDED if n != "evidence"])
def test_gradient_agrees_with_finite_differences(name: str) -> None:
    cams, masks = batch()
    method = REGISTRY[name]()
    true, false = cams[:, 0].clone().requires_grad_(), cams[:, 1].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: method.per_sample(a, b, masks), (true, false))


def test_evidence_gradient_agrees_when_its_scale_is_held() -> None:
    # The RMS is a constant to the gradient on purpose, so the numeric derivative must hold it constant too.
    cams, masks = batch()
    d0 = cams[:, 0] - cams[:, 1]
    scale = (d0.square().mean((1, 2), keepdim=True) + 1e-4).sqrt()

    def held(d: torch.Tensor) -> torch.Tensor:
        z = d / scale
        return (masks * torch.nn.functional.softplus(-z)).mean((1, 2)) + ((1 - masks) * z.square()).mean((1, 2))

    d = d0.clone().requires_grad_()
    assert torch.autograd.gradcheck(held, (d,))
    expected = torch.autograd.grad(held(d).sum(), d)[0]
    a = d0.clone().requires_grad_()
    got = torch.autograd.grad(REGISTRY["evidence"]().per_sample(a, torch.zeros_like(a), masks).sum(), a)[0]
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("name", REGISTRY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("cams", ["zero", "constant", "huge", "tiny", "random"])
@pytest.mark.parametrize("mask", ["empty", "full", "one cell", "soft"])
def test_finite_with_finite_gradients_where_maps_and_masks_degenerate(
    name: str, dtype: torch.dtype, cams: str, mask: str
) -> None:
    noise, soft = batch(1, torch.float32)
    maps = {"zero": noise * 0, "constant": noise * 0 + 3, "huge": noise * 1e6, "tiny": noise * 1e-12, "random": noise}
    one = torch.zeros(N, H, W)
    one[:, 2, 3] = 1
    masks = {"empty": soft * 0, "full": soft * 0 + 1, "one cell": one, "soft": soft}
    pair = maps[cams].to(dtype).requires_grad_()
    logits = pair.mean((2, 3))
    parts = Objective(name)(logits, pair, LABELS, masks[mask])
    parts.total.backward()
    assert torch.isfinite(parts.total)
    assert pair.grad is not None
    assert torch.isfinite(pair.grad).all()


@pytest.mark.parametrize("name", REGISTRY)
def test_huge_steps_never_give_nan(name: str) -> None:
    torch.manual_seed(0)
    features = torch.rand(N, 8, H, W)
    masks = batch()[1].float()
    head = torch.nn.Conv2d(8, 2, 1)
    optimiser = torch.optim.SGD(head.parameters(), lr=100.0)
    for _ in range(50):
        cams = head(features)
        parts = Objective(name)(cams.mean((2, 3)), cams, LABELS, masks)
        optimiser.zero_grad()
        parts.total.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimiser.step()
        assert torch.isfinite(parts.total)


@pytest.mark.parametrize("name", GUIDED)
def test_a_pair_that_diverges_on_the_mask_costs_less_than_one_that_diverges_elsewhere(name: str) -> None:
    mask = torch.zeros(1, 8, 8)
    mask[:, 1:4, 1:4] = 1
    elsewhere = torch.flip(mask, (1, 2))
    method = REGISTRY[name]()
    flat = torch.zeros_like(mask)
    right = method.per_sample(3 * mask, flat, mask)
    wrong = method.per_sample(3 * elsewhere, flat, mask)
    assert right < wrong


@pytest.mark.parametrize("name", GUIDED)
def test_values_stay_in_the_documented_range(name: str) -> None:
    high = dict.fromkeys(("difference", "pair", "accord", "true_correlation"), 2.0)
    high |= dict.fromkeys(("true_pos", "true_pos_weighted", "diff_pos"), 2.0)
    high |= {"focus": 1.5, "evidence": (H * W) ** 0.5 + 2}
    for seed in range(20):
        cams, masks = batch(seed)
        values = REGISTRY[name]().per_sample(cams[:, 0] * 10.0 ** (seed - 10), cams[:, 1], masks)
        assert (values >= 0).all()
        assert (values <= high.get(name, 1) + 1e-6).all()


@pytest.mark.parametrize("name", GUIDED)
def test_only_the_methods_that_say_so_look_at_the_false_class(name: str) -> None:
    cams, masks = batch()
    false = cams[:, 1].clone().requires_grad_()
    method = REGISTRY[name]()
    loss = method.per_sample(cams[:, 0].clone().requires_grad_(), false, masks).sum()
    grad = torch.autograd.grad(loss, false, allow_unused=True)[0]
    assert (grad is not None and bool(grad.abs().sum() > 0)) == method.uses_false


@pytest.mark.parametrize("name", GUIDED)
def test_a_sample_without_a_mask_trains_with_cross_entropy_alone(name: str) -> None:
    cams, masks = batch(2, torch.float32)
    pair = cams.clone().requires_grad_()
    logits = pair.mean((2, 3))
    parts = Objective(name)(logits, pair, LABELS, masks, weights=torch.zeros(N))
    torch.testing.assert_close(parts.total, torch.nn.functional.cross_entropy(logits, LABELS))
    assert parts.saliency == 0
    some = Objective(name)(logits, pair, LABELS, masks, weights=torch.tensor([1.0, 0, 0, 0]))
    alone = Objective(name)(logits[:1], pair[:1], LABELS[:1], masks[:1])
    rest = torch.nn.functional.cross_entropy(logits[1:], LABELS[1:])
    torch.testing.assert_close(some.total, (alone.total + 3 * rest) / 4)


POSITIVE = {"true_pos": "true_correlation", "true_pos_weighted": "true_correlation", "diff_pos": "difference"}


@pytest.mark.parametrize("name", POSITIVE)
def test_methods_for_the_positive_class_ignore_what_is_marked_on_negatives(name: str) -> None:
    cams, masks = batch(4, torch.float32)
    logits = cams.mean((2, 3))
    before = Objective(name)(logits, cams, LABELS, masks)
    negative = (LABELS == 0)[:, None, None]
    same = Objective(name)(logits, cams, LABELS, torch.where(negative, 1 - masks, masks))
    torch.testing.assert_close(same.total, before.total)
    after = Objective(name)(logits, cams, LABELS, torch.where(negative, masks, 1 - masks))
    assert after.saliency != before.saliency


@pytest.mark.parametrize(("name", "whole"), POSITIVE.items())
def test_methods_for_the_positive_class_treat_it_as_the_method_for_both_does(name: str, whole: str) -> None:
    cams, masks = batch(5, torch.float32)
    positive = LABELS == 1
    some = cams[positive], LABELS[positive], masks[positive]
    ours, theirs = (Objective(m, 0.3)(some[0].mean((2, 3)), *some) for m in (name, whole))
    torch.testing.assert_close(ours.total, theirs.total)


@pytest.mark.parametrize(("name", "weight"), [("true_pos", 1.0), ("true_pos_weighted", 0.3), ("diff_pos", 1.0)])
def test_negatives_take_cross_entropy_at_full_weight_but_for_the_control(name: str, weight: float) -> None:
    cams, masks = batch(6, torch.float32)
    negative = LABELS == 0
    logits = cams.mean((2, 3))[negative]
    parts = Objective(name, 0.3)(logits, cams[negative], LABELS[negative], masks[negative])
    torch.testing.assert_close(parts.total, weight * torch.nn.functional.cross_entropy(logits, LABELS[negative]))
    assert parts.saliency == 0


def test_true_class_is_the_label_not_the_prediction() -> None:
    mask = torch.zeros(1, 4, 4)
    mask[:, :2] = 1
    pair = torch.stack([mask, 5 - 5 * mask], 1)  # class 1 wins, and lies outside the mask
    as_zero = Objective("true_correlation", alpha=0)(pair.mean((2, 3)), pair, torch.tensor([0]), mask).total
    as_one = Objective("true_correlation", alpha=0)(pair.mean((2, 3)), pair, torch.tensor([1]), mask).total
    assert as_zero < 0.01
    assert as_one > 1.9


def test_masks_of_any_resolution_are_averaged_to_the_grid() -> None:
    fine = torch.zeros(1, 1, 28, 28)
    fine[..., :2, :2] = 1
    assert mask_on_grid(fine, (7, 7))[0, 0, 0] == pytest.approx(0.25)
    assert mask_on_grid(fine, (7, 7)).sum() == pytest.approx(0.25)
    assert mask_on_grid(torch.ones(1, 3, 3, dtype=torch.uint8), (7, 7)).min() == 1


def test_warm_up_scales_the_saliency_share_only() -> None:
    cams, masks = batch(3, torch.float32)
    logits = cams.mean((2, 3))
    cold = Objective("difference")(logits, cams, LABELS, masks, warmup=0.0)
    torch.testing.assert_close(cold.total, torch.nn.functional.cross_entropy(logits, LABELS))


def test_wrong_settings_say_what_to_do() -> None:
    with pytest.raises(TrainingError, match="nonsense"):
        Objective("nonsense")
    with pytest.raises(TrainingError, match="alpha"):
        Objective("cyborg", alpha=2)
