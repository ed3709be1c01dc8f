"""The macro space of ENAS: each layer chooses an operation, and which earlier layers it joins.

arXiv:1802.03268, Sec. 2.3 and Fig. 7, and the authors' code: the equations of x[k], what layer k
gives, are in the docstring of `enas`.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv
from cladenet.layers.separable import separable_conv
from cladenet.layers.stages import LastStage
from cladenet.models.cells import FactorizedReduction, relu_conv_norm
from cladenet.plural import counted

# By their numbers in an arc.
OPERATIONS = (
    "conv_3x3",
    "separable_3x3",
    "conv_5x5",
    "separable_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
)


class MacroLayer(NamedTuple):
    """What search decides of a layer: what it does, and the earlier layers it joins."""

    operation: str
    skips: tuple[int, ...]


def macro_text(layers: tuple[MacroLayer, ...]) -> list[str]:
    """Layers in lines: "x3 = conv_3x3(x2), with x0"; x0 is what the stem gives."""
    return [
        f"x{k} = {layer.operation}(x{k - 1})"
        + (f", with {', '.join(f'x{j}' for j in layer.skips)}" if layer.skips else "")
        for k, layer in enumerate(layers, 1)
    ]


def read_layers(text: str, operations: tuple[str, ...] = OPERATIONS) -> tuple[MacroLayer, ...]:
    """The layers of an arc: of each the number of its operation, and a bit for each earlier layer.

    Lines, or parts between semicolons, such as "0; 3 0; 0 10": the third layer joins the stem.

    Raises:
        BadArgument: the text is no arc.
    """
    layers = []
    try:
        for line in text.replace(";", "\n").split("\n"):
            number, *bits = line.split()
            skips = tuple(i for i, bit in enumerate("".join(bits)) if bit == "1")
            layers.append(MacroLayer(operations[int(number)], skips))
    except (ValueError, IndexError) as error:
        raise BadArgument(
            f"layers are {text!r}: {error}. Expected parts such as '0; 3 0; 0 10'"
        ) from error
    return tuple(layers)


States = tuple[Tensor, ...]  # what the stem and all layers so far gave


class First(nn.Sequential):
    """Images -> the first state."""

    def forward(self, x: Tensor) -> States:
        """(N, in_channels, H, W) -> one map."""
        for layer in self:
            x = layer(x)
        return (x,)


class Join(nn.Module):
    """A layer of the macro network.

    Args:
        layer: what it does.
        channels: of all feature maps.
        alone: nothing comes before, and so nothing is joined.
    """

    def __init__(self, layer: MacroLayer, channels: int, alone: bool, norm: Norm) -> None:
        super().__init__()
        self.skips = layer.skips
        self.operation = nn.Sequential(
            *relu_conv_norm(channels, channels, 1, 1, norm),
            *macro_operation(layer.operation, channels, norm),
        )
        joined = channels * (1 + len(layer.skips))
        self.join = None if alone else nn.Sequential(*relu_conv_norm(joined, channels, 1, 1, norm))

    def forward(self, states: States) -> States:
        """Maps (N, channels, H, W) -> the same and one more."""
        y = self.operation(states[-1])
        if self.join is not None:
            y = self.join(torch.cat([*(states[i] for i in self.skips), y], 1))
        return (*states, y)


class ReduceAll(nn.ModuleList):
    """Half the grid of all feature maps, each by weights of its own."""

    def forward(self, states: States) -> States:
        """Maps (N, channels, H, W) -> as many, (N, 2 channels, ceil(H / 2), ceil(W / 2))."""
        return tuple(reduce(x) for reduce, x in zip(self, states, strict=True))


def macro_operation(name: str, channels: int, norm: Norm) -> list[nn.Module]:
    """One of `OPERATIONS`, which keeps channels and size."""
    kind, _, size = name.rpartition("_")
    kernel = int(size.partition("x")[0])
    if kind == "conv":
        return relu_conv_norm(channels, channels, kernel, 1, norm)
    if kind == "separable":
        return [nn.ReLU(), *separable_conv(channels, channels, kernel), norm(channels)]
    if kind == "max_pool":
        return [nn.MaxPool2d(kernel, 1, kernel // 2)]
    return [nn.AvgPool2d(kernel, 1, kernel // 2, count_include_pad=False)]


class MacroNetwork(Classifier):
    """The network of any arc.

    Args:
        layers: of all three stages, a third in each; or their text, see `read_layers`.
        width: channels of the first stage; they double at each reduction.

    Raises:
        BadArgument: the layers cannot be divided by three, one joins a layer that is not before the
            one it reads, or `width` is not positive.
    """

    least_size = 4
    last_bias = False

    def __init__(
        self,
        layers: tuple[MacroLayer, ...] | str,
        width: int,
        num_classes: int = 10,
        in_channels: int = 3,
        drop_rate: float = 0.5,
        norm: Norm = nn.BatchNorm2d,
    ) -> None:
        layers = read_layers(layers) if isinstance(layers, str) else layers
        n, rest = divmod(len(layers), 3)
        if n < 1 or rest or width < 1:
            raise BadArgument(
                f"{counted(len(layers), 'layer')} of width {width}; expected a "
                "multiple of three, 1 or wider"
            )
        for k, layer in enumerate(layers, 1):
            if layer.operation not in OPERATIONS or not set(layer.skips) <= set(range(k - 1)):
                raise BadArgument(
                    f"layer {k} is {layer}; expected one of {', '.join(OPERATIONS)}, and skips "
                    f"from layers before {k - 1}"
                )
        super().__init__(in_channels, num_classes)
        self.stem = First(conv(in_channels, width, 3), norm(width))
        self.stages = nn.Sequential()
        for i in range(3):
            channels = width * 2**i
            stage = LastStage() if i == 2 else nn.Sequential()
            if i:
                halves = (
                    FactorizedReduction(channels // 2, channels, norm) for _ in range(n * i + 1)
                )
                stage.append(ReduceAll(halves))
            stage.extend(Join(layers[k], channels, k == 0, norm) for k in range(n * i, n * (i + 1)))
            self.stages.append(stage)
        self.head = self.average_head(4 * width, drop_rate)
        self.initialise(self)
