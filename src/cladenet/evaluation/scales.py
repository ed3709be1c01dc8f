"""Test scales: an image whose short side is brought to Q, and which Q are the default.

Simonyan, Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015,
Sec. 3.2, 4.1 and 4.2: a network trained at the scale S is tested at Q = S, or at S - 32, S and
S + 32; one trained at scales from Smin to Smax at their mean, or at Smin, mean and Smax.

The paper's 32 pixels are a seventh of its 224 pixel input; for other inputs it is a seventh too.
"""

import numpy as np
from numpy.typing import NDArray

from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import resize, size_with_short_side
from cladenet.errors import BadArgument
from cladenet.plural import counted

OWN = 0  # in place of a scale: the view that the checkpoint describes
TrainScale = tuple[int, int]  # Smin and Smax, equal where there is one S


def least_scale(preprocess: Preprocess) -> int:
    """The smallest Q that leaves room for a crop."""
    sides = preprocess.height, preprocess.width
    return max(sides) if preprocess.fit == "crop" else min(sides)


def own_scale(preprocess: Preprocess) -> int:
    """Short side of the image that the checkpoint's own view is cut from."""
    return preprocess.resize or min(preprocess.height, preprocess.width)


def step(preprocess: Preprocess) -> int:
    """From one scale to the next: 32 pixels for an input of 224."""
    return max(1, min(preprocess.height, preprocess.width) // 7)


def steps_above(preprocess: Preprocess, *counts: int) -> tuple[int, ...]:
    """The input's side and so many steps: 1 is 256 for an input of 224, AlexNet's scale."""
    return tuple(least_scale(preprocess) + count * step(preprocess) for count in counts)


def default_scale(trained: TrainScale) -> int:
    """Q = S, or the mean of Smin and Smax."""
    return sum(trained) // 2


def default_scales(trained: TrainScale, preprocess: Preprocess) -> tuple[int, ...]:
    """S - 32, S and S + 32, or Smin, mean and Smax.

    Where a crop does not fit into the smallest, all three are larger: 32, 36, 40 for an input and
    an S of 32.
    """
    smallest, largest = trained
    if smallest < largest:
        return tuple(dict.fromkeys((smallest, default_scale(trained), largest)))
    first = max(smallest - step(preprocess), least_scale(preprocess))
    return first, first + step(preprocess), first + 2 * step(preprocess)


def size_at(preprocess: Preprocess, height: int, width: int, scale: int) -> tuple[int, int]:
    """What an image's size becomes at a scale."""
    if scale == OWN:
        return preprocess.height, preprocess.width
    if preprocess.fit == "crop":
        return size_with_short_side(height, width, scale)
    return size_with_short_side(preprocess.height, preprocess.width, scale)


def at_scale(preprocess: Preprocess, image: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """The whole image with its short side at `scale`: uint8 (H, W, C) -> (H', W', C).

    Photographs keep their aspect. Images that the network sees stretched or with a border are so
    here as well, so that at the input's own side nothing is new.

    Raises:
        BadArgument: other channels, or a size that the network was not made for.
    """
    if scale == OWN:
        return preprocess.prepare(image)
    if image.shape[2] != preprocess.channels:
        raise BadArgument(
            f"an image has {counted(image.shape[2], 'channel')}, the network takes "
            f"{preprocess.channels}; "
            f"open it with channels={preprocess.channels}"
        )
    height, width, _ = image.shape
    size = size_at(preprocess, height, width, scale)
    as_seen = preprocess.prepare(image) if preprocess.fit in ("none", "pad", "border") else image
    return resize(as_seen[None], *size, preprocess.interpolation)[0]
