"""Walking through a network of ours, with the numbers that other libraries give its units."""

from collections.abc import Iterator
from functools import cache

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import Spelling


def units(
    model: Classifier, name: str, stage: int = 1, unit: int = 0
) -> Iterator[tuple[str, nn.Module]]:
    """Each unit with its name, such as "layer{}.{}"; the numbers begin at `stage` and `unit`."""
    for s, blocks in enumerate(model.stages, stage):
        for u, block in enumerate(blocks.children(), unit):
            yield name.format(s, u), block


def running(model: Classifier, name: str, first: int) -> Iterator[tuple[str, nn.Module]]:
    """Each unit of all stages with one running number, such as "features.{}"."""
    blocks = (block for stage in model.stages for block in stage.children())
    for number, block in enumerate(blocks, first):
        yield name.format(number), block


@cache
def ending_in(spelling: Spelling, last: str) -> Spelling:
    """The same names but for the last layer's."""

    def spell(model: Classifier) -> Iterator[str]:
        *others, _ = spelling(model)
        yield from (*others, last)

    return spell
