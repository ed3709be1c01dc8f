"""conv(ReLU(batch norm([x_0, x_1, ...]))), of which training keeps only the maps x and the result.

Pleiss, Chen, Huang, Li, van der Maaten, Weinberger. Memory-Efficient Implementation of DenseNets.
2017. arXiv:1707.06990. Concatenation, norm and ReLU are cheap, and computed again in the backward
pass; with the mean and std of the first time, so that nothing is counted again, the running
statistics are not touched, and all gradients are the same bits as without.

Where several of these read the beginnings of one list of feature maps, as the layers of a dense
block do, what they keep is one tensor for all of them: `Maps`.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Maps:
    """x_0, x_1, ... of (N, any, H, W), as they come; in the end one tensor that holds them all."""

    def __init__(self, first: Tensor) -> None:
        self.each = [first]
        self._whole: Tensor | None = None

    def close(self) -> Tensor:
        """All feature maps in one, (N, sum, H, W); from now on that alone is kept of them."""
        whole = torch.cat(self.each, 1)
        self.each, self._whole = [], whole.detach()
        return whole

    def beginning(self, channels: int) -> Tensor:
        """The first feature maps in one, (N, channels, H, W), without their history."""
        if self._whole is None:
            raise RuntimeError("the backward pass came before the end of the block")
        memory = _layout(self._whole)
        return self._whole[:, :channels].contiguous(memory_format=memory)


def fits(chain: nn.Module) -> bool:
    """Is `chain` made of norm, ReLU and convolution, maybe with dropout and pools around them?

    Not in evaluation mode, under torch.compile, with another norm, or where somebody looks into it.
    """
    if type(chain).forward is not nn.Sequential.forward:
        return False
    modules = list(chain.modules())
    norms = [m for m in modules if hasattr(m, "running_mean") or isinstance(m, nn.GroupNorm)]
    return (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and bool(norms)
        and all(
            type(norm) is nn.BatchNorm2d
            and norm.training
            and norm.affine
            and norm.running_mean is not None
            and norm.momentum is not None
            for norm in norms
        )
        and not any(
            hooks
            for m in modules
            for hooks in (
                *(m._forward_hooks, m._forward_pre_hooks),
                *(m._backward_hooks, m._backward_pre_hooks),
            )
        )
    )


def run(chain: nn.Module, maps: Sequence[Tensor], kept: Maps | None = None) -> Tensor:
    """`chain` of the concatenated feature maps, for one that `fits`.

    Args:
        chain: modules in a row.
        maps: (N, any, H, W) each.
        kept: what the feature maps are the beginning of, if anything keeps them.
    """
    modules = list(chain.children())
    while modules:
        parts = list(modules[0].children())
        follows = modules[1] if len(modules) > 1 else None
        if (
            [type(part) for part in parts] == [nn.BatchNorm2d, nn.ReLU]
            and type(follows) is nn.Conv2d
            and follows.bias is None
            and follows.padding_mode == "zeros"
        ):
            maps, modules = (_apply(parts[0], follows, maps, kept),), modules[2:]
        else:
            whole = maps[0] if len(maps) == 1 else torch.cat(tuple(maps), 1)
            maps, modules = (modules[0](whole),), modules[1:]
        kept = None
    return maps[0]


def _apply(norm: nn.Module, conv: nn.Conv2d, maps: Sequence[Tensor], kept: Maps | None) -> Tensor:
    norm.num_batches_tracked.add_(1)  # type: ignore[operator]
    return _NormReluConv.apply(norm, conv, kept, norm.weight, norm.bias, conv.weight, *maps)  # type: ignore[no-untyped-call]


class _NormReluConv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        norm: nn.BatchNorm2d,
        conv: nn.Conv2d,
        kept: Maps | None,
        weight: Tensor,
        bias: Tensor,
        kernel: Tensor,
        *maps: Tensor,
    ) -> Tensor:
        x = _cat(maps)
        statistics = (norm.running_mean, norm.running_var)
        y, mean, invstd = torch.native_batch_norm(
            x, weight, bias, *statistics, True, norm.momentum or 0.0, norm.eps
        )
        dtype = x.dtype
        if torch.is_autocast_enabled(x.device.type):
            dtype = torch.get_autocast_dtype(x.device.type)
        ctx.settings = conv.stride, conv.padding, conv.dilation, conv.groups, dtype, norm.eps
        ctx.widths, ctx.kept = [part.shape[1] for part in maps], kept
        ctx.save_for_backward(weight, bias, kernel, mean, invstd, *(() if kept else maps))
        y = y.relu_().to(dtype)
        return F.conv2d(
            y, kernel.to(dtype), None, conv.stride, conv.padding, conv.dilation, conv.groups
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        weight, bias, kernel, mean, invstd, *maps = ctx.saved_tensors
        stride, padding, dilation, groups, dtype, eps = ctx.settings
        x = ctx.kept.beginning(sum(ctx.widths)) if ctx.kept else _cat(maps)
        # As the norm was: (x - mean) (invstd weight) + bias, to the last bit.
        y = torch.native_batch_norm(
            x, weight * invstd, bias, mean, torch.ones_like(invstd), False, 0.0, 0.0
        )[0].relu_()
        to_y, to_kernel, _ = torch.ops.aten.convolution_backward(
            gradients[0], y.to(dtype), kernel.to(dtype), None, stride, padding, dilation, False,
            (0, 0), groups, (True, ctx.needs_input_grad[5], False),
        )  # fmt: skip
        to_norm = torch.ops.aten.threshold_backward(to_y.to(y.dtype), y, 0)
        del y, to_y
        to_x, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            to_norm, x, weight, None, None, mean, invstd, True, eps, (True, True, True)
        )
        to_kernel = None if to_kernel is None else to_kernel.to(kernel.dtype)
        to_maps = to_x.split(ctx.widths, 1)
        return None, None, None, to_weight, to_bias, to_kernel, *to_maps


def _cat(maps: Sequence[Tensor]) -> Tensor:
    return maps[0] if len(maps) == 1 else torch.cat(tuple(maps), 1)


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
