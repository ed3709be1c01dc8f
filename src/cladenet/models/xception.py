"""Xception: a residual network of depthwise separable convolutions, and a small one for CIFAR.

Chollet. Xception: Deep Learning with Depthwise Separable Convolutions. CVPR 2017.
arXiv:1610.02357, Fig. 5. sep is a depthwise 3x3, then a pointwise 1x1:

    flow    part      out (299 in)   one unit
    entry   stem      64x147x147     3x3 / 2, 32    3x3, 64                         (no unit)
            stages.0  128x74x74           sep 128   ReLU sep 128    max pool / 2
                      256x37x37      ReLU sep 256   ReLU sep 256    max pool / 2
                      728x19x19      ReLU sep 728   ReLU sep 728    max pool / 2
    middle  stages.1  728x19x19      ReLU sep 728   ReLU sep 728    ReLU sep 728    (x8)
    exit    stages.2  1024x10x10     ReLU sep 728   ReLU sep 1024   max pool / 2
                      2048x10x10     sep 1536 ReLU  sep 2048 ReLU                   (no unit)
            head      num_classes    global average, dropout, linear

Every convolution is followed by a norm. A unit adds its input, or a 1x1 / 2 convolution of it with
a norm where the shape changes. Between depthwise and pointwise stands nothing: an activation there
makes training slower and the result worse (Fig. 10), which `between` lets one try. Without
shortcuts (`no_shortcut`) it is the network that comes out far worse in Fig. 9.

The stem pads nothing. Pools are 3x3 and pad one pixel on each side, as ports to PyTorch do; the
author's Keras pads a map of even size on the far side alone. Weights are drawn by He's rule, which
the paper does not print; dropout is that of its Sec. 4.3. Batch norm's eps is 1e-3, as in the
author's Keras, ports to PyTorch have 1e-5 (`norm_eps`); its running statistics move by 0.1 a batch,
as torch's do, Keras' by 0.01 (`norm_momentum`).
"""

from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Activation, Norm, conv, conv_norm_relu, norm_relu
from cladenet.layers.separable import separable_conv
from cladenet.layers.shortcut import Shortcut, option_b
from cladenet.layers.stages import stages
from cladenet.models.wide_resnet import WideUnit

batch_norm: Norm = partial(nn.BatchNorm2d, eps=1e-3)


class Unit(nn.Module):
    """y = F(x) + shortcut(x), with no activation on the sum.

    Args:
        widths: channels of the input, then of each separable convolution.
        stride: 2 ends F with a max pool.
        shortcut: makes what is added to F.
        between: makes what comes between depthwise and pointwise.
        rectified: False leaves out the ReLU at the beginning of F.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        stride: int,
        shortcut: Shortcut,
        norm: Norm,
        between: Activation | None,
        rectified: bool = True,
    ) -> None:
        super().__init__()
        self.shortcut = shortcut(widths[0], widths[-1], stride, norm)
        layers: list[nn.Module] = []
        for width_in, width in pairwise(widths):
            layers += [
                nn.ReLU(inplace=bool(layers)),  # the first reads x, and so does the shortcut
                separable_conv(width_in, width, between=between),
                norm(width),
            ]
        pool = [nn.MaxPool2d(3, stride, padding=1)] if stride > 1 else []
        self.residual = nn.Sequential(*layers[0 if rectified else 1 :], *pool)

    def forward(self, x: Tensor) -> Tensor:
        """(N, widths[0], H, W) -> (N, widths[-1], ceil(H / stride), ceil(W / stride))."""
        y = self.residual(x)
        return y if self.shortcut is None else y + self.shortcut(x)


class Xception(Classifier):
    """The network.

    Args:
        between: makes what comes between depthwise and pointwise, such as `nn.ReLU` or `nn.ELU`.
        shortcut: makes what a unit adds to its residual: `option_b`, or `no_shortcut` for none.
    """

    taps = ("stem", "stages.0.0", "stages.0.1", "stages.1", "stages.2")
    least_size = 7

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        between: Activation | None = None,
        shortcut: Shortcut = option_b,
        drop_rate: float = 0.5,
        norm: Norm = batch_norm,
    ) -> None:
        super().__init__(in_channels, num_classes)
        unit = partial(Unit, shortcut=shortcut, norm=norm, between=between)
        self.stem = nn.Sequential(
            conv_norm_relu(in_channels, 32, 3, 2, 0, norm=norm),
            conv_norm_relu(32, 64, 3, 1, 0, norm=norm),
        )
        self.stages = nn.Sequential(
            nn.Sequential(
                unit((64, 128, 128), 2, rectified=False),
                unit((128, 256, 256), 2),
                unit((256, 728, 728), 2),
            ),
            nn.Sequential(*(unit((728, 728, 728, 728), 1) for _ in range(8))),
            nn.Sequential(
                unit((728, 728, 1024), 2),
                separable_conv(1024, 1536, between=between),
                norm_relu(norm, 1536),
                separable_conv(1536, 2048, between=between),
                norm_relu(norm, 2048),
            ),
        )
        self.head = self.average_head(2048, drop_rate)
        self.initialise(self)


class XceptionCifar(Classifier):
    """A pre-activation residual network of separable convolutions; of a tutorial, in no paper.

        stem      64x32x32       3x3, 64
        stages.0  64x32x32       sep 64    sep 64    (x3)
        stages.1  128x16x16      sep 128   sep 128   (x3)
        stages.2  256x8x8        sep 256   sep 256   (x3)
        head      num_classes    global average, linear

    A unit is that of `wide_resnet`, of separable convolutions. Stages after the first stride in
    their first unit. As in the tutorial, nothing normalises or rectifies the sum of the last unit.

    Args:
        between: makes what comes between depthwise and pointwise; nothing by default.
    """

    taps = ("stem", "stages.0", "stages.1", "stages.2")

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        between: Activation | None = None,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        super().__init__(in_channels, num_classes)
        layer = partial(separable_conv, between=between)
        unit = partial(WideUnit, kernels=(3, 3), drop_rate=0.0, norm=norm, layer=layer)
        self.stem = conv(in_channels, 64, 3)
        self.stages = stages([[unit] * 3] * 3, 64, 64, 128, 256)
        self.head = self.average_head(256)
        self.initialise(self)


VARIANTS = {"xception": Xception, "xception_cifar": XceptionCifar}
