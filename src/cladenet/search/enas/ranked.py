"""The last step of ENAS: the children of the trained controller, from scratch, in their order."""

from cladenet.search.searchers.searcher import Proposal


class Ranked:
    """A searcher that asks for children in their order; what the shared weights say is settled.

    Attributes:
        proposals: the ranked children.
    """

    name = "enas"

    def __init__(self) -> None:
        self.proposals: list[Proposal] = []

    def ask(self, number: int) -> Proposal | None:
        """The next best child."""
        return self.proposals[number]

    def restore(self, number: int, proposal: Proposal) -> None:
        """Nothing is remembered."""

    def tell(self, number: int, val: float | None) -> None:
        """Nothing is learnt."""
