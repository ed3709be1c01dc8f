"""The strongest images of each feature map, with what made it so strong (Fig. 2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.explain.deconvnet.network import WHAT, Deconvnet, map_of
from cladenet.explain.rules import BackwardRules
from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier

TOP = 9  # images a feature map, as in the paper


@dataclass(frozen=True)
class Strongest:
    """Of K feature maps the T images in which they are strongest, the strongest first.

    Args:
        layer: the module that gives the feature maps.
        channels: which of them, (K,).
        values: of the activations, (K, T).
        images: numbers of the images in the order in which they came, int64 (K, T).
        places: row and column of each activation in its map, int64 (K, T, 2).
    """

    layer: str
    channels: Tensor
    values: Tensor
    images: Tensor
    places: Tensor


def strongest(
    network: Classifier,
    layer: str,
    batches: Iterable[Tensor],
    channels: Sequence[int] | None = None,
    top: int = TOP,
) -> Strongest:
    """Goes through the images once and keeps `top` of each feature map.

    Each image counts once, with its strongest place.

    Args:
        network: of any family; it stays as it was.
        layer: name of a module that gives feature maps.
        batches: normalised images, (N, C, H, W) each.
        channels: the feature maps to look at; all by default.
        top: images of each; fewer where there are fewer.

    Raises:
        BadArgument: there is no such layer or feature map, or there are no images.
    """
    kept: tuple[Tensor, ...] | None = None
    seen, numbers = 0, torch.empty(0)
    for images in batches:
        with frozen(network), torch.no_grad():
            maps = map_of(network, layer, images)
        numbers = _numbers(channels, maps.shape[1])
        width = maps.shape[3]
        values, places = maps[:, numbers].flatten(2).max(2)
        of_image = torch.arange(seen, seen + len(images)).expand(len(numbers), -1)
        seen += len(images)
        found: tuple[Tensor, ...]
        found = (values.T.cpu(), of_image, places.T.cpu() // width, places.T.cpu() % width)
        if kept is not None:
            found = tuple(torch.cat(pair, 1) for pair in zip(kept, found, strict=True))
        order = found[0].argsort(dim=1, descending=True, stable=True)[:, :top]
        kept = tuple(part.gather(1, order) for part in found)
    if kept is None:
        raise BadArgument("there are no images to look for the strongest among; give at least one")
    values, of_image, rows, columns = kept
    return Strongest(layer, numbers, values, of_image, torch.stack([rows, columns], 2))


def reconstructions(
    network: Classifier, layer: str, images: Tensor, channels: Tensor
) -> tuple[Tensor, Tensor]:
    """What the deconvnet makes of the strongest activation of a feature map in each image.

    Args:
        network: of a family with ReLU.
        layer: name of a module that gives feature maps.
        images: normalised, (N, C, H, W).
        channels: the feature map to look at in each image, int64 (N,).

    Returns:
        Pixels (N, C, H, W), and the part of the image that the activation can see: first row and
        column, last row and column plus 1, int64 (N, 4).

    Raises:
        BadArgument: as `Deconvnet`.
    """
    deconvnet = Deconvnet(network, layer, images)
    seeds = deconvnet.seeds(channels)
    return deconvnet.project(seeds), fields(network, layer, images.shape, seeds != 0)


def fields(network: Classifier, layer: str, shape: Sequence[int], units: Tensor) -> Tensor:
    """The smallest rectangle around all pixels that units depend on, int64 (N, 4).

    Args:
        network: of a family with ReLU.
        layer: the module of the units.
        shape: of the images, (N, C, H, W).
        units: bool (N, K, h, w), one or more an image; images without get the whole image.
    """
    rules = BackwardRules(WHAT, {"relu": _identity, "max_pool2d": _average})
    like = next(network.parameters())
    with frozen(network):
        pixels = torch.zeros(*shape, dtype=like.dtype, device=like.device, requires_grad=True)
        maps = map_of(network, layer, pixels, rules)
        (reached,) = torch.autograd.grad(maps, pixels, units.to(maps))
    seen = reached.ne(0).any(1)
    rows, columns = (_span(seen.any(axis)) for axis in (2, 1))
    return torch.stack([rows[0], columns[0], rows[1], columns[1]], 1).cpu()


def _numbers(channels: Sequence[int] | None, width: int) -> Tensor:
    numbers = torch.arange(width) if channels is None else torch.tensor(channels)
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < width:
        raise BadArgument(
            f"channels has {int(numbers.min())} to {int(numbers.max())}; the layer has the feature "
            f"maps 0 to {width - 1}"
        )
    return numbers


def _span(along: Tensor) -> tuple[Tensor, Tensor]:
    """(N, L) of bool -> the first True and the last one plus 1; 0 and L where there is none."""
    length = along.shape[1]
    first = along.int().argmax(1)
    last = length - along.flip(1).int().argmax(1)
    return first, last


def _identity(x: Tensor, inplace: bool = False) -> Tensor:
    return x


def _average(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """All of a window counts for what pixels it depends on."""
    return torch.nn.functional.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)
