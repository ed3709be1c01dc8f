"""Which share of the images leaves at which exit: one number spends a budget.

Huang et al. 2018, arXiv:1703.09844, Sec. 5 (budgeted batch classification).
"""

import numpy as np

from cladenet.adaptive.confidence import Array
from cladenet.errors import BadArgument
from cladenet.plural import counted

# Of the release: i / 20 for i from 1 to 40, from nearly all at the first exit to most at the last.
RELEASED_GRID = tuple(i / 20 for i in range(1, 41))
# Of the paper's law: from nearly all at the first exit to equal shares.
PAPER_GRID = tuple(i / 40 for i in range(39, 0, -1))


def released_shares(p: float, exits: int) -> Array:
    """Shares proportional to p^k for k = 1..K, of sum 1: the released evaluation.

    Below 1 the first exits get most, above 1 the last ones.

    Raises:
        BadArgument: `p` is not above 0, or there is no exit.
    """
    if not p > 0 or exits < 1:
        raise BadArgument(
            f"p is {p} for {counted(exits, 'exit')}; expected p above 0 and 1 exit or more"
        )
    powers = p ** np.arange(1, exits + 1, dtype=np.float64)
    shares: Array = powers / powers.sum()
    return shares


def paper_shares(q: float, exits: int) -> Array:
    """Shares proportional to q (1 - q)^(k - 1) for k = 1..K, of sum 1: the paper's law.

    q is the probability that an image which reaches an exit leaves there.

    Raises:
        BadArgument: `q` is not between 0 and 1, or there is no exit.
    """
    if not 0 < q < 1 or exits < 1:
        raise BadArgument(
            f"q is {q} for {counted(exits, 'exit')}; expected 0 < q < 1 and 1 exit or more"
        )
    terms = q * (1 - q) ** np.arange(exits, dtype=np.float64)
    shares: Array = terms / terms.sum()
    return shares


LAWS = {"released": (released_shares, RELEASED_GRID), "paper": (paper_shares, PAPER_GRID)}
