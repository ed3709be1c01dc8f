"""Thresholds with a promise: at most so many points below the whole network, at 95 %.

The candidates must be fixed before the images are seen that test them (see `guarantee`). So they
take nothing from those images: one threshold for the largest posterior serves all exits, in steps
from one that hardly any image reaches down to one that nearly all reach, without averages and
temperatures. Then all held-out images can test.
"""

import math

import numpy as np

from cladenet.adaptive.curve import Recorded, rightly
from cladenet.adaptive.guarantee import SHARE_FOR_DISAGREEMENT, cheapest_within
from cladenet.adaptive.policy import Policy
from cladenet.adaptive.thresholds import NOBODY, Thresholds, exits_taken
from cladenet.errors import BadArgument

# Logits of the threshold: from 0.9999 to 1 / C, below which no posterior is the largest.
HIGHEST, STEPS = 9.0, 64


def ladder(exits: int, classes: int, precision: str, engine: str) -> list[Policy]:
    """The candidates, from the most careful to the cheapest."""
    lowest = -math.log(max(classes - 1, 1))
    logits = np.linspace(HIGHEST, lowest, STEPS)
    return [
        Policy(
            Thresholds((*[1 / (1 + math.exp(-x))] * (exits - 1), -NOBODY)),
            precision=precision,
            engine=engine,
        )
        for x in logits.tolist()
    ]


def promised(
    held: Recorded, most: float, precision: str, engine: str, error_rate: float = 0.05
) -> Policy | None:
    """The cheapest thresholds that lose at most `most` of the accuracy, or None.

    Args:
        held: images that nothing was chosen on.
        most: the largest drop below the last exit, 0 to 1.
        precision: of the logits.
        engine: of the logits.
        error_rate: probability, at most, that the true drop is larger.

    Raises:
        BadArgument: `most` is out of range.
    """
    if not 0 < most < 1:
        raise BadArgument(f"max-drop is {100 * most:g}; expected points between 0 and 100")
    exits, _, classes = held.logits.shape
    candidates = ladder(exits, classes, precision, engine)
    shares, sure = candidates[0].confidences(held.logits)
    whole = shares[-1].argmax(-1) == held.labels
    rights = [
        rightly(shares, exits_taken(sure, policy.thresholds), held.labels) for policy in candidates
    ]
    number = cheapest_within(rights, whole, most, error_rate)
    return None if number is None else candidates[number]


def fewest_images(most: float, error_rate: float = 0.05) -> int:
    """So many images exclude such a drop where no two answers differ; fewer never do."""
    return math.ceil(math.log(error_rate * SHARE_FOR_DISAGREEMENT) / math.log1p(-most))
