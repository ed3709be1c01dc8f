"""Counting right and wrong answers, so that many processes count as one does.

Everything that is summed is a whole number, the loss too (in units of 2^-24 nat), so the sum over
processes does not depend on who counted what, or in which order.
"""

import torch
from torch import Tensor

from cladenet.errors import BadArgument, DataError, Diverged
from cladenet.evaluation.loss_units import loss_units, mean_loss
from cladenet.evaluation.result import Evaluation, Mistake
from cladenet.plural import counted
from cladenet.world import World

TOP = 5


class Tally:
    """Running counts of one evaluation.

    Args:
        num_classes: length K of the logits.
        worst: how many wrong answers with the highest loss to keep.
        device: where the counts live; a GPU's are added up without waiting for it.
    """

    def __init__(
        self, num_classes: int, *, worst: int = 0, device: str | torch.device = "cpu"
    ) -> None:
        if num_classes < 2 or worst < 0:
            raise BadArgument(
                f"num_classes is {num_classes} and worst {worst}; expected 2 and 0 or more"
            )
        self.num_classes = num_classes
        self.worst = worst
        self.device = torch.device(device)
        self._confusion = torch.zeros(num_classes**2, dtype=torch.int64, device=self.device)
        # Answers with the truth among the first five; loss units; answers that are not finite.
        self._sums = torch.zeros(3, dtype=torch.int64, device=self.device)
        # One row for each kept mistake: loss, index, truth, guess, probability of the guess.
        self._mistakes = torch.zeros(0, 5, dtype=torch.float64, device=self.device)

    def add(self, logits: Tensor, labels: Tensor, indices: Tensor | None = None) -> None:
        """Count n answers.

        The guess is the first of the largest logits, and equal logits rank by class number, so
        a network that answers the same everywhere has the error of one that always says class 0.

        Args:
            logits: (n, K).
            labels: int64 (n,), 0 to K - 1.
            indices: int64 (n,), the samples' places in their split; needed to keep mistakes.

        Raises:
            BadArgument: the shapes do not fit, or a label is no class.
        """
        self._check(logits, labels, indices)
        scores = logits.detach().to(self.device).double()
        truth = labels.to(self.device)
        log_probability = scores.log_softmax(1)
        loss = -log_probability.gather(1, truth[:, None])[:, 0]
        guess = scores.argmax(1)
        units = loss_units(loss)
        non_finite = ~scores.isfinite().all(1)
        pairs = truth * self.num_classes + guess
        self._confusion.scatter_add_(0, pairs, torch.ones_like(pairs))
        self._sums += torch.stack(
            [(_rank(scores, truth) < TOP).sum(), units.sum(), non_finite.sum()]
        )
        if self.worst and indices is not None:
            probability = log_probability.gather(1, guess[:, None])[:, 0].exp()
            places = indices.to(self.device)
            rows = torch.stack([loss, *map(torch.Tensor.double, (places, truth, guess))], 1)
            rows = torch.cat([rows, probability[:, None]], 1)
            self._keep(torch.cat([self._mistakes, rows[guess != truth]]))

    def share(self, world: World) -> None:
        """Make every process's tally the tally of all of them."""
        for counts in (self._confusion, self._sums):
            world.total(counts)
        if self.worst:
            slots = self._mistakes.new_zeros(world.size, self.worst, 5)
            slots[world.rank, : len(self._mistakes)] = self._mistakes
            rows = world.total(slots).flatten(0, 1)
            self._keep(rows[rows[:, 0] > 0])  # a mistake's loss is at least ln 2

    def result(self) -> Evaluation:
        """What was counted so far.

        Raises:
            DataError: nothing was.
            Diverged: some logits were NaN or infinite.
        """
        k = self.num_classes
        confusion = self._confusion.reshape(k, k).cpu().numpy().copy()
        n = int(confusion.sum())
        top5_hits, units, non_finite = self._sums.tolist()
        if n == 0:
            raise DataError("nothing was evaluated: the split has no images")
        if non_finite:
            raise Diverged(
                f"the network's answers for {non_finite:,} of {n:,} images are not finite numbers. "
                "Its weights are broken; use an earlier checkpoint, or fp32 in place of bf16"
            )
        mistakes = []
        for loss, index, truth, guess, probability in self._mistakes.tolist():
            mistakes.append(Mistake(int(index), int(truth), int(guess), probability, loss))
        return Evaluation(confusion, top5_hits, mean_loss(units, n), tuple(mistakes))

    def _keep(self, rows: Tensor) -> None:
        """The worst rows; of equal losses the earlier image."""
        rows = rows[rows[:, 1].argsort()]
        self._mistakes = rows[rows[:, 0].argsort(descending=True, stable=True)][: self.worst]

    def _check(self, logits: Tensor, labels: Tensor, indices: Tensor | None) -> None:
        if logits.ndim != 2 or logits.shape != (len(labels), self.num_classes):
            raise BadArgument(
                f"logits have shape {tuple(logits.shape)}; "
                f"expected {(len(labels), self.num_classes)} for {counted(len(labels), 'label')}"
            )
        if self.worst and (indices is None or len(indices) != len(labels)):
            raise BadArgument("to keep the worst mistakes, pass the index of each sample")
        if labels.device.type == "cpu" and len(labels):  # of a GPU one would have to wait
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= self.num_classes:
                raise BadArgument(
                    f"labels run from {low} to {high}; expected 0 to {self.num_classes - 1}"
                )


def _rank(scores: Tensor, truth: Tensor) -> Tensor:
    """How many classes come before the true one: (n, K), (n,) -> int64 (n,)."""
    own = scores.gather(1, truth[:, None])
    earlier = torch.arange(scores.shape[1], device=scores.device) < truth[:, None]
    return ((scores > own) | ((scores == own) & earlier)).sum(1)
