"""Size and rank of the weights, layer by layer.

Effective rank: Roy, Vetterli. The effective rank: a measure of effective dimensionality. EUSIPCO
2007: exp of the entropy of the singular values as shares of their sum. Stable rank: the squared
Frobenius norm by the squared largest singular value.
"""

from typing import NamedTuple

import torch
from torch import nn

RELATIVE = 1e-3  # singular values below that share of the largest count as none


class WeightRow(NamedTuple):
    """Of one convolution or linear layer, its weights as a matrix (outputs, inputs x window).

    Args:
        layer: its name.
        shape: of the weights.
        norm: Frobenius.
        spectral: the largest singular value.
        rank: singular values above `RELATIVE` of the largest.
        full: the most that the shape allows.
        effective: the effective rank.
        stable: the stable rank.
    """

    layer: str
    shape: tuple[int, ...]
    norm: float
    spectral: float
    rank: int
    full: int
    effective: float
    stable: float


def weight_rows(network: nn.Module) -> list[WeightRow]:
    """All layers with a weight of two dimensions or more, in the order of definition."""
    rows = []
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        weight = module.weight.detach().cpu().double()
        values = torch.linalg.svdvals(weight.flatten(1))
        largest = float(values.max())
        shares = values / values.sum().clamp(min=1e-300)
        rows.append(
            WeightRow(
                layer=name,
                shape=tuple(weight.shape),
                norm=float(values.square().sum().sqrt()),
                spectral=largest,
                rank=int((values > RELATIVE * largest).sum()),
                full=len(values),
                effective=float(torch.exp(-torch.special.xlogy(shares, shares).sum())),
                stable=float(values.square().sum() / max(largest, 1e-300) ** 2),
            )
        )
    return rows
