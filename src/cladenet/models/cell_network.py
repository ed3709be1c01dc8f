"""The network that a pair of cells makes: N normal cells, a reduction, N, a reduction, N.

arXiv:1707.07012, Fig. 2 and the released code; see `nasnet`. The width F doubles at each reduction.
Between cells travel two feature maps, the last one and the one before.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, cast

import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm
from cladenet.layers.init import slim_fan_out_init
from cladenet.layers.stages import LastStage
from cladenet.models.cells import BuiltCell, Cell, as_cell
from cladenet.models.inception import auxiliary_head, inception_norm

State = tuple[Tensor | None, Tensor]  # h_(i-1), if there is one, and h_i


class Begin(nn.Sequential):
    """Images -> the first state, with nothing before it."""

    def forward(self, x: Tensor) -> State:
        """(N, in_channels, H, W) -> (None, map)."""
        for layer in self:
            x = layer(x)
        return None, x


class Step(nn.Module):
    """A cell in its place.

    Args:
        cell: makes the next map.
        keeps: what comes before stays what comes before: a reduction that is skipped by the cell
            after it.
    """

    def __init__(self, cell: BuiltCell, keeps: bool = False) -> None:
        super().__init__()
        self.cell = cell
        self.keeps = keeps

    def forward(self, state: State) -> State:
        """(h_(i-1), h_i) -> (h_i, h_(i+1)), or (h_(i-1), h_(i+1))."""
        before, current = state
        return before if self.keeps else current, self.cell(before, current)


class ZerosAround(nn.Module):
    """The zeros that TensorFlow's SAME padding has around windows that stride by 2.

    Args:
        kernel_size: of the windows, which are square.
    """

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same with a border, of one zero less above and left of even sides."""
        before = [(self.kernel_size - 2 + side % 2) // 2 for side in x.shape[2:]]
        after = self.kernel_size // 2
        return F.pad(x, (before[1], after, before[0], after))


class Cells:
    """Cells in the order in which they are put one behind the other.

    Args:
        kind: makes a cell.
        channels: of the first state, h_0; there is none before it.
        rates: of scheduled drop path, cell by cell.

    Attributes:
        before: channels of h_(i-1), if there is one.
        current: channels of h_i.
        shrink: h_(i-1) has twice the height and width of h_i.
    """

    def __init__(
        self, kind: type[BuiltCell], channels: int, rates: Iterator[float], norm: Norm
    ) -> None:
        self.kind, self.rates, self.norm = kind, rates, norm
        self.before: int | None = None
        self.current = channels
        self.shrink = False

    def add(self, cell: Cell, width: int, stride: int, keeps: bool = False) -> Step:
        """The next one, of that width; arguments as in `BuiltCell` and `Step`."""
        rate = next(self.rates)
        made = self.kind(
            cell, width, self.before, self.current, self.shrink, stride, rate, self.norm
        )
        self.shrink = stride == 2 or (self.shrink and keeps)
        self.before = self.before if keeps else self.current
        self.current = made.out_channels
        return Step(made, keeps)


class CellNetwork(Classifier):
    """Any pair of cells, for ImageNet or CIFAR.

    A subclass says by `drops_deeper_more` whether drop path is the likelier the deeper it lies.

    Args:
        normal: the cell that keeps the size, or its text, see `as_cell`.
        reduction: the cell that halves it, or its text.
        n: normal cells in each stage, N.
        width: F, of the states of the first stage.
        stem: channels of the first convolution; with `cifar` it has 3 F.
        cifar: no stem cells and no stride before the first stage; else two reductions at F / 4 and
            F / 2, after a 3x3 / 2 without padding.
        skip_reduction: the cell after a reduction takes the map from before it as well.
        in_channels: channels of the images, of any size from 33x33 on, with `cifar` from 4x4 on,
            with the auxiliary classifier from `image_size` on.
        drop_path: rate of scheduled drop path in the last cell, at the end of training.
        image_size: side of the images of training; the auxiliary classifier is made for it.
        auxiliary_padded: its last convolution is padded, and its linear layer has no bias.
        auxiliary_width: multiplier of its widths; 0.4 in the released code of AmoebaNet.
        zeros_in_pools: windows of pools that stride see zeros around the map, as in Keras' NASNet.

    Raises:
        BadArgument: images of `image_size` leave the auxiliary classifier less than 5x5, or
            `auxiliary_width` leaves it no channel.
    """

    cell_type: ClassVar[type[BuiltCell]] = BuiltCell
    init = staticmethod(slim_fan_out_init)
    drops_deeper_more: ClassVar[bool] = True

    def __init__(
        self,
        normal: Cell | str,
        reduction: Cell | str,
        n: int,
        width: int,
        stem: int = 32,
        cifar: bool = False,
        skip_reduction: bool = False,
        num_classes: int = 1000,
        in_channels: int = 3,
        drop_rate: float = 0.5,
        drop_path: float = 0.0,
        auxiliary: bool = False,
        image_size: int = 224,
        auxiliary_padded: bool = False,
        auxiliary_width: float = 1.0,
        zeros_in_pools: bool = False,
        norm: Norm = inception_norm,
    ) -> None:
        if n < 1 or width < 4:
            raise BadArgument(f"n is {n}, width {width}; expected 1 or more, and 4 or more")
        if int(128 * auxiliary_width) < 1:
            raise BadArgument(
                f"auxiliary_width is {auxiliary_width}; expected at least {1 / 128}, such as 0.4"
            )
        super().__init__(in_channels, num_classes)
        normal, reduction = as_cell(normal), as_cell(reduction)
        self.least_size = 4 if cifar else 33
        channels, stride = (3 * width, 1) if cifar else (stem, 2)
        before = [] if cifar else [width // 4, width // 2]
        total = len(before) + 3 * n + 2
        shares = (i / total if self.drops_deeper_more else 1 for i in range(1, total + 1))
        cells = Cells(self.cell_type, channels, (drop_path * share for share in shares), norm)
        first = conv_norm(in_channels, channels, 3, stride, padding=int(cifar), norm=norm)
        self.stem = nn.Sequential(
            Begin(*first), *(cells.add(reduction, f, stride=2) for f in before)
        )
        self.stages = nn.Sequential()
        for i in range(3):
            f = width * 2**i
            stage = LastStage() if i == 2 else nn.Sequential()
            if i:
                stage.append(cells.add(reduction, f, stride=2, keeps=skip_reduction))
            stage.extend(cells.add(normal, f, stride=1) for _ in range(n))
            self.stages.append(stage)
        if zeros_in_pools:
            _see_zeros(self)
        self.head = nn.Sequential(nn.ReLU(), *self.average_head(cells.current, drop_rate))
        if auxiliary and num_classes:
            head = partial(
                auxiliary_head, norm=norm, padded=auxiliary_padded, width=auxiliary_width
            )
            self._add_auxiliary_head(image_size, cifar, head)
        self.initialise(self)

    def auxiliary_place(self) -> tuple[int, int]:
        """Stage and cell that the auxiliary classifier reads: the last one before the last stage.

        In the released code cell 2N - 1, where normal cells are counted from 0.
        """
        return 1, len(cast(nn.Sequential, self.stages[1])) - 1

    def _add_auxiliary_head(
        self, image_size: int, cifar: bool, make: Callable[[int, int, int], nn.Sequential]
    ) -> None:
        place = self.auxiliary_place()
        side = image_size if cifar else (image_size - 1) // 2
        for _ in range(place[0] + (0 if cifar else 2)):
            side = (side + 1) // 2
        if side < 5:
            raise BadArgument(
                f"image_size is {image_size}: a map of {side}x{side} is left for the auxiliary "
                "classifier, which begins with a 5x5 pool. Leave it out, or take larger images"
            )
        step = cast(Step, cast(nn.Sequential, self.stages[place[0]])[place[1]])
        left = (side - 5) // 3 + 1
        head = make(step.cell.out_channels, left, self.num_classes)
        self.add_auxiliary({place: nn.Sequential(nn.ReLU(), *head)})
        self.least_size = image_size


def _see_zeros(part: nn.Module) -> None:
    for parent in list(part.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d) and layer.stride == 2:
                size = cast(int, layer.kernel_size)
                pool = type(layer)(size, stride=2)
                setattr(parent, name, nn.Sequential(ZerosAround(size), pool))
