"""Matrix products in training, by whichever of MKL and oneDNN is fast on this processor.

torch computes them in float32 by MKL, which keeps to AVX2 on processors of other makers. On an AMD
EPYC with AVX-512 (one thread, layers of a ViT-Tiny, 16 images) the product of a linear layer takes
0.46 of its time through oneDNN, that for the gradient of its input 0.45, and that for its weights
0.53 to 0.64.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from cladenet import processor

Product = Callable[..., Tensor]  # x W^T + b, from x, W and perhaps b

FEWEST_MACS = 2**21  # with fewer, preparing oneDNN takes longer than what is gained


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, without a history; x (..., C), weight (C', C)."""
    if (
        weight.dtype == torch.float32
        and x.numel() * len(weight) >= FEWEST_MACS
        and processor.has_slow_products()
    ):
        return by_onednn(x, weight, bias)
    return F.linear(x, weight, bias)


def by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same by oneDNN, in float32."""
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    of_x: Product = product,
    of_weight: Product = product,
) -> Tensor:
    """The same with gradients, in float32.

    Args:
        x: (..., C).
        weight: (C', C).
        bias: (C',), or None.
        of_x: computes y, and the gradient for x.
        of_weight: computes the gradient for the weight.
    """
    y: Tensor = _Linear.apply(x, weight, bias, of_x, of_weight)  # type: ignore[no-untyped-call]
    return y


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        of_x: Product,
        of_weight: Product,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.of_x, ctx.of_weight = of_x, of_weight
        return of_x(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        rows = gradients[0].flatten(0, -2)
        to_x = to_weight = to_bias = None
        if ctx.needs_input_grad[0]:
            to_x = ctx.of_x(rows, weight.T).view_as(x)
        if ctx.needs_input_grad[1]:
            to_weight = ctx.of_weight(rows.T, x.flatten(0, -2).T)
        if ctx.needs_input_grad[2]:
            to_bias = rows.sum(0)
        return to_x, to_weight, to_bias, None, None
