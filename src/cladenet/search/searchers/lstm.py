"""The controller of NASNet: an LSTM that makes one decision after the other.

Zoph, Vasudevan, Shlens, Le. CVPR 2018. arXiv:1707.07012, Appendix: one layer of 100 units, one
softmax for each decision, weights uniform in [-0.1, 0.1]. Each step reads the embedding of the
decision before it, the first one a vector of its own.
"""

from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from cladenet.search.spaces.space import Decision, Generator

INITIAL = 0.1  # weights lie between minus and plus this


class Draw(NamedTuple):
    """A sequence of choices, and the logarithm of the probability of each."""

    choices: list[int]
    log_probs: list[float]


class Controller(nn.Module):
    """The network.

    All embeddings lie in one table, `first` being its row 0, and all softmaxes in one tensor, so
    that a lesson is a dozen operations however many decisions there are. A softmax has as many rows
    as the largest decision has choices; those that a decision does not have are never chosen and
    learn nothing.

    Args:
        decisions: in their order.
        hidden: units.
    """

    rows: Tensor
    absent: Tensor

    def __init__(self, decisions: tuple[Decision, ...], hidden: int = 100) -> None:
        super().__init__()
        counts = [one.choices for one in decisions]
        self.decisions, self.counts = decisions, counts
        self.vectors = nn.Parameter(torch.empty(1 + sum(counts[:-1]), hidden))
        self.lstm = nn.LSTM(hidden, hidden)
        self.weights = nn.Parameter(torch.zeros(len(counts), max(counts), hidden))
        self.biases = nn.Parameter(torch.zeros(len(counts), 1, max(counts)))
        rows = [0, *accumulate([1, *counts])][: len(counts)]  # where each decision reads from on
        self.register_buffer("rows", torch.tensor(rows)[:, None], persistent=False)
        absent = torch.arange(max(counts)) >= torch.tensor(counts)[:, None, None]
        self.register_buffer("absent", absent, persistent=False)
        with torch.no_grad():
            for parameter in (self.vectors, *self.lstm.parameters()):
                parameter.uniform_(-INITIAL, INITIAL)
            for t, count in enumerate(counts):
                self.weights[t, :count].uniform_(-INITIAL, INITIAL)
                self.biases[t, :, :count].uniform_(-INITIAL, INITIAL)

    def forward(self, choices: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N, T) -> (N, T) log-probabilities of the choices, (N, T) entropies in nats."""
        chosen = choices.t()
        last = torch.cat([torch.zeros_like(chosen[:1]), chosen[:-1]])
        states, _ = self.lstm(F.embedding(last + self.rows, self.vectors))
        logits = torch.baddbmm(self.biases, states, self.weights.transpose(1, 2))
        all_log_probs = logits.masked_fill(self.absent, -torch.inf).log_softmax(2)
        log_probs = all_log_probs.gather(2, chosen[..., None])[..., 0]
        terms = all_log_probs.exp() * all_log_probs.masked_fill(self.absent, 0.0)
        return log_probs.t(), -terms.sum(2).t()


class Sampler:
    """Draws from a controller as it is now; a fifth of the time that torch takes step by step."""

    def __init__(self, controller: Controller) -> None:
        lstm, counts = controller.lstm, controller.counts
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        reads, self._recurrent, *biases = (_array(getattr(lstm, name)) for name in names)
        self._recurrent = self._recurrent.copy()  # a step changes the controller in place
        self._hidden = self._recurrent.shape[1]
        inputs = _array(controller.vectors) @ reads.T + sum(biases)
        self._inputs = np.split(inputs, controller.rows[1:, 0].tolist())
        weights, offsets = _array(controller.weights), _array(controller.biases)
        self._softmaxes = [
            (weight[:count].copy(), offset[0, :count].copy())
            for weight, offset, count in zip(weights, offsets, counts, strict=True)
        ]

    def draw(self, rng: Generator) -> Draw:
        """One sequence."""
        hidden = cell = np.zeros(self._hidden, dtype=np.float32)
        choices, log_probs, last = [], [], 0
        for inputs, (weight, bias) in zip(self._inputs, self._softmaxes, strict=True):
            gates = inputs[last] + self._recurrent @ hidden
            enter, forget, candidate, give = np.split(gates, 4)
            cell = _sigmoid(forget) * cell + _sigmoid(enter) * np.tanh(candidate)
            hidden = _sigmoid(give) * np.tanh(cell)
            logits = (weight @ hidden + bias).astype(np.float64)
            logits -= logits.max()
            probabilities = np.exp(logits)
            total = probabilities.sum()
            last = int(np.searchsorted(probabilities.cumsum(), rng.random() * total, "right"))
            last = min(last, len(logits) - 1)
            choices.append(last)
            log_probs.append(float(logits[last] - np.log(total)))
        return Draw(choices, log_probs)


def _array(tensor: Tensor | nn.Module) -> NDArray[np.float32]:
    assert isinstance(tensor, Tensor)  # noqa: S101  (a module's attribute may be either)
    return tensor.detach().numpy()


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(1) / (np.float32(1) + np.exp(-x))
