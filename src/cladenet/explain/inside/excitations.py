"""Excitations by class: what squeeze-and-excitation lets pass of each channel.

Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. TPAMI 2020. arXiv:1709.01507, Sec. 7.2
and Fig. 6: early units scale the channels alike for all classes, late ones by class, and the very
last hardly at all.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier
from cladenet.layers.squeeze_excite import SqueezeExcite


class Excitation(NamedTuple):
    """Of one squeeze-and-excitation unit.

    Args:
        layer: its name.
        means: mean scale of each channel, (K classes, C); NaN for a class without images.
        between: standard deviation between the classes' means, the mean over the channels: how far
            the unit tells classes apart.
    """

    layer: str
    means: Tensor
    between: float


def excitations(network: Classifier, batches: Iterable[tuple[Tensor, Tensor]]) -> list[Excitation]:
    """Of all such units, in the order of computation.

    Args:
        network: with squeeze-and-excitation; it stays as it was.
        batches: normalised images (N, C, H, W) and class numbers (N,) each.

    Raises:
        BadArgument: the network has no such units, or there are no images.
    """
    sums: dict[str, Tensor] = {}
    labels = torch.zeros(0, dtype=torch.long)

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            scales = output.flatten(1).double().cpu()
            empty = torch.zeros(network.num_classes, scales.shape[1], dtype=scales.dtype)
            sums[name] = sums.get(name, empty).index_add(0, labels, scales)

        return hook

    named = {n: m for n, m in network.named_modules() if isinstance(m, SqueezeExcite)}
    if not named:
        raise BadArgument(
            f"this {type(network).__name__} has no squeeze-and-excitation; see seresnet50, or "
            'create_model("resnet50", se=16)'
        )
    handles = [m.excite.register_forward_hook(watch(name)) for name, m in named.items()]
    counts = torch.zeros(network.num_classes, dtype=torch.double)
    try:
        with frozen(network), torch.no_grad():
            for images, truth in batches:
                labels = truth.cpu()
                counts += torch.bincount(labels, minlength=network.num_classes)
                network(images)
    finally:
        for handle in handles:
            handle.remove()
    if not counts.any():
        raise BadArgument("there are no images to look at; give at least one")
    means = {name: total / counts[:, None] for name, total in sums.items()}
    there = counts > 0
    return [
        Excitation(name, mean, float(mean[there].std(0, correction=0).mean()))
        for name, mean in means.items()
    ]
