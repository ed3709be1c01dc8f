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
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv
from cladenet.layers.norm import Norm, norm_relu
from cladenet.layers.stage import check_four
from cladenet.layers.stem import residual_stem

MXNET_NORM: Norm = partial(nn.BatchNorm2d, eps=1e-3)
WINDOW = 7  # side of the last map in training, for images of 224


class Bottleneck(nn.Sequential):
    """F: what a unit computes from both paths, to be added to the one and appended to the other."""

    def __init__(
        self,
        in_channels: int,
        inner: int,
        out_channels: int,
        stride: int,
        groups: int,
        norm: Norm,
    ) -> None:
        super().__init__(
            norm_relu(norm, in_channels),
            conv(in_channels, inner, 1),
            norm_relu(norm, inner),
            nn.Conv2d(inner, inner, 3, stride, padding=1, groups=groups, bias=False),
            norm_relu(norm, inner),
            conv(inner, out_channels, 1),
        )


class DualPathUnit(nn.Module):
    """res + y, [dense, z] with y, z = F([res, dense])."""

    def __init__(
        self, width: int, dense_width: int, inner: int, inc: int, groups: int, norm: Norm
    ) -> None:
        super().__init__()
        self.parts = [width, inc]
        self.residual = Bottleneck(width + dense_width, inner, width + inc, 1, groups, norm)

    def forward(self, res: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
        """(N, width, H, W), (N, dense_width, H, W) -> the same, the second with inc maps more."""
        y, z = self.residual(torch.cat([res, dense], 1)).split(self.parts, 1)
        return res + y, torch.cat([dense, z], 1)


class FirstUnit(nn.Module):
    """The same, with the two paths projected from the feature maps of the stage before."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        inner: int,
        inc: int,
        stride: int,
        groups: int,
        norm: Norm,
    ) -> None:
        super().__init__()
        self.parts, self.paths = [width, inc], [width, 2 * inc]
        self.project = nn.Sequential(
            norm_relu(norm, in_channels), conv(in_channels, width + 2 * inc, 1, stride)
        )
        self.residual = Bottleneck(in_channels, inner, width + inc, stride, groups, norm)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, in_channels, H, W) -> (N, width, h, w) and (N, 3 inc, h, w), ceil(H / stride)."""
        res, dense = self.project(x).split(self.paths, 1)
        y, z = self.residual(x).split(self.parts, 1)
        return res + y, torch.cat([dense, z], 1)


class DualPathStage(nn.Sequential):
    """A first unit, which opens the two paths, and n - 1 more; the next stage reads both."""

    def __init__(
        self,
        n: int,
        in_channels: int,
        width: int,
        inner: int,
        inc: int,
        stride: int,
        groups: int,
        norm: Norm,
    ) -> None:
        super().__init__(
            FirstUnit(in_channels, width, inner, inc, stride, groups, norm),
            *(DualPathUnit(width, (2 + i) * inc, inner, inc, groups, norm) for i in range(1, n)),
        )

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
        units: in each of the four stages.
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
        for name, counts in (("units", units), ("inc", inc)):
            check_four(name, counts)
        if groups < 1:
            raise BadArgument(f"groups is {groups}; expected 1 or more")
        if inner < 1 or inner % groups:
            raise BadArgument(f"inner is {inner}; expected a multiple of {groups}, the groups")
        widths = [width * 2**i for i in range(4)]
        outs = [w + (2 + n) * more for w, n, more in zip(widths, units, inc, strict=True)]
        super().__init__(in_channels, num_classes)
        self.mean_max = mean_max
        self.stem = residual_stem(in_channels, stem_width, stem_kernel_size, norm=norm)
        self.stages = nn.Sequential(
            *(
                DualPathStage(
                    units[i],
                    (stem_width, *outs)[i],
                    widths[i],
                    inner * 2**i,
                    inc[i],
                    stride=2 if i > 0 else 1,
                    groups=groups,
                    norm=norm,
                )
                for i in range(4)
            )
        )
        self.head = nn.Sequential(norm_relu(norm, outs[-1]), *self.average_head(outs[-1]))
        self.initialise(self)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last stage's feature maps -> logits, or (N, head_hidden_size) with `pre_logits`."""
        if pre_logits or self.training or not self.mean_max:
            return super().forward_head(x, pre_logits)
        side = (min(WINDOW, x.shape[2]), min(WINDOW, x.shape[3]))
        windows = F.avg_pool2d(self.head[0](x), side, stride=1)
        scores = self.head[-1](windows.flatten(2).transpose(1, 2))
        return (scores.mean(1) + scores.amax(1)) / 2


VARIANTS = {
    "dpn68": partial(
        DPN,
        units=(3, 4, 12, 3),
        inc=(16, 32, 32, 64),
        inner=128,
        groups=32,
        stem_width=10,
        stem_kernel_size=3,
        width=64,
    ),
    "dpn92": partial(
        DPN, units=(3, 4, 20, 3), inc=(16, 32, 24, 128), inner=96, groups=32, stem_width=64
    ),
    "dpn98": partial(
        DPN, units=(3, 6, 20, 3), inc=(16, 32, 32, 128), inner=160, groups=40, stem_width=96
    ),
    "dpn131": partial(
        DPN, units=(4, 8, 28, 3), inc=(16, 32, 32, 128), inner=160, groups=40, stem_width=128
    ),
    "dpn107": partial(
        DPN, units=(4, 8, 20, 3), inc=(20, 64, 64, 128), inner=200, groups=50, stem_width=128
    ),
}
