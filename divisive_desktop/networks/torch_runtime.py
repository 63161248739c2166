"""A network's answers by torch: on graphics cards that onnxruntime wasn't built for, and where there is no graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from divisive_desktop.library.scope import Features
from divisive_desktop.networks.network import Network, Taps
from divisive_desktop.networks.runtime import Answers, Float, Precision, no_memory


class TorchRuntime:
    """One network in torch.

    Parameters
    ----------
    network : Network
        With its weights; folded here, for inference only.
    device : torch.device
    precision : {'float32', 'bf16'}
        ``bf16`` (autocast) is for NVIDIA cards; elsewhere it is float32.

    Raises
    ------
    OutOfMemoryError
        The network doesn't fit into the device's memory.
    """

    def __init__(self, network: Network, device: torch.device, precision: Precision = "float32") -> None:
        network.requires_grad_(False)
        network.fold()
        with memory_errors(device):
            network.to(device)
        self.network, self._device = network, device
        self.precision: Precision = precision if device.type == "cuda" else "float32"
        first, second = network.head.bias.tolist()
        self.bias = (float(first), float(second))

    @property
    def name(self) -> str:
        return f"torch {torch.__version__}"

    @property
    def device(self) -> str:
        return str(self._device)

    @property
    def tap_sizes(self) -> tuple[int, int]:
        return self.network.tap_sizes

    def answer(self, inputs: Float, with_features: bool) -> Answers:
        with memory_errors(self._device), torch.inference_mode(), self._arithmetic():
            x = torch.from_numpy(inputs).to(self._device).contiguous(memory_format=torch.channels_last)
            if not with_features:
                logits, cams = self.network(x)
                return Answers(logits.cpu().numpy(), cams.contiguous().cpu().numpy(), [])
            logits, cams, taps = self.network.forward_with_taps(x)
            return Answers(logits.cpu().numpy(), cams.contiguous().cpu().numpy(), features_of(taps))

    def look(self, inputs: Float) -> list[Features]:
        with memory_errors(self._device), torch.inference_mode(), self._arithmetic():
            x = torch.from_numpy(inputs).to(self._device).contiguous(memory_format=torch.channels_last)
            return features_of(self.network.tap(x)[1])

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        """bfloat16 where asked for; else true float32, not the TF32 that NVIDIA cards use by default."""
        if self.precision == "bf16":
            with torch.autocast(self._device.type, torch.bfloat16):
                yield
            return
        exact = torch.backends.cudnn.flags(allow_tf32=False) if self._device.type == "cuda" else nullcontext()
        with exact:
            yield


def features_of(taps: Taps) -> list[Features]:
    """What a forward pass left at the taps, image by image."""
    return [Features(*both) for both in zip(taps.pooled.cpu().numpy(), taps.grid.cpu().numpy(), strict=True)]


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Turns torch's out-of-memory errors into one that a user can act on."""
    try:
        yield
    except torch.OutOfMemoryError as e:
        torch.cuda.empty_cache()
        raise no_memory(graphics=True) from e
    except RuntimeError as e:
        if "can't allocate memory" not in str(e) and "not enough memory" not in str(e):
            raise
        raise no_memory(graphics=False) from e
