"""Networks that torch does not compute, with random values of `parity.saturate`'s kind."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Foreign(nn.Module):
    """A network of another framework that takes and gives tensors of torch.

    Its values are those that it was built with; in evaluation mode alone.

    Attributes:
        dtype: in which it computes.
    """

    dtype = torch.float64

    def tensors(self) -> dict[str, Tensor]:
        """As a file that its framework writes is read here."""
        raise NotImplementedError


def kernel(shape: Sequence[int], inputs: int) -> Tensor:
    """Weights that keep the scale of what passes through them: `inputs` values for an output."""
    bound = math.sqrt(6 / inputs)
    return torch.empty(*shape).uniform_(-bound, bound)


def large(shape: Sequence[int]) -> Tensor:
    """Biases of 1 to 4 in size, a third of them negative, the first two 12 and -12."""
    signs = 1 - 2 * (torch.rand(*shape) < 1 / 3).float()
    found = signs * torch.empty(*shape).uniform_(1, 4)
    flat = found.view(-1)
    flat[:2] = torch.tensor([12.0, -12.0])[: len(flat)]
    return found


def small(shape: Sequence[int], low: float, high: float) -> Tensor:
    """Scales, means and variances of norms."""
    return torch.empty(*shape).uniform_(low, high)
