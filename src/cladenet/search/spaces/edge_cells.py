"""Cells of four nodes with an operation on each of their six edges: few enough to train them all.

The cell of Dong, Yang. NAS-Bench-201. ICLR 2020. arXiv:2001.00326, Sec. 2.1, with fewer operations:

    node 0 is the cell's input; node j adds up operation(i, j) of each node i < j; node 3 goes out
    zero      gives nothing          skip          gives node i as it is
    conv_3x3  ReLU, 3x3, norm        avg_pool_3x3  3x3 averages, padding left out
    conv_1x1  ReLU, 1x1, norm

    part      out              layers
    stem      F x H x W        3x3, norm
    stages.0  F x H x W        the cell, n times
    head      num_classes      norm, ReLU, global average, linear

With three operations there are 3^6 = 729 cells, with four 4,096, with the paper's five 15,625.
"""

from itertools import product

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv, norm_relu
from cladenet.models.cells import relu_conv_norm
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.space import Decision, Generator, Mutated, Scale

NODES = 4
EDGES = tuple((i, j) for j in range(NODES) for i in range(j))  # (0,1), (0,2), (1,2), (0,3), ...
THREE = ("skip", "conv_1x1", "conv_3x3")
FOUR = ("zero", *THREE)
FIVE = (*FOUR, "avg_pool_3x3")


class EdgeCell(nn.Module):
    """The cell with layers.

    Args:
        operations: of the edges, in the order of `EDGES`.
        width: channels in and out.
    """

    def __init__(self, operations: tuple[str, ...], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                f"{i}_{j}": nn.Sequential(*edge_layers(name, width))
                for (i, j), name in zip(EDGES, operations, strict=True)
                if name != "zero"
            }
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) -> the same shape."""
        nodes = [x]
        for j in range(1, NODES):
            inputs = [
                self.layers[f"{i}_{j}"](nodes[i]) for i in range(j) if f"{i}_{j}" in self.layers
            ]
            nodes.append(sum(inputs[1:], inputs[0]) if inputs else torch.zeros_like(x))
        return nodes[-1]


def edge_layers(name: str, width: int, norm: Norm = nn.BatchNorm2d) -> list[nn.Module]:
    """What an edge does, `zero` apart: nothing, a pool, or ReLU, convolution and norm."""
    if name == "skip":
        return []
    if name == "avg_pool_3x3":
        return [nn.AvgPool2d(3, 1, 1, count_include_pad=False)]
    return relu_conv_norm(width, width, int(name[-1]), 1, norm)


class EdgeNetwork(Classifier):
    """A stem, n equal cells, a head."""

    def __init__(self, operations: tuple[str, ...], scale: Scale) -> None:
        super().__init__(scale.in_channels, scale.num_classes)
        self.stem = nn.Sequential(
            conv(scale.in_channels, scale.width, 3), nn.BatchNorm2d(scale.width)
        )
        self.stages = nn.Sequential(
            nn.Sequential(*(EdgeCell(operations, scale.width) for _ in range(scale.n)))
        )
        self.head = nn.Sequential(
            norm_relu(nn.BatchNorm2d, scale.width), *self.average_head(scale.width)
        )
        self.initialise(self)


class EdgeCells:
    """The space; an architecture is the list of the six edges' operations.

    Args:
        operations: what an edge may do.
    """

    def __init__(self, operations: tuple[str, ...] = THREE) -> None:
        self.operations = operations
        self.name = f"edges{len(operations)}"
        self.decisions = tuple(Decision("operation", len(operations)) for _ in EDGES)

    def random(self, rng: Generator) -> Architecture:
        """Each edge's operation uniformly."""
        return [self.operations[k] for k in rng.integers(len(self.operations), size=len(EDGES))]

    def mutate(self, architecture: Architecture, rng: Generator) -> Mutated:
        """Another operation on one edge, both drawn uniformly."""
        edge = int(rng.integers(len(EDGES)))
        others = [name for name in self.operations if name != architecture[edge]]
        changed = list(architecture)
        changed[edge] = others[rng.integers(len(others))]
        return Mutated(changed, "operation")

    def validate(self, architecture: Architecture) -> None:
        """Raise BadArgument unless it lists six known operations."""
        right = isinstance(architecture, list) and len(architecture) == len(EDGES)
        if not right or not set(map(str, architecture)) <= set(self.operations):
            raise BadArgument(
                f"architecture is {architecture}; expected {len(EDGES)} of "
                f"{', '.join(self.operations)}"
            )

    def build(self, architecture: Architecture, scale: Scale) -> Classifier:
        """The network, for images of any size."""
        self.validate(architecture)
        return EdgeNetwork(tuple(architecture), scale)

    def describe(self, architecture: Architecture) -> list[str]:
        """A line for each node."""
        return [
            f"node {j} = "
            + " + ".join(
                f"{name}({i})" for (i, to), name in zip(EDGES, architecture, strict=True) if to == j
            )
            for j in range(1, NODES)
        ]

    def of_choices(self, choices: list[int]) -> Architecture:
        """Operations by their numbers."""
        return [self.operations[k] for k in choices]

    def choices_of(self, architecture: Architecture) -> list[int]:
        """Numbers of the operations."""
        return [self.operations.index(name) for name in architecture]

    def all(self) -> list[Architecture]:
        """Every cell, the last edge changing fastest."""
        return [list(cell) for cell in product(self.operations, repeat=len(EDGES))]


def isomorphic_key(architecture: Architecture) -> str:
    """Equal for cells that compute the same: nodes as sums of what they do, by their texts.

    Two nodes whose names could be swapped, and edges into or out of nodes that nothing reaches, do
    not tell cells apart.
    """
    operation = dict(zip(EDGES, architecture, strict=True))
    texts = ["in"]
    for j in range(1, NODES):
        terms = [
            texts[i] if operation[i, j] == "skip" else f"{operation[i, j]}({texts[i]})"
            for i in range(j)
            if operation[i, j] != "zero" and texts[i]
        ]
        texts.append("+".join(sorted(terms)))
    return texts[-1]
