"""The block of CliqueNet: layers that feed each other in both directions.

arXiv:1802.10419, Sec. 3.1 and Eq. (1), which the docstring of `cliquenet` repeats.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.layers.conv import Norm, conv, norm_relu
from cladenet.layers.init import variance_scaled


class Kernels(nn.Conv2d):
    """W_ji of one layer i side by side, j = 0, ..., n without i: each stage reads some of them.

    Args:
        of_input: channels of x_0, which W_0i reads.
        channels: of x_0 and all other layers.
        k: feature maps of a layer.
        size: of the window.
    """

    def __init__(self, of_input: int, channels: int, k: int, size: int) -> None:
        super().__init__(channels, k, size, padding=size // 2, bias=False)
        self.of_input = of_input

    def draw(self) -> None:
        """He's rule, fan-in, of each W_ji by itself."""
        if self.weight.is_meta:
            return
        of_input, of_others = self.weight.detach().split(
            (self.of_input, self.in_channels - self.of_input), dim=1
        )
        window = self.weight[0, 0].numel()
        variance_scaled(of_input, self.of_input * window)
        variance_scaled(of_others, self.out_channels * window)

    def forward(self, x: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """(N, channels, H, W) -> (N, k, H, W), with those kernels from `first` to `last`.

        How many x has is not asked: a traced program would work it out each time, and Core ML's
        converter takes no such slice.
        """
        return F.conv2d(x, self.weight[:, first:last], padding=self.padding)


class CliqueLayer(nn.Module):
    """One layer i of a block, in any stage.

    Args:
        in_channels: of the block's input x_0.
        number: i, from 1 on.
        layers: n, layers of the block.
        k: feature maps of a layer.
        stages: how often the layer is computed.
        bottleneck: a 1x1 convolution before the 3x3.
        drop_rate: of dropout after each convolution.
    """

    def __init__(
        self,
        in_channels: int,
        number: int,
        layers: int,
        k: int,
        stages: int,
        bottleneck: bool,
        drop_rate: float,
        norm: Norm,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        read = [in_channels + k * (number - 1)] + [k * (layers - 1)] * (stages - 1)
        self.read = read
        size = 1 if bottleneck else 3
        self.before = nn.ModuleList(norm_relu(norm, width) for width in read)
        self.kernels = Kernels(in_channels, in_channels + k * (layers - 1), k, size)
        self.between = nn.ModuleList(norm_relu(norm, k) for _ in read if bottleneck)
        self.write = conv(k, k, 3) if bottleneck else None
        self.dropout = nn.Dropout(drop_rate)

    def forward(self, maps: list[Tensor], stage: int) -> Tensor:
        """The newest maps of all layers it reads, x_0 first in stage 0 -> its own, (N, k, H, W)."""
        first = 0 if stage == 0 else self.in_channels
        last = first + self.read[stage]
        x = self.kernels(self.before[stage](torch.cat(maps, 1)), first, last)
        if self.write is not None:
            x = self.write(self.between[stage](self.dropout(x)))
        return self.dropout(x)


class CliqueBlock(nn.ModuleList):
    """Stage I, then stage II as often as the layers' `stages` say."""

    def __init__(self, layers: list[CliqueLayer], stages: int) -> None:
        super().__init__(layers)
        self.stages = stages

    def forward(self, x: Tensor) -> Tensor:
        """x_0, (N, in_channels, H, W) -> [x_1, ..., x_n] of the last stage, (N, n k, H, W)."""
        new: tuple[Tensor, ...] = ()
        for layer in self:
            new = (*new, layer([x, *new], 0))
        for stage in range(1, self.stages):
            old, new = new, ()
            for i, layer in enumerate(self):
                new = (*new, layer([*new, *old[i + 1 :]], stage))
        return torch.cat(new, 1)
