"""Aging evolution, and its twin that does not age.

Real, Aggarwal, Huang, Le. Regularized Evolution for Image Classifier Architecture Search. AAAI
2019. arXiv:1802.01548, Algorithm 1:

    the population begins with P random architectures
    S of it are drawn with replacement; the best of them is copied and mutated once
    the child joins the population, and the oldest leaves it

With many workers trials end in another order than they began. Age counts from birth: the oldest is
the one that was asked for first, and a child that ends after P younger ones leaves at once. While
fewer than P have been trained, whatever the number of workers, what is asked for is random. A trial
that failed never joins. The twin is tournament selection without age: of another S that are drawn
when the child joins, the worst leaves (Goldberg, Deb 1991; which one of the sample dies is not
printed in the paper).
"""

from typing import NamedTuple

from cladenet.errors import BadArgument
from cladenet.search.architecture import Architecture
from cladenet.search.searchers.searcher import Proposal, draws
from cladenet.search.spaces.space import Generator, Space

SELECT, DIE = 1, 2  # purposes of draws, beside 0 for the architecture itself


class Individual(NamedTuple):
    """A trained architecture; its number is its birth."""

    number: int
    architecture: Architecture
    val: float


class AgingEvolution:
    """The algorithm above.

    Args:
        space: what to draw from and mutate in.
        seed: of all draws.
        population: P.
        sample: S.
        aging: the oldest leaves; else the worst of a sample.

    Raises:
        BadArgument: P or S is not positive.
    """

    def __init__(
        self, space: Space, seed: int, population: int = 100, sample: int = 25, aging: bool = True
    ) -> None:
        if population < 1 or sample < 1:
            raise BadArgument(
                f"population is {population}, sample {sample}; expected 1 or more of each"
            )
        self.name = "aging" if aging else "non_aging"
        self.space, self.seed = space, seed
        self.size, self.sample, self.aging = population, sample, aging
        self.population: list[Individual] = []
        self.trained = 0
        self._in_training: dict[int, Architecture] = {}

    def ask(self, number: int) -> Proposal | None:
        """A random architecture, or the mutated best of a sample."""
        rng = draws(self.seed, number)
        if self.trained < self.size:
            proposal = Proposal(self.space.random(rng))
        else:
            parent = max(self._sampled(draws(self.seed, number, SELECT)), key=_fitness)
            child, mutation = self.space.mutate(parent.architecture, rng)
            proposal = Proposal(child, parent.number, mutation)
        self.restore(number, proposal)
        return proposal

    def restore(self, number: int, proposal: Proposal) -> None:
        """Remember what is in training."""
        self._in_training[number] = proposal.architecture

    def tell(self, number: int, val: float | None) -> None:
        """The child joins and another leaves."""
        architecture = self._in_training.pop(number)
        if val is None:
            return
        self.trained += 1
        self.population.append(Individual(number, architecture, val))
        if len(self.population) > self.size:
            candidates = self.population
            if not self.aging:
                candidates = self._sampled(draws(self.seed, number, DIE))
            leaves = min(candidates, key=_birth if self.aging else _fitness)
            self.population.remove(leaves)

    def _sampled(self, rng: Generator) -> list[Individual]:
        return [self.population[k] for k in rng.integers(len(self.population), size=self.sample)]


def _birth(individual: Individual) -> int:
    return individual.number


def _fitness(individual: Individual) -> tuple[float, int]:
    """The younger one where two are as good, so that the order of the list does not matter."""
    return individual.val, individual.number
