"""A classifier as a fully convolutional network: images of any size -> class-score maps.

Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015,
Sec. 3.2: the first linear layer becomes a 7x7 convolution over the last map, the others 1x1.

The map of the whole image is made once, and the head is slid over it, window by window. Weights
are shared with the classifier, so that it costs no memory to have both.

    head                          window                           positions on a larger map
    tied to an `input_size`       its map at that size: 7x7 (VGG)  every place for the window
    global average, then linear   1x1: the average comes last      every place of the map
    anything else                 the whole map                    one

In the last two rows the mean of the scores over all positions is what the classifier itself says
of the whole image. For a tied head it is the mean of what the classifier says of every crop, at the
stride of its map, as far as the crop's border is the same: a crop has zeros around it where the
whole image goes on (and the map of a layer without padding has none), so that a padded network says
something else of a crop than of the same window of the whole image.
"""

from typing import cast

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.shapes import on_meta

# Numbers in the windows that are copied out of a map at a time: 64 MB.
MOST_NUMBERS = 2**24
# The mean over positions passes through these.
KEEP_THE_MEAN = (
    nn.AdaptiveAvgPool2d, nn.Flatten, nn.Identity, nn.Dropout, nn.Linear, nn.BatchNorm1d,
    nn.BatchNorm2d,
)  # fmt: skip


class FullyConvolutional(nn.Module):
    """A classifier whose head gives a map of scores; made by `to_fully_convolutional`.

    Args:
        model: gives the last stage's map.
        shared: layers of the head that are computed once for the whole map.
        head: the others, computed for each window of the map.
        side: height and width of the window; None for the whole map.
    """

    def __init__(
        self, model: Classifier, shared: nn.Sequential, head: nn.Sequential, side: int | None
    ) -> None:
        super().__init__()
        self.model = model
        self.shared = shared
        self.head = head
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images (N, C, H, W) -> scores (N, num_classes, h, w) at h x w positions.

        Raises:
            BadArgument: the images are smaller than the ones that the head is tied to.
        """
        if x.is_cpu:  # else oneDNN holds each feature map twice, once in a layout of its own
            x = x.contiguous(memory_format=torch.channels_last)
        maps = self.shared(self.model.forward_features(x))
        if self.side is None:
            return self.head(maps)[:, :, None, None]
        if min(maps.shape[2:]) < self.side:
            least = self.model.input_size
            raise BadArgument(
                f"input is {x.shape[2]}x{x.shape[3]}; the head of this {type(self.model).__name__} "
                f"needs at least {least}x{least}. Enlarge the image"
            )
        return slide(self.head, maps, self.side)


def to_fully_convolutional(model: Classifier) -> FullyConvolutional:
    """The classifier as a network of class-score maps, with the same weights.

    Raises:
        BadArgument: its head is tied to one size and reads something else than a square map.
    """
    if model.input_size is not None:
        return FullyConvolutional(model, nn.Sequential(), model.head, _side_of_map(model))
    layers = _plain(model.head)
    pools = [i for i, layer in enumerate(layers) if _averages_all(layer)]
    if pools and all(_keeps_the_mean(layer) for layer in layers[pools[0] :]):
        shared, rest = layers[: pools[0]], layers[pools[0] :]
        return FullyConvolutional(model, nn.Sequential(*shared), nn.Sequential(*rest), side=1)
    return FullyConvolutional(model, nn.Sequential(), model.head, side=None)


def slide(head: nn.Module, maps: Tensor, side: int) -> Tensor:
    """`head` at every window: (N, C, H, W) -> (N, K, H - side + 1, W - side + 1).

    `head` maps (M, C, side, side) to (M, K). Its first linear layer multiplies copied windows with
    its own weights: VGG-16's at 36 positions takes 117 ms so, and 351 ms as a 7x7 convolution,
    which rearranges 411 MB of weights at each call (one core of an AMD EPYC with AVX-512).
    """
    windows = maps.unfold(2, side, 1).unfold(3, side, 1).permute(0, 2, 3, 1, 4, 5)
    n, _, columns, *window = windows.shape
    band = max(1, MOST_NUMBERS // (n * columns * torch.Size(window).numel()))
    scores = [
        head(rows.flatten(0, 2)).unflatten(0, (n, -1, columns)) for rows in windows.split(band, 1)
    ]
    return torch.cat(scores, 1).permute(0, 3, 1, 2)


def _side_of_map(model: Classifier) -> int:
    """Height and width of the last stage's map at the `input_size`, without computing it."""
    size = cast(int, model.input_size)
    shape = on_meta(_Features(model), 1, model.in_channels, size, size).shape
    if len(shape) != 4 or shape[2] != shape[3]:
        raise BadArgument(
            f"{type(model).__name__} cannot be slid over an image: its head is tied to "
            f"{size}x{size}, and reads {tuple(shape[1:])} where a square map was expected. "
            "Evaluate it by crops"
        )
    return shape[2]


class _Features(nn.Module):
    """`forward_features` as a module of its own."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model.forward_features(x)


def _plain(module: nn.Module) -> list[nn.Module]:
    """The layers of nested sequences."""
    if type(module).forward is not nn.Sequential.forward:
        return [module]
    return [layer for child in module.children() for layer in _plain(child)]


def _averages_all(layer: nn.Module) -> bool:
    return isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size in (1, (1, 1))


def _keeps_the_mean(layer: nn.Module) -> bool:
    if isinstance(layer, nn.Conv2d):
        return layer.kernel_size == (1, 1) and layer.padding == (0, 0)
    return isinstance(layer, KEEP_THE_MEAN)
