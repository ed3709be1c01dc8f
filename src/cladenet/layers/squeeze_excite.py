"""Squeeze-and-excitation: each channel scaled by what the whole feature map says of it.

Hu, Shen, Albanie, Sun, Wu. Squeeze-and-Excitation Networks. CVPR 2018, TPAMI 2020.
arXiv:1709.01507, Sec. 3.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_choice

POSITIONS = ("standard", "pre", "post", "identity", "3x3")
"""Where it stands in a residual unit: Fig. 5 and Sec. 6.5; see `cladenet.surgery.excited`."""

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


class Followed(nn.Module):
    """What `module` gives, passed through `then`."""

    def __init__(self, module: nn.Module, then: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.then = then

    def forward(self, *inputs: Any, **more: Any) -> Tensor:
        """What `module` takes -> what `then` gives."""
        return self.then(self.module(*inputs, **more))


def followed(module: nn.Module, then: nn.Module) -> nn.Module:
    """`module` with `then` behind it; a chain is made longer, so that its tensors keep names."""
    if is_chain(module):
        return module.append(then)  # type: ignore[operator]
    return Followed(module, then)


def is_chain(module: nn.Module) -> bool:
    """Are its children what it computes, one after the other?"""
    return type(module).forward is nn.Sequential.forward


def check_places(name: str, position: str, stages: Iterable[int] | None, count: int) -> set[int]:
    """The stages, counted from 0, that get squeeze-and-excitation; all `count` of them for None.

    Raises:
        BadArgument: `position` is none, or the network called `name` has no such stages.
    """
    check_choice("position", position, POSITIONS)
    chosen = set(range(count) if stages is None else stages)
    if not chosen or not chosen <= set(range(count)):
        raise BadArgument(f"stages is {stages}; {name} has the stages 0 to {count - 1}")
    return chosen
