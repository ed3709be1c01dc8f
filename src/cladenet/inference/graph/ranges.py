"""The values that feature maps take on calibration images."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.inference.graph.program import Program, Slot
from cladenet.inference.graph.rounding import in_8_bits
from cladenet.inference.graph.running import watched

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


@dataclass(frozen=True)
class Seen:
    """What calibration images give.

    Args:
        ranges: of each slot that a step fills, and of the images.
        means: float32 (channels,), over images and pixels, of what each 8-bit product reads; by the
            slot of what it gives.
    """

    ranges: dict[Slot, Range] = field(default_factory=dict)
    means: dict[Slot, Tensor] = field(default_factory=dict)


def seen_on(program: Program, images: Tensor) -> Seen:
    """The ranges and means of a program's maps.

    Args:
        program: its steps run on any number of images.
        images: normalised (n, C, H, W).
    """
    seen = Seen()
    products = [step for step in program.steps if in_8_bits(step, program)]
    readers: dict[Slot, dict[Slot, bool]] = {}  # what is read: by which, and is that linear?
    for step in products:
        readers.setdefault(step.args[0], {})[step.output] = step.function is F.linear

    def observe(slot: Slot, value: Tensor) -> None:
        if not value.is_floating_point() or not value.numel():
            return
        least, most = (end.item() for end in torch.aminmax(value))
        before = seen.ranges.get(slot, Range(0.0, 0.0))
        seen.ranges[slot] = Range(min(least, before.least), max(most, before.most))
        for output, linear in readers.get(slot, {}).items():
            mean = value.flatten(0, -2).mean(0) if linear else value.mean((0, 2, 3))
            share = len(value) / len(images)
            seen.means[output] = seen.means.get(output, torch.zeros(())) + share * mean

    for part in images.split(CHUNK):
        watched(program, part.contiguous(memory_format=torch.channels_last), observe)
    return seen
