"""Lookahead: now and then the weights return to an average of where they have been.

Zhang, Lucas, Hinton, Ba. Lookahead Optimizer: k Steps Forward, 1 Step Back. NeurIPS 2019.
arXiv:1907.08610; with the decay that grows in the course of the run of Jordan 2024,
arXiv:2404.00498, Sec. 3.4:

    after every k-th of T steps, at step t
    slow    <- d slow + (1 - d) weights    with d = decay (t / T)^3
    weights <- slow

At the end of the run the weights are the slow ones, whatever steps came after the last return.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from cladenet.errors import CheckpointError
from cladenet.layers.classifier import Classifier


class Lookahead:
    """Running statistics are averaged as the weights are; counters are left alone.

    Args:
        model: whose tensors are followed, and set.
        every: k.
        decay: at the end of the run.
    """

    def __init__(self, model: Classifier, every: int, decay: float) -> None:
        self.every = every
        self.decay = decay
        state = model.state_dict()
        self._names = [name for name, value in state.items() if value.is_floating_point()]
        self._weights = [state[name] for name in self._names]
        self._slow = [weight.clone() for weight in self._weights]

    @torch.no_grad()
    def update(self, step: int, steps: int) -> None:
        """After optimiser step number `step` of `steps`, counted from 1."""
        if step % self.every == 0:
            decay = self.decay * (step / steps) ** 3
            torch._foreach_lerp_(self._slow, self._weights, 1 - decay)
        if step % self.every == 0 or step == steps:
            torch._foreach_copy_(self._weights, self._slow)

    def state(self) -> dict[str, Tensor]:
        """The slow weights, by the names of the model's tensors."""
        return dict(zip(self._names, self._slow, strict=True))

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the slow weights from a checkpoint.

        Raises:
            CheckpointError: they are not those of the network.
        """
        if set(tensors) != set(self._names):
            raise CheckpointError(
                "the checkpoint's slow weights are not those of the network in config.yaml"
            )
        for name, slow in zip(self._names, self._slow, strict=True):
            slow.copy_(tensors[name])
