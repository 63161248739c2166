"""Backbone, global average pooling and a linear head: the network whose class activation maps are exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from divisive_desktop.networks.efficientnet_lite import OUT_CHANNELS, Block, ConvNorm, EfficientNetLite
from divisive_desktop.networks.runtime import GRID

STANDARD_CUT = "block10"
"""Cut after the last stage at stride 16 (112 x S/16 x S/16 features): what is frozen and cached by default."""


SCOPE_POOLED = ("block2", "block4", "block10")
"""Early and middle parts whose mean over the image says where an image comes from: device, processing, compression."""
SCOPE_GRID = "block10"
"""The part whose coarse layout says what an image is of."""


@dataclass(frozen=True)
class Taps:
    """Small summaries of early and middle features of one forward pass, float32."""

    pooled: Tensor
    """(B, channels of `SCOPE_POOLED`, one after the other): means over the image."""
    grid: Tensor
    """(B, channels of `SCOPE_GRID` x GRID x GRID): means over the cells."""


class Network(nn.Module):
    """Feature maps f after the last activation, their mean, and ``logits = W mean(f) + b``.

    The raw class activation maps ``A_c = sum_k W[c, k] f_k`` (Zhou et al., CVPR 2016) come from the same forward
    pass and satisfy ``mean(A_c) + b_c = logit_c`` exactly (up to rounding, < 1e-4).

    Parameters
    ----------
    backbone : str
        ``efficientnet-lite0``, ``-lite1`` or ``-lite2``.
    classes : int
        Rows of the head; 2 for every task of this program, 1000 for the ImageNet check.
    dilate_last : bool
        Maps twice as fine from the same input size (see `EfficientNetLite`). Without it the maps have S/32 cells
        a side: 7 for 224 px input, 14 for 448 px.

    Notes
    -----
    Batch normalisation uses its stored statistics in training too while `frozen_norm` is true: right for small
    fine-tuning sets, and what makes a sample's result independent of its batch.
    """

    def __init__(self, backbone: str = "efficientnet-lite0", classes: int = 2, dilate_last: bool = False) -> None:
        super().__init__()
        self.backbone_name = backbone
        self.dilate_last = dilate_last
        self.frozen_norm = True
        self.backbone = EfficientNetLite(backbone, dilate_last)
        self.head = nn.Linear(OUT_CHANNELS, classes)

    # ---- forward --------------------------------------------------------------------------------------

    @property
    def cuts(self) -> tuple[str, ...]:
        """Names of the points where the network can be cut, in order: ``stem``, ``block0`` ... ``last``."""
        return tuple(name for name, _ in self.backbone.stages())

    def trunk(self, x: Tensor, cut: str = STANDARD_CUT) -> Tensor:
        """Input (B, 3, S, S) -> what leaves the part named ``cut`` (that part included)."""
        for stage in self._parts(cut)[0]:
            x = stage(x)
        return x

    def tail_features(self, x: Tensor, cut: str = STANDARD_CUT) -> Tensor:
        """Trunk features at ``cut`` -> last feature maps (B, 1280, h, w)."""
        for stage in self._parts(cut)[1]:
            x = stage(x)
        return x

    def tail(self, x: Tensor, cut: str = STANDARD_CUT) -> tuple[Tensor, Tensor]:
        """Trunk features at ``cut`` -> logits (B, C) and raw CAMs (B, C, h, w)."""
        return self.classify(self.tail_features(x, cut))

    def features(self, x: Tensor) -> Tensor:
        """Input (B, 3, S, S) -> last feature maps (B, 1280, h, w), not negative."""
        out: Tensor = self.backbone(x)
        return out

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Last feature maps -> logits (B, C) and raw CAMs (B, C, h, w), both float32.

        The head is computed in float32 even under autocast: the maps of the two classes are subtracted from
        each other later, and bfloat16 would leave little of a small difference.
        """
        with torch.autocast(features.device.type, enabled=False):
            f = features.float()
            weight, bias = self.head.weight.float(), self.head.bias.float()
            # A 1x1 convolution, as one matrix product over the cells: several times quicker for two outputs.
            cams = F.linear(f.permute(0, 2, 3, 1), weight).permute(0, 3, 1, 2)
            return F.linear(f.mean(dim=(2, 3)), weight, bias), cams

    def logits(self, x: Tensor) -> Tensor:
        """Plain forward pass, (B, 3, S, S) -> (B, C): the yardstick for what the CAM pair costs."""
        out: Tensor = self.head(self.features(x).mean(dim=(2, 3)))
        return out

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Input (B, 3, S, S) -> logits (B, C) and raw CAMs (B, C, h, w), in one pass."""
        return self.classify(self.features(x))

    def forward_with_taps(self, x: Tensor) -> tuple[Tensor, Tensor, Taps]:
        """As `forward`, and what the same pass shows of the image's kind and origin; costs a few means."""
        x, taps = self.tap(x)
        for stage in self._parts(SCOPE_GRID)[1]:
            x = stage(x)
        logits, cams = self.classify(x)
        return logits, cams, taps

    @property
    def tap_sizes(self) -> tuple[int, int]:
        """Numbers that `Taps.pooled` and `Taps.grid` hold of an image."""
        channels = {
            name: part.project.conv.out_channels for name, part in self.backbone.stages() if isinstance(part, Block)
        }
        return sum(channels[name] for name in SCOPE_POOLED), channels[SCOPE_GRID] * GRID * GRID

    def tap(self, x: Tensor) -> tuple[Tensor, Taps]:
        """Input (B, 3, S, S) -> what leaves `SCOPE_GRID`, and the taps up to there.

        Not by hooks: a network serves several threads at a time.
        """
        pooled = []
        for name, stage in self.backbone.stages():
            x = stage(x)
            if name in SCOPE_POOLED:
                pooled.append(x.mean(dim=(2, 3), dtype=torch.float32))
            if name == SCOPE_GRID:
                break
        return x, Taps(torch.cat(pooled, dim=1), F.adaptive_avg_pool2d(x.float(), GRID).flatten(1))

    def _parts(self, cut: str) -> tuple[list[nn.Module], list[nn.Module]]:
        names = self.cuts
        if cut not in names:
            raise ValueError(f"unknown cut {cut!r}; known are {', '.join(names)}")
        modules = [stage for _, stage in self.backbone.stages()]
        at = names.index(cut) + 1
        return modules[:at], modules[at:]

    # ---- training -------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Network:
        """Training mode; the normalisation keeps its stored statistics while `frozen_norm` is true."""
        super().train(mode)
        if mode and self.frozen_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def parameters_after(self, cut: str | None = STANDARD_CUT) -> Iterator[nn.Parameter]:
        """Parameters behind ``cut``, the head included; None: all. ``"last"``: the head alone."""
        if cut is None:
            yield from self.parameters()
            return
        for stage in self._parts(cut)[1]:
            yield from stage.parameters()
        yield from self.head.parameters()

    def freeze_up_to(self, cut: str | None = STANDARD_CUT) -> None:
        """Let only the parameters behind ``cut`` learn (None: all of them)."""
        self.requires_grad_(False)
        for parameter in self.parameters_after(cut):
            parameter.requires_grad_(True)

    # ---- inspection and inference ---------------------------------------------------------------------

    @torch.no_grad()
    def head_cosine(self) -> float:
        """Cosine of the head's rows w_0 and w_1, in -1..1.

        At -1 the false-class map is the true-class map mirrored (A_false = -A_true) and adds nothing to it.
        """
        rows = self.head.weight.double()
        return float(F.cosine_similarity(rows[0], rows[1], dim=0))

    def fold(self) -> Network:
        """Work the normalisation into the convolutions: same logits (1e-4 relative), faster, not for training."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold()
        return self.eval()

    def cam_size(self, size: int) -> int:
        """Cells along a side of the CAM for a square input of ``size`` pixels."""
        for _ in range(4 if self.dilate_last else 5):
            size = -(-size // 2)
        return size
