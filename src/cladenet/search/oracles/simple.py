"""Oracles that are arithmetic: the share of ones, and the distance to a target."""

import numpy as np

from cladenet.search.architecture import Architecture, text_of
from cladenet.search.spaces.space import Sequenced


class NoisyOnes:
    """The toy of Real et al. 2019, arXiv:1802.01548, Sec. S: share of ones and Gaussian noise.

    Args:
        noise: its standard deviation.
        seed: of the noise, drawn anew for each trial.
    """

    def __init__(self, noise: float = 0.01, seed: int = 0) -> None:
        self.noise, self.seed = noise, seed

    def val(self, number: int, architecture: Architecture) -> float:
        """What selection sees of trial `number`."""
        rng = np.random.Generator(np.random.Philox([self.seed, number]))
        return self.truth(architecture) + self.noise * float(rng.standard_normal())

    def truth(self, architecture: Architecture) -> float:
        """The share of ones."""
        return text_of(architecture).count("1") / (len(text_of(architecture)) - 2)


class Target:
    """Share of the choices that are those of a target: exact, and the same for equal architectures.

    Args:
        space: whose choices are compared.
        target: the architecture that scores 1.
    """

    def __init__(self, space: Sequenced, target: Architecture) -> None:
        self.space = space
        self.right = space.choices_of(target)

    def val(self, number: int, architecture: Architecture) -> float:
        """What selection sees."""
        return self.truth(architecture)

    def truth(self, architecture: Architecture) -> float:
        """The share of choices that are right."""
        pairs = zip(self.space.choices_of(architecture), self.right, strict=True)
        return sum(mine == right for mine, right in pairs) / len(self.right)
