"""From a job to the figures of a trial, in a process of its own."""

from dataclasses import dataclass, replace
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from cladenet.errors import Diverged
from cladenet.layers.classifier import Classifier
from cladenet.recipes import Recipe
from cladenet.search.architecture import Architecture
from cladenet.search.spaces.dna import Dna, weight_keys
from cladenet.search.spaces.space import Space
from cladenet.search.trials.data import TrialData
from cladenet.search.trials.fidelity import Fidelity
from cladenet.search.trials.train import Score, train_candidate


class Job(NamedTuple):
    """What a trial trains.

    Args:
        number: of the trial.
        architecture: what to build.
        parent: the trial whose weights it may inherit.
        seed: of the training.
    """

    number: int
    architecture: Architecture
    parent: int | None
    seed: int


@dataclass(frozen=True, eq=False)
class TrainTrials:
    """The work of a pool: train what a job says.

    Args:
        space: of the architectures.
        data: images, in memory.
        fidelity: of the training.
        weights: folder where DNA hands down weights; None where nothing is inherited.
    """

    space: Space
    data: TrialData
    fidelity: Fidelity
    weights: Path | None = None

    def __call__(self, job: Job) -> dict[str, Any]:
        """The figures of the trial.

        Raises:
            Diverged: the loss or an accuracy is not finite.
        """
        torch.set_num_threads(1)
        fidelity = replace(
            self.fidelity, recipe=recipe_for(self.space, job.architecture, self.fidelity.recipe)
        )
        model, score = train_candidate(
            self.space,
            job.architecture,
            self.data,
            fidelity,
            job.seed,
            inherited=self._inherited(job),
        )
        if not isfinite(score.val):
            raise Diverged(f"the validation accuracy of trial {job.number} is {score.val}")
        if self.weights is not None:
            self._hand_down(job, model)
        return figures(score)

    def _inherited(self, job: Job) -> dict[str, Tensor] | None:
        """The parent's tensors by the names that they have in the child."""
        if self.weights is None or job.parent is None:
            return None
        tensors = load_file(weights_file(self.weights, job.parent))
        names = {key: prefix for prefix, key in weight_keys(job.architecture).items()}
        return {
            names[key] + rest: tensor
            for name, tensor in tensors.items()
            for key, rest in [_split(name)]
            if key in names
        }

    def _hand_down(self, job: Job, model: Classifier) -> None:
        """Write the tensors by the names that a line of descent has in common, as a whole."""
        assert self.weights is not None  # noqa: S101  (the caller has looked)
        tensors = {}
        for name, tensor in model.state_dict().items():
            for prefix, key in weight_keys(job.architecture).items():
                if name.startswith(prefix):
                    tensors[key + name.removeprefix(prefix)] = tensor.contiguous()
        target = weights_file(self.weights, job.number)
        temporary = target.with_suffix(".writing")
        save_file(tensors, temporary)
        temporary.replace(target)


def warm() -> None:
    """Import, before anything is forked, what training imports when it first needs it."""
    for name in ("torch.utils.flop_counter", "cladenet.training.non_finite"):
        import_module(name)


def recipe_for(space: Space, architecture: Architecture, recipe: Recipe) -> Recipe:
    """The recipe with what the architecture says of it: DNA has its learning rate."""
    if isinstance(space, Dna):
        return replace(recipe, lr=float(architecture["learning_rate"]))
    return recipe


def weights_file(folder: Path, number: int) -> Path:
    """Where trial `number` leaves what it has learnt."""
    return folder / f"{number}.safetensors"


def figures(score: Score) -> dict[str, Any]:
    """A score as plain JSON."""
    return {**score._asdict(), "seconds": round(score.seconds, 4)}


def _split(name: str) -> tuple[str, str]:
    """`edge4.weight` as (`edge4.`, `weight`)."""
    key, dot, rest = name.partition(".")
    return key + dot, rest
