"""What the tests of explanations share: captum, if it is here, and networks made by hand."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.models.vit import VisionTransformer
from parity import randomised, saturate


def captum() -> Any:
    """captum's methods; without the package the test is skipped."""
    return pytest.importorskip("captum.attr")


class Small(Classifier):
    """A 1x1 convolution, ReLU, and a linear layer on all pixels."""

    def __init__(self, side: int = 4, channels: int = 3) -> None:
        super().__init__(2, 3, side)
        self.stem = nn.Sequential(nn.Conv2d(2, channels, 1), nn.ReLU(inplace=True))
        self.stages = nn.Sequential(nn.Identity())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(channels * side**2, 3))


def small_vit(side: int = 16) -> VisionTransformer:
    network = VisionTransformer(4, depth=3, width=24, heads=3, num_classes=5, input_size=side)
    return saturate(network).eval()


def images_for(network: Classifier, side: int, n: int = 2) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(n, network.in_channels, side, side, dtype=torch.float64)


# One of each of five families, with the side of images that it is shown.
FAMILIES = {
    "vgg_cifar": 32,
    "resnet20_cifar": 32,
    "shufflenet_v2_x0_5": 64,
    "mobilenet_v3_small": 64,
    "squeezenet1_1": 64,
}


def family(name: str) -> tuple[Classifier, Tensor]:
    network = randomised(name, num_classes=7)
    return network, images_for(network, FAMILIES[name])
