"""A network with several exits: each image runs as far as its request can afford.

Images of one batch may have budgets of their own: those that leave are taken out of it, and the
others go on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from cladenet.adaptive.costs import Costs, ms_to_each
from cladenet.adaptive.walking import answer_until
from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import Loaded
from cladenet.runs.adaptive.kept import Kept
from cladenet.runs.adaptive.predictors import log_of, stacked
from cladenet.runs.adaptive.sequence import ENGINE, Exits, some_images
from cladenet.runs.predict.predictor import Predictor
from cladenet.serve.models.about import ExitMenu, Stop
from cladenet.serve.models.lanes import Answer, Job, Pixels

Paces = dict[str, tuple[float, ...]]


class Asked(NamedTuple):
    """An image, and how far it may go."""

    pixels: Pixels
    stop: Stop


class ServedExits:
    """What answers requests with a budget.

    Args:
        name: of the network, under which it is counted.
        loaded: the run; its network has several exits.
        predictor: of the same run, which prepares images and names classes.
        kept: thresholds, where there are some.
        precision: `fp32`, `bf16` or `int8`.
        batch: images that come at a time, at most.
        paces: milliseconds to each exit of networks that have been measured. New weights are taken
            up under load, when a clock would tell of the load: what is here already is not measured
            again.

    Raises:
        BadArgument: the network cannot be run from exit to exit.
    """

    def __init__(
        self,
        name: str,
        loaded: Loaded,
        predictor: Predictor,
        kept: Kept | None,
        precision: str,
        batch: int,
        paces: Paces,
    ) -> None:
        self.name, self._kept, self._predictor = name, kept, predictor
        exits = Exits(loaded, precision, batch, calibration=predictor.calibration)
        self._stepped = exits.stepped
        if kept is not None:
            kept.policy.refuse_other(precision, ENGINE)
        make = repr((loaded.card.network, loaded.card.arguments, exits.size, precision))
        if make not in paces:
            image = some_images(1, exits.size)
            paces[make] = ms_to_each(lambda: self._stepped.walk(image), 1)
        macs = macs_to_exits(loaded.model, exits.size)
        costs = Costs(macs, paces[make], 1, torch.get_num_threads())
        asked = kept.asked if kept else None
        self.menu = ExitMenu(name, exits.names, costs, asked, precision)

    def job(self, pixels: Pixels, stop: Stop) -> Job:
        """An image for the queue."""
        return Job(self, Asked(pixels, stop))

    def answer(self, images: Sequence[Asked]) -> list[Answer]:
        """One for each image, with the exit that it came from.

        Raises:
            BadArgument: the logits are not finite.
        """
        predictor = self._predictor
        pixels = stacked([image.pixels for image in images], predictor.preprocess)
        found = answer_until(
            self._stepped,
            predictor.preprocess.to_input(pixels, predictor.device),
            np.array([image.stop.last for image in images]),
            self._kept.policy if self._kept else None,
            np.array([image.stop.early for image in images]),
        )
        rows = zip(log_of(found.posteriors), found.exits, strict=True)
        return [
            Answer(logits, predictor.guesses(logits), self.menu.names[int(number)])
            for logits, number in rows
        ]
