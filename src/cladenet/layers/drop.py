"""Leaving out whole paths of a network while it trains."""

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """A residual is left out for some samples of a batch; the others' is scaled up in return.

    Larsson, Maire, Shakhnarovich. FractalNet. ICLR 2017. arXiv:1605.07648, in the form that
    EfficientNet's code made common: each sample draws for itself, and kept ones are divided by the
    probability to be kept, so that nothing is scaled in evaluation mode.

    Args:
        rate: probability to be left out, 0 to below 1.
    """

    whole_in_scripts = True

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, residual: Tensor) -> Tensor:
        """(N, ...) -> the same shape."""
        if not self.training or not self.rate:
            return residual
        kept = 1 - self.rate
        draws = torch.rand(residual.shape[0], device=residual.device)
        scales = (draws < kept).to(residual.dtype).div(kept)
        return (residual.transpose(0, -1) * scales).transpose(0, -1)

    def extra_repr(self) -> str:
        """The rate."""
        return f"rate={self.rate:g}"
