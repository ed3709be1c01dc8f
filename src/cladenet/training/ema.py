"""A moving average of the weights, which predicts better than the weights of the last step.

Polyak, Juditsky. Acceleration of Stochastic Approximation by Averaging. 1992; with the exponential
weights and the young average's shorter memory that Inception and EfficientNet are trained with.
"""

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor

from cladenet.layers.classifier import Classifier


class Ema:
    """average <- d average + (1 - d) weights, with d = min(decay, (1 + t) / (10 + t)) at step t.

    Running statistics are averaged as the weights are; counters are copied.
    """

    def __init__(self, model: Classifier, decay: float) -> None:
        self.decay = decay
        self.model = deepcopy(model).requires_grad_(False).eval()
        average, current = self.model.state_dict(), model.state_dict()
        self._average: list[Tensor] = []
        self._current: list[Tensor] = []
        self._counters: list[tuple[Tensor, Tensor]] = []
        for name, value in average.items():
            if value.is_floating_point():
                self._average.append(value)
                self._current.append(current[name])
            else:
                self._counters.append((value, current[name]))

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the model after its optimiser step number `step`, counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._average, self._current, 1 - decay)
        for average, current in self._counters:
            average.copy_(current)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the average from a checkpoint."""
        self.model.load_state_dict(dict(tensors))
