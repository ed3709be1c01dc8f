"""A 1x1 convolution and the batch norm of its output in training, without a pass over that output.

Where few channels become many, as in an inverted residual's expansion (Sandler 2018, Table 1) or at
the end of a bottleneck (He 2015, Fig. 5), batch norm reads the wide feature maps twice and writes
them, and reads them and their gradient twice more in the backward pass, all at the speed of memory.
But a linear map tells the statistics of its output from those of its input. With X the pixels of
the input, P rows, less their mean, and S = X^T X,

    y = X W^T       var_j = w_j^T S w_j / P       z = X (a W)^T + beta       a = gamma / std

and with g = dL/dz, G = g^T X, the mean of g over the pixels g', and m_j = (w_j . G_j) / (P std_j),
which is the mean of g times the normalised output,

    dL/dgamma = P m     dL/dbeta = P g'     dL/dW = a (G - m / std (W S))
    dL/dX = g (a W) - X W^T (a m / std) W - (a g')^T W

G and the first product for X are those that the convolution needs anyway; the others are as small
as the input. A column of ones beside X brings beta into the product and P g' out of G. The output
before the norm is neither read nor kept.

What is wide is made and used in pieces that stay in the caches, ReLU or ReLU6 with it.
"""

from collections.abc import Iterator
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from cladenet import processor
from cladenet.kernels.pointwise import fits
from cladenet.kernels.products import by_onednn

FEWEST_ROWS = 32  # for each channel of the input: with fewer, W S takes as long
PIECE = 2**19  # bytes of wide maps, for each thread
PIECE_BY_ONEDNN = 2**20  # which takes 25 us to prepare a product
ACTIVATIONS: dict[type[nn.Module], float] = {nn.ReLU: inf, nn.ReLU6: 6.0}  # the highest value


def is_worth_it(x: Tensor) -> bool:
    """Are the pixels of x (N, C, H, W) many, for its channels, and rows of a matrix?"""
    return x.dtype == torch.float32 and fits(x) and x.numel() >= FEWEST_ROWS * x.shape[1] ** 2


def pointwise_norm(
    conv: nn.Conv2d, norm: nn.BatchNorm2d, activation: nn.Module | None, x: Tensor
) -> Tensor:
    """activation(norm(conv(x))) in training mode.

    Args:
        conv: 1x1, without a bias.
        norm: its running statistics see this batch.
        activation: one of `ACTIVATIONS`, or none.
        x: float32 (N, C, H, W), channels last, as is the result (N, C', H, W).
    """
    norm.num_batches_tracked.add_(1)  # type: ignore[union-attr]
    high = None if activation is None else ACTIVATIONS[type(activation)]
    z: Tensor = _PointwiseNorm.apply(x, conv.weight, norm.weight, norm.bias, norm, high)  # type: ignore[no-untyped-call]
    return z


class _PointwiseNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        gamma: Tensor,
        beta: Tensor,
        norm: nn.BatchNorm2d,
        high: float | None,
    ) -> Tensor:
        rows, w = _rows(x), weight.flatten(1)
        count, channels = rows.shape
        mean = rows.mean(0)
        beside_ones = rows.new_empty(count, channels + 1)
        centred = torch.sub(rows, mean, out=beside_ones[:, :channels])
        beside_ones[:, channels] = 1
        squares = centred.T @ centred
        var = ((w @ squares) * w).sum(1).clamp_min_(0.0) / count
        invstd = (var + norm.eps).rsqrt()
        _follow(norm, w @ mean, var * (count / (count - 1)))
        z = torch.empty(
            (len(x), len(w), *x.shape[2:]), dtype=x.dtype, memory_format=torch.channels_last
        )
        scaled = torch.cat([(gamma * invstd)[:, None] * w, beta[:, None]], 1)
        for x_piece, z_piece in _pieces(_rows(z), beside_ones, _rows(z)):
            y_piece = _product(x_piece, scaled, z_piece)
            if high is not None:
                torch.clamp(y_piece, 0.0, high, out=z_piece)
            elif y_piece is not z_piece:
                z_piece.copy_(y_piece)
        ctx.save_for_backward(
            beside_ones, weight, gamma, invstd, squares, None if high is None else z
        )
        ctx.high = high
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        beside_ones, weight, gamma, invstd, squares, z = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        w, a, count = weight.flatten(1), gamma * invstd, len(beside_ones)
        g, scaled = _rows(gradient), a[:, None] * w
        products = torch.zeros(w.shape[1] + 1, len(w))  # G^T: MKL is slow to make few columns
        to_x = torch.empty(
            (len(gradient), w.shape[1], *gradient.shape[2:]), memory_format=torch.channels_last
        )
        outputs = g if z is None else _rows(z)
        for piece, x_piece, z_piece, to_piece in _pieces(g, g, beside_ones, outputs, _rows(to_x)):
            if z is not None:
                piece = torch.ops.aten.hardtanh_backward(piece, z_piece, 0.0, ctx.high)
            products.addmm_(x_piece.T, piece)
            x_gradient = _product(piece, scaled.T, to_piece)
            if x_gradient is not to_piece:
                to_piece.copy_(x_gradient)
        of_x, to_beta = products[:-1].T, products[-1]
        to_gamma = (w * of_x).sum(1) * invstd
        share = a * invstd * to_gamma / count
        to_weight = a[:, None] * of_x - share[:, None] * (w @ squares)
        back = torch.cat([w.T @ (share[:, None] * w), (a * to_beta / count)[None] @ w])
        _rows(to_x).addmm_(beside_ones, back, alpha=-1)
        return to_x, to_weight.view_as(weight), to_gamma, to_beta, None, None


def _product(x: Tensor, weight: Tensor, out: Tensor) -> Tensor:
    """x W^T, in `out` by MKL and elsewhere by oneDNN, whichever is the faster one."""
    if processor.has_slow_narrow_products():
        return by_onednn(x, weight)
    return torch.mm(x, weight.T, out=out)


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W), channels last -> (N H W, C), the same memory."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _pieces(wide: Tensor, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Some rows after others of each tensor, as many as a piece of `wide` may have."""
    piece = PIECE_BY_ONEDNN if processor.has_slow_narrow_products() else PIECE
    row = wide.shape[1] * wide.element_size()
    length = max(1, piece * torch.get_num_threads() // row)
    return zip(*(tensor.split(length) for tensor in tensors), strict=True)


def _follow(norm: nn.BatchNorm2d, mean: Tensor, var: Tensor) -> None:
    """The running statistics, a little nearer to those of this batch; `var` is the unbiased one."""
    for running, now in ((norm.running_mean, mean), (norm.running_var, var)):
        running.lerp_(now, norm.momentum)  # type: ignore[union-attr, arg-type]
