"""Predicting within a budget: up to an exit, by kept thresholds, or with one run after another."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cladenet.adaptive.confidence import Array
from cladenet.adaptive.costs import Costs, in_words, ms_to_each, parse_budget
from cladenet.adaptive.stepping import SteppedExits
from cladenet.adaptive.voting import Voting
from cladenet.adaptive.walking import answer
from cladenet.analysis.cost import macs_to_exits
from cladenet.checkpoints import Loaded, load
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.plural import counted
from cladenet.runs.adaptive.kept import find_kept
from cladenet.runs.adaptive.sequence import ENGINE, Cascade, Exits, size_of, some_images
from cladenet.runs.predict.given_images import Attempt, Source, decoded, fitted
from cladenet.runs.predict.prediction import Prediction
from cladenet.runs.predict.predictor import Predictor

KEPT = "kept"
BATCHES_TOGETHER = 4  # whose images go on together once some have left


class UpTo(nn.Module):
    """A network up to one of its exits, as if it ended there."""

    def __init__(self, model: Classifier, last: int) -> None:
        super().__init__()
        self.model, self.last = model, last
        self.num_classes = model.num_classes

    def forward(self, x: Tensor) -> Tensor:
        """Images -> logits (N, K) of that exit; what comes after it is not computed."""
        return next(islice(self.model.exits(x), self.last, None))


def predictor_for(
    runs: Sequence[str | Path], budget: str | None, cascade: bool, **options: Any
) -> Predictor:
    """What predicts with one run within a budget, or with several, one after the other.

    Args:
        runs: one; two or more for a cascade.
        budget: `20M` or `5ms`: the answer of the last exit within it; `kept`: images leave by the
            thresholds that `evaluate --budget` kept; None for a cascade.
        cascade: ask one run after the other, by the thresholds that were kept for them.
        options: of `Predictor`.

    Raises:
        BadArgument: the options contradict each other, no thresholds were kept, or the budget does
            not reach the first exit.
        CheckpointError: a checkpoint or its thresholds are damaged.
    """
    if cascade:
        if budget not in (None, KEPT):
            raise BadArgument(
                f"budget is {budget}; a cascade goes by the thresholds that were kept for it, so "
                "leave --budget out"
            )
        return CascadePredictor([load(run) for run in runs], **options)
    loaded = load(runs[0])
    if budget in (None, KEPT):
        return ExitPredictor(loaded, **options)
    last, words = reached(loaded, budget)
    if "note" in options:
        options["note"](words)
    return Predictor(loaded._replace(model=UpTo(loaded.model, last)), **options)  # type: ignore[arg-type]


def reached(loaded: Loaded, budget: str) -> tuple[int, str]:
    """The last exit, from 0, whose answer is within the budget, and a sentence about it.

    Times are those of one image, packed in float32, measured now.

    Raises:
        BadArgument: the network has one exit, or the budget does not reach the first.
    """
    wanted, size, model = parse_budget(budget), size_of(loaded.card), loaded.model
    if model.num_exits == 1:
        raise BadArgument(
            f"{loaded.card.network} in {loaded.folder} has one exit, so a budget leaves no choice; "
            "model.exits_after=stages.0 trains it with more"
        )
    ms: tuple[float, ...] = (0.0,) * model.num_exits
    if wanted.unit == "ms":
        stepped = SteppedExits(model, size)
        images = some_images(1, size)
        ms = ms_to_each(lambda: stepped.walk(images), 1)
    costs = Costs(macs_to_exits(model, size), ms, 1, torch.get_num_threads())
    last = costs.last_within(wanted)
    cost = in_words(costs.of(wanted.unit)[last], wanted.unit)
    return last, f"budget {budget}: exit {last + 1} of {model.num_exits} answers, for {cost}"


class ExitPredictor(Predictor):
    """Images leave at the first exit that is sure of them, by the thresholds that were kept.

    Args:
        loaded: a network with several exits.
        options: of `Predictor`.

    Raises:
        BadArgument: no thresholds were kept at this precision.
    """

    def __init__(self, loaded: Loaded, **options: Any) -> None:
        super().__init__(loaded, **on_cpu(options))
        kept = find_kept([loaded], options.get("precision", "fp32"))
        self.policy = kept.policy
        self.exits = Exits(
            loaded, kept.policy.precision, self.batch_size, calibration=self.calibration
        )

    def get_ready(self, images: int) -> str:
        """The exits are ready; see `Predictor.get_ready`."""
        return f"{counted(len(self.exits.names), 'exit')}, engine {ENGINE}, {self.policy.precision}"

    def __call__(self, images: Iterable[Source]) -> Iterator[Prediction]:
        """The answers in the order of the images; see `Predictor`."""
        many = self.batch_size * BATCHES_TOGETHER
        for batch in decoded(images, self.preprocess, many, self.workers):
            yield from self.answers(batch)

    def answers(self, batch: Sequence[tuple[str, Attempt]]) -> Iterator[Prediction]:
        """See `Predictor.answers`; each says which exit it came from."""
        pixels = [image for _, image in batch if not isinstance(image, str)]
        images = self.preprocess.to_input(stacked(pixels, self.preprocess), self.device)
        found = answer(self.exits.stepped, self.policy, images)
        rows = iter(zip(log_of(found.posteriors), found.exits, strict=True))
        for name, image in batch:
            if isinstance(image, str):
                yield Prediction(name, error=image)
            else:
                logits, exit_taken = next(rows)
                by = self.exits.names[int(exit_taken)]
                yield Prediction(name, self.guesses(logits), logits, answered_by=by)


class CascadePredictor(Predictor):
    """The first run answers; the next is asked about the images that it is not sure of.

    Args:
        loaded: the runs, the smallest first.
        options: of `Predictor`.

    Raises:
        BadArgument: no thresholds were kept for these runs at this precision.
        CheckpointError: the runs tell other classes apart.
    """

    def __init__(self, loaded: Sequence[Loaded], **options: Any) -> None:
        super().__init__(loaded[0], **on_cpu(options))
        precision = options.get("precision", "fp32")
        self.cascade = Cascade(loaded, precision, self.batch_size, calibration=self.calibration)
        self.policy = find_kept(loaded, precision).policy
        self.policy.refuse_other(precision, ENGINE)
        self.preprocesses = [
            replace(
                fitted(each.card.preprocess, options.get("fit")),
                max_megapixels=self.preprocess.max_megapixels,
                white_level=self.preprocess.white_level,
            )
            for each in loaded
        ]

    def __call__(self, images: Iterable[Source]) -> Iterator[Prediction]:
        """The answers in the order of the images; see `Predictor`."""
        given: deque[Source] = deque()  # what was read ahead, for the networks that come later

        def remembered() -> Iterator[Source]:
            for image in images:
                given.append(image)
                yield image

        for batch in decoded(remembered(), self.preprocess, self.batch_size, self.workers):
            yield from self._asked([given.popleft() for _ in batch], batch)

    def _asked(
        self, sources: Sequence[Source], batch: Sequence[tuple[str, Attempt]]
    ) -> Iterator[Prediction]:
        seen = {i: image for i, (_, image) in enumerate(batch)}
        here = [i for i, image in seen.items() if not isinstance(image, str)]
        found: dict[int, tuple[NDArray[np.float32], str]] = {}
        voting = Voting(self.policy)
        for member, preprocess in enumerate(self.preprocesses):
            if not here:
                break
            if member and preprocess != self.preprocesses[member - 1]:
                again = next(
                    decoded([sources[i] for i in here], preprocess, len(here), self.workers)
                )
                seen |= dict(zip(here, (image for _, image in again), strict=True))
                read = [k for k, i in enumerate(here) if not isinstance(seen[i], str)]
                here = [here[k] for k in read]
                voting.go_on(np.array(read, np.intp))
            pixels = [image for i in here if not isinstance(image := seen[i], str)]
            inputs = preprocess.to_input(stacked(pixels, preprocess), self.device)
            with torch.inference_mode():
                votes, leaves = voting.vote(self.cascade.answer(member, inputs))
            for place, row in zip(np.flatnonzero(leaves), log_of(votes[leaves]), strict=True):
                found[here[place]] = row, self.cascade.names[member]
            stays = np.flatnonzero(~leaves)
            here = [here[place] for place in stays]
            voting.go_on(stays)
        for i, (name, _) in enumerate(batch):
            if isinstance(reason := seen[i], str):
                yield Prediction(name, error=reason)
            else:
                logits, by = found[i]
                yield Prediction(name, self.guesses(logits), logits, answered_by=by)


def on_cpu(options: dict[str, Any]) -> dict[str, Any]:
    """Options of a `Predictor` with the device and the engine that thresholds are set with.

    Raises:
        BadArgument: another engine or device is asked for.
    """
    engine, device = options.get("engine", "auto"), options.get("device", "auto")
    if engine not in ("auto", ENGINE) or device not in ("auto", "cpu"):
        raise BadArgument(
            f"engine is {engine} and device {device}; thresholds are used with engine {ENGINE} on "
            "cpu, where they were set"
        )
    return {**options, "device": "cpu"}


def stacked(pixels: Sequence[NDArray[np.uint8]], preprocess: Preprocess) -> Tensor:
    """Images as one batch, uint8 (n, H, W, C), also of none."""
    shape = (0, preprocess.height, preprocess.width, preprocess.channels)
    return torch.from_numpy(np.stack(pixels) if pixels else np.zeros(shape, np.uint8))


def log_of(posteriors: Array) -> NDArray[np.float32]:
    """Logits whose softmax are these posteriors."""
    return np.log(np.maximum(posteriors, np.finfo(np.float32).tiny)).astype(np.float32)
