"""The paths through a residual network, by length.

Veit, Wilber, Belongie. NeurIPS 2016. arXiv:1605.06431, Sec. 4.4 and Fig. 6: of n units each path
takes some and goes past the others, so that their lengths are binomial; the gradient that a path
brings to the image shrinks with its length, and most of it comes through short ones.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import comb
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.explain.inside.lesion import units
from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier


class PathLength(NamedTuple):
    """Of all paths through k units.

    Args:
        length: k.
        share: of all paths, binomial.
        gradient: mean norm of the gradient that one of them brings to an image.
        contribution: share of the gradient that comes through paths of this length.
    """

    length: int
    share: float
    gradient: float
    contribution: float


def path_lengths(
    network: Classifier,
    images: Tensor,
    labels: Tensor,
    lengths: Sequence[int] | None = None,
    samples: int = 10,
) -> list[PathLength]:
    """Shares and gradients; the forward pass is that of the whole network.

    Args:
        network: of residual units, all with a shortcut; it stays as it was.
        images: normalised, (N, C, H, W).
        labels: class numbers, (N,).
        lengths: to measure; by default all from 0 to n. Others count nothing in the contributions.
        samples: paths of each length, drawn with a generator of their own.

    Raises:
        BadArgument: the network has no shortcuts, or a length is out of range.
    """
    names = units(network)
    if any(getattr(network.get_submodule(name), "shortcut", 0) is None for name in names):
        raise BadArgument(f"{type(network).__name__} is plain: all paths go through all its units")
    n = len(names)
    chosen = list(range(n + 1)) if lengths is None else list(lengths)
    if not chosen or min(chosen) < 0 or max(chosen) > n or samples < 1:
        raise BadArgument(f"lengths are {chosen}, samples {samples}; expected 0 to {n}, 1 or more")
    random = torch.Generator().manual_seed(0)
    norms = []
    for k in chosen:
        drawn = samples if 0 < k < n else 1
        found = 0.0
        for _ in range(drawn):
            taken = set(torch.randperm(n, generator=random)[:k].tolist())
            through = {name: place in taken for place, name in enumerate(names)}
            found += _gradient(network, images, labels, through) / drawn
        norms.append(found)
    total = sum(comb(n, k) * norm for k, norm in zip(chosen, norms, strict=True)) or 1.0
    return [
        PathLength(k, comb(n, k) / 2**n, norm, comb(n, k) * norm / total)
        for k, norm in zip(chosen, norms, strict=True)
    ]


def _gradient(
    network: Classifier, images: Tensor, labels: Tensor, through: dict[str, bool]
) -> float:
    """Mean norm over the images of what arrives through the units that are taken."""
    with frozen(network), _one_way(network, through):
        pixels = images.detach().clone().requires_grad_()
        loss = nn.functional.cross_entropy(network(pixels), labels, reduction="sum")
        if not loss.requires_grad:
            return 0.0
        (gradient,) = torch.autograd.grad(loss, pixels, allow_unused=True)
    return 0.0 if gradient is None else float(gradient.flatten(1).norm(dim=1).mean())


@contextmanager
def _one_way(network: Classifier, through: dict[str, bool]) -> Iterator[None]:
    """Inside, gradients go through a unit's residual branch, or through its shortcut alone."""

    def stop(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output.detach().clone()

    handles = []
    for name, taken in through.items():
        unit: Any = network.get_submodule(name)
        handles.append((unit.shortcut if taken else unit.residual).register_forward_hook(stop))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
