"""ZFNet: AlexNet redesigned after a look inside it.

Zeiler, Fergus. Visualizing and Understanding Convolutional Networks. ECCV 2014. arXiv:1311.2901.
Fig. 3, and row (b) of Table 2:

    part      zfnet                         out (224 in)   zfnet_wide
    stem      7x7 / 2, 96    pool, LRN      96x55x55       7x7 / 2, 96   pool, LRN
    stages.0  5x5 / 2, 256   pool, LRN      256x13x13      5x5 / 2, 256  pool, LRN
    stages.1  3x3, 384                      384x13x13      3x3, 512
              3x3, 384                      384x13x13      3x3, 1024
              3x3, 256       pool           256x6x6        3x3, 512      pool
    head      linear 4096, dropout; linear 4096, dropout; linear num_classes

ReLU follows every layer but the last. Against AlexNet: 7x7 in place of 11x11 and stride 2 in place
of 4, which left no dead and no aliased filters; every map reads all before. A pool is 3x3 / 2.

The printed sizes 110, 55, 26, 13 settle the padding: 1 in the first layer, 0 in the second, and
pools that round up. No constants of the normalisation across maps are printed; AlexNet's are used.

A deconvnet (Sec. 2.1) goes back through the transposed filters and needs to know where each maximum
was: every pool is a `MaxPool2d` of its own, whose `return_indices` can be set.

Weights are drawn with a standard deviation of 10^-2, biases are 0 (Sec. 3). That a filter whose
root mean square grows beyond 0.1 is scaled back to it, is training: `filter_rms` of the recipe.
"""

from functools import partial
from itertools import pairwise

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv_norm_relu, side_after
from cladenet.layers.init import gaussian_init
from cladenet.layers.response_norm import response_norm
from cladenet.layers.stages import before_pools, caffe_pool

ROUNDED_UP = (3, 2, 0, True)  # a pool's window


class ZFNet(Classifier):
    """The network of Fig. 3, and what Table 3 makes of it.

    Args:
        widths: channels of layers 3 to 5; only the last one where Table 3 removes layers 3 and 4.
        hidden: units of the linear layers 6 and 7; none where it removes them.
        lrn: normalise across feature maps after the first two pools.
        drop_rate: of dropout after each hidden linear layer.

    Raises:
        BadArgument: `widths` is empty.
    """

    least_size = 63

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        input_size: int = 224,
        widths: tuple[int, ...] = (384, 384, 256),
        hidden: tuple[int, ...] = (4096, 4096),
        lrn: bool = True,
        drop_rate: float = 0.5,
    ) -> None:
        if not widths:
            raise BadArgument("widths is empty; expected a width for at least one convolution")
        super().__init__(in_channels, num_classes, input_size)

        def norm() -> list[nn.Module]:
            return [response_norm(1e-4)] if lrn else []

        layer = partial(conv_norm_relu, norm=None, bias=True)
        last = nn.Sequential()
        for ends in pairwise((256, *widths)):
            last.extend(layer(*ends, 3))
        last.append(nn.MaxPool2d(3, 2))
        self.stem = nn.Sequential(*layer(in_channels, 96, 7, 2, 1), caffe_pool(), *norm())
        self.stages = nn.Sequential(
            nn.Sequential(*layer(96, 256, 5, 2, 0), caffe_pool(), *norm()), last
        )
        side = side_after(input_size, (7, 2, 1), ROUNDED_UP, (5, 2), ROUNDED_UP, (3, 2))
        self.head = self.linear_head(widths[-1] * side**2, *hidden, drop_rate=drop_rate)
        self.taps = before_pools(self.stem, self.stages)
        self.initialise(self)

    def initialise(self, module: nn.Module) -> None:
        """N(0, 0.01^2), biases 0."""
        gaussian_init(module, std=0.01)


VARIANTS = {
    "zfnet": ZFNet,
    "zfnet_wide": partial(ZFNet, widths=(512, 1024, 512)),
}
