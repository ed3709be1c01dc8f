"""Dead units: feature maps that no image activates.

Zeiler and Fergus (ECCV 2014, Sec. 4.1) found them in AlexNet's first layer; a ReLU whose input is
never positive passes no gradient and never comes back.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier


class Activity(NamedTuple):
    """Of one ReLU.

    Args:
        layer: its name.
        units: channels of its output.
        dead: channels that were 0 at every place of every image, ascending.
        active: share of outputs that were above 0.
    """

    layer: str
    units: int
    dead: tuple[int, ...]
    active: float


def activity(network: Classifier, batches: Iterable[Tensor]) -> list[Activity]:
    """Of all ReLUs, clipped ones too, in the order of computation.

    Args:
        network: of any family; it stays as it was.
        batches: normalised images, (N, C, H, W) each.
    """
    alive: dict[str, Tensor] = {}
    counts: dict[str, tuple[int, int]] = {}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            above = output > 0
            axes = [axis for axis in range(above.ndim) if axis != _channels(above)]
            found = above.any(dim=axes[0]) if len(axes) == 1 else above.amax(axes)
            alive[name] = found | alive.get(name, torch.zeros_like(found))
            positive, total = counts.get(name, (0, 0))
            counts[name] = (positive + int(above.sum()), total + above.numel())

        return hook

    handles = [
        module.register_forward_hook(watch(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.ReLU | nn.ReLU6)
    ]
    try:
        with frozen(network), torch.no_grad():
            for images in batches:
                network(images)
    finally:
        for handle in handles:
            handle.remove()
    return [
        Activity(
            name,
            len(units),
            tuple((~units).nonzero()[:, 0].tolist()),
            counts[name][0] / counts[name][1],
        )
        for name, units in alive.items()
    ]


def _channels(values: Tensor) -> int:
    """The axis of the units: the second of maps and vectors, the last of tokens."""
    return 2 if values.ndim == 3 else 1
