"""The loss of a batch, for labels that are class numbers or, after mixup, distributions.

A network in training may give further logits beside the ones that count: those of auxiliary
classifiers (Szegedy et al. 2015, arXiv:1409.4842, Sec. 5), or of exits before the last.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Outputs = Tensor | tuple[Tensor, ...]
Objective = Callable[[Outputs, Tensor], Tensor]


def make_objective(
    label_smoothing: float = 0.0, class_weights: Tensor | None = None, auxiliary: float = 0.0
) -> Objective:
    """Cross-entropy, averaged over the images of a batch.

    Of several logits (N, K) the first count once, each of the others `auxiliary` times.

    With class weights (mean 1 over the training set) the sum is divided by the number of images and
    not, as torch does, by the sum of the weights: so the mean over several processes is the mean
    over the whole batch.
    """

    def objective(outputs: Outputs, labels: Tensor) -> Tensor:
        losses = []
        for logits in outputs if isinstance(outputs, tuple) else (outputs,):
            of_images = F.cross_entropy(
                logits.float(),
                labels,
                weight=class_weights,
                label_smoothing=label_smoothing,
                reduction="none",
            )
            losses.append(of_images.mean())
        loss, *others = losses
        for other in others:
            loss = loss + auxiliary * other
        return loss

    return objective


def main_logits(outputs: Outputs) -> Tensor:
    """The logits that the network will predict with."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


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
