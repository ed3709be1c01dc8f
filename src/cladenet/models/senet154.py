"""SENet-154, the network of the challenge of 2017.

Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. CVPR 2018, TPAMI 2020.
arXiv:1709.01507, Appendix. It is made from a 64x4d ResNeXt-152, with half as many channels in the
first 1x1 of a unit, three 3x3 in the stem, 3x3 in the projections that stride, and dropout:

    part      out (224 in)
    stem      56x56         3x3 / 2, 64    3x3, 64    3x3, 128    3x3 / 2 max pool
    stages.0  56x56         1x1, 128       3x3, 256   1x1, 256    (x3)     3x3: 64 groups
    stages.1  28x28         1x1, 256       3x3, 512   1x1, 512    (x8)
    stages.2  14x14         1x1, 512       3x3, 1024  1x1, 1024   (x36)
    stages.3  7x7           1x1, 1024      3x3, 2048  1x1, 2048   (x3)
    head      num_classes   global average, dropout 0.2, linear

Weights are drawn by He's rule, fan-in.
"""

from functools import partial

from torch import nn

from cladenet.layers.checks import check_four
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, conv_norm_relu, norm_relu
from cladenet.layers.shortcut import option_b
from cladenet.layers.stages import caffe_pool, stages
from cladenet.models.excited_unit import block, excited_unit


class NarrowBottleneck(nn.Sequential):
    """F of SENet-154: a 64x4d ResNeXt's with half as many channels in its first 1x1."""

    expansion = 4

    def __init__(
        self, in_channels: int, width: int, stride: int, norm: Norm, first_norm: Norm | None = None
    ) -> None:
        inner = width * self.expansion
        super().__init__(
            conv(in_channels, inner // 2, 1),
            norm_relu(first_norm or norm, inner // 2),
            conv(inner // 2, inner, 3, stride, groups=64),
            norm_relu(norm, inner),
            conv(inner, inner, 1),
            norm(inner),
        )


def wide_projection(in_channels: int, out_channels: int, stride: int, norm: Norm) -> nn.Module:
    """The identity, or a projection where the shape changes, by a 3x3 where it strides."""
    if stride == 1:
        return option_b(in_channels, out_channels, stride, norm)
    return nn.Sequential(conv(in_channels, out_channels, 3, stride), norm(out_channels))


class SENet154(Classifier):
    """The network of the challenge of 2017, of any numbers of units.

    Args:
        reduction: r.
        se_bias: the block's layers have biases.

    Raises:
        BadArgument: `units` are not four.
    """

    least_size = 3
    taps = ("stem.2", "stages.0", "stages.1", "stages.2", "stages.3")

    def __init__(
        self,
        units: tuple[int, int, int, int] = (3, 8, 36, 3),
        num_classes: int = 1000,
        in_channels: int = 3,
        reduction: int = 16,
        drop_rate: float = 0.2,
        se_bias: bool = True,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        check_four(units=units)
        super().__init__(in_channels, num_classes)
        unit = partial(
            excited_unit,
            residual=NarrowBottleneck,
            norm=norm,
            excite=partial(block, reduction=reduction, bias=se_bias),
            shortcut=wide_projection,
        )
        self.stem = nn.Sequential(
            conv_norm_relu(in_channels, 64, 3, stride=2, norm=norm),
            conv_norm_relu(64, 64, 3, norm=norm),
            conv_norm_relu(64, 128, 3, norm=norm),
            caffe_pool(),
        )
        self.stages = stages([[unit] * n for n in units], 128, 256, 512, 1024, 2048)
        self.head = self.average_head(2048, drop_rate)
        self.initialise(self)
