"""The loss of a batch, for labels that are class numbers or, after mixup, distributions."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Objective = Callable[[Tensor, Tensor], Tensor]


def make_objective(label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> Objective:
    """Cross-entropy, averaged over the images of a batch.

    With class weights (mean 1 over the training set) the sum is divided by the number of images and
    not, as torch does, by the sum of the weights: so the mean over several processes is the mean
    over the whole batch.
    """

    def objective(logits: Tensor, labels: Tensor) -> Tensor:
        losses = F.cross_entropy(
            logits.float(),
            labels,
            weight=class_weights,
            label_smoothing=label_smoothing,
            reduction="none",
        )
        return losses.mean()

    return objective


def balanced_weights(counts: Tensor) -> Tensor:
    """Inverse frequency, scaled to a mean of 1 over the images: (K,) counts -> (K,) weights."""
    present = counts.clamp(min=1).double()
    weights = counts.sum() / (present * int((counts > 0).sum()))
    return weights.float()


def wrong_answers(logits: Tensor, labels: Tensor) -> Tensor:
    """How many images are not given their likeliest label; a scalar on the logits' device."""
    truth = labels if labels.ndim == 1 else labels.argmax(1)
    return (logits.argmax(1) != truth).sum()


def count_labels(labels: Tensor, num_classes: int) -> Tensor:
    """Images of each class: (N,) -> (K,)."""
    return torch.bincount(labels, minlength=num_classes)
