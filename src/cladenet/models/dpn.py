"""Dual path networks.

Chen, Li, Xiao, Jin, Yan, Feng. Dual Path Networks. NeurIPS 2017. arXiv:1707.01629. A unit reads a
residual path of fixed width and a dense path that grows, adds to the one and appends to the other:

    y, z = F([res, dense])        1x1, R   3x3, R, in G groups   1x1, width + inc
    res, dense = res + y, [dense, z]

Each convolution follows a norm and ReLU. Table 1, and the authors' code; a row of units is written
R, width (+inc) xn:

    part      out (224 in)  92, G = 32             98, G = 40              131, G = 40
    stem      56x56         7x7 / 2 (3x3 / 2 in 68), norm, ReLU, 3x3 / 2 max pool, to
                            64                     96                      128
    stages.0  56x56         96, 256 (+16) x3       160, 256 (+16) x3       160, 256 (+16) x4
    stages.1  28x28         192, 512 (+32) x4      320, 512 (+32) x6       320, 512 (+32) x8
    stages.2  14x14         384, 1024 (+24) x20    640, 1024 (+32) x20     640, 1024 (+32) x28
    stages.3  7x7           768, 2048 (+128) x3    1280, 2048 (+128) x3    1280, 2048 (+128) x3
    head      num_classes   norm, ReLU, global average, linear

    part                    68, G = 32             107, G = 50
    stem                    10                     128
    stages.0                128, 64 (+16) x3       200, 256 (+20) x4
    stages.1                256, 128 (+32) x4      400, 512 (+64) x8
    stages.2                512, 256 (+32) x12     800, 1024 (+64) x20
    stages.3                1024, 512 (+64) x3     1600, 2048 (+128) x3

68 and 107 are the code's. The first unit of a stage reads the feature maps of the stage before and
projects them by a 1x1 to width + 2 inc, the paths that it starts with; stages after the first
stride there and in the 3x3. Norms have the epsilon of MXNet, 0.001. Initialisation is not printed:
He's rule.

`mean_max` is the authors' head for test images larger than those of training: the classifier at
every 7x7 window of the last map, and half the mean plus half the maximum of its scores.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_counts, check_four
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, norm_relu, norm_relu_conv
from cladenet.layers.stages import MakeUnit, residual_stem
from cladenet.layers.variants import variants

MXNET_NORM: Norm = partial(nn.BatchNorm2d, eps=1e-3)
WINDOW = 7  # side of the last map in training, for images of 224


class Bottleneck(nn.Sequential):
    """F: what a unit computes from both paths, to be added to the one and appended to the other."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, inner: int, groups: int, norm: Norm
    ) -> None:
        super().__init__(
            *norm_relu_conv(in_channels, inner, 1, norm=norm),
            *norm_relu_conv(inner, inner, 3, stride, groups, norm=norm),
            *norm_relu_conv(inner, out_channels, 1, norm=norm),
        )


class DualPathUnit(nn.Module):
    """res + y, [dense, z] with y, z = F([res, dense]); `f` makes F."""

    def __init__(self, width: int, dense_width: int, inc: int, f: MakeUnit) -> None:
        super().__init__()
        self.parts = [width, inc]
        self.residual = f(width + dense_width, width + inc, 1)

    def forward(self, res: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """(N, width, H, W), (N, dense_width, H, W) -> the same, the second with inc maps more."""
        y, z = self.residual(torch.cat([res, dense], 1)).split(self.parts, 1)
        return res + y, torch.cat([dense, z], 1)


class FirstUnit(nn.Module):
    """The same, with the two paths projected from the feature maps of the stage before."""

    def __init__(
        self, in_channels: int, width: int, inc: int, stride: int, f: MakeUnit, norm: Norm
    ) -> None:
        super().__init__()
        self.parts, self.paths = [width, inc], [width, 2 * inc]
        self.project = norm_relu_conv(in_channels, width + 2 * inc, 1, stride, norm=norm)
        self.residual = f(in_channels, width + inc, stride)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, in_channels, H, W) -> (N, width, h, w) and (N, 3 inc, h, w), ceil(H / stride)."""
        res, dense = self.project(x).split(self.paths, 1)
        y, z = self.residual(x).split(self.parts, 1)
        return res + y, torch.cat([dense, z], 1)


class DualPathStage(nn.Sequential):
    """A first unit, which opens the two paths, and n - 1 more; the next stage reads both."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, width + (2 + n) inc, ceil(H / stride), ...)."""
        first, *units = self
        res, dense = first(x)
        for unit in units:
            res, dense = unit(res, dense)
        return torch.cat([res, dense], 1)


class DPN(Classifier):
    """The network, of any numbers of units.

    Args:
        inc: feature maps that each unit of a stage appends to the dense path.
        inner: R of the first stage; it doubles from stage to stage.
        groups: G, of the 3x3 convolutions.
        stem_width: channels of the stem.
        stem_kernel_size: of its convolution.
        width: of the residual path in the first stage; it doubles from stage to stage.
        mean_max: in evaluation mode, classify every 7x7 window of the last map, and take half the
            mean plus half the maximum of the scores; the same for images up to 224x224.

    Raises:
        BadArgument: `units` or `inc` are not four, or `inner` does not divide into `groups`.
    """

    taps = ("stem.1", "stages.0", "stages.1", "stages.2", "stages.3")

    def __init__(
        self,
        units: tuple[int, int, int, int],
        inc: tuple[int, int, int, int],
        inner: int,
        groups: int,
        stem_width: int,
        stem_kernel_size: int = 7,
        width: int = 256,
        num_classes: int = 1000,
        in_channels: int = 3,
        mean_max: bool = False,
        norm: Norm = MXNET_NORM,
    ) -> None:
        check_four(units=units, inc=inc)
        check_counts(groups=groups)
        if inner < 1 or inner % groups:
            raise BadArgument(f"inner is {inner}; expected a multiple of {groups}, the groups")
        super().__init__(in_channels, num_classes)
        self.mean_max = mean_max
        self.stem = residual_stem(in_channels, stem_width, stem_kernel_size, norm=norm)
        self.stages = nn.Sequential()
        channels = stem_width
        for i, (n, more) in enumerate(zip(units, inc, strict=True)):
            f = partial(Bottleneck, inner=inner * 2**i, groups=groups, norm=norm)
            first = FirstUnit(channels, width, more, 2 if i > 0 else 1, f, norm)
            others = (DualPathUnit(width, (2 + j) * more, more, f) for j in range(1, n))
            self.stages.append(DualPathStage(first, *others))
            channels = width + (2 + n) * more
            width = 2 * width
        self.head = nn.Sequential(norm_relu(norm, channels), *self.average_head(channels))
        self.initialise(self)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last stage's feature maps -> logits, or (N, head_hidden_size) with `pre_logits`."""
        if pre_logits or self.training or not self.mean_max:
            return super().forward_head(x, pre_logits)
        side = (min(WINDOW, x.shape[2]), min(WINDOW, x.shape[3]))
        windows = F.avg_pool2d(self.head[0](x), side, stride=1)
        scores = self.head[-1](windows.flatten(2).transpose(1, 2))
        return (scores.mean(1) + scores.amax(1)) / 2


VARIANTS = variants(DPN, "units inc inner groups stem_width stem_kernel_size width", {
    "dpn68":  ((3, 4, 12, 3), (16, 32, 32, 64),  128, 32, 10,  3, 64),
    "dpn92":  ((3, 4, 20, 3), (16, 32, 24, 128), 96,  32, 64,  7, 256),
    "dpn98":  ((3, 6, 20, 3), (16, 32, 32, 128), 160, 40, 96,  7, 256),
    "dpn131": ((4, 8, 28, 3), (16, 32, 32, 128), 160, 40, 128, 7, 256),
    "dpn107": ((4, 8, 20, 3), (20, 64, 64, 128), 200, 50, 128, 7, 256),
})  # fmt: skip
