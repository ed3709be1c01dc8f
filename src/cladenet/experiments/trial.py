"""One training of an experiment, and the folder that keeps it for all claims that need it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cladenet.experiments.claim import Arm, Claim, Scale


class Trial(NamedTuple):
    """A training.

    Args:
        arm: the name of its arm.
        network: a name of the registry.
        recipe: its recipe.
        options: the words of the training, `seed` among them.
    """

    arm: str
    network: str
    recipe: str
    options: dict[str, Any]

    def folder(self, root: Path, data: str) -> Path:
        """Where it lies; trainings with the same words on the same data are one.

        Args:
            root: of all trainings of experiments.
            data: the data set as the user named it.
        """
        words = {**self.options, "network": self.network, "recipe": self.recipe, "data": data}
        text = json.dumps(words, sort_keys=True, default=str)
        return root / f"{self.network}-{sha256(text.encode()).hexdigest()[:10]}"


def trials(claim: Claim, scale: Scale, seeds: int) -> list[Trial]:
    """All trainings of a claim: seed by seed, so that what is there early can be compared."""
    return [_trial(claim, arm, scale, seed) for seed in range(seeds) for arm in claim.arms]


def _trial(claim: Claim, arm: Arm, scale: Scale, seed: int) -> Trial:
    network, own = arm.at(scale)
    shared = claim.laptop if scale == "laptop" else {}
    options = {**shared, **own, "seed": seed}
    return Trial(arm.name, network, str(options.pop("recipe", claim.recipe)), options)
