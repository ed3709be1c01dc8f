"""What a format is asked to write."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cladenet.export.description import Description

EXAMPLES = 2  # images that exporters run the network on; with one they may fix that number


@dataclass(frozen=True, eq=False)
class Order:
    """A network and what is known of it.

    Args:
        model: in evaluation mode, on the CPU, float32.
        description: what the file will say; its precision and its input decide what is written.
        calibration: normalised images (n, C, H, W) such as those to come, for int8.
    """

    model: nn.Module
    description: Description
    calibration: Tensor | None = None

    @property
    def example(self) -> Tensor:
        """Normalised images to run the network on, float32 (2, C, height, width)."""
        p = self.description.preprocess
        draw = torch.Generator().manual_seed(0)
        return torch.randn(EXAMPLES, p.channels, p.height, p.width, generator=draw)


class Narrow(nn.Module):
    """A network in fewer bits between float32 images and float32 logits.

    Args:
        model: in float32; it stays as it is.
        dtype: of weights and feature maps.
    """

    def __init__(self, model: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        import copy

        self.network = copy.deepcopy(model).to(dtype).eval()
        self.dtype = dtype

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K)."""
        logits: Tensor = self.network(images.to(self.dtype))
        return logits.float()
