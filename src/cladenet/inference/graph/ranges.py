"""The values that feature maps take on calibration images."""

from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.inference.graph.program import Program, Slot, watched

CHUNK = 8  # images in one run


class Range(NamedTuple):
    """The smallest and largest value, with 0 between them: it is what images are padded with."""

    least: float
    most: float

    @property
    def grid(self) -> tuple[float, int]:
        """The distance of 256 levels from `least` to `most`, and the number of the level 0."""
        scale = max(self.most - self.least, 1e-12) / 255
        return scale, round(-self.least / scale)


def ranges_of(program: Program, images: Tensor) -> dict[Slot, Range]:
    """Of each slot that a step fills, and of the images.

    Args:
        program: its steps run on any number of images.
        images: normalised (n, C, H, W).
    """
    found: dict[Slot, Range] = {}

    def observe(slot: Slot, value: Tensor) -> None:
        if value.is_floating_point() and value.numel():
            least, most = (end.item() for end in torch.aminmax(value))
            before = found.get(slot, Range(0.0, 0.0))
            found[slot] = Range(min(least, before.least), max(most, before.most))

    for part in images.split(CHUNK):
        watched(program, part.contiguous(memory_format=torch.channels_last), observe)
    return found
