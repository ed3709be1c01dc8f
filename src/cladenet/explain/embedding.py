"""A map of images: near each other where the network sees them alike.

Van der Maaten, Hinton. Visualizing Data using t-SNE. JMLR 9 (2008), 2579-2605.

    p_j|i ~ exp(-|x_i - x_j|^2 / 2 s_i^2), s_i such that their entropy is log(perplexity)  Eq. (1)
    p_ij = (p_j|i + p_i|j) / 2n           q_ij ~ 1 / (1 + |y_i - y_j|^2)                   Eq. (4)
    dC/dy_i = 4 sum over j of (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2)              Eq. (5)

The map starts from the first two principal components, so that it is the same each time, and far
groups keep some of their order. Distances between groups mean little; neighbours mean much.
"""

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.plural import counted

ITERATIONS = 400
EARLY = 100  # with p exaggerated
EXAGGERATION = 12.0
KEPT_COMPONENTS = 50


def embedding_map(features: Tensor, perplexity: float = 30.0) -> Tensor:
    """Places (n, 2), centred, the standard deviation of the wider axis 1.

    Args:
        features: (n, D), such as what the last layer reads.
        perplexity: neighbours that count; at most a third of the images.

    Raises:
        BadArgument: there are fewer than 4 images, or features that are not finite.
    """
    n = len(features)
    if n < 4 or not torch.isfinite(features).all():
        raise BadArgument(
            f"{counted(n, 'image')}; a map needs 4 or more, and features that are finite"
        )
    components = principal(features.double(), KEPT_COMPONENTS)
    p = affinities(components, min(perplexity, (n - 1) / 3)).float()
    y = (1e-2 * components[:, :2] / components[:, 0].std().clamp(min=1e-12)).float()
    if y.shape[1] < 2:
        y = torch.nn.functional.pad(y, (0, 1))
    y = descend(y, p)
    y = y - y.mean(0)
    return y / y.std(0).max().clamp(min=1e-12)


def principal(features: Tensor, components: int) -> Tensor:
    """The first principal components, (n, at most `components`), signs fixed."""
    centred = features - features.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    kept = (u * s)[:, :components]
    largest = kept.abs().argmax(0, keepdim=True)
    return kept * torch.where(kept.gather(0, largest) < 0, -1.0, 1.0)


def affinities(x: Tensor, perplexity: float) -> Tensor:
    """p_ij, (n, n), symmetric, 0 on the diagonal, summing to 1; s_i by bisection."""
    n = len(x)
    squares = torch.cdist(x, x).square()
    squares.fill_diagonal_(float("inf"))
    goal = torch.log(torch.tensor(perplexity, dtype=x.dtype))
    scale = squares[torch.isfinite(squares)].mean().clamp(min=1e-12)
    low, high = torch.full((n, 1), -30.0).to(x), torch.full((n, 1), 30.0).to(x)
    for _ in range(50):
        middle = (low + high) / 2
        p = torch.softmax(-squares * (middle.exp() / scale), 1)
        entropy = -torch.special.xlogy(p, p).sum(1, keepdim=True)
        wide = entropy > goal
        low, high = torch.where(wide, middle, low), torch.where(wide, high, middle)
    return (p + p.T) / (2 * n)


def slopes(y: Tensor, p: Tensor) -> Tensor:
    """Eq. (5), (n, 2)."""
    closeness = 1 / (1 + torch.cdist(y, y).square())
    closeness.fill_diagonal_(0)
    pull = (p - closeness / closeness.sum()) * closeness
    return 4 * (pull.sum(1, keepdim=True) * y - pull @ y)


def descend(y: Tensor, p: Tensor) -> Tensor:
    """Gradient descent with the momentum and gains of the authors' code."""
    n = len(y)
    rate = max(n / EXAGGERATION, 50.0)
    step, gains = torch.zeros_like(y), torch.ones_like(y)
    for iteration in range(ITERATIONS):
        early = iteration < EARLY
        slope = slopes(y, p * EXAGGERATION if early else p)
        against = slope.sign() != step.sign()
        gains = torch.where(against, gains + 0.2, gains * 0.8).clamp(min=0.01)
        step = (0.5 if early else 0.8) * step - rate * gains * slope
        y = y + step
    return y
