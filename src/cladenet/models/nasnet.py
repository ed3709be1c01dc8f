"""NASNet-A: a cell that reinforcement learning found on CIFAR-10, stacked for any data.

Zoph, Vasudevan, Shlens, Le. Learning Transferable Architectures for Scalable Image Recognition.
CVPR 2018. arXiv:1707.07012. Fig. 2, N normal cells of width F in the first stage:

    part      ImageNet                           CIFAR
    stem      3x3 / 2, two reductions at F / 4   3x3, 3 F
              and F / 2
    stages.0  normal xN, F                       the same
    stages.1  reduction, normal xN, 2 F          the same
    stages.2  reduction, normal xN, 4 F          the same
    head      ReLU, global average, dropout, linear

A name in the paper is N @ channels of the last map, 6 @ 4032: a normal cell gives six feature maps
of 4 F each, the five adds of Fig. 4 and, in the released code, what it made of h_(i-1).

As in the released code, weights are drawn from a cut-off normal distribution of variance
2 / fan-out, drop path spares the identities and is the likelier the deeper a cell lies.

Windows that stride are centred; TensorFlow's SAME, which the released weights were trained with,
puts the odd pixel of their padding below and to the right (`padding="same"`); in Keras' port pools
that stride see its zeros besides (`zeros_in_pools`). Batch norm's eps is the released one, 1e-3 for
ImageNet and 1e-5 for CIFAR. Its running statistics move by 0.1 a batch, as torch's do and the
released CIFAR network's; by 3e-4 in the release for ImageNet (`norm_momentum`), with which a run of
less than ten thousand steps would be judged by statistics of its beginning. The auxiliary
classifier (`auxiliary`) is that of the released code: Inception v3's, on the last map before the
last reduction, its last convolution as large as the map of images of the size of training.
"""

from functools import partial

from torch import nn

from cladenet.models.cell_network import CellNetwork
from cladenet.models.cells import read_cell

# s0 = h_i, s1 = h_(i-1), both fitted to the cell's width: Fig. 4.
NORMAL_A = read_cell(
    "s2 = separable_5x5_2(s0) + separable_3x3_2(s1)",
    "s3 = separable_5x5_2(s1) + separable_3x3_2(s1)",
    "s4 = avg_pool_3x3(s0) + none(s1)",
    "s5 = avg_pool_3x3(s1) + avg_pool_3x3(s1)",
    "s6 = separable_3x3_2(s0) + none(s0)",
    "out = concat(s1, s2, s3, s4, s5, s6)",
)

REDUCTION_A = read_cell(
    "s2 = separable_5x5_2(s0) + separable_7x7_2(s1)",
    "s3 = max_pool_3x3(s0) + separable_7x7_2(s1)",
    "s4 = avg_pool_3x3(s0) + separable_5x5_2(s1)",
    "s5 = none(s3) + avg_pool_3x3(s2)",
    "s6 = separable_3x3_2(s2) + max_pool_3x3(s0)",
    "out = concat(s3, s4, s5, s6)",
)


class NASNet(CellNetwork):
    """The network, of any size; arguments as in `CellNetwork`."""


_A = partial(NASNet, normal=NORMAL_A, reduction=REDUCTION_A)
_LARGE = partial(_A, stem=96, skip_reduction=True, drop_path=0.3, image_size=331)
_CIFAR = partial(
    _A,
    cifar=True,
    num_classes=10,
    drop_rate=0.0,
    drop_path=0.4,
    image_size=32,
    norm=nn.BatchNorm2d,  # its eps is 1e-5 in the released code, that of the others 1e-3
)

VARIANTS = {
    "nasnet_a_large": partial(_LARGE, n=6, width=168),
    "nasnet_a_mobile": partial(_A, n=4, width=44),
    "nasnet_a_cifar": partial(_CIFAR, n=6, width=32),
    "nasnet_a_cifar_2304": partial(_CIFAR, n=7, width=96),
    "nasnet_a_5_1538": partial(_A, n=5, width=64),
    "nasnet_a_7_1920": partial(_A, n=7, width=80),
}
