"""The mean of each map, with a gradient in the layout of the feature maps.

torch's own gradient is spread over the map channels first, whatever the layout of the map. What
takes it in then walks through two layouts at once: a ReLU of (32, 2048, 7, 7) in bfloat16 needs
8.2 ms for it instead of 0.3, a batch norm 30 instead of 1.2.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def global_average(x: Tensor) -> Tensor:
    """(N, C, H, W), channels last -> (N, C, 1, 1)."""
    y: Tensor = _GlobalAverage.apply(x)  # type: ignore[no-untyped-call]
    return y


class _GlobalAverage(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        return F.avg_pool2d(x, x.shape[2:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        share = gradient / (ctx.shape[2] * ctx.shape[3])
        return share.expand(ctx.shape).contiguous(memory_format=torch.channels_last)
