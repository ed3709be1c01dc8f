"""Networks that hold the weights of a whole space: a child is a choice of them.

Pham, Guan, Zoph, Le, Dean. ICML 2018. arXiv:1802.03268, Sec. 2.2 to 2.4, and the authors' code:

    one set of tensors for each (layer, node, side, candidate input, operation)
    norms use the statistics of the batch, in training and when a child is scored
    micro  a reduction cell begins with a factorized reduction of h_i and has stride 1 itself; what
           is not read is brought back to F by a 1x1 with a slice for each state
    macro  skips are added to what the operation gives, then a norm; the width stays the same, and
           all states pass a factorized reduction of their own twice

The last trainings of children are those of `models.enas`, where macro skips are concatenated and
reduction cells stride.
"""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import conv
from cladenet.models.cells import FactorizedReduction, operation, relu_conv_norm
from cladenet.models.macro_network import OPERATIONS, macro_operation
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.cell_pairs import CELLS, CellPairs
from cladenet.search.spaces.edge_cells import EDGES, NODES, EdgeCells, edge_layers
from cladenet.search.spaces.macro import Macro
from cladenet.search.spaces.space import Scale, Space


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """A norm without running statistics: they would be those of other children."""
    return nn.BatchNorm2d(channels, track_running_stats=False)


class Shared(Classifier):
    """A network of which `choose` picks the child that computes.

    Attributes:
        architecture: the child.
    """

    architecture: Architecture = None

    def choose(self, architecture: Architecture) -> None:
        """From now on compute with the weights of that child."""
        self.architecture = architecture
        for module in self.stages.modules():
            if isinstance(module, Chosen):
                module.architecture = architecture


class Chosen(nn.Module):
    """A part that computes as the child says."""

    architecture: Any = None


class SharedCell(Chosen):
    """All cells of one kind at one place.

    Args:
        kind: `normal` or `reduction`.
        space: of the cells.
        width: F.
        before: channels of h_(i-1).
        current: channels of h_i.
        shrink: h_(i-1) has twice the height and width of h_i.
    """

    def __init__(
        self, kind: str, space: CellPairs, width: int, before: int, current: int, shrink: bool
    ) -> None:
        super().__init__()
        self.kind = kind
        self.fit_before: nn.Module = nn.Identity()
        if shrink:
            self.fit_before = nn.Sequential(
                nn.ReLU(), FactorizedReduction(before, width, batch_norm)
            )
        elif before != width:
            self.fit_before = nn.Sequential(*relu_conv_norm(before, width, 1, 1, batch_norm))
        self.fit: nn.Module = nn.Identity()
        if current != width:
            self.fit = nn.Sequential(*relu_conv_norm(current, width, 1, 1, batch_norm))
        self.operations = nn.ModuleDict(
            {
                f"{block}_{side}_{state}_{name}": operation(name, width, width, 1, batch_norm)
                for block in range(space.blocks)
                for side in range(2)
                for state in range(block + 2)
                for name in space.operations
            }
        )
        self.bring_back = nn.Conv2d(width * (space.blocks + 2), width, 1, bias=False)
        self.norm = batch_norm(width)
        self.width = width

    def forward(self, before: Tensor, current: Tensor) -> Tensor:
        """h_(i-1) and h_i -> (N, width, h, w)."""
        states = [self.fit(current), self.fit_before(before)]
        read = set()
        for number, block in enumerate(self.architecture[self.kind]):
            sides = []
            for side in range(2):
                name, state = block[2 * side], block[2 * side + 1]
                read.add(state)
                sides.append(self.operations[f"{number}_{side}_{state}_{name}"](states[state]))
            states.append(sides[0] + sides[1])
        unread = [state for state in range(len(states)) if state not in read]
        slices = [self.bring_back.weight[:, self._slice(state)] for state in unread]
        joined = F.relu(torch.cat([states[state] for state in unread], 1))
        return self.norm(F.conv2d(joined, torch.cat(slices, 1)))

    def _slice(self, state: int) -> slice:
        return slice(state * self.width, (state + 1) * self.width)


class CellTower(nn.Module):
    """Cells in their places: n normal, a reduction, n, a reduction, n."""

    def __init__(self, space: CellPairs, scale: Scale) -> None:
        super().__init__()
        self.cells, self.reductions = nn.ModuleList(), nn.ModuleDict()
        before = current = 3 * scale.width
        shrink = False
        for stage in range(3):
            width = scale.width * 2**stage
            for place in range(scale.n + (stage > 0)):
                reduces = stage > 0 and place == 0
                if reduces:
                    self.reductions[str(len(self.cells))] = FactorizedReduction(
                        current, width, batch_norm
                    )
                    before, current, shrink = current, width, True
                kind = CELLS[reduces]
                self.cells.append(SharedCell(kind, space, width, before, current, shrink))
                before, current, shrink = current, width, False

    def forward(self, x: Tensor) -> Tensor:
        """What the stem gives -> the last cell's output."""
        before = x
        for number, cell in enumerate(self.cells):
            if str(number) in self.reductions:
                before, x = x, self.reductions[str(number)](x)
            before, x = x, cell(before, x)
        return x


class MacroTower(Chosen):
    """All layers of the macro space."""

    def __init__(self, space: Macro, width: int) -> None:
        super().__init__()
        third = space.layers // 3
        self.operations = nn.ModuleList(
            nn.ModuleDict(
                {
                    name: nn.Sequential(
                        *relu_conv_norm(width, width, 1, 1, batch_norm),
                        *macro_operation(name, width, batch_norm),
                    )
                    for name in OPERATIONS
                }
            )
            for _ in range(space.layers)
        )
        self.norms = nn.ModuleList(batch_norm(width) for _ in range(space.layers - 1))
        self.reductions = nn.ModuleDict(
            {
                str(k): nn.ModuleList(
                    FactorizedReduction(width, width, batch_norm) for _ in range(k + 1)
                )
                for k in (third, 2 * third)
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """What the stem gives -> the last layer's output."""
        states = [x]
        for k, (name, skips) in enumerate(self.architecture, 1):
            y = cast(nn.ModuleDict, self.operations[k - 1])[name](states[-1])
            if k > 1:
                for skip in skips:
                    y = y + states[skip]
                y = self.norms[k - 2](y)
            states.append(y)
            if str(k) in self.reductions:
                reductions = cast(nn.ModuleList, self.reductions[str(k)])
                states = [reduce(s) for reduce, s in zip(reductions, states, strict=True)]
        return states[-1]


class SharedEdges(Chosen):
    """All cells of four nodes at one place."""

    def __init__(self, space: EdgeCells, width: int) -> None:
        super().__init__()
        self.operations = nn.ModuleDict(
            {
                f"{i}_{j}_{name}": nn.Sequential(*edge_layers(name, width, batch_norm))
                for i, j in EDGES
                for name in space.operations
                if name != "zero"
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) -> the same shape."""
        chosen = dict(zip(EDGES, self.architecture, strict=True))
        nodes = [x]
        for j in range(1, NODES):
            node = torch.zeros_like(x)
            for i in range(j):
                if chosen[i, j] != "zero":
                    node = node + self.operations[f"{i}_{j}_{chosen[i, j]}"](nodes[i])
            nodes.append(node)
        return nodes[-1]


class SharedNetwork(Shared):
    """The weights of a space.

    Args:
        space: ENAS's micro or macro space, or cells with an operation on each edge.
        scale: F, N, classes and channels.
        drop_rate: before the last layer.

    Raises:
        BadArgument: no weights are shared in this space: NASNet's and AmoebaNet's cells join their
            states in other ways.
    """

    def __init__(self, space: Space, scale: Scale, drop_rate: float = 0.1) -> None:
        super().__init__(scale.in_channels, scale.num_classes)
        width = scale.width
        tower: nn.Module
        if isinstance(space, CellPairs) and space.name == "enas_micro":
            first, last, tower = 3 * width, 4 * width, CellTower(space, scale)
        elif isinstance(space, Macro):
            first, last, tower = width, width, MacroTower(space, width)
        elif isinstance(space, EdgeCells):
            cells = (SharedEdges(space, width) for _ in range(scale.n))
            first, last, tower = width, width, nn.Sequential(*cells)
        else:
            raise BadArgument(
                f"no weights are shared in the space {space.name}; expected enas_micro, enas_macro "
                "or cells with an operation on each edge, such as edges3"
            )
        self.stem = nn.Sequential(conv(scale.in_channels, first, 3), batch_norm(first))
        self.stages = nn.Sequential(tower)
        before_average: list[nn.Module] = [] if isinstance(space, Macro) else [nn.ReLU()]
        if isinstance(space, EdgeCells):
            before_average = [batch_norm(width), nn.ReLU()]
        self.head = nn.Sequential(*before_average, *self.average_head(last, drop_rate))
        self.initialise(self)
