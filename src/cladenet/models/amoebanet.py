"""AmoebaNet: cells that evolution found in NASNet's space, the oldest of a population dying first.

Real, Aggarwal, Huang, Le. Regularized Evolution for Image Classifier Architecture Search. AAAI
2019. arXiv:1802.01548. The stacking is NASNet's (Fig. 2):

    part      ImageNet                                  CIFAR
    stem      3x3 / 2, 32, two reductions at F / 4      3x3, 3 F
              and F / 2
    stages.0  normal xN, F                              the same
    stages.1  reduction, normal xN, 2 F                 the same
    stages.2  reduction, normal xN, 4 F                 the same
    head      ReLU, global average, dropout, linear

AmoebaNet-A is Fig. 6 (proceedings); B, C and D stand in early versions of the text. All wiring is
that of the authors' TPU code: state 0 is h_i, state 1 h_(i-1). 3x3 and 1x7-7x1 convolutions work at
a quarter of the width, weights are drawn as NASNet's, and drop path is as likely in all cells. In
cell B the name of an operation asks for dilation, which the code does not do, and neither do we.

The auxiliary classifier is NASNet's; the TPU code's has 0.4 of its widths, 51 and 307
(`auxiliary_width=0.4`). For the windows that stride and for the norms' running statistics see
`nasnet`.
"""

from functools import partial
from typing import ClassVar

from cladenet.models.cell_network import CellNetwork
from cladenet.models.cells import read_cell

NORMAL_A = read_cell(
    "s2 = avg_pool_3x3(s0) + max_pool_3x3(s0)",
    "s3 = separable_3x3_2(s1) + none(s1)",
    "s4 = none(s0) + avg_pool_3x3(s1)",
    "s5 = separable_3x3_2(s0) + separable_5x5_2(s2)",
    "s6 = avg_pool_3x3(s5) + separable_3x3_2(s0)",
    "out = concat(s1, s3, s4, s6)",
)

REDUCTION_A = read_cell(
    "s2 = separable_3x3_2(s1) + avg_pool_3x3(s0)",
    "s3 = max_pool_3x3(s0) + separable_7x7_2(s2)",
    "s4 = max_pool_3x3(s1) + max_pool_3x3(s0)",
    "s5 = separable_3x3_2(s4) + 1x7_7x1(s0)",
    "s6 = avg_pool_3x3(s1) + separable_7x7_2(s0)",
    "out = concat(s2, s3, s4, s5, s6)",
)

NORMAL_B = read_cell(
    "s2 = 1x1(s1) + max_pool_3x3(s1)",
    "s3 = none(s1) + separable_3x3_2(s0)",
    "s4 = 1x1(s1) + separable_3x3_2(s0)",
    "s5 = 1x1(s2) + none(s2)",
    "s6 = avg_pool_3x3(s1) + 1x1(s5)",
    "out = concat(s0, s3, s4, s6)",
)

REDUCTION_B = read_cell(
    "s2 = max_pool_2x2(s0) + max_pool_3x3(s0)",
    "s3 = none(s2) + 3x3(s1)",
    "s4 = separable_5x5_2(s2) + max_pool_3x3(s2)",
    "s5 = none(s3) + separable_3x3_2(s1)",
    "s6 = avg_pool_3x3(s4) + 1x1(s3)",
    "out = concat(s5, s6)",
)

NORMAL_C = read_cell(
    "s2 = avg_pool_3x3(s0) + separable_3x3_2(s0)",
    "s3 = none(s0) + separable_3x3_2(s0)",
    "s4 = avg_pool_3x3(s2) + separable_3x3_2(s1)",
    "s5 = none(s0) + separable_3x3_2(s1)",
    "s6 = avg_pool_3x3(s3) + separable_3x3_2(s0)",
    "out = concat(s1, s2, s4, s5, s6)",
)

REDUCTION_C = read_cell(
    "s2 = max_pool_3x3(s0) + max_pool_3x3(s0)",
    "s3 = separable_7x7_2(s2) + separable_3x3_2(s0)",
    "s4 = separable_7x7_2(s0) + max_pool_3x3(s1)",
    "s5 = separable_5x5_2(s4) + separable_5x5_2(s4)",
    "s6 = max_pool_3x3(s1) + separable_3x3_2(s1)",
    "out = concat(s0, s2, s3, s4, s5, s6)",
)

NORMAL_D = read_cell(
    "s2 = 1x1(s1) + max_pool_3x3(s1)",
    "s3 = none(s1) + 1x7_7x1(s0)",
    "s4 = 1x1(s0) + 1x7_7x1(s0)",
    "s5 = max_pool_3x3(s2) + none(s2)",
    "s6 = avg_pool_3x3(s1) + 1x1(s5)",
    "out = concat(s0, s3, s4, s6)",
)

REDUCTION_D = read_cell(
    "s2 = max_pool_2x2(s0) + max_pool_3x3(s0)",
    "s3 = none(s2) + 3x3(s1)",
    "s4 = 1x7_7x1(s2) + max_pool_3x3(s2)",
    "s5 = none(s3) + max_pool_2x2(s1)",
    "s6 = avg_pool_3x3(s2) + 1x1(s3)",
    "out = concat(s4, s5, s6)",
)


class AmoebaNet(CellNetwork):
    """The network of a pair of cells, of any size; arguments as in `CellNetwork`."""

    drops_deeper_more: ClassVar[bool] = False


_ANY = partial(AmoebaNet, drop_path=0.3)
_A = partial(_ANY, normal=NORMAL_A, reduction=REDUCTION_A)
_B = partial(_ANY, normal=NORMAL_B, reduction=REDUCTION_B)
_C = partial(_ANY, normal=NORMAL_C, reduction=REDUCTION_C)
_D = partial(_ANY, normal=NORMAL_D, reduction=REDUCTION_D)
_A_CIFAR = partial(_A, cifar=True, num_classes=10, drop_rate=0.0, n=6, image_size=32)
_B_CIFAR = partial(_B, cifar=True, num_classes=10, drop_rate=0.0, n=6, image_size=32)

VARIANTS = {
    "amoebanet_a_n6_f32_cifar": partial(_A_CIFAR, width=32),
    "amoebanet_a_n6_f36_cifar": partial(_A_CIFAR, width=36),
    "amoebanet_b_n6_f36_cifar": partial(_B_CIFAR, width=36),
    "amoebanet_b_n6_f128_cifar": partial(_B_CIFAR, width=128),
    "amoebanet_a_mobile": partial(_A, n=4, width=50),
    "amoebanet_a_n6_f190": partial(_A, n=6, width=190, image_size=331),
    "amoebanet_a_n6_f448": partial(_A, n=6, width=448, image_size=331),
    "amoebanet_b_mobile": partial(_B, n=3, width=62),
    "amoebanet_b_n6_f190": partial(_B, n=6, width=190, image_size=331),
    "amoebanet_c_mobile": partial(_C, n=4, width=50),
    "amoebanet_c_n6_f228": partial(_C, n=6, width=228, image_size=331),
    "amoebanet_d_n6_f256": partial(_D, n=6, width=256),
}
