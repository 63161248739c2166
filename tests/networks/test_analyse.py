"""Loading, verifying and analysing with a real model on real images."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from divisive_desktop.errors import EngineError, ModelError, ModelIntegrityError, OutOfMemoryError
from divisive_desktop.explanation.scope import FAMILIAR
from divisive_desktop.explanation.share import Share
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.decision import DecisionRules, Margins, Threshold
from divisive_desktop.library.store import find_model
from divisive_desktop.networks.analyse import analyse, analyse_batch, load_model
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.reference import check_reference, reference_image
from divisive_desktop.networks.saving import save_network, weights_of
from divisive_desktop.networks.torch_loading import pick_device, torch_runtime
from divisive_desktop.networks.torch_runtime import TorchRuntime, memory_errors


def test_analysis_of_a_real_radiograph(with_models: Path, rg1: Path) -> None:
    model = load_model(with_models / "models" / "seeded-chest")
    image = open_image(rg1)
    result = analyse(model, image)
    assert result.cams.shape == (2, 7, 7)
    assert result.cams.dtype == np.float32
    for c in (0, 1):
        assert float(result.cams[c].mean()) + result.bias[c] == pytest.approx(result.logits[c], abs=1e-4)
    assert result.image_size == (image.width, image.height) == (1841, 1955)
    assert result.region == (0, 0, 1841, 1955)
    assert result.sha256 == image.sha256
    assert (result.device, result.precision) == ("cpu", "float32")
    assert result.model == find_model("seeded-chest").card.ref
    assert {"preprocess", "forward"} <= set(result.timings_ms)
    assert result.preprocessing["negated"] is True
    assert analyse(model, image).logits == result.logits, "the same image gives the same answer"


def test_a_part_of_the_image(with_models: Path, rg1: Path) -> None:
    model = load_model(with_models / "models" / "seeded-chest")
    image = open_image(rg1)
    part = analyse(model, image, (100, 200, 900, 5000))
    assert part.region == (100, 200, 900, 1755)
    assert part.logits != analyse(model, image).logits


def test_a_batch_gives_what_single_images_give(with_models: Path, rg1: Path) -> None:
    model = load_model(with_models / "models" / "seeded-chest")
    images = [open_image(rg1), reference_image("grey"), tiny(np.full((1, 1), 7, np.uint8))]
    crops = [(0, 0, 900, 900), None, None]
    together = analyse_batch(model, images, crops)
    for image, crop, result in zip(images, crops, together, strict=True):
        alone = analyse(model, image, crop)
        assert result.sha256 == image.sha256
        assert np.allclose(result.cams, alone.cams, atol=1e-4)
        assert np.allclose(result.logits, alone.logits, atol=1e-4)
    assert analyse_batch(model, []) == []


@pytest.mark.parametrize("shape", [(1, 1), (64, 64), (30, 3000), (5, 5, 3)])
@pytest.mark.parametrize("model_id", ["seeded-chest", "seeded-face"])
def test_constant_and_tiny_images_give_numbers(with_models: Path, model_id: str, shape: tuple[int, ...]) -> None:
    model = load_model(with_models / "models" / model_id)
    result = analyse(model, tiny(np.full(shape, 12, np.uint8)))
    assert np.isfinite(result.cams).all()
    assert 0 <= result.probability <= 1


def test_stored_half_precision_answers_as_the_trained_network(home: Path, rg1: Path) -> None:
    network = pretrained_network(seed=7)
    stored = save_network(home / "models" / "m", network, card("m"))
    assert stored.size < 8_000_000
    image = open_image(rg1)
    model = load_model(stored.folder)
    seen = torch.from_numpy(model.prepare(image).pixels)[None]
    with torch.inference_mode():
        exact = network(seen)[0][0].numpy()
    assert np.allclose(analyse(model, image).logits, exact, atol=0.02)


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("dilate", [False, True])
def test_round_trip_and_reference_answer(home: Path, colour: str, dilate: bool) -> None:
    network = pretrained_network(dilate_last=dilate, seed=7)
    stored = save_network(home / "models" / "m", network, card("m", colour))
    assert stored.card.reference["image"] == "pattern-1"
    model = load_model(stored.folder)
    assert model.card == stored.card == find_model("m").card
    assert analyse(model, reference_image(colour)).cams.shape == (2, *(2 * [14 if dilate else 7]))
    assert check_reference(model) < 1e-4


def test_another_answer_on_the_reference_image_is_reported(home: Path) -> None:
    stored = save_network(home / "models" / "m", pretrained_network(seed=7), card("m"))
    text = (stored.folder / "card.json").read_text()
    first = str(stored.card.reference["logits"][0])
    assert text.count(first) == 1
    (stored.folder / "card.json").write_text(text.replace(first, str(float(first) + 0.5)))
    with pytest.raises(ModelIntegrityError, match="reference image"):
        check_reference(load_model(stored.folder))


def test_reference_image_never_changes() -> None:
    """Its hash is part of what stored answers mean."""
    assert reference_image("grey").sha256.startswith(GREY_HASH)
    assert reference_image("rgb").sha256.startswith(RGB_HASH)


@pytest.mark.parametrize("where", [3, 5_000, 3_000_000, -1])
def test_a_flipped_byte_is_refused(with_models: Path, where: int) -> None:
    folder = with_models / "models" / "seeded-chest"
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[where] ^= 1
    (folder / "weights.safetensors").write_bytes(data)
    with pytest.raises(ModelIntegrityError, match="damaged or exchanged") as e:
        load_model(folder)
    assert "seeded-chest" in e.value.message


def test_weights_of_another_network_are_refused(home: Path) -> None:
    from dataclasses import replace

    from divisive_desktop.library.store import save_model

    arrays = weights_of(pretrained_network(seed=0))
    del arrays["head.bias"]
    stored = save_model(home / "models" / "m", card("m"), arrays)
    with pytest.raises(ModelIntegrityError, match="don't fit"):
        load_model(stored.folder)
    unknown = save_model(home / "models" / "n", replace(card("n"), backbone="resnet"), arrays)
    with pytest.raises(ModelIntegrityError, match="don't fit"):
        load_model(unknown.folder)


def test_broken_networks_are_not_saved(home: Path) -> None:
    network = pretrained_network(seed=0)
    with torch.no_grad():
        network.head.weight[0, 0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        save_network(home / "models" / "m", network, card("m"))
    with torch.no_grad():
        network.head.weight[0, 0] = 1e6  # beyond float16
    with pytest.raises(ModelError, match="not finite"):
        save_network(home / "models" / "m", network, card("m"))
    assert not (home / "models" / "m").exists()
    assert save_network(home / "models" / "m", network, card("m"), half=False).folder.is_dir()


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    for name in ("abacus", "meta", "cuda:99"):
        with pytest.raises(EngineError):
            pick_device(name)
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="NVIDIA") as e:
            pick_device("cuda")
        assert "cpu" in e.value.remedy


def test_bf16_is_for_graphics_cards(with_models: Path) -> None:
    model = load_model(with_models / "models" / "seeded-chest", device="cpu", precision="bf16")
    assert model.runtime.precision == "float32"


def test_full_memory_is_an_error_with_a_remedy() -> None:
    with pytest.raises(OutOfMemoryError) as e, memory_errors(torch.device("cpu")):
        torch.empty(1 << 50)
    assert e.value.remedy
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(torch.device("cpu")):
        torch.ones(2, 3) @ torch.ones(2, 3)


def test_torch_keeps_nothing_for_a_backward_pass() -> None:
    runtime = torch_runtime("efficientnet-lite0", False, weights_of(pretrained_network(seed=7)), "cpu", "float32")
    assert isinstance(runtime, TorchRuntime)
    assert not any(p.requires_grad for p in runtime.network.parameters())
    assert all(p.dtype == torch.float32 for p in runtime.network.parameters())
    assert not runtime.network.training


def test_library_and_cards_need_no_torch() -> None:
    code = (
        "import sys; from divisive_desktop.library import archive, card, store, tasks; store.scan_models();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA graphics card")
def test_the_graphics_card_agrees_with_the_processor(with_models: Path, rg1: Path) -> None:
    folder, image = with_models / "models" / "seeded-chest", open_image(rg1)
    expected = analyse(load_model(folder, "cpu"), image)
    exact = analyse(load_model(folder, "cuda"), image)
    assert np.allclose(exact.cams, expected.cams, atol=1e-3)
    half = load_model(folder, "cuda", "bf16")
    rough = analyse(half, image)
    assert rough.precision == "bf16"
    assert np.allclose(rough.logits, expected.logits, atol=0.1)
    for c in (0, 1):
        assert float(rough.cams[c].mean()) + rough.bias[c] == pytest.approx(rough.logits[c], abs=1e-4)
    with pytest.raises(OutOfMemoryError, match="graphics card"), memory_errors(torch.device("cuda")):
        torch.empty(1 << 50, device="cuda")


def card(model_id: str, colour: str = "grey") -> Card:
    return Card(
        model_id, "1", "chest-xray", ("no finding", "abnormal"), "efficientnet-lite0", "difference", "",
        Preprocessing(size=224, colour=colour),
    )  # fmt: skip


def tiny(stored: np.ndarray) -> ImageRecord:
    photometric = "RGB" if stored.ndim == 3 else "MONOCHROME2"
    return ImageRecord(Path("tiny.png"), "0" * 64, "photograph", stored, photometric)


GREY_HASH, RGB_HASH = "35dec76050d0bf8c", "8c9b6ebd8250a583"


def test_the_card_decides_about_what_was_measured(with_models: Path, rg1: Path) -> None:
    model = load_model(with_models / "models" / "seeded-chest")
    image = open_image(rg1)
    before = analyse(model, image)
    assert before.decision.state == "unmeasured"
    margin = before.logits[1] - before.logits[0]
    share = Share.of(9, 10)
    negative = tuple(margin - k for k in range(20, 0, -1))
    positive = tuple(margin + k for k in range(-1, 19))
    margins = Margins(negative, positive, "here", (20, 20), None)
    rules = DecisionRules(Threshold(margin + 1, "a rule", "val", share, share), (0.1, 0.1), margins, None)
    decided = replace(model, card=replace(model.card, decision=rules))
    found = decided.decide(margin, FAMILIAR)
    assert found.p == margins.p(margin) == (1 / 21, 3 / 21)
    now = analyse(decided, image)
    assert (now.decision.threshold, now.decision.p) == (margin + 1, None), "its scope wasn't checked"
    assert now.predicted == 0, "below the threshold, whatever the sign of the margin"
    lower = replace(rules, threshold=replace(rules.threshold, margin=margin - 1))
    assert analyse(replace(model, card=replace(model.card, decision=lower)), image).predicted == 1
