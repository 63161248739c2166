"""A network's answers by onnxruntime: a graph from ``resources/graphs``, completed by a model's own weights.

The graph has everything but the weights (``build/graphs.py`` writes it from the network in torch), so that a model
version stays what it was, one file of weights with one hash, and is answered for without torch.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from divisive_desktop import paths
from divisive_desktop.library.scope import Features
from divisive_desktop.networks.runtime import GRID, Answers, Float, Precision, no_memory

_TAPPED = (2, 4, 10)
"""Blocks whose features the check of scope reads, there too; the layout is the last one's."""
_NORM_EPS = 1e-3
"""Of the backbone's batch normalisation."""
_OUTPUTS = ("features", "logits", "pooled", "middle")
PROVIDERS: Mapping[str, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
"""What onnxruntime calls the devices that this program knows of."""


class GraphRuntime:
    """One network in an onnxruntime session.

    Parameters
    ----------
    backbone, dilate_last
        Which graph, see `divisive_desktop.networks.network.Network`.
    weights : mapping of str to array
        As in ``weights.safetensors``, normalisation not yet folded.
    device : str
        ``cpu`` or ``cuda``, optionally ``cuda:N``.

    Raises
    ------
    ValueError
        There is no such graph, or the weights aren't those of this network.
    OutOfMemoryError
    """

    precision: Precision = "float32"

    def __init__(
        self, backbone: str, dilate_last: bool, weights: Mapping[str, npt.NDArray[Any]], device: str = "cpu"
    ) -> None:
        self.device = device
        tensors = folded(weights)
        self._session = graph_session(f"{backbone}{'-dilated' if dilate_last else ''}", tensors, device)
        self._head = tensors["head.weight"]
        self.bias = (float(tensors["head.bias"][0]), float(tensors["head.bias"][1]))
        channels = [tensors[f"backbone.blocks.{block}.project.weight"].shape[0] for block in _TAPPED]
        self.tap_sizes = (sum(channels), channels[-1] * GRID**2)

    @cached_property
    def name(self) -> str:
        """Library, version and the provider that computes."""
        return f"onnxruntime {ort.__version__}, {self._session.get_providers()[0]}"

    def answer(self, inputs: Float, with_features: bool) -> Answers:
        features, logits, pooled, middle = self._run(inputs)
        batch, channels, height, width = features.shape
        # One matrix product over the cells, in float32 as the logits are.
        cams = np.matmul(self._head, features.reshape(batch, channels, height * width))
        return Answers(
            logits,
            cams.reshape(batch, len(self._head), height, width),
            _features(pooled, middle) if with_features else [],
        )

    def look(self, inputs: Float) -> list[Features]:
        _, _, pooled, middle = self._run(inputs)
        return _features(pooled, middle)

    def _run(self, inputs: Float) -> tuple[Float, Float, Float, Float]:
        try:
            features, logits, pooled, middle = self._session.run(_OUTPUTS, {"input": np.ascontiguousarray(inputs)})
        except Exception as e:
            if "allocate" in str(e).lower() or "out of memory" in str(e).lower():
                raise no_memory(self.device != "cpu") from e
            raise
        return features, logits, pooled, middle


def folded(weights: Mapping[str, npt.NDArray[Any]]) -> dict[str, Float]:
    """A network's tensors, float32, with the normalisation's fixed statistics worked into the kernels.

    ``NAME.conv.weight`` and ``NAME.norm.*`` become ``NAME.weight`` and ``NAME.bias``; others stay as they are.

    Raises
    ------
    ValueError
        A part of a normalisation is missing, or shapes don't go together.
    """
    made = dict[str, Float]()
    for name, tensor in weights.items():
        part, _, kind = name.rpartition(".conv.")
        if kind == "weight" and part:
            try:
                scale, offset, mean, variance = (
                    weights[f"{part}.norm.{piece}"].astype(np.float64)
                    for piece in ("weight", "bias", "running_mean", "running_var")
                )
            except KeyError as e:
                raise ValueError(f"{e.args[0]} is missing") from e
            scale = scale / np.sqrt(variance + _NORM_EPS)
            made[f"{part}.weight"] = (tensor.astype(np.float64) * scale[:, None, None, None]).astype(np.float32)
            made[f"{part}.bias"] = (offset - mean * scale).astype(np.float32)
        elif ".norm." not in name:
            made[name] = tensor.astype(np.float32)
    return made


def grid_means(maps: Float, cells: int = GRID) -> Float:
    """(B, C, h, w) -> (B, C x cells x cells): means over a coarse grid, whose cells share rows where they must.

    Cell i covers rows floor(i h / cells) to ceil((i + 1) h / cells), as torch's adaptive average pooling.
    """
    batch, channels, height, width = maps.shape
    means = np.empty((batch, channels, cells, cells), np.float32)
    for i in range(cells):
        for j in range(cells):
            top, bottom = i * height // cells, -(-(i + 1) * height // cells)
            left, right = j * width // cells, -(-(j + 1) * width // cells)
            means[:, :, i, j] = maps[:, :, top:bottom, left:right].mean(axis=(2, 3))
    return means.reshape(batch, -1)


def _features(pooled: Float, middle: Float) -> list[Features]:
    return [Features(*both) for both in zip(pooled, grid_means(middle), strict=True)]


def graph_session(name: str, tensors: Mapping[str, Float], device: str) -> ort.InferenceSession:
    """A graph of ``resources/graphs`` with these weights, ready to run.

    Parameters
    ----------
    tensors : mapping of str to float32 array
        Every one that the graph wants and no other. One with the right number of values in another shape is reshaped:
        ONNX wants slopes of channels as (C, 1, 1).

    Raises
    ------
    ValueError
        There is no such graph, or the weights aren't its own.
    """
    folder: Path = paths.resources_dir() / "graphs"
    graph, shapes_file = folder / f"{name}.onnx", folder / f"{name}.json"
    if not name or Path(name).name != name or not graph.is_file():
        raise ValueError(f"there is no network {name!r}")
    shapes: dict[str, list[int]] = json.loads(shapes_file.read_text(encoding="utf-8"))
    strange = sorted({*shapes} ^ {*tensors}) or [n for n, s in shapes.items() if tensors[n].size != math.prod(s)]
    if strange:
        raise ValueError(f"weights that don't fit {name}: {', '.join(strange[:3])}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads()
    # Threads that wait for work by turning in circles take it from those that decode the next images.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    values = [ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(tensors[n].reshape(s))) for n, s in shapes.items()]
    options.add_external_initializers(list(shapes), values)
    kind, _, number = device.partition(":")
    provider: Any = PROVIDERS[kind]
    if kind == "cuda":
        provider = (provider, {"device_id": int(number or 0), "use_tf32": 0})
    others = [PROVIDERS["cpu"]] if kind != "cpu" else []
    return ort.InferenceSession(graph.read_bytes(), options, providers=[provider, *others])


def threads() -> int:
    """Threads of one forward pass: processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
