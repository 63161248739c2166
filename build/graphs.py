"""Writes ``resources/graphs``: the networks as ONNX graphs without weights, which a model's own weights complete.

``python build/graphs.py`` writes them, ``--check`` tells whether they are what the networks are (0) or not (1).

Inputs and outputs (see `divisive_desktop.networks.graph`): ``input`` (B, 3, S, S) to ``features`` (B, 1280, h, w),
``logits`` (B, 2), ``pooled`` and ``middle``, what the check of scope is made of. Normalisation is folded into the
kernels, as the program does with the weights when it loads them.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from onnx import TensorProto, helper
from onnx.onnx_ml_pb2 import GraphProto, ModelProto, NodeProto

from divisive_desktop.networks.efficientnet_lite import OUT_CHANNELS, SCALES, Block, ConvNorm
from divisive_desktop.networks.network import SCOPE_GRID, SCOPE_POOLED, Network
from divisive_desktop.networks.runtime import GRID

FOLDER = Path(__file__).resolve().parent.parent / "resources" / "graphs"
_OPSET, _IR = 17, 9


class _Graph:
    """Nodes and weights in the order in which they are met."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, tuple[int, ...]] = {}

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def weight(self, name: str, *shape: int) -> str:
        self.weights[name] = shape
        return name

    def convolve(self, name: str, part: ConvNorm, x: str) -> str:
        conv = part.conv
        shape = (conv.out_channels, conv.in_channels // conv.groups, *conv.kernel_size)
        reach = [d * (k - 1) // 2 for d, k in zip(conv.dilation, conv.kernel_size, strict=True)]
        # Only a strided kernel's padding depends on the input's size; onnxruntime works it out, but not with dilation.
        padding = {"auto_pad": "SAME_UPPER"} if conv.stride[0] > 1 else {"pads": reach + reach}
        out = self.add(
            "Conv", [x, self.weight(f"{name}.weight", *shape), self.weight(f"{name}.bias", conv.out_channels)], name,
            strides=list(conv.stride), dilations=list(conv.dilation), group=conv.groups,
            kernel_shape=list(conv.kernel_size), **padding,
        )  # fmt: skip
        return self.add("Clip", [out, "zero", "six"], f"{name}.relu6") if part.activate else out

    def block(self, name: str, part: Block, x: str) -> str:
        y = x
        for step in ("expand", "depthwise", "project"):
            inner = getattr(part, step)
            if isinstance(inner, ConvNorm):
                y = self.convolve(f"{name}.{step}", inner, y)
        return self.add("Add", [x, y], f"{name}.sum") if part.skip else y


def graph(backbone: str, dilate_last: bool) -> tuple[ModelProto, dict[str, tuple[int, ...]]]:
    """The graph and its weights' shapes by name."""
    with torch.device("meta"):
        network = Network(backbone, 2, dilate_last)
    g, x, pooled = _Graph(), "input", list[str]()
    for name, part in network.backbone.stages():
        if isinstance(part, Block):
            x = g.block(f"backbone.blocks.{name.removeprefix('block')}", part, x)
        else:
            assert isinstance(part, ConvNorm)
            x = g.convolve(f"backbone.{name}", part, x)
        if name in SCOPE_POOLED:
            pooled.append(g.add("ReduceMean", [x], f"{name}.mean", axes=[2, 3], keepdims=0))
        if name == SCOPE_GRID:
            g.add("Identity", [x], "middle")
    g.add("Concat", pooled, "pooled", axis=1)
    g.add("Identity", [x], "features")
    g.add("ReduceMean", [x], "mean", axes=[2, 3], keepdims=0)
    g.add("Gemm", ["mean", g.weight("head.weight", 2, OUT_CHANNELS), g.weight("head.bias", 2)], "logits", transB=1)

    def port(name: str, *shape: object) -> object:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    pooled_size, grid_size = network.tap_sizes
    middle = grid_size // GRID**2
    made = helper.make_graph(
        g.nodes, backbone + ("-dilated" if dilate_last else ""), [port("input", "batch", 3, "side", "side")],
        [port("features", "batch", OUT_CHANNELS, "cells", "cells"), port("logits", "batch", 2),
         port("pooled", "batch", pooled_size), port("middle", "batch", middle, "rows", "rows")],
        [_absent(name, shape) for name, shape in g.weights.items()]
        + [helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("zero", 0.0), ("six", 6.0))],
    )  # fmt: skip
    return _model(made), g.weights


def _model(made: GraphProto) -> ModelProto:
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="divisive-desktop")
    model.ir_version = _IR
    return model


def _absent(name: str, shape: tuple[int, ...]) -> TensorProto:
    """A weight that comes from elsewhere when the graph is loaded."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights"
    return tensor


# Of each of MTCNN's networks: convolutions (output channels, kernel, that of the pooling that follows), cells a side
# and channels of the dense layer in between, and channels of the outputs (score, box, landmarks).
_FACES = {
    "pnet": (((10, 3, 2), (16, 3, 0), (32, 3, 0)), None, {"conv4_1": 2, "conv4_2": 4}),
    "rnet": (((28, 3, 3), (48, 3, 3), (64, 2, 0)), (3, 128), {"dense5_1": 2, "dense5_2": 4}),
    "onet": (((32, 3, 3), (64, 3, 3), (64, 3, 2), (128, 2, 0)), (3, 256),
             {"dense6_1": 2, "dense6_2": 4, "dense6_3": 10}),
}  # fmt: skip


def faces(name: str) -> tuple[ModelProto, dict[str, tuple[int, ...]]]:
    """One of MTCNN's networks, in the layout of facenet-pytorch."""
    convolutions, dense, outputs = _FACES[name]
    g, x, channels = _Graph(), "input", 3
    for i, (made, kernel, pool) in enumerate(convolutions, 1):
        kernels = g.weight(f"conv{i}.weight", made, channels, kernel, kernel)
        x = g.add("Conv", [x, kernels, g.weight(f"conv{i}.bias", made)], f"conv{i}")
        x = g.add("PRelu", [x, g.weight(f"prelu{i}.weight", made, 1, 1)], f"prelu{i}")
        if pool:
            x = g.add("MaxPool", [x], f"pool{i}", kernel_shape=[pool, pool], strides=[2, 2], ceil_mode=1)
        channels = made
    if dense is not None:
        cells, made = dense
        i = len(convolutions) + 1
        x = g.add("Transpose", [x], "columns", perm=[0, 3, 2, 1])  # the weights expect columns first
        x = g.add("Flatten", [x], "flat", axis=1)
        matrix = g.weight(f"dense{i}.weight", made, channels * cells**2)
        x = g.add("Gemm", [x, matrix, g.weight(f"dense{i}.bias", made)], f"dense{i}", transB=1)
        x = g.add("PRelu", [x, g.weight(f"prelu{i}.weight", made)], f"prelu{i}")
        channels = made
    ports = []
    for part, made in outputs.items():
        bias = g.weight(f"{part}.bias", made)
        if dense is None:
            y = g.add("Conv", [x, g.weight(f"{part}.weight", made, channels, 1, 1), bias], part)
        else:
            y = g.add("Gemm", [x, g.weight(f"{part}.weight", made, channels), bias], part, transB=1)
        if not ports:
            y = g.add("Gather", [g.add("Softmax", [y], "both", axis=1), "one"], "score", axis=1)
        ports.append(helper.make_tensor_value_info(y, TensorProto.FLOAT, None))
    pictures = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, "height", "width"])
    made_graph = helper.make_graph(
        g.nodes, f"mtcnn-{name}", [pictures], ports, [_absent(n, shape) for n, shape in g.weights.items()]
        + [helper.make_tensor("one", TensorProto.INT64, [], [1])],
    )  # fmt: skip
    return _model(made_graph), g.weights


def files() -> dict[Path, bytes]:
    """What belongs into the folder."""
    found = {}
    networks = [graph(backbone, dilate_last) for backbone in SCALES for dilate_last in (False, True)]
    networks += [faces(name) for name in _FACES]
    for model, shapes in networks:
        name = model.graph.name
        found[FOLDER / f"{name}.onnx"] = model.SerializeToString(deterministic=True)
        found[FOLDER / f"{name}.json"] = (json.dumps(shapes, separators=(",", ":")) + "\n").encode()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    wanted = files()
    if parser.parse_args().check:
        stale = [p.name for p, data in wanted.items() if not p.is_file() or p.read_bytes() != data]
        if stale:
            print(f"Not what the networks are: {', '.join(stale)}. Run python build/graphs.py")
        return bool(stale)
    FOLDER.mkdir(exist_ok=True)
    for path, data in wanted.items():
        path.write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
