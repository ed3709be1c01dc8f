"""Squeeze-and-excitation: each channel scaled by what the whole map says of it.

Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. CVPR 2018. arXiv:1709.01507, Sec. 3.
"""

from collections.abc import Callable

from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """x s, with s = gate(W2 activation(W1 mean(x))): Eq. (2) to (4).

    Args:
        channels: of the map.
        hidden: width between W1 and W2, the paper's C / r.
        activation: makes the one between them; ReLU in the paper.
        gate: makes what keeps the scales in bounds; the sigmoid in the paper.
        bias: W1 and W2 have biases, as the released networks do.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        *,
        activation: Callable[[], nn.Module] = nn.ReLU,
        gate: Callable[[], nn.Module] = nn.Sigmoid,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=bias),
            activation(),
            nn.Conv2d(hidden, channels, 1, bias=bias),
            gate(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return x * self.excite(self.squeeze(x))
