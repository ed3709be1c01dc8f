"""Preprocessing, network and softmax as one module, for torch.export and TorchScript."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from cladenet.data.preprocess import Preprocess
from cladenet.export.formats.order import Order
from cladenet.export.formats.torch_preparing import Preparing
from cladenet.export.normalise import weights_and_biases


class Normalising(nn.Module):
    """Prepared uint8 (N, C, height, width) -> what the network reads, float32.

    Args:
        preprocess: its mean and std.
    """

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        self.per_image = preprocess.per_image
        weight, bias = weights_and_biases(preprocess)
        for name, values in (("weight", weight), ("bias", bias)):
            self.register_buffer(name, torch.from_numpy(values).float().view(1, -1, 1, 1))
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        values = pixels.to(torch.float32)
        if not self.per_image:
            return values * self.weight + self.bias
        values = values - values.mean([1, 2, 3], keepdim=True)
        spread = values.square().mean([1, 2, 3], keepdim=True).sqrt()
        return values / spread.clamp(min=1.0)


class FromPlanes(nn.Module):
    """Prepared pixels (N, C, height, width), of any type -> posteriors (N, K).

    Args:
        preprocess: its mean and std.
        network: from normalised images to logits.
    """

    def __init__(self, preprocess: Preprocess, network: nn.Module) -> None:
        super().__init__()
        self.normalise = Normalising(preprocess)
        self.network = network

    def forward(self, planes: Tensor) -> Tensor:
        """See the class."""
        return torch.softmax(self.network(self.normalise(planes)), 1)


class PixelsToPosteriors(nn.Module):
    """uint8 (N, H, W, C) -> posteriors (N, K).

    Args:
        preprocess: what images go through.
        network: from normalised images to logits.
    """

    def __init__(self, preprocess: Preprocess, network: nn.Module) -> None:
        super().__init__()
        self.prepare = Preparing(preprocess)
        self.normalise = Normalising(preprocess)
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """See the class."""
        logits = self.network(self.normalise(self.prepare(images)))
        return torch.softmax(logits, 1)


def of_one_size(order: Order) -> tuple[nn.Module, Tensor]:
    """The module for a format that takes one image of the network's size, and such an image."""
    description = order.description
    if description.input == "tensor":
        return order.model, order.example[:1]
    p = replace(description.preprocess, fit="none", resize=None)
    images = torch.zeros(1, p.height, p.width, p.channels, dtype=torch.uint8)
    return PixelsToPosteriors(p, order.model).eval(), images
