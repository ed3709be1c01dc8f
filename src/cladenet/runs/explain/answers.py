"""One pass over the images: answers, and what the last layer read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cladenet.data.batches import EvalBatches
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.errors import Diverged
from cladenet.evaluation.forward import evaluating, scores
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.softmax import softmax
from cladenet.layers.classifier import Classifier


@dataclass(frozen=True, eq=False)
class Answers:
    """Of n images, in the order of the split.

    Args:
        logits: float32 (n, K).
        labels: class numbers of the network, (n,).
        features: what the last layer reads, (n, D).
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    features: Tensor

    @cached_property
    def posteriors(self) -> NDArray[np.float64]:
        """(n, K)."""
        return softmax(self.logits)

    @cached_property
    def guesses(self) -> NDArray[np.int64]:
        """The answers, (n,)."""
        return self.logits.argmax(1)

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """Cross-entropy of each image in nats, (n,)."""
        own = self.posteriors[np.arange(len(self.labels)), self.labels]
        return -np.log(own.clip(min=1e-300))

    @cached_property
    def margins(self) -> NDArray[np.float64]:
        """Posterior of the answer minus that of the next, (n,); 0 is least certain."""
        two = np.sort(self.posteriors, 1)[:, -2:]
        return two[:, 1] - two[:, 0] if two.shape[1] == 2 else np.ones(len(two))

    @cached_property
    def evaluation(self) -> Evaluation:
        """The counts."""
        k = self.logits.shape[1]
        confusion = np.zeros((k, k), np.int64)
        np.add.at(confusion, (self.labels, self.guesses), 1)
        best = np.argsort(-self.logits, 1, kind="stable")[:, :5]
        hits = int((best == self.labels[:, None]).any(1).sum())
        return Evaluation(confusion, hits, float(self.losses.mean()))

    def mistakes(self, most: int) -> list[int]:
        """Wrong answers, the highest loss first."""
        wrong = np.flatnonzero(self.guesses != self.labels)
        return wrong[np.argsort(-self.losses[wrong], kind="stable")][:most].tolist()

    def least_certain(self, most: int, but: Sequence[int] = ()) -> list[int]:
        """Wrong answers, the smallest margin first, without those of `but`."""
        wrong = [i for i in np.flatnonzero(self.guesses != self.labels).tolist() if i not in but]
        return sorted(wrong, key=lambda i: float(self.margins[i]))[:most]


def answers_of(
    network: Classifier,
    split: Split,
    preprocess: Preprocess,
    batch_size: int,
    device: torch.device,
) -> Answers:
    """Each image once, through the plain network.

    Raises:
        DataError: a file cannot be decoded.
        Diverged: the logits are not finite.
    """
    logits: list[Tensor] = []
    features: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        features.append(inputs[0].flatten(1).float().cpu())

    handle = network.head[-1].register_forward_pre_hook(keep)
    try:
        with evaluating(network):
            for images, _, _ in EvalBatches(split, preprocess, batch_size):
                logits.append(scores(network, images, preprocess, device).cpu())
    finally:
        handle.remove()
    found = torch.cat(logits)
    if not torch.isfinite(found).all():
        raise Diverged("the network's logits are not finite; its weights are unusable")
    return Answers(found.numpy(), split.labels.astype(np.int64), torch.cat(features))
