"""Squeeze-and-excitation: each channel scaled by what the whole map says of it.

Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. CVPR 2018, TPAMI 2020.
arXiv:1709.01507, Sec. 3.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

Part = Callable[[], nn.Module]

global_average: Part = partial(nn.AdaptiveAvgPool2d, 1)


class SqueezeExcite(nn.Module):
    """x s, with s = gate(W2 activation(W1 mean(x))): Eq. (2) to (4).

    Args:
        channels: of the map.
        hidden: width between W1 and W2, the paper's C / r.
        squeeze: makes what W1 reads; the mean over the map in the paper.
        activation: makes the one between W1 and W2; ReLU in the paper.
        gate: makes what keeps the scales in bounds; the sigmoid in the paper.
        bias: W1 and W2 have biases, as the released networks do.
    """

    gates = True  # its convolutions give scales, which are not to be normalised

    def __init__(
        self,
        channels: int,
        hidden: int,
        *,
        squeeze: Part = global_average,
        activation: Part = nn.ReLU,
        gate: Part = nn.Sigmoid,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.squeeze = squeeze()
        self.excite = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=bias),
            activation(),
            nn.Conv2d(hidden, channels, 1, bias=bias),
            gate(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        return x * self.excite(self.squeeze(x))
