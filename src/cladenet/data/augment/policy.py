"""What torchvision does better than we would: learned policies, colour jitter, random erasing.

torchvision draws from PyTorch's global generator. So each image is changed inside a fork of it,
seeded for that image alone, in the main thread or in a worker process, never in a thread.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cladenet.data.augment.crops import Augment
from cladenet.vision import torchvision

Policy = Callable[[NDArray[np.uint8], NDArray[np.uint64]], NDArray[np.uint8]]


class TorchvisionPolicy:
    """Images (N, H, W, C) and their seeds (N,) -> changed images, each a function of its seed.

    Args:
        augment: `policy`, `colour_jitter` and `erasing` of it count.
        colour: uint8 (C,), what moves in from outside and what is erased become.
    """

    def __init__(self, augment: Augment, colour: NDArray[np.uint8]) -> None:
        torchvision()
        from torchvision.transforms import v2

        fill = [float(level) for level in colour]
        steps: list[nn.Module] = []
        if augment.colour_jitter:
            strength = augment.colour_jitter
            steps.append(v2.ColorJitter(strength, strength, strength))
        if augment.policy != "none":
            steps.append(_policy(v2, augment, fill))
        if augment.erasing:
            steps.append(v2.RandomErasing(augment.erasing, value=fill))
        self.transform = nn.Sequential(*steps)

    def __call__(self, images: NDArray[np.uint8], seeds: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """Global random state is left as it was."""
        changed = np.empty_like(images)
        with torch.random.fork_rng(devices=[]):
            for i, seed in enumerate(seeds):
                # Not torch.manual_seed: it would seed the accelerators too, outside the fork.
                torch.default_generator.manual_seed(int(seed) >> 1)
                image = torch.from_numpy(images[i]).permute(2, 0, 1)
                changed[i] = self.transform(image).permute(1, 2, 0).numpy()
        return changed


def _policy(v2: Any, augment: Augment, fill: list[float]) -> Any:
    how = {"interpolation": v2.InterpolationMode.BILINEAR, "fill": fill}
    if augment.policy == "randaugment":
        return v2.RandAugment(augment.operations, augment.magnitude, **how)
    if augment.policy == "trivialaugment":
        return v2.TrivialAugmentWide(**how)
    learned_on = augment.policy.removeprefix("autoaugment_")
    return v2.AutoAugment(v2.AutoAugmentPolicy(learned_on), **how)
