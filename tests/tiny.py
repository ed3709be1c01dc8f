"""A network for tests that trains in milliseconds and has auxiliary classifiers on request."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from torch import nn

from cladenet import registry
from cladenet.analysis.cost import count_cost
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv, norm_relu
from cladenet.layers.init import he_init
from cladenet.ledger import load, look_up
from cladenet.models import lenet
from cladenet.registry import find

NAME = "tiny"


class Tiny(Classifier):
    """Two stages of one convolution; an auxiliary classifier with norm and dropout after each."""

    least_size = 4

    def __init__(
        self, num_classes: int = 10, in_channels: int = 1, auxiliary: bool = False
    ) -> None:
        super().__init__(in_channels, num_classes)
        self.stem = nn.Sequential(conv(in_channels, 8, 3), norm_relu(nn.BatchNorm2d, 8))
        self.stages = nn.Sequential(_stage(stride=1), _stage(stride=2))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.1),
            self.new_classifier(8),
        )
        if auxiliary:
            self.add_auxiliary({(i, 0): _head(num_classes) for i in range(2)})
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        he_init(module)


def _stage(stride: int) -> nn.Sequential:
    unit = nn.Sequential(conv(8, 8, 3, stride), norm_relu(nn.BatchNorm2d, 8))
    return nn.Sequential(unit)


def _head(num_classes: int) -> nn.Sequential:
    return nn.Sequential(
        norm_relu(nn.BatchNorm2d, 8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(8, num_classes),
    )


@contextmanager
def registered() -> Iterator[str]:
    """Inside, `NAME` is a network of the registry, also for children that are forked off."""
    shape = (1, 8, 8)
    params, macs = count_cost(Tiny(), shape)
    lenet5 = find("lenet5_relu")
    row = replace(lenet5, name=NAME, input=shape, params=params, macs=macs, recipe="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(lenet.VARIANTS, NAME, Tiny)
        patch.setitem(load(), NAME, row)
        patch.setattr(registry, "look_up", lambda name: row if name == NAME else look_up(name))
        yield NAME
