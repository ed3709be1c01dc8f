"""Large-scale evolution: of two individuals the worse dies and the better has a child.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin. Large-Scale Evolution of Image Classifiers.
ICML 2017. arXiv:1703.01041, Sec. 3.1:

    the population begins with copies of one trivial individual, each trained
    a worker draws two individuals; the one with the lower validation accuracy leaves
    the other is copied, the copy mutated once, trained from the weights that fit, and put back

The worse one leaves when the pair is drawn, so that while W workers train the population is W
smaller. What the paper leaves open: of two that are equal the first that was drawn survives, and
where a child fails the one that left for it comes back.
"""

from collections.abc import Callable
from typing import NamedTuple

from cladenet.errors import BadArgument
from cladenet.search.architecture import Architecture
from cladenet.search.searchers.searcher import Proposal, draws
from cladenet.search.spaces.space import Generator, Space

PAIR = 1  # purpose of the draws beside 0, the mutation's


class Individual(NamedTuple):
    """A trained architecture."""

    number: int
    architecture: Architecture
    val: float


class Birth(NamedTuple):
    """A child in training, its parent's number and who left for it."""

    architecture: Architecture
    parent: int | None
    left: Individual | None


class LargeScaleEvolution:
    """The search above.

    Args:
        space: to mutate in.
        seed: of all draws.
        population: individuals at the start.
        first: what the individuals of the start are; by default random ones.

    Raises:
        BadArgument: there is no pair in the population.
    """

    name = "evolution"

    def __init__(
        self,
        space: Space,
        seed: int,
        population: int = 1_000,
        first: Callable[[Generator], Architecture] | None = None,
    ) -> None:
        if population < 2:
            raise BadArgument(f"population is {population}; expected 2 or more")
        self.space, self.seed, self.size = space, seed, population
        self.first = space.random if first is None else first
        self.population: list[Individual] = []
        self._births: dict[int, Birth] = {}

    def ask(self, number: int) -> Proposal | None:
        """An individual of the start, or the child of the better of a pair."""
        rng = draws(self.seed, number)
        if number < self.size:
            proposal = Proposal(self.first(rng), None, "first", {"left": None})
        elif len(self.population) < 2:
            return None
        else:
            at = draws(self.seed, number, PAIR).permutation(len(self.population))[:2]
            one, other = (self.population[int(k)] for k in at)
            better, worse = (one, other) if one.val >= other.val else (other, one)
            child, mutation = self.space.mutate(better.architecture, rng)
            proposal = Proposal(child, better.number, mutation, {"left": worse.number})
        self.restore(number, proposal)
        return proposal

    def restore(self, number: int, proposal: Proposal) -> None:
        """The worse of the pair leaves, and the child is in training."""
        left = None
        for individual in self.population:
            if individual.number == proposal.notes["left"]:
                left = individual
        if left is not None:
            self.population.remove(left)
        self._births[number] = Birth(proposal.architecture, proposal.parent, left)

    def tell(self, number: int, val: float | None) -> None:
        """The child joins; if it has failed, who left for it comes back."""
        birth = self._births.pop(number)
        if val is not None:
            self.population.append(Individual(number, birth.architecture, val))
        elif birth.left is not None:
            self.population.append(birth.left)

    def needed(self) -> set[int]:
        """Trials whose weights a child may still inherit."""
        alive = {individual.number for individual in self.population}
        for birth in self._births.values():
            alive |= set() if birth.parent is None else {birth.parent}
            alive |= {birth.left.number} if birth.left else set()
        return alive
