"""1x1 convolutions that meet few pixels, as matrix products by MKL.

torch takes 30 us to prepare a convolution for oneDNN, whatever its size, and 6 us for a product.
Half of MSDNet's convolutions are of this kind; and where images leave a batch early, few are left
for the later ones. Two threads of a Xeon (AVX-512), us by oneDNN and by MKL:

    maps of one image     images: 1       4        16         64
    48x8x8 to 12          34   6   34  11   42  23    60   51
    96x8x8 to 24          32   8   37  13   51  31   104   96
    24x16x16 to 12        35   8   36  24   49  39    84  157
    104x16x16 to 52       44  22   70  53  191 190   764  863
    40x32x32 to 6         44  18   55  58  116 158   448  672
"""

from typing import Any

import torch
from torch import Tensor

from cladenet.inference.graph.products import Product, convolution, shape
from cladenet.inference.graph.program import Program, Step
from cladenet.inference.graph.single_pixels import pointwise

MOST_PIXELS = 2048
MOST_MACS = 4_000_000  # above which MKL may lose on processors of others more than it saves
POSTS = ("none", "relu")


def few_enough(product: Product, program: Program) -> int:
    """So many pixels of all images are better a product; 0 where not even one image is."""
    step = product.step
    weight = program.constants[step.args[1]]
    (stride, padding, _), groups = convolution(step)
    plain = groups == 1 and stride == [1, 1] and padding == [0, 0] and weight.shape[2:] == (1, 1)
    fused = product.other is not None or product.post[0] not in POSTS
    if not plain or fused or weight.dtype != torch.float32:
        return 0
    most = min(MOST_PIXELS, MOST_MACS // weight.numel())
    return most if shape(product.output, program)[2:].numel() <= most else 0


def by_number(step: Step, product: Product, most: int, program: Program) -> Step:
    """The step, or a product where all images together have `most` pixels or fewer.

    Args:
        step: the convolution through oneDNN.
        product: that it was made of.
        most: see `few_enough`.
        program: gets one more constant.
    """
    weight = program.new_constant(program.constants[product.step.args[1]].flatten(1))
    return Step(of_few_or_many, (weight, most, *step.args), {}, step.output)


def of_few_or_many(weight: Tensor, most: int, x: Tensor, packed: Tensor, *rest: Any) -> Tensor:
    """ReLU(W x + b) or W x + b at every pixel of x (N, C, H, W) -> (N, C', H, W).

    Args:
        weight: (C', C).
        most: pixels of a product.
        x: channels last.
        packed: the same weights for oneDNN.
        rest: what else `_convolution_pointwise` takes: bias, sides, groups, activation.
    """
    if len(x) * x.shape[2] * x.shape[3] > most:
        y: Tensor = torch.ops.mkldnn._convolution_pointwise.default(x, packed, *rest)
        return y
    bias, name = rest[0], rest[5]
    y = pointwise(x, weight, bias)
    return y.relu_() if name == "relu" else y
