"""The one way from pixels to an answer: evaluation and prediction both go through here."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cladenet.data.preprocess import Preprocess
from cladenet.kernels.in_place import overwriting
from cladenet.layers.modes import training_nowhere


def scores(
    model: nn.Module,
    images: Tensor,
    preprocess: Preprocess,
    device: torch.device,
    precision: str = "fp32",
) -> Tensor:
    """Prepared images uint8 (n, H, W, C) -> what the network says of them, float32 on `device`.

    That is (n, K) logits, or (n, K, h, w) of a fully convolutional network.
    """
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        logits: Tensor = model(preprocess.to_input(images, device))
    return logits.float()


def device_of(model: nn.Module) -> torch.device:
    """Where the network is."""
    return next(model.parameters()).device


@contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Inference mode; afterwards each module is back in its own mode, also the frozen ones."""
    with (
        training_nowhere(*models),
        overwriting(*models),
        torch.random.fork_rng(devices=[]),
        torch.inference_mode(),
    ):
        yield
