"""airbench94: a small residual-free network for images of 32 pixels that trains in seconds.

Jordan. 94% on CIFAR-10 in 3.29 Seconds on a Single GPU. 2024. arXiv:2404.00498, Sec. 3.1 to 3.3.
It descends from ResNet-9 (Page. How to Train Your ResNet. 2019) by way of hlb-CIFAR10 (Balsam
2023), and has lost its shortcuts on the way.

    part      output (3x32x32 in)   airbench94
    stem      24x31x31              2x2 without border, whitening; GELU
    stages.0  64x15x15              3x3, max pool 2, norm, GELU    3x3, norm, GELU
    stages.1  256x7x7               the same
    stages.2  256x3x3               the same
    head      num_classes           max over the map, linear without bias

The first convolution is computed from the training images and fixed, see `whitening`; its
bias is learned in the first three of ten epochs. Norms have a bias and no weight.

Convolutions start as partial identities (Sec. 3.3): the first in_channels filters of each hand a
channel on, the others are drawn as torch draws them. The paper multiplies the logits with 1/9; here
the last layer is drawn a ninth as large, which is the same network to begin with, and the same in
training if its rate is 1/81 of the paper's: `head_lr` of the recipe.

The paper takes the maximum over 3x3, which is the whole map of a 32 pixel image; here it is over
the whole map of images of any size. airbench94_slim, with widths of 32, 64 and 128, is ours: for
processors, which take the wide one's time for a quarter of the epochs.
"""

import math
from functools import partial

import torch
from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv
from cladenet.layers.init import fan_in
from cladenet.models.shift_norm import ShiftNorm
from cladenet.models.whitening import WhiteningConv2d

WHITENED = 2  # side of the patches
BIAS_UNTIL = 0.3  # three of 9.9 epochs
SCALE = 1 / 9  # of the last layer


class Airbench(Classifier):
    """A whitening stem and three groups of two convolutions.

    Args:
        widths: of the three groups.

    Raises:
        BadArgument: `widths` are not three.
    """

    # A bias that is no longer learned has no gradient, as a unit that is left out.
    skips_units = True

    taps = ("stem", "stages.0", "stages.1", "stages.2")
    least_size = 9
    last_bias = False

    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 256, 256),
        num_classes: int = 10,
        in_channels: int = 3,
        norm: Norm = ShiftNorm,
    ) -> None:
        if len(widths) != 3 or min(widths) < 1:
            raise BadArgument(f"widths is {widths}; expected three numbers, 1 or more each")
        whitened = 2 * in_channels * WHITENED**2
        super().__init__(in_channels, num_classes)
        self.stem = nn.Sequential(WhiteningConv2d(in_channels, WHITENED, BIAS_UNTIL), nn.GELU())
        reads = (whitened, *widths)
        self.stages = nn.Sequential(*(group(reads[i], widths[i], norm) for i in range(3)))
        self.head = nn.Sequential(nn.AdaptiveMaxPool2d(1), *self.linear_head(widths[-1]))
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """Partial identities in 3x3 convolutions; torch's draw, a ninth of it in the head."""
        for layer in module.modules():
            if isinstance(layer, nn.Linear):
                bound = SCALE / math.sqrt(fan_in(layer))
                nn.init.uniform_(layer.weight, -bound, bound)
            elif isinstance(layer, nn.Conv2d) and not isinstance(layer, WhiteningConv2d):
                layer.reset_parameters()
                partial_identity(layer)


def group(in_channels: int, out_channels: int, norm: Norm) -> nn.Sequential:
    """(N, in_channels, H, W) -> (N, out_channels, H // 2, W // 2); the pool is before the norm."""
    return nn.Sequential(
        conv(in_channels, out_channels, 3),
        nn.MaxPool2d(2),
        norm(out_channels),
        nn.GELU(),
        conv(out_channels, out_channels, 3),
        norm(out_channels),
        nn.GELU(),
    )


@torch.no_grad()
def partial_identity(conv: nn.Conv2d) -> None:
    """Let the first filters hand on one channel each, as many as there are of both."""
    count = min(conv.out_channels, conv.in_channels)
    nn.init.dirac_(conv.weight[:count])


VARIANTS = {
    "airbench94": Airbench,
    "airbench94_slim": partial(Airbench, widths=(32, 64, 128)),
}
