"""ENAS's controllers: LSTMs that point back at what they have decided.

Pham, Guan, Zoph, Le, Dean. ICML 2018. arXiv:1802.03268, Sec. 2.2 to 2.4, and the authors' code.
With h_t the state now and h_j the states that ended the nodes before:

    index of an input      softmax over j of v tanh(W1 h_j + W2 h_t)
    operation              softmax of a linear layer on h_t
    skip to layer j        softmax of (-q, q) with q = v tanh(W1 h_j + W2 h_t)
    logits                 divided by a temperature, then c tanh(logits); for operations of the
                           micro space c is divided by 2.5, biases of the two separable ones begin
                           at 10, and those of the normal cell get fixed 0.25 or -0.25 added

An index goes in as the state it points at, an operation as its embedding, skips as the mean of
their states with one more in the count. Weights begin uniform in [-0.1, 0.1].
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cladenet.search.architecture import Architecture
from cladenet.search.spaces.cell_pairs import CellPairs
from cladenet.search.spaces.edge_cells import EDGES, EdgeCells
from cladenet.search.spaces.macro import Macro
from cladenet.search.spaces.space import Space

FIRST_BIASES = 10.0  # of the two separable convolutions
FIXED_BIASES = 0.25  # added to those two, taken from the others
INITIAL = 0.1


@dataclass
class Walk:
    """One architecture in the making.

    Args:
        generator: of the draws; None replays `given`.
        given: choices to replay.
    """

    generator: torch.Generator | None
    given: list[int] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)
    log_probs: list[Tensor] = field(default_factory=list)
    entropies: list[Tensor] = field(default_factory=list)
    penalties: list[Tensor] = field(default_factory=list)

    def choose(self, logits: Tensor) -> int:
        """Draw from a softmax over (K,) logits."""
        log_probs = logits.log_softmax(0)
        if self.generator is None:
            choice = self.given[len(self.choices)]
        else:
            choice = int(torch.multinomial(log_probs.exp(), 1, generator=self.generator))
        self.choices.append(choice)
        self.log_probs.append(log_probs[choice])
        self.entropies.append(-(log_probs.exp() * log_probs).sum().detach())
        return choice


@dataclass(frozen=True)
class Sampled:
    """An architecture, the logarithm of its probability, its entropy, the penalty of its skips."""

    architecture: Architecture
    log_prob: Tensor
    entropy: Tensor
    penalty: Tensor


class EnasController(nn.Module, ABC):
    """What the controllers have in common.

    Args:
        space: whose architectures are drawn.
        operations: how many there are.
        hidden: units of the LSTM.
        temperature: logits are divided by it.
        tanh: c above; 0 for none.
        op_reduce: c is divided by it for operations.
    """

    def __init__(
        self,
        space: Space,
        operations: int,
        hidden: int = 64,
        temperature: float = 1.0,
        tanh: float = 1.5,
        op_reduce: float = 1.0,
    ) -> None:
        super().__init__()
        self.hidden, self.temperature, self.tanh, self.op_reduce = (
            hidden,
            temperature,
            tanh,
            op_reduce,
        )
        self.lstm = nn.LSTMCell(hidden, hidden, bias=False)
        self.first = nn.Parameter(torch.empty(1, hidden))
        self.embedding = nn.Embedding(operations, hidden)
        self.softmax = nn.Linear(hidden, operations, bias=False)
        self.anchor_weight = nn.Linear(hidden, hidden, bias=False)
        self.query_weight = nn.Linear(hidden, hidden, bias=False)
        self.v = nn.Linear(hidden, 1, bias=False)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL, INITIAL)

    def sample(self, generator: torch.Generator) -> Sampled:
        """Draw an architecture."""
        return self._finished(Walk(generator))

    def replay(self, choices: list[int]) -> Sampled:
        """The same figures for given choices, in the order in which they are made."""
        return self._finished(Walk(None, choices))

    def _finished(self, walk: Walk) -> Sampled:
        architecture = self.walk(walk)
        zero = torch.zeros(())
        penalty = torch.stack(walk.penalties).mean() if walk.penalties else zero
        return Sampled(
            architecture, torch.stack(walk.log_probs).sum(), sum(walk.entropies, zero), penalty
        )

    @abstractmethod
    def walk(self, walk: Walk) -> Architecture:
        """Make all decisions."""

    def begin(self) -> tuple[Tensor, Tensor]:
        """The state of an LSTM that has read nothing."""
        return torch.zeros(1, self.hidden), torch.zeros(1, self.hidden)

    def limited(self, logits: Tensor, reduce: float = 1.0) -> Tensor:
        """Temperature and tanh."""
        logits = logits / self.temperature
        return self.tanh / reduce * torch.tanh(logits) if self.tanh else logits

    def attention(self, anchors: list[Tensor], hidden: Tensor) -> Tensor:
        """v tanh(W1 h_j + W2 h_t) for each anchor, whose W1 h_j is given: (J,)."""
        return self.v(torch.tanh(torch.cat(anchors) + self.query_weight(hidden)))[:, 0]


class MicroController(EnasController):
    """Of pairs of cells: indices and operations of the normal cell, then of the reduction cell."""

    def __init__(self, space: CellPairs, **settings: float) -> None:
        super().__init__(space, len(space.operations), op_reduce=2.5, **settings)  # type: ignore[arg-type]
        self.space = space
        others = len(space.operations) - 2
        self.bias = nn.Parameter(torch.tensor([FIRST_BIASES] * 2 + [0.0] * others))
        fixed = torch.tensor([FIXED_BIASES] * 2 + [-FIXED_BIASES] * others)
        self.fixed_bias = fixed  # learns nothing

    def walk(self, walk: Walk) -> Architecture:
        """Both cells, the second from the state that the first has left."""
        state = self.begin()
        normal, state = self._cell(walk, state, biased=True)
        reduction, _ = self._cell(walk, state, biased=False)
        return {"normal": normal, "reduction": reduction}

    def _cell(
        self, walk: Walk, state: tuple[Tensor, Tensor], biased: bool
    ) -> tuple[list[list[int | str]], tuple[Tensor, Tensor]]:
        anchors, pointed = [], []
        inputs: Tensor = self.first
        for _ in range(2):  # h_i and h_(i-1)
            state = self.lstm(inputs, state)
            anchors.append(self.anchor_weight(state[0]))
            pointed.append(torch.zeros_like(state[0]))
        blocks: list[list[int | str]] = []
        for _ in range(self.space.blocks):
            block: list[int | str] = ["", 0, "", 0]
            for side in range(2):
                state = self.lstm(inputs, state)
                index = walk.choose(self.limited(self.attention(anchors, state[0])))
                block[2 * side + 1] = index
                inputs = pointed[index]
            for side in range(2):
                state = self.lstm(inputs, state)
                logits = self.limited((self.softmax(state[0]) + self.bias)[0], self.op_reduce)
                if biased:
                    logits = logits + self.fixed_bias
                name = walk.choose(logits)
                block[2 * side] = self.space.operations[name]
                inputs = self.embedding.weight[name : name + 1]
            state = self.lstm(inputs, state)
            anchors.append(self.anchor_weight(state[0]))
            pointed.append(state[0])
            inputs = self.first
            blocks.append(block)
        return blocks, state


class MacroController(EnasController):
    """Of layers: the operation, then all skips at once."""

    def __init__(self, space: Macro, skip_target: float = 0.4, **settings: float) -> None:
        super().__init__(space, len(space.operations), **settings)  # type: ignore[arg-type]
        self.space = space
        targets = torch.tensor([1 - skip_target, skip_target])
        self.targets = targets  # learns nothing

    def walk(self, walk: Walk) -> Architecture:
        """Layer by layer; the penalty is that of skips that are likelier than their prior."""
        state = self.begin()
        inputs: Tensor = self.first
        anchors: list[Tensor] = []
        pointed: list[Tensor] = []
        layers = []
        for _ in range(self.space.layers):
            state = self.lstm(inputs, state)
            name = walk.choose(self.limited(self.softmax(state[0])[0]))
            state = self.lstm(self.embedding.weight[name : name + 1], state)
            skips: list[int] = []
            inputs = self.first
            if anchors:
                query = self.attention(anchors, state[0])
                logits = self.limited(torch.stack([-query, query], 1))
                skips = [j for j, pair in enumerate(logits) if walk.choose(pair)]
                probable = logits.sigmoid()
                walk.penalties.append((probable * (probable / self.targets).log()).sum())
                total = sum((pointed[j] for j in skips), torch.zeros_like(state[0]))
                inputs = total / (1 + len(skips))
            pointed.append(state[0])
            anchors.append(self.anchor_weight(state[0]))
            layers.append([self.space.operations[name], skips])
        return layers


class EdgeController(EnasController):
    """Of cells with an operation on each edge: the operations, one after the other."""

    def __init__(self, space: EdgeCells, **settings: float) -> None:
        super().__init__(space, len(space.operations), **settings)  # type: ignore[arg-type]
        self.space = space

    def walk(self, walk: Walk) -> Architecture:
        """Edge by edge."""
        state = self.begin()
        inputs: Tensor = self.first
        names = []
        for _ in EDGES:
            state = self.lstm(inputs, state)
            name = walk.choose(self.limited(self.softmax(state[0])[0]))
            inputs = self.embedding.weight[name : name + 1]
            names.append(self.space.operations[name])
        return names
