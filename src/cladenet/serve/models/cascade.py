"""Several runs behind one name, the smallest first: each is asked what those before it leave.

Each run has batches of its own, so that images that are left of many requests share them, and who
waits for a large network is in nobody's way.
"""

import hashlib
from collections.abc import Sequence
from functools import partial

import torch

from cladenet.adaptive.costs import Costs
from cladenet.errors import Diverged
from cladenet.runs.adaptive.kept import find_kept
from cladenet.runs.adaptive.predictors import CascadePredictor, stacked
from cladenet.runs.predict.given_images import read
from cladenet.serve.models.about import KEPT, ByKnown, Facts, Stop
from cladenet.serve.models.cascade_course import AboutCascade
from cladenet.serve.models.course import Evidence, Stage
from cladenet.serve.models.lanes import Answer, Job, Pixels
from cladenet.serve.models.opening import ReadRun, ServeOptions


class CascadedRun:
    """One run of a cascade, for the lanes.

    Args:
        name: of the cascade and the run, under which batches are counted.
        predictor: of the whole cascade.
        number: of the run, from 0.
    """

    def __init__(self, name: str, predictor: CascadePredictor, number: int) -> None:
        self.name, self._cascade, self._number = name, predictor.cascade, number
        preprocess = predictor.preprocesses[number]
        self._preprocess = preprocess
        self.stage = Stage(preprocess, partial(read, preprocess=preprocess), partial(Job, self))

    def answer(self, images: Sequence[Pixels]) -> list[Answer]:
        """Logits in the first run's order of classes.

        Raises:
            Diverged: they are not finite.
        """
        pixels = stacked(images, self._preprocess)
        with torch.inference_mode():
            inputs = self._preprocess.to_input(pixels, torch.device("cpu"))
            logits = self._cascade.answer(self._number, inputs)
        if not bool(logits.isfinite().all()):
            raise Diverged(f"the answers of {self.name} are not finite numbers")
        return [Answer(row) for row in logits.numpy()]


class ServedCascade(ByKnown):
    """A cascade that is ready to answer; what `Served` is for one run.

    Args:
        name: under which it is asked for.
        runs: as they were read, the smallest first.
        options: how they answer; the budget of requests that name none is `kept`, unless they say
            otherwise.

    Raises:
        BadArgument: no thresholds are kept for these runs, or the budget cannot be kept.
        CheckpointError: the runs tell other classes apart, or their thresholds are damaged.
    """

    evidence: Evidence | None = None

    def __init__(self, name: str, runs: Sequence[ReadRun], options: ServeOptions) -> None:
        loaded = [run.loaded for run in runs]
        kept = find_kept(loaded, options.precision)
        choices = {"threads": options.threads, **options.predictor, "batch_size": options.batch}
        predictor = CascadePredictor(loaded, **choices)
        names = predictor.cascade.names
        card, weights = loaded[0].card, _of_all(runs)
        data = {key: card.data.get(key) for key in ("name", "fingerprint")}
        networks = " + ".join(each.card.network for each in loaded)
        facts = Facts(networks, weights, card.classes, loaded[-1].card.step, {}, data)
        super().__init__(AboutCascade(
            name, facts, names, tuple(predictor.preprocesses), predictor.policy,
            _measured(predictor, facts, options), kept.asked, options.budget or KEPT,
        ))  # fmt: skip
        self.members = [
            CascadedRun(self.about.part_name(number), predictor, number)
            for number in range(len(names))
        ]
        self.course("")

    def stage(self, part: int, stop: Stop | None) -> Stage:
        """See `AskedHere`."""
        return self.members[part].stage


def _measured(predictor: CascadePredictor, facts: Facts, options: ServeOptions) -> Costs:
    """Of one image; the runs answer once on the way, which nobody shall wait for later."""
    costs = predictor.cascade.costs()
    make = repr(("cascade", facts.network, costs.macs, options.precision))
    ms = options.paces.setdefault(make, costs.ms)
    return Costs(costs.macs, ms, costs.batch_size, costs.threads)


def _of_all(runs: Sequence[ReadRun]) -> str:
    """One SHA-256 for the weights of all runs: that of theirs, joined by spaces."""
    return hashlib.sha256(" ".join(run.weights for run in runs).encode()).hexdigest()
