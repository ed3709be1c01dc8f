"""Batch normalisation over the images of all processes, on any device.

torch's `SyncBatchNorm` refuses the CPU; this one is two sums over all processes, whose gradients
are two more. On a GPU torch's own, which is fused, is taken, but for norms that do not scale.
"""

from typing import Any

import torch
from torch import Tensor, distributed, nn

from cladenet.errors import BadArgument
from cladenet.models.shift_norm import ShiftNorm, fix_scale
from cladenet.surgery.weight_norm import MeanOnlyBatchNorm


class _SumOverProcesses(torch.autograd.Function):
    """y = sum of every process's x; each x moves every process's y, so gradients are summed too."""

    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose mean and variance are those of the whole batch, over all processes."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape; in evaluation mode exactly as the parent class."""
        if not self.training:
            return super().forward(x)
        count = total(x.new_tensor(float(x.numel() // x.shape[1])))
        mean = total(x.sum((0, 2, 3))) / count
        centred = x - mean[:, None, None]
        variance = total(centred.square().sum((0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        normalised = centred * scale[:, None, None]
        return normalised + self.bias[:, None, None] if self.affine else normalised

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)


def total(x: Tensor) -> Tensor:
    """Sum over all processes, with its gradient."""
    summed: Tensor = _SumOverProcesses.apply(x)  # type: ignore[no-untyped-call]
    return summed


def share_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """`model` with every `BatchNorm2d` replaced by one that sees the whole batch; same tensors.

    Raises:
        BadArgument: it has mean-only batch norms, whose means stay with each process.
    """
    if any(isinstance(module, MeanOnlyBatchNorm) for module in model.modules()):
        raise BadArgument(
            "sync_bn is on, and the means of a mean-only batch norm are not shared between "
            "processes; leave sync_bn out, or take norm=weight or norm=batch"
        )
    if device.type == "cuda" and not any(isinstance(m, ShiftNorm) for m in model.modules()):
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and type(child) in (nn.BatchNorm2d, ShiftNorm):
                setattr(parent, name, _shared(child))
    return model


def _shared(norm: nn.BatchNorm2d) -> SharedBatchNorm2d:
    shared = SharedBatchNorm2d(
        norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
    )
    if norm.affine:
        shared = shared.to(norm.weight.device, norm.weight.dtype)
    if isinstance(norm, ShiftNorm):
        fix_scale(shared)
    shared.load_state_dict(norm.state_dict())
    return shared.train(norm.training)
