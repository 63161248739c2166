"""onnxruntime and torch answer alike, from the same weights; what doesn't fit is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.networks.graph import GraphRuntime, folded, graph_session, grid_means
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.saving import weights_of
from divisive_desktop.networks.torch_loading import torch_runtime

ROOT = Path(__file__).parents[2]


def weights(backbone: str = "efficientnet-lite0", seed: int = 3) -> dict[str, np.ndarray]:
    """Of a network whose normalisation has something to fold."""
    import torch

    torch.manual_seed(seed)
    network = Network(backbone)
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.2, 0.2)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    return weights_of(network, half=False)


@pytest.mark.parametrize(
    ("backbone", "dilate", "side"),
    [
        ("efficientnet-lite0", False, 224), ("efficientnet-lite0", True, 224), ("efficientnet-lite0", False, 225),
        ("efficientnet-lite1", False, 160), ("efficientnet-lite2", True, 160),
    ],
)  # fmt: skip
def test_both_runtimes_give_the_same(backbone: str, dilate: bool, side: int) -> None:
    arrays = weights(backbone)
    x = np.random.default_rng(1).standard_normal((3, 3, side, side)).astype(np.float32)
    graph = GraphRuntime(backbone, dilate, arrays)
    torch = torch_runtime(backbone, dilate, arrays, "cpu", "float32")
    one, other = graph.answer(x, with_features=True), torch.answer(x, with_features=True)
    assert graph.bias == torch.bias
    assert graph.tap_sizes == torch.tap_sizes == (one.features[0].pooled.size, one.features[0].grid.size)
    assert np.abs(one.logits - other.logits).max() < 1e-4
    assert one.cams.shape == other.cams.shape
    assert np.abs(one.cams - other.cams).max() < 1e-3
    assert np.abs(one.cams.mean(axis=(2, 3)) + graph.bias - one.logits).max() < 1e-4
    for mine, theirs in zip(one.features, other.features, strict=True):
        assert np.abs(mine.pooled - theirs.pooled).max() < 1e-4
        assert np.abs(mine.grid - theirs.grid).max() < 1e-4
    looked = graph.look(x[1:2])[0]
    assert np.allclose(looked.grid, one.features[1].grid, atol=1e-5)
    assert graph.answer(x, with_features=False).features == []
    assert graph.name.startswith("onnxruntime ")
    assert (graph.device, graph.precision) == ("cpu", "float32")


@pytest.mark.parametrize("side", [28, 14, 5, 4, 3])
def test_coarse_means_are_torchs(side: int) -> None:
    import torch

    maps = np.random.default_rng(side).standard_normal((2, 3, side, side)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), 4).flatten(1).numpy()
    assert np.allclose(grid_means(maps), expected, atol=1e-6)


def test_weights_that_do_not_fit_are_refused() -> None:
    arrays = weights()
    for broken in (
        {name: a for name, a in arrays.items() if name != "head.bias"},
        {name: a for name, a in arrays.items() if name != "backbone.stem.norm.running_var"},
        {**arrays, "strange": np.zeros(3, np.float32)},
        {**arrays, "head.bias": np.zeros(3, np.float32)},
        weights("efficientnet-lite1"),
    ):
        with pytest.raises(ValueError, match=r"fit|missing"):
            GraphRuntime("efficientnet-lite0", False, broken)
    for name in ("resnet", "../graphs/efficientnet-lite0", ""):
        with pytest.raises(ValueError, match="no network"):
            graph_session(name, folded(arrays), "cpu")


def test_the_graphs_are_those_of_the_networks() -> None:
    pytest.importorskip("onnx")
    done = subprocess.run(
        [sys.executable, ROOT / "build" / "graphs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_answering_needs_no_torch(with_models: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from divisive_desktop.engine import analysis, server;"
        "from divisive_desktop.engine.worker import Worker; from divisive_desktop.networks.analyse import analyse;"
        "from divisive_desktop.networks.mtcnn import load_face_detector;"
        "from divisive_desktop.networks.reference import reference_image; load_face_detector();"
        "analyse(Worker('cpu').model('seeded-chest'), reference_image('grey'));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
