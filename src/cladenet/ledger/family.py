"""What the tree says of a family."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Taken:
    """What a family has from another one that is not its parent.

    Args:
        family: whose idea it is.
        what: the idea, in a few words.
        source: the place in the paper or the code of the family that took it; "memory" in it marks
            one that was not looked up again.
    """

    family: str
    what: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Family:
    """A branch of the tree: the paper that began it, and its idea in one sentence.

    Args:
        parent: the family that this one builds on; empty for the root.
        takes: what it has from others besides.
    """

    name: str
    title: str
    year: int
    paper: str
    authors: str
    venue: str
    idea: str
    parent: str = ""
    takes: tuple[Taken, ...] = ()
