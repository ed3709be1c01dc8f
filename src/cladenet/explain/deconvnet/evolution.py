"""How feature maps came to be: the same ones at several checkpoints (Fig. 4).

At each checkpoint the strongest activation of a feature map among all images is taken back to
pixels. A sudden change is another image that has become the strongest.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.explain.deconvnet.strongest import reconstructions, strongest
from cladenet.layers.classifier import Classifier


class Epoch(NamedTuple):
    """The feature maps of one checkpoint.

    Args:
        values: of the strongest activations, (K,).
        images: numbers of the images, int64 (K,).
        pixels: what the deconvnet makes of them, (K, C, H, W).
        fields: what each activation can see, int64 (K, 4), as `reconstructions` gives it.
    """

    values: Tensor
    images: Tensor
    pixels: Tensor
    fields: Tensor


def evolution(
    networks: Iterable[Classifier],
    layer: str,
    batches: Callable[[], Iterable[Tensor]],
    channels: Sequence[int],
) -> list[Epoch]:
    """One for each network, in their order.

    Args:
        networks: one network at several checkpoints, of a family with ReLU.
        layer: name of a module that gives feature maps.
        batches: gives normalised images (N, C, H, W) anew at each call, in the same order.
        channels: which feature maps.

    Raises:
        BadArgument: as `strongest` and `reconstructions`.
    """
    found = []
    for network in networks:
        best = strongest(network, layer, batches(), channels, top=1)
        wanted = best.images[:, 0]
        chosen = _chosen(batches(), wanted)
        pixels, fields = reconstructions(network, layer, chosen, best.channels.to(chosen.device))
        found.append(Epoch(best.values[:, 0], wanted, pixels, fields))
    return found


def _chosen(batches: Iterable[Tensor], wanted: Tensor) -> Tensor:
    """The images of those numbers, (K, C, H, W)."""
    kept: dict[int, Tensor] = {}
    first = 0
    for images in batches:
        for number in {int(n) - first for n in wanted if first <= int(n) < first + len(images)}:
            kept[first + number] = images[number]
        first += len(images)
    return torch.stack([kept[int(number)] for number in wanted])
