"""Pairs of cells, a normal and a reduction one: the spaces of NASNet, AmoebaNet and ENAS micro.

Zoph, Vasudevan, Shlens, Le. CVPR 2018. arXiv:1707.07012, Sec. 3, and Real, Aggarwal, Huang, Le.
AAAI 2019. arXiv:1802.01548, Sec. 3.1. Block b of a cell makes state b + 2 of two states before it,
0 being h_i and 1 being h_(i-1), by an operation on each. What no block of the cell reads goes out.

    space       operations                        a block's results are    goes out unread
    nasnet      13                                added or concatenated    states of blocks
    amoebanet   8                                 added                    states of blocks
    enas_micro  5                                 added                    inputs, too

An architecture: {"normal": [[operation, state, operation, state], ...], "reduction": [...]}, in
NASNet's space with "add" or "concat" as a fifth entry.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm
from cladenet.models.amoebanet import AmoebaNet
from cladenet.models.cell_network import CellNetwork
from cladenet.models.cells import Block, Cell, cell_text
from cladenet.models.enas import EnasMicro
from cladenet.models.inception import inception_norm
from cladenet.models.nasnet import NASNet
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.space import Decision, Generator, Mutated, Scale

CELLS = ("normal", "reduction")
COMBINATIONS = ("add", "concat")
IDENTITY_RATE = 0.05  # Real et al. 2019, Sec. 3.2: nothing changes

# In the order of Zoph et al. 2018, Sec. 3; "none" is the identity. Where both papers leave it open,
# convolutions larger than 1x1 work at a quarter of the width, as AmoebaNet's released code does.
NASNET = (
    "none",
    "1x3_3x1",
    "1x7_7x1",
    "dilated_3x3",
    "avg_pool_3x3",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "1x1",
    "3x3",
    "separable_3x3_2",
    "separable_5x5_2",
    "separable_7x7_2",
)

# Real et al. 2019, Sec. 3.1.
AMOEBANET = (
    "none",
    "separable_3x3_2",
    "separable_5x5_2",
    "separable_7x7_2",
    "avg_pool_3x3",
    "max_pool_3x3",
    "dilated_separable_3x3_2",
    "1x7_7x1",
)

# Pham et al. 2018, Sec. 2.4, in the order of the released code.
ENAS = ("separable_3x3_2", "separable_5x5_2", "avg_pool_3x3", "max_pool_3x3", "identity")


class Style(NamedTuple):
    """What tells the three spaces apart; see the table above."""

    operations: tuple[str, ...]
    network: type[CellNetwork]
    norm: Norm = nn.BatchNorm2d
    combines: bool = False
    inputs_go_out: bool = False


STYLES = {
    "nasnet": Style(NASNET, NASNet, combines=True),
    "amoebanet": Style(AMOEBANET, AmoebaNet, inception_norm),
    "enas_micro": Style(ENAS, EnasMicro, inputs_go_out=True),
}


class CellPairs:
    """The space.

    Args:
        name: one of `STYLES`.
        blocks: in each cell, B.
    """

    def __init__(self, name: str = "amoebanet", blocks: int = 5) -> None:
        self.name, self.blocks = name, blocks
        self.style = STYLES[name]
        self.operations = self.style.operations
        self.decisions = tuple(self._decisions()) * len(CELLS)

    def _decisions(self) -> Iterator[Decision]:
        """Of a cell, in the order of Zoph et al. 2018, Sec. 3.1: two states, then what is done."""
        for block in range(self.blocks):
            yield from [Decision("state", block + 2)] * 2
            yield from [Decision("operation", len(self.operations))] * 2
            if self.style.combines:
                yield Decision("combination", len(COMBINATIONS))

    def random(self, rng: Generator) -> Architecture:
        """Every decision uniformly."""
        return self.of_choices([int(rng.integers(one.choices)) for one in self.decisions])

    def mutate(self, architecture: Architecture, rng: Generator) -> Mutated:
        """One mutation of Real et al. 2019, Sec. 3.2 and Fig. 1.

        With probability 0.05 none; else, with equal chances, another state is read (not the same
        one, and none that would close a loop) or an operation is drawn anew (which may give the
        same): in one of the two cells, of one of the pairs, for one of its two elements.
        """
        changed = {name: [list(block) for block in architecture[name]] for name in CELLS}
        if rng.random() < IDENTITY_RATE:
            return Mutated(changed, "identity")
        of_state = rng.random() < 0.5
        block = int(rng.integers(self.blocks)), int(rng.integers(2))
        target = changed[CELLS[rng.integers(len(CELLS))]][block[0]]
        if of_state:
            place = 2 * block[1] + 1
            others = [state for state in range(block[0] + 2) if state != target[place]]
            target[place] = others[rng.integers(len(others))]
            return Mutated(changed, "hidden state")
        target[2 * block[1]] = self.operations[rng.integers(len(self.operations))]
        return Mutated(changed, "operation")

    def validate(self, architecture: Architecture) -> None:
        """Raise BadArgument unless it has both cells, with known operations on earlier states."""
        if not isinstance(architecture, dict) or set(architecture) != set(CELLS):
            raise BadArgument(
                f"architecture is {architecture}; expected the cells {' and '.join(CELLS)}"
            )
        for name in CELLS:
            blocks = architecture[name]
            if not isinstance(blocks, list) or len(blocks) != self.blocks:
                raise BadArgument(f"the {name} cell is {blocks}; expected {self.blocks} blocks")
            for number, block in enumerate(blocks):
                if not self._is_block(block, number + 2):
                    raise BadArgument(
                        f"block {number} of the {name} cell is {block}; expected an operation and "
                        f"a state below {number + 2}, twice"
                        + (", and add or concat" if self.style.combines else "")
                        + f". Operations: {', '.join(self.operations)}"
                    )

    def _is_block(self, block: Any, states: int) -> bool:
        if not isinstance(block, list) or len(block) != 4 + self.style.combines:
            return False
        earlier = all(type(state) is int and 0 <= state < states for state in block[1:4:2])
        known = all(operation in self.operations for operation in block[0:4:2])
        return earlier and known and set(block[4:]) <= set(COMBINATIONS)

    def cells(self, architecture: Architecture) -> tuple[Cell, Cell]:
        """The normal and the reduction cell as the networks here build them."""
        normal, reduction = (self._cell(architecture[name]) for name in CELLS)
        return normal, reduction

    def _cell(self, blocks: list[list[Any]]) -> Cell:
        first = 0 if self.style.inputs_go_out else 2
        read = {block[place] for block in blocks for place in (1, 3)}
        unread = [state for state in range(first, len(blocks) + 2) if state not in read]
        return Cell(tuple(Block(*block) for block in blocks), tuple(unread))

    def build(self, architecture: Architecture, scale: Scale) -> Classifier:
        """The network for images from 4x4 on, as for CIFAR: no stem cells, no drop path."""
        self.validate(architecture)
        normal, reduction = self.cells(architecture)
        return self.style.network(
            normal,
            reduction,
            n=scale.n,
            width=scale.width,
            cifar=True,
            num_classes=scale.num_classes,
            in_channels=scale.in_channels,
            drop_rate=0.0,
            norm=self.style.norm,
        )

    def describe(self, architecture: Architecture) -> list[str]:
        """A line for each state of both cells."""
        normal, reduction = self.cells(architecture)
        return ["normal", *cell_text(normal), "reduction", *cell_text(reduction)]

    def of_choices(self, choices: list[int]) -> Architecture:
        """Cells from choices in the order of `decisions`."""
        each = 4 + self.style.combines
        blocks = []
        for at in range(0, len(choices), each):
            left, right, left_operation, right_operation = choices[at : at + 4]
            block = [self.operations[left_operation], left, self.operations[right_operation], right]
            if self.style.combines:
                block.append(COMBINATIONS[choices[at + 4]])
            blocks.append(block)
        return {"normal": blocks[: self.blocks], "reduction": blocks[self.blocks :]}

    def choices_of(self, architecture: Architecture) -> list[int]:
        """The inverse of `of_choices`."""
        choices: list[int] = []
        for block in (*architecture["normal"], *architecture["reduction"]):
            choices += [block[1], block[3]]
            choices += [self.operations.index(block[0]), self.operations.index(block[2])]
            choices += [COMBINATIONS.index(each) for each in block[4:]]
        return choices
