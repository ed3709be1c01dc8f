"""The controller of NASNet: an LSTM that makes one decision after the other.

Zoph, Vasudevan, Shlens, Le. CVPR 2018. arXiv:1707.07012, Appendix: one layer of 100 units, one
softmax for each decision, weights uniform in [-0.1, 0.1]. Each step reads the embedding of the
decision before it, the first one a vector of its own.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cladenet.search.spaces.space import Decision, Generator

INITIAL = 0.1  # weights lie between minus and plus this


class Draw(NamedTuple):
    """A sequence of choices, and the logarithm of the probability of each."""

    choices: list[int]
    log_probs: list[float]


class Controller(nn.Module):
    """The network.

    Args:
        decisions: in their order.
        hidden: units.
    """

    def __init__(self, decisions: tuple[Decision, ...], hidden: int = 100) -> None:
        super().__init__()
        self.decisions = decisions
        self.first = nn.Parameter(torch.empty(1, hidden))
        self.embeddings = nn.ModuleList(nn.Embedding(one.choices, hidden) for one in decisions[:-1])
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True)
        self.softmaxes = nn.ModuleList(nn.Linear(hidden, one.choices) for one in decisions)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL, INITIAL)

    def forward(self, choices: Tensor) -> tuple[Tensor, Tensor]:
        """int64 (N, T) -> (N, T) log-probabilities of the choices, (N, T) entropies in nats."""
        inputs = [self.first.expand(len(choices), -1)]
        inputs += [embed(choices[:, t]) for t, embed in enumerate(self.embeddings)]
        states, _ = self.lstm(torch.stack(inputs, 1))
        log_probs, entropies = [], []
        for t, softmax in enumerate(self.softmaxes):
            all_log_probs = softmax(states[:, t]).log_softmax(1)
            log_probs.append(all_log_probs.gather(1, choices[:, t : t + 1]))
            entropies.append(-(all_log_probs.exp() * all_log_probs).sum(1, keepdim=True))
        return torch.cat(log_probs, 1), torch.cat(entropies, 1)


class Sampler:
    """Draws from a controller as it is now; a fifth of the time that torch takes step by step."""

    def __init__(self, controller: Controller) -> None:
        lstm = controller.lstm
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        reads, self._recurrent, *biases = (_array(getattr(lstm, name)) for name in names)
        self._hidden = self._recurrent.shape[1]
        vectors = [_array(controller.first), *(_array(e.weight) for e in controller.embeddings)]
        self._inputs = [vector @ reads.T + sum(biases) for vector in vectors]
        self._softmaxes = [(_array(s.weight), _array(s.bias)) for s in controller.softmaxes]

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
