"""EfficientNet: one small network that was searched for, and one number that scales it.

Tan, Le. EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks. ICML 2019.
arXiv:1905.11946. Table 1, B0:

    part        out (224 in)   t   k   c     n   s
    stem        112x112            3   32    1   2
    stages.0    112x112        1   3   16    1   1
    stages.1    56x56          6   3   24    2   2
    stages.2    28x28          6   5   40    2   2
    stages.3    14x14          6   3   80    3   2
    stages.4    14x14          6   5   112   3   1
    stages.5    7x7            6   5   192   4   2
    stages.6    7x7            6   3   320   1   1
    head        num_classes        1   1280           then global average, dropout, linear

t: expansion, k: kernel, c: output channels, n: units, s: stride of the first. A unit is
MobileNetV2's inverted residual with swish and, after its filter, squeeze-and-excitation whose
hidden width is a quarter of the unit's input. `compound_scale` is Eq. (3); the published B1 to B7
round its width and depth by hand, as the table of their code has them, in `SCALES`. Channels are
rounded to multiples of 8, units up.

Batch norm's eps is 1e-3 and its momentum 0.99 (0.01 as torch counts it), as in the authors' code;
weights are drawn from N(0, 2 / fan-out) as there, the linear layer's from a uniform distribution
within 1 / sqrt(classes). Stochastic depth rises linearly to 0.2 along the units.

EfficientNet-Lite 0 to 4 (the authors' release of March 2020, tensorflow/tpu, efficientnet/lite) are
for devices that compute in 8 bits: no squeeze-and-excitation, ReLU6 for swish, and a stem of 32, a
head of 1280 and one unit in the first and the last stage at every scale. Their images are of 224,
240, 260, 280 and 300 pixels, normalised as (x - 127) / 128.
"""

import math
from functools import partial
from typing import Any, NamedTuple

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_act, relu6
from cladenet.layers.drop import DropPath
from cladenet.layers.init import mnasnet_init
from cladenet.layers.inverted_residual import InvertedResidual, rounded
from cladenet.layers.squeeze_excite import SqueezeExcite
from cladenet.layers.stages import stages

TABLE = [
    # t, k,   c, n, s
    (1, 3,  16, 1, 1),
    (6, 3,  24, 2, 2),
    (6, 5,  40, 2, 2),
    (6, 3,  80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
]  # fmt: skip


class Scale(NamedTuple):
    """What a network is scaled by: multiples of B0's channels, units and image side."""

    width: float
    depth: float
    resolution: float


def compound_scale(phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> Scale:
    """Eq. (3): depth alpha^phi, width beta^phi, resolution gamma^phi.

    The cost grows by (alpha beta^2 gamma^2)^phi, about 2^phi with the paper's constants.
    """
    return Scale(width=beta**phi, depth=alpha**phi, resolution=gamma**phi)


# Width, depth, dropout in the authors' code; sizes of images are in the ledger.
SCALES = {
    "b0": (1.0, 1.0, 0.2),
    "b1": (1.0, 1.1, 0.2),
    "b2": (1.1, 1.2, 0.3),
    "b3": (1.2, 1.4, 0.3),
    "b4": (1.4, 1.8, 0.4),
    "b5": (1.6, 2.2, 0.4),
    "b6": (1.8, 2.6, 0.5),
    "b7": (2.0, 3.1, 0.5),
    "lite0": (1.0, 1.0, 0.2),
    "lite1": (1.0, 1.1, 0.2),
    "lite2": (1.1, 1.2, 0.3),
    "lite3": (1.2, 1.4, 0.3),
    "lite4": (1.4, 1.8, 0.3),
}

batch_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
swish = partial(nn.SiLU, inplace=True)


class EfficientNet(Classifier):
    """Table 1 at any scale; the resolution is the size of the images.

    Args:
        width: multiple of all channels.
        depth: multiple of the units of each stage.
        drop_path: probability that the last unit's residual is left out for a sample; that of
            unit i of L is i / L of it.
        lite: the form for 8-bit devices, see above.

    Raises:
        BadArgument: `width` or `depth` is not positive.
    """

    taps = ("stages.0", "stages.1", "stages.2", "stages.4", "stages.6")
    least_size = 32
    init = staticmethod(mnasnet_init)

    def __init__(
        self,
        width: float = 1.0,
        depth: float = 1.0,
        num_classes: int = 1000,
        in_channels: int = 3,
        norm: Norm = batch_norm,
        drop_rate: float = 0.2,
        drop_path: float = 0.2,
        lite: bool = False,
    ) -> None:
        if min(width, depth) <= 0:
            raise BadArgument(
                f"width is {width} and depth {depth}; expected numbers above 0, such as "
                "compound_scale(phi) gives"
            )
        channels = [rounded(c * width) for c in (32, *(c for _, _, c, _, _ in TABLE))]
        units_of = [math.ceil(n * depth) for _, _, _, n, _ in TABLE]
        last = rounded(1280 * width)
        if lite:
            units_of[0], units_of[-1], channels[0], last = 1, 1, 32, 1280
        super().__init__(in_channels, num_classes)
        activation = relu6 if lite else swish
        layer = partial(conv_norm_act, norm=norm, activation=activation)
        unit = partial(mbconv, norm=norm, activation=activation, excited=not lite)
        drops = (DropPath(drop_path * i / sum(units_of)) for i in range(sum(units_of)))
        units = [
            [partial(unit, expansion=t, kernel_size=k, drop_path=next(drops)) for _ in range(n)]
            for (t, k, _, _, _), n in zip(TABLE, units_of, strict=True)
        ]
        self.stem = layer(in_channels, channels[0], 3, 2)
        self.stages = stages(units, *channels, strides=[s for _, _, _, _, s in TABLE])
        self.head = nn.Sequential(
            *layer(channels[-1], last, 1), *self.average_head(last, drop_rate)
        )
        self.initialise(self)


def mbconv(
    in_channels: int, out_channels: int, stride: int, *, excited: bool, **parts: Any
) -> InvertedResidual:
    """An inverted residual, `excited` by way of a quarter of its input's channels."""
    hidden = in_channels // 4
    excite = partial(SqueezeExcite, hidden=hidden, activation=swish) if excited else None
    return InvertedResidual(in_channels, out_channels, stride, excite=excite, **parts)


VARIANTS = {
    f"efficientnet_{name}": partial(
        EfficientNet, width=width, depth=depth, drop_rate=drop_rate, lite=name.startswith("lite")
    )
    for name, (width, depth, drop_rate) in SCALES.items()
}
