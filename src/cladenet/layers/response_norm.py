"""Local response normalisation over adjacent feature maps, in few passes over the memory.

Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks.
NeurIPS 2012, Sec. 3.3, as torch defines it, for n adjacent feature maps of which half lie on each
side:

    s_i = k + (alpha / n) sum_j a_j^2          b_i = a_i s_i^-beta
    dL/da_i = g_i s_i^-beta - (2 alpha beta / n) a_i sum_j g_j a_j s_j^(-beta - 1)

torch's own layer is a pool in three dimensions, whose backward pass is slow: with it, AlexNet
spends half of a training step here. Only a and s are kept for the backward pass.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from cladenet.layers.checks import is_symbol


class LocalResponseNorm(nn.LocalResponseNorm):
    """`nn.LocalResponseNorm` over an odd number of channels: the same numbers, sooner."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape, at least in float32."""
        if is_symbol(input):
            return F.local_response_norm(input, self.size, self.alpha, self.beta, float(self.k))
        if not input.is_meta and torch.is_autocast_enabled(input.device.type):
            input = input.float()
        if torch.is_grad_enabled() and input.requires_grad and not torch.compiler.is_compiling():
            constants = (self.size, self.alpha, self.beta, self.k)
            return _ResponseNorm.apply(input, *constants)  # type: ignore[no-untyped-call]
        sums = _scale(input, self.size, self.alpha, self.k)
        return input * _power(sums, self.beta)


def response_norm(
    alpha: float, size: int = 5, beta: float = 0.75, k: float = 2.0
) -> LocalResponseNorm:
    """b_i = a_i / (k + alpha * sum of a_j^2 over `size` adjacent maps)^beta.

    Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks.
    NeurIPS 2012, Sec. 3.3; alpha is 1e-4 there, as printed, and the others are the defaults.

    torch and Caffe divide the sum by the `size` maps, the formula does not, so their alpha is so
    many times larger.
    """
    return LocalResponseNorm(size, alpha=size * alpha, beta=beta, k=k)


class _ResponseNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        sums = _scale(a, size, alpha, k)
        ctx.save_for_backward(a, sums)
        ctx.constants = size, alpha, beta
        return a * _power(sums, beta)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        a, sums = ctx.saved_tensors
        size, alpha, beta = ctx.constants
        scaled = gradients[0] * _power(sums, beta)
        shared = _window_sum((scaled * a).div_(sums), size).mul_(a)
        return scaled.sub_(shared, alpha=2 * alpha * beta / size), None, None, None, None


def _scale(a: Tensor, size: int, alpha: float, k: float) -> Tensor:
    """s of the equation."""
    return _window_sum(a.square(), size).mul_(alpha / size).add_(k)


def _power(sums: Tensor, beta: float) -> Tensor:
    """s^-beta; for the 3/4 of all papers by two square roots, which take a tenth of the time."""
    if beta != 0.75:
        return sums.pow(-beta)
    root = sums.rsqrt()
    return root.sqrt().mul_(root)


def _window_sum(values: Tensor, size: int) -> Tensor:
    """The sum over `size` channels around each, of (N, C, H, W), in new memory."""
    added = size // 2 * 2
    padded = F.pad(values, (0, 0, 0, 0, added // 2, added // 2))
    # Ends are counted from behind: a traced program would work out sizes that are asked for.
    total = padded[:, : -added or None].clone()
    for first in range(1, size):
        total.add_(padded[:, first : (first - added) or None])
    return total
