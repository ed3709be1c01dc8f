"""Occlusion: how far a logit falls when a part of the image is covered.

Zeiler, Fergus. Visualizing and Understanding Convolutional Networks. ECCV 2014. arXiv:1311.2901,
Sec. 4.2 and Fig. 6: a grey square is moved over the image. Nothing is assumed of the network.
"""

from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.explain.targets import Classes, class_numbers, frozen, logits_of
from cladenet.layers.classifier import Classifier

Place = tuple[slice, slice]


def occlusion(
    network: Classifier,
    images: Tensor,
    classes: Classes = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    cover: float = 0.0,
    batch_size: int = 32,
) -> Tensor:
    """Falls of the logit (N, H, W): at each pixel, the mean over the squares that covered it.

    Args:
        network: of any family.
        images: normalised, (N, C, H, W).
        classes: whose logit: one for each image, one for all, or by default each answer.
        window: side of the square in pixels; by default a quarter of the shorter side.
        stride: pixels from one square to the next; by default half of the window. The last one of
            a row or column is moved back to end with the image.
        cover: value under the square; 0 is the mean colour.
        batch_size: images in one pass.

    Raises:
        BadArgument: a size does not fit, or there is no such class.
    """
    height, width = images.shape[2:]
    window = window or max(1, min(height, width) // 4)
    stride = stride or max(1, window // 2)
    if not 1 <= window <= min(height, width) or not 1 <= stride <= window or batch_size < 1:
        raise BadArgument(
            f"window is {window}, stride {stride}, batch_size {batch_size}; expected a window of 1 "
            f"to {min(height, width)} pixels, a stride of 1 to the window, and 1 image or more"
        )
    falls, counts = torch.zeros_like(images[:, 0]), torch.zeros_like(images[0, 0])
    places = [
        (slice(y, y + window), slice(x, x + window))
        for y in starts(height, window, stride)
        for x in starts(width, window, stride)
    ]
    for rows, columns in places:
        counts[rows, columns] += 1
    with frozen(network), torch.no_grad():
        logits = network(images)
        numbers = class_numbers(logits, classes)
        whole = logits_of(logits, numbers)
        pairs = ((i, place) for i in range(len(images)) for place in places)
        while part := list(islice(pairs, batch_size)):
            covered = torch.stack([_covered(images[i], place, cover) for i, place in part])
            of_image = [i for i, _ in part]
            left = logits_of(network(covered), numbers[of_image])
            for (i, (rows, columns)), fall in zip(part, whole[of_image] - left, strict=True):
                falls[i, rows, columns] += fall
    return falls / counts


def starts(length: int, window: int, stride: int) -> Iterator[int]:
    """Where squares begin along a side, so that all of it is covered."""
    yield from range(0, length - window, stride)
    yield length - window


def _covered(image: Tensor, place: Place, cover: float) -> Tensor:
    copy = image.clone()
    copy[:, place[0], place[1]] = cover
    return copy
