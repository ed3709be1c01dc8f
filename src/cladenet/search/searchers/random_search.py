"""Random search: every architecture drawn independently and uniformly."""

from cladenet.search.searchers.searcher import Proposal, draws
from cladenet.search.spaces.space import Space


class RandomSearch:
    """The search that each other one is compared with.

    Args:
        space: what to draw from.
        seed: of the draws.
    """

    name = "random"

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed

    def ask(self, number: int) -> Proposal | None:
        """A draw, whatever was found so far."""
        return Proposal(self.space.random(draws(self.seed, number)))

    def restore(self, number: int, proposal: Proposal) -> None:
        """Nothing is remembered."""

    def tell(self, number: int, val: float | None) -> None:
        """Nothing is learnt."""
