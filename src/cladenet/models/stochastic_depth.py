"""Residual networks whose units are left out at random while they train.

Huang, Sun, Liu, Sedra, Weinberger. Deep Networks with Stochastic Depth. ECCV 2016.
arXiv:1603.09382. Sec. 3:

    training      H_l = ReLU(b_l f_l(H_{l-1}) + id(H_{l-1})),  b_l = 1 with probability p_l, else 0
    test          H_l = ReLU(p_l f_l(H_{l-1}) + id(H_{l-1}))
    survival      p_l = 1 - l / L (1 - p_L),  l = 1 .. L

Stem, units, stages and head are those of ResNet's CIFAR networks of 6n + 2 layers and L = 3n units.
id is option A, which averages windows of 2x2 where ResNet's takes one pixel, as in the authors'
code; that code has biases before its norms, which are redundant and left out here.

b_l is drawn once for a whole mini-batch, and where it is 0 neither f_l nor its gradient is
computed. H_{l-1} comes out of a ReLU, so that H_l is then id(H_{l-1}) as it stands. Draws follow
torch's global random state on the CPU, in the order of the units, whatever the device.

With p_L = 0.5 a step of 110 layers runs (3L - 1) / 4 = 40.25 of its 54 units on average.
"""

from functools import partial
from itertools import count

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import is_symbol
from cladenet.layers.conv import Norm
from cladenet.layers.shortcut import ZeroPad
from cladenet.models.resnet import ResNetCifar, Unit


class StochasticUnit(Unit):
    """A residual unit that training leaves out of some batches.

    Args:
        residual: f, which reads values that are not negative.
        shortcut: id.
        survival: p, the probability to be run.
    """

    whole_in_scripts = True

    def __init__(self, residual: nn.Module, shortcut: nn.Module, survival: float) -> None:
        super().__init__(residual, shortcut)
        self.shortcut: nn.Module = shortcut
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        if not self.training:
            return self.act(self.survival * self.residual(x) + self.shortcut(x))
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            _refuse_recording(x)
        if torch.rand((), device="cpu").item() < self.survival:
            return self.act(self.residual(x) + self.shortcut(x))
        return self.shortcut(x)

    def extra_repr(self) -> str:
        """The probability to be run."""
        return f"survival={self.survival:.4g}"


def _refuse_recording(x: Tensor) -> None:
    if is_symbol(x):
        raise BadArgument(
            "units are drawn again for each batch in training, which no recording can hold; call "
            "eval() first"
        )


def averaged_option_a(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """The identity; where the shape changes, means of windows, and zeros for new channels."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return ZeroPad(in_channels, out_channels, stride, pool=True)


class StochasticDepthCifar(ResNetCifar):
    """The CIFAR network of any depth 6n + 2.

    Args:
        depth: layers with weights; 110 and 1202 in the paper.
        last_survival: p_L, the probability that the last unit is run; 1 leaves none out.

    Raises:
        BadArgument: `depth` is not 6n + 2 with n >= 1, or `last_survival` is no probability or 0.
    """

    skips_units = True

    def __init__(
        self,
        depth: int,
        last_survival: float = 0.5,
        num_classes: int = 10,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        if not 0 < last_survival <= 1:
            raise BadArgument(
                f"last_survival is {last_survival}; expected a probability above 0, such as 0.5"
            )
        numbers, units = count(1), (depth - 2) // 2

        def unit(residual: nn.Module, shortcut: nn.Module) -> StochasticUnit:
            survival = 1 - next(numbers) / units * (1 - last_survival)
            return StochasticUnit(residual, shortcut, survival)

        super().__init__(depth, num_classes, in_channels, averaged_option_a, unit, norm)


VARIANTS = {
    "resnet110_stochastic_depth_cifar": partial(StochasticDepthCifar, depth=110),
    "resnet1202_stochastic_depth_cifar": partial(StochasticDepthCifar, depth=1202),
}
