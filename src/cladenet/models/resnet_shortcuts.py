"""ResNet-110 with shortcuts that are more than the identity, and train worse for it.

He, Zhang, Ren, Sun. Identity Mappings in Deep Residual Networks. ECCV 2016. arXiv:1603.05027.
Sec. 3, Fig. 2 and Table 1. A unit is y = ReLU(z) with

    Fig. 2                         z
    (a)  original                  x + F(x)
    (b)  constant scaling          a x + b F(x)
    (c)  exclusive gating          (1 - g(x)) x + g(x) F(x)
    (d)  shortcut-only gating      (1 - g(x)) x + F(x)
    (e)  1x1 convolution           W x + F(x)
    (f)  dropout                   dropout(x) + F(x)

Stem, F, stages and head are those of `resnet110_cifar`. Where a unit changes the shape, what is
scaled, gated or dropped is x after option A, and the gate, g(x) = sigmoid(V x + c) with a 1x1
convolution V, reads the unit's input with the unit's stride. The paper says that the types of
Table 1 hold for all units, and leaves that much open. (e) is option C, with its norms.

c starts at -6, the best of the values from 0 to -10 that the paper tried for (c), and one of the
two that it prints for (d): gates start nearly shut, and shortcuts as nearly the identity.
"""

from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from cladenet.layers.conv import Norm
from cladenet.layers.shortcut import Shortcut, option_a, option_c
from cladenet.models.resnet import ResNetCifar


class Scaled(nn.Module):
    """a x + b F: Fig. 2(b)."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, norm: Norm, a: float, b: float
    ) -> None:
        super().__init__()
        self.shortcut = option_a(in_channels, out_channels, stride, norm)
        self.a, self.b = a, b

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """(N, in_channels, H, W) and F(x) -> the shape of F(x)."""
        return self.a * self.shortcut(x) + self.b * residual

    def extra_repr(self) -> str:
        """The two scales."""
        return f"a={self.a}, b={self.b}"


class Gated(nn.Module):
    """(1 - g(x)) x + g(x) F: Fig. 2(c); or, if F is not gated, (1 - g(x)) x + F: Fig. 2(d).

    Args:
        stride: of F, which the gate takes over.
        norm: not used: a gate has none.
        exclusive: F is gated.
        bias: where that of the gate starts.
    """

    gates = True  # its convolution gives scales, which are not to be normalised

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        norm: Norm,
        exclusive: bool,
        bias: float = -6.0,
    ) -> None:
        super().__init__()
        self.shortcut = option_a(in_channels, out_channels, stride, norm)
        self.gate = nn.Conv2d(in_channels, out_channels, 1, stride)
        self.exclusive, self.bias = exclusive, bias

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """(N, in_channels, H, W) and F(x) -> the shape of F(x)."""
        g = torch.sigmoid(self.gate(x))
        return (1 - g) * self.shortcut(x) + (g * residual if self.exclusive else residual)


def dropout(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """Half of x, doubled: Fig. 2(f)."""
    return nn.Sequential(option_a(in_channels, out_channels, stride, norm), nn.Dropout(0.5))


class JoinedUnit(nn.Module):
    """y = ReLU(join(x, F(x)))."""

    def __init__(self, residual: nn.Module, join: nn.Module) -> None:
        super().__init__()
        self.residual = residual
        self.join = join
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
        return self.act(self.join(x, self.residual(x)))


class JoinedResNetCifar(ResNetCifar):
    """The CIFAR network with another way to join x and F(x).

    Args:
        depth: layers with weights, those of gates not counted: 6n + 2.
        join: makes a `Scaled` or a `Gated`.

    Raises:
        BadArgument: `depth` is not 6n + 2 with n >= 1.
    """

    def __init__(
        self,
        depth: int,
        join: Shortcut,
        num_classes: int = 10,
        in_channels: int = 3,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__(depth, num_classes, in_channels, join, JoinedUnit, norm)

    def initialise(self, module: nn.Module) -> None:
        """He's rule, fan-in; the biases of gates start at their own values."""
        super().initialise(module)
        for part in module.modules():
            if isinstance(part, Gated):
                nn.init.constant_(cast(Tensor, part.gate.bias), part.bias)


_110 = partial(JoinedResNetCifar, depth=110)

VARIANTS = {
    "resnet110_const_scale_half_half_cifar": partial(_110, join=partial(Scaled, a=0.5, b=0.5)),
    "resnet110_const_scale_half_one_cifar": partial(_110, join=partial(Scaled, a=0.5, b=1)),
    "resnet110_const_scale_zero_one_cifar": partial(_110, join=partial(Scaled, a=0, b=1)),
    "resnet110_gate_exclusive_cifar": partial(_110, join=partial(Gated, exclusive=True)),
    "resnet110_gate_shortcut_only_cifar": partial(_110, join=partial(Gated, exclusive=False)),
    "resnet110_conv_shortcut_cifar": partial(ResNetCifar, depth=110, shortcut=option_c),
    "resnet110_dropout_shortcut_cifar": partial(ResNetCifar, depth=110, shortcut=dropout),
}
