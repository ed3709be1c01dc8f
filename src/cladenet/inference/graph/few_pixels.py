"""1x1 convolutions that meet few pixels, and small linear layers, as matrix products by MKL.

torch takes 30 us to prepare a convolution for oneDNN, whatever its size, 23 us for a linear layer,
and 4 us for a product. Half of MSDNet's convolutions are of this kind; and where images leave a
batch early, few are left for the later ones. Two threads of a Xeon (AVX-512), us by oneDNN and MKL:

    maps of one image     images: 1       4        16         64
    48x8x8 to 12          34   6   34  11   42  23    60   51
    96x8x8 to 24          32   8   37  13   51  31   104   96
    24x16x16 to 12        35   8   36  24   49  39    84  157
    104x16x16 to 52       44  22   70  53  191 190   764  863
    40x32x32 to 6         44  18   55  58  116 158   448  672

The same of an AMD EPYC (AVX-512), to which MKL gives AVX2, with no Python in between:

    maps of one image     images: 1       2        4        8
    64x8x8 to 48          26  12   25  15   28  20   31  32
    136x8x8 to 48         26  14   27  19   31  29   38  45
    92x16x16 to 12        25  15   27  23   32  34   39  59
    104x16x16 to 52       32  29   41  46   56  75   81 134
    40x32x32 to 6         27  21   32  33   38  52   54  88
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet import processor
from cladenet.inference.graph.products import Product, convolution, shape
from cladenet.inference.graph.program import Program, Step
from cladenet.inference.graph.single_pixels import pointwise

MOST_PIXELS, MOST_MACS = 2048, 4_000_000
MOST_PIXELS_SLOW, MOST_MACS_SLOW = 1024, 1_500_000  # where MKL is much slower than oneDNN
MOST_MACS_LINEAR = 1_000_000
# A ReLU inside a convolution takes 2 us to prepare, one after it 1 us and a pass over numbers that
# lie in the nearer caches if they are few: up to so many it is better after it.
MOST_AFTERWARDS = 2**16
POSTS = ("none", "relu")
ONE_DNN = torch.ops.mkldnn


def few_enough(product: Product, program: Program) -> int:
    """So many pixels, or rows, of all images are better a product by MKL; 0: not even one image's.

    Args:
        product: a convolution or a linear layer.
        program: that it belongs to.
    """
    weight = program.constants[product.step.args[1]]
    if product.other is not None or product.post[0] not in POSTS or weight.dtype != torch.float32:
        return 0
    made = shape(product.output, program)
    slow = processor.has_slow_products()
    if product.linear:
        most, one_image = MOST_MACS_LINEAR // weight.numel(), made[:-1].numel()
    else:
        (stride, padding, _), groups = convolution(product.step)
        if (groups, stride, padding, *weight.shape[2:]) != (1, [1, 1], [0, 0], 1, 1):
            return 0
        most = (MOST_MACS_SLOW if slow else MOST_MACS) // weight.numel()
        one_image = made[2:].numel()
    most = min(most, MOST_PIXELS_SLOW if slow else MOST_PIXELS)
    return most if one_image <= most else 0


def by_number(step: Step, product: Product, most: int, program: Program) -> Step:
    """The step, or a product where all images together have `most` pixels or rows at most.

    Args:
        step: through oneDNN.
        product: that it was made of.
        most: see `few_enough`.
        program: gets one more constant.
    """
    plain = program.constants[product.step.args[1]].flatten(1)
    if product.linear:
        args = (program.new_constant(plain), most, *step.args)
        return Step(of_few_or_many_rows, args, {}, step.output)
    args = (program.new_constant(plain), most, afterwards(product, program), *step.args)
    return Step(of_few_or_many_pixels, args, {}, step.output)


def afterwards(product: Product, program: Program) -> int:
    """Of so many images the ReLU of a convolution is better a step after it; 0: it has none."""
    if product.post[0] != "relu":
        return 0
    return MOST_AFTERWARDS // shape(product.output, program).numel()


def with_relu(most: int, x: Tensor, packed: Tensor, *rest: Any) -> Tensor:
    """ReLU(W x + b) by oneDNN.

    Args:
        most: images whose ReLU is a step of its own.
        x: channels last.
        packed: the weights.
        rest: what else `_convolution_pointwise` takes: bias, sides, groups, activation.
    """
    if len(x) > most:
        y: Tensor = ONE_DNN._convolution_pointwise.default(x, packed, *rest)
        return y
    return ONE_DNN._convolution_pointwise.default(x, packed, *rest[:5], "none", [], None).relu_()


def of_few_or_many_pixels(
    weight: Tensor, most: int, inside: int, x: Tensor, packed: Tensor, *rest: Any
) -> Tensor:
    """ReLU(W x + b) or W x + b at every pixel of x (N, C, H, W) -> (N, C', H, W).

    Args:
        weight: (C', C).
        most: pixels of a product by MKL.
        inside: see `with_relu`; 0 where there is none.
        x: channels last.
        packed: the same weights for oneDNN.
        rest: what else `_convolution_pointwise` takes: bias, sides, groups, activation.
    """
    if len(x) * x.shape[2] * x.shape[3] > most:
        return with_relu(inside, x, packed, *rest)
    y = pointwise(x, weight, rest[0])
    return y.relu_() if rest[5] == "relu" else y


def of_few_or_many_rows(weight: Tensor, most: int, x: Tensor, packed: Tensor, *rest: Any) -> Tensor:
    """ReLU(W x + b) or W x + b of rows x (..., C) -> (..., C').

    Args:
        weight: (C', C).
        most: rows of a product by MKL.
        x: of any shape.
        packed: the same weights for oneDNN.
        rest: what else `_linear_pointwise` takes: bias and activation.
    """
    if x.numel() > most * x.shape[-1]:
        y: Tensor = ONE_DNN._linear_pointwise.default(x, packed, *rest)
        return y
    y = F.linear(x, weight, rest[0])
    return y.relu_() if rest[1] == "relu" else y
