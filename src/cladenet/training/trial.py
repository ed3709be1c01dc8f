"""A few training steps of a copy of a network, timed, before the real ones."""

import time
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.recipes import Recipe
from cladenet.training.learner import Learner
from cladenet.training.objective import make_objective
from cladenet.world import World

STEP_FLOPS = 5e10  # of one timed step; larger batches are cut, to no less than 8 images
LEAST_IMAGES = 8


def images_to_time(macs: int) -> int:
    """How many images a timed step needs, where the network takes `macs` for one."""
    return max(LEAST_IMAGES, int(STEP_FLOPS / (6 * max(1, macs))))


class TrialSteps:
    """A copy of the network in training, and the seconds of its steps.

    Args:
        model: in training layout, on its device; it stays as it is.
        recipe: of the steps; averages of the weights are left out.
        device: of the network and the images.
        precision: `fp32` or `bf16`.
        freeze: parts that keep their weights, see `frozen_parts`.
    """

    def __init__(
        self,
        model: Classifier,
        recipe: Recipe,
        device: torch.device,
        precision: str,
        freeze: int = 0,
    ) -> None:
        recipe = replace(recipe, ema=0.0, lookahead=0)
        self.learner = Learner(deepcopy(model), recipe, World(device=device), freeze=freeze)
        self.objective = make_objective(recipe.label_smoothing, None, recipe.auxiliary)
        self.bf16 = precision == "bf16"
        self.seconds: list[float] = []

    def step(self, images: Tensor, labels: Tensor, lr: float | None = None) -> float:
        """One step on a batch of one forward pass: its loss; its seconds are appended.

        `lr` is the recipe's, where none is given.
        """
        begin = time.perf_counter()
        self.learner.begin_step(self.learner.recipe.lr if lr is None else lr)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.bf16):
            outputs = self.learner.net(images)
        loss = self.objective(outputs, labels)
        loss.backward()
        self.learner.step()
        if images.device.type == "cuda":
            torch.cuda.synchronize(images.device)
        self.seconds.append(time.perf_counter() - begin)
        return loss.item()
