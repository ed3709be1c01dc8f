"""Normalisation layers, passed to networks as constructors from a channel count."""

from collections.abc import Callable

from torch import nn

Norm = Callable[[int], nn.Module]


def norm_relu(norm: Norm, channels: int) -> nn.Sequential:
    """ReLU(norm(x)), any shape with `channels` in its second axis."""
    return nn.Sequential(norm(channels), nn.ReLU(inplace=True))


def response_norm(alpha: float) -> nn.LocalResponseNorm:
    """b_i = a_i / (k + alpha * sum of a_j^2 over 5 adjacent maps)^0.75 with k = 2.

    Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks.
    NeurIPS 2012, Sec. 3.3; alpha is 1e-4 there, as printed.

    torch divides the sum by the 5 maps, the formula does not, so torch's alpha is 5 times larger.
    """
    return nn.LocalResponseNorm(5, alpha=5 * alpha, beta=0.75, k=2)
