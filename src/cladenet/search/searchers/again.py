"""One architecture again and again: what was found, trained with fresh seeds.

Each trial has a seed of its own, as those of every search.
"""

from cladenet.search.architecture import Architecture
from cladenet.search.searchers.searcher import Proposal


class Again:
    """The searcher that finds nothing new.

    Args:
        architecture: to train.
    """

    name = "again"

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture

    def ask(self, number: int) -> Proposal | None:
        """The same as before."""
        return Proposal(self.architecture, None, "again")

    def restore(self, number: int, proposal: Proposal) -> None:
        """Nothing is remembered."""

    def tell(self, number: int, val: float | None) -> None:
        """Nothing is learnt."""
