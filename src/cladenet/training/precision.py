"""float32 or bfloat16: a few steps of the network itself say which one this machine is faster at.

Autocast to bfloat16 (Micikevicius et al. 2018, arXiv:1710.03740, with the format of which no loss
has to be scaled) changes the last digits of a run, so it has to be worth it by a margin, and where
a run is too short to gain anything there is no question: only the clock can then make two equal
runs choose differently, and only where the gain lies near the margin.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.recipes import Recipe

MARGIN = 1.3  # how much faster bfloat16 has to be
SECONDS = 1.5  # of each candidate, once it has taken two steps
MOST_STEPS = 5  # of each candidate


class Choice(NamedTuple):
    """`fp32` or `bf16`, and the images a second by each where they were measured."""

    precision: str
    speeds: dict[str, float]

    def sentence(self) -> str:
        """One line for the user."""
        fp32, bf16 = self.speeds["fp32"], self.speeds["bf16"]
        return (
            f"precision {self.precision}: {bf16:,.0f} images/s with bf16, {fp32:,.0f} with fp32; "
            f"fix it with precision=fp32 or precision=bf16"
        )


def choose_precision(
    model: Classifier, recipe: Recipe, images: Tensor, num_classes: int, macs: int
) -> Choice:
    """Measure steps by float32 and bfloat16 in turns; neither weights nor random numbers change.

    Args:
        model: in training layout, on its device; copies of it take the steps.
        recipe: of the steps.
        images: (N, C, H, W), a batch of the size of one forward pass, on the model's device.
        num_classes: length of the logits.
        macs: multiply-accumulates of the network for one image.
    """
    from cladenet.training.trial import TrialSteps, images_to_time

    device = images.device
    images = images[: images_to_time(macs)]
    labels = torch.arange(len(images), device=device) % num_classes
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        runners = {name: TrialSteps(model, recipe, device, name) for name in ("fp32", "bf16")}
        for _ in range(MOST_STEPS + 1):  # the first one warms up
            for runner in runners.values():
                if len(runner.seconds) < 2 or sum(runner.seconds) < SECONDS:
                    runner.step(images, labels)
    speeds = {name: len(images) / min(each.seconds[1:]) for name, each in runners.items()}
    return Choice("bf16" if speeds["bf16"] >= MARGIN * speeds["fp32"] else "fp32", speeds)
