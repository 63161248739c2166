"""EfficientNet-Lite 0, 1 and 2 in plain torch: stem, inverted residual blocks, last 1x1 convolution.

Tan & Le, "EfficientNet", ICML 2019; the Lite variants drop squeeze-and-excitation and use ReLU6
(tensorflow/tpu, models/official/efficientnet/lite). Padding is TensorFlow's SAME so that its ImageNet weights fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# repeats, kernel, stride, expansion, input channels, output channels of each stage of Lite0
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
SCALES = {"efficientnet-lite0": (1.0, 1.0), "efficientnet-lite1": (1.0, 1.1), "efficientnet-lite2": (1.1, 1.2)}
"""Width and depth multipliers by name."""

OUT_CHANNELS = 1280
"""Channels of the last feature maps, the same for all three."""


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: output side = ceil(input side / stride).

    With stride 2 and an even side the padding is one pixel larger at the bottom and right; ``padding`` of
    ``nn.Conv2d`` can't say that, so the input is copied into a padded one. `grow` saves that copy.
    """

    grown = False

    @torch.no_grad()
    def grow(self) -> None:
        """Give a strided kernel a row of zeros at the top and a column at the left (inference only).

        The lopsided padding is then inside the kernel: with one pixel more than SAME asks for at the top and left,
        and as much at the bottom and right, the output is the same for even and odd sides, and nothing is copied.
        """
        if self.stride[0] == 2 and not self.grown:
            self.weight = nn.Parameter(F.pad(self.weight, (1, 0, 1, 0)), requires_grad=False)
            self.kernel_size = (self.kernel_size[0] + 1, self.kernel_size[1] + 1)
            self.grown = True

    def forward(self, x: Tensor) -> Tensor:
        return self.convolve(x, self.weight, self.bias)

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The same convolution with another kernel and bias of the same shapes."""
        top, bottom = self._pads(x.shape[-2], 0)
        left, right = self._pads(x.shape[-1], 1)
        if self.grown:
            return F.conv2d(x, weight, bias, self.stride, (top + 1, left + 1), 1, self.groups)
        if top != bottom or left != right:
            x = F.pad(x, (left, right, top, bottom))
            top = left = 0
        return F.conv2d(x, weight, bias, self.stride, (top, left), self.dilation, self.groups)

    def _pads(self, side: int, axis: int) -> tuple[int, int]:
        kernel = self.kernel_size[axis] - self.grown
        stride, reach = self.stride[axis], (kernel - 1) * self.dilation[axis] + 1
        total = max((math.ceil(side / stride) - 1) * stride + reach - side, 0)
        return total // 2, total - total // 2


class ConvNorm(nn.Module):
    """Convolution, batch normalisation and, where asked for, ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1, activate: bool = True
    ) -> None:
        super().__init__()
        self.conv = SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        if isinstance(norm, nn.BatchNorm2d) and not norm.training:
            # Fixed statistics are a scale and an offset per channel: worked into the kernel they cost no pass over
            # the maps, forward or backward, and the gradients of all parameters stay what they were.
            assert norm.running_mean is not None
            assert norm.running_var is not None
            scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            x = self._convolve(x, self.conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale)
        else:
            x = norm(self.conv(x))
        return F.relu6(x, inplace=True) if self.activate else x

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        if self.conv.groups > 1 and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # On processors the backward pass of depthwise bfloat16 kernels takes twice as long as that of float32.
            with torch.autocast("cpu", enabled=False):
                return self.conv.convolve(x.float(), weight, bias)
        return self.conv.convolve(x, weight, bias)

    @torch.no_grad()
    def fold(self) -> None:
        """Work the normalisation's fixed statistics (and padding) into the kernel; inference only, for good."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        bias = norm.bias.double() - norm.running_mean.double() * scale
        weight = self.conv.weight
        self.conv.weight = nn.Parameter((weight.double() * scale[:, None, None, None]).to(weight.dtype), False)
        self.conv.bias = nn.Parameter(bias.to(weight.dtype), False)
        self.norm = nn.Identity()
        self.conv.grow()


class Block(nn.Module):
    """Inverted residual: expand (1x1), depthwise (kxk), project (1x1), and a skip where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = inputs * expansion
        self.expand = ConvNorm(inputs, middle) if expansion != 1 else nn.Identity()
        self.depthwise = ConvNorm(middle, middle, kernel, stride, groups=middle)
        self.project = ConvNorm(middle, outputs, activate=False)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.skip else y


class EfficientNetLite(nn.Module):
    """Backbone up to the last activation: (B, 3, S, S) -> (B, 1280, ceil(S/32), ceil(S/32)).

    Parameters
    ----------
    name : str
        A key of `SCALES`.
    dilate_last : bool
        The last stride of 2 becomes 1 and the blocks after it are dilated by 2: maps twice as fine, ceil(S/16),
        from the same weights. Every second cell then equals the undilated map's cell exactly.
    """

    def __init__(self, name: str = "efficientnet-lite0", dilate_last: bool = False) -> None:
        super().__init__()
        if name not in SCALES:
            raise ValueError(f"unknown backbone {name!r}; known are {', '.join(SCALES)}")
        width, depth = SCALES[name]
        self.stem = ConvNorm(3, 32, 3, 2)
        self.blocks = nn.ModuleList()
        for stage, (repeats, kernel, stride, expansion, inputs, outputs) in enumerate(_STAGES):
            # The Lite variants leave stem, last convolution and the depth of the outer stages unscaled.
            inputs = 32 if stage == 0 else _scale_width(inputs, width)
            outputs = _scale_width(outputs, width)
            outer = stage in (0, len(_STAGES) - 1)
            for repeat in range(repeats if outer else math.ceil(repeats * depth)):
                if repeat == 0:
                    self.blocks.append(Block(inputs, outputs, kernel, stride, expansion))
                else:
                    self.blocks.append(Block(outputs, outputs, kernel, 1, expansion))
        self.last = ConvNorm(_scale_width(_STAGES[-1][-1], width), OUT_CHANNELS)
        if dilate_last:
            self._dilate_last()

    def _dilate_last(self) -> None:
        convs = [block.depthwise.conv for block in self._typed_blocks()]
        index = max(i for i, conv in enumerate(convs) if conv.stride[0] == 2)
        convs[index].stride = (1, 1)
        for conv in convs[index + 1 :]:
            conv.dilation = (2, 2)

    def _typed_blocks(self) -> Iterator[Block]:
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Everything in order of use: ``stem``, ``block0`` ... ``last``."""
        return [("stem", self.stem), *((f"block{i}", b) for i, b in enumerate(self.blocks)), ("last", self.last)]

    def forward(self, x: Tensor) -> Tensor:
        for _, stage in self.stages():
            x = stage(x)
        return x


def _scale_width(channels: int, width: float) -> int:
    """Channels times width, rounded to a multiple of 8, never more than 10 % down."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded
