"""AlexNet: two towers, Caffe's two, the single tower that followed, and a small net for CIFAR.

Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks.
NeurIPS 2012. Sec. 3.5 and Fig. 2.

Krizhevsky. One weird trick for parallelizing convolutional neural networks. arXiv:1404.5997,
Sec. 5: one tower, one GPU.

    part      alexnet (3x224x224 in)            out         alexnet_owt
    stem      11x11 / 4, 96     LRN  pool       96x27x27    11x11 / 4, 64   pool
    stages.0  5x5, 256, g = 2   LRN  pool       256x13x13   5x5, 192        pool
    stages.1  3x3, 384                          384x13x13   3x3, 384
              3x3, 384, g = 2                   384x13x13   3x3, 256
              3x3, 256, g = 2   pool            256x6x6     3x3, 256        pool
    head      linear, 4096      dropout         4096        dropout   linear, 4096
              linear, 4096      dropout         4096        dropout   linear, 4096
              linear, num_classes                           linear, num_classes

Jia and others. Caffe, models/bvlc_alexnet and models/bvlc_reference_caffenet, train_val.prototxt:
the two towers as most of the field has used them (below).

ReLU follows every layer but the last, and comes before the normalisation; a pool is 3x3 / 2, so
that windows overlap. g = 2 is the paper's two GPUs: a map reads those of its own tower only.

The text says 224, the arithmetic needs 227: padding 2 in the first layer gives the paper's 55x55
from 224. The two-tower net normalises over all maps of a layer, as the formula is printed. The
single tower has the widths of the author's released file, not of the paper's footnote, and is
without normalisation, with dropout before the linear layers, as public weights for it are.

`alexnet_caffe` and `caffenet` look at 227 pixels without padding, normalise with k = 1 and an alpha
that is divided by the 5 maps, and start with other biases; `caffenet` pools before it normalises.
"""

from functools import partial

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv_norm_relu, linear_relu, side_after
from cladenet.layers.init import weighted
from cladenet.layers.response_norm import response_norm
from cladenet.layers.stages import before_pools

# For conv1 to conv5, then the three linear layers: standard deviation, bias.
PAPER_INIT = (
    (0.01, 0), (0.01, 1), (0.01, 0), (0.01, 1), (0.01, 1), (0.01, 1), (0.01, 1), (0.01, 0),
)  # fmt: skip
CAFFE_INIT = (
    (0.01, 0), (0.01, 0.1), (0.01, 0), (0.01, 0.1), (0.01, 0.1),
    (0.005, 0.1), (0.005, 0.1), (0.01, 0),
)  # fmt: skip
CAFFENET_INIT = (
    (0.01, 0), (0.01, 1), (0.01, 0), (0.01, 1), (0.01, 1), (0.005, 1), (0.005, 1), (0.01, 0),
)  # fmt: skip
OWT_INIT = (
    (0.01, 0), (0.01, 1), (0.03, 0), (0.03, 1), (0.03, 0), (0.01, 1), (0.01, 1), (0.01, -7),
)  # fmt: skip


class AlexNet(Classifier):
    """The network of any widths and groups; the arguments' defaults are the two-tower net.

    Args:
        widths: channels of conv1 to conv5.
        groups: of conv1 to conv5; 1 reads all feature maps, 2 only those of its own tower.
        lrn: normalise after conv1 and conv2.
        lrn_alpha: the alpha of the printed formula, whose sum is not divided by its 5 terms:
            1e-4 in the paper. The author's released code and Caffe divide; their 1e-4 is 2e-5 here.
        lrn_size: adjacent maps that the sum is over, an odd number.
        lrn_beta: the exponent.
        lrn_k: what is added to the sum; 2 in the paper, 1 in Caffe.
        lrn_after_pool: normalise what the pool gives, not what it reads.
        padding: of the first layer.
        drop_rate: of dropout at the two hidden linear layers.
        drop_inputs: dropout acts on the inputs of the hidden linear layers, not on their outputs.
        init: standard deviation and bias of each layer, conv1 to the last.

    Raises:
        BadArgument: `lrn_size` is not odd.
    """

    least_size = 63

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        input_size: int = 224,
        widths: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256),
        groups: tuple[int, int, int, int, int] = (1, 2, 1, 2, 2),
        lrn: bool = True,
        lrn_alpha: float = 1e-4,
        lrn_size: int = 5,
        lrn_beta: float = 0.75,
        lrn_k: float = 2.0,
        lrn_after_pool: bool = False,
        padding: int = 2,
        drop_rate: float = 0.5,
        drop_inputs: bool = False,
        init: tuple[tuple[float, float], ...] = PAPER_INIT,
    ) -> None:
        w1, w2, w3, w4, w5 = widths
        g1, g2, g3, g4, g5 = groups
        self.least_size = 67 - 2 * padding
        super().__init__(in_channels, num_classes, input_size)
        if lrn_size < 1 or lrn_size % 2 == 0:
            raise BadArgument(f"lrn_size is {lrn_size}; expected an odd number, such as 5")
        self.std_and_bias = init

        def normalised_and_pooled() -> list[nn.Module]:
            pool = nn.MaxPool2d(3, 2)
            if not lrn:
                return [pool]
            norm = response_norm(lrn_alpha, lrn_size, lrn_beta, lrn_k)
            return [pool, norm] if lrn_after_pool else [norm, pool]

        layer = partial(conv_norm_relu, norm=None, bias=True)
        self.stem = nn.Sequential(
            *layer(in_channels, w1, 11, 4, padding, groups=g1), *normalised_and_pooled()
        )
        self.stages = nn.Sequential(
            nn.Sequential(*layer(w1, w2, 5, groups=g2), *normalised_and_pooled()),
            nn.Sequential(
                *layer(w2, w3, 3, groups=g3),
                *layer(w3, w4, 3, groups=g4),
                *layer(w4, w5, 3, groups=g5),
                nn.MaxPool2d(3, 2),
            ),
        )
        side = side_after(input_size, (11, 4, padding), (3, 2), (3, 2), (3, 2))

        def hidden(width_in: int) -> list[nn.Module]:
            linear, drop = linear_relu(width_in, 4096), nn.Dropout(drop_rate)
            return [drop, *linear] if drop_inputs else [*linear, drop]

        self.head = nn.Sequential(
            nn.Flatten(), *hidden(w5 * side**2), *hidden(4096), self.new_classifier(4096)
        )
        self.taps = before_pools(self.stem, self.stages)
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """N(0, std^2) and a constant bias, as `init` says for each layer."""
        wanted = set(module.modules())
        for layer, (std, bias) in zip(weighted(self), self.std_and_bias, strict=False):
            if layer in wanted:
                nn.init.normal_(layer.weight, std=std)
                nn.init.constant_(layer.get_parameter("bias"), bias)


class AlexNetCifar(Classifier):
    """Three 5x5 convolutions in the manner of cuda-convnet's quick CIFAR net; in no paper.

        stem      5x5, 32   max pool          32x15x15
        stages.0  5x5, 32   average pool      32x7x7
        stages.1  5x5, 64   average pool      64x3x3
        head      linear, 64   linear, num_classes

    A pool is 3x3 / 2. Weights are drawn by He's rule, since no paper says how.
    """

    taps = ("stem.1", "stages.0.1", "stages.1.1", "stages.1.2")
    least_size = 15

    def __init__(self, num_classes: int = 10, in_channels: int = 3, input_size: int = 32) -> None:
        super().__init__(in_channels, num_classes, input_size)
        layer = partial(conv_norm_relu, kernel_size=5, norm=None, bias=True)
        self.stem = nn.Sequential(*layer(in_channels, 32), nn.MaxPool2d(3, 2))
        self.stages = nn.Sequential(
            nn.Sequential(*layer(32, 32), nn.AvgPool2d(3, 2)),
            nn.Sequential(*layer(32, 64), nn.AvgPool2d(3, 2)),
        )
        side = side_after(input_size, (3, 2), (3, 2), (3, 2))
        self.head = self.linear_head(64 * side**2, 64)
        self.initialise(self)


_CAFFE = partial(AlexNet, input_size=227, padding=0, lrn_alpha=2e-5, lrn_k=1.0)

VARIANTS = {
    "alexnet": AlexNet,
    "alexnet_caffe": partial(_CAFFE, init=CAFFE_INIT),
    "caffenet": partial(_CAFFE, init=CAFFENET_INIT, lrn_after_pool=True),
    "alexnet_owt": partial(
        AlexNet,
        widths=(64, 192, 384, 256, 256),
        groups=(1, 1, 1, 1, 1),
        lrn=False,
        drop_inputs=True,
        init=OWT_INIT,
    ),
    "alexnet_cifar": AlexNetCifar,
}
