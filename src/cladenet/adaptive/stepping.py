"""A network with several exits made ready to be run from exit to exit."""

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.inference.engine.packed import fitting, fold_and_pack
from cladenet.inference.graph.recording import record_for_any_number
from cladenet.inference.graph.stepwise import AllExits, Walk, exits_first, walker
from cladenet.inference.request import DTYPES, CannotPrepare
from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere


class SteppedExits:
    """Runs from exit to exit, each segment packed once; images leave the batch between two.

    Args:
        model: with one exit or more, in evaluation mode on a CPU.
        size: channels, height and width of the images.
        precision: `fp32`, `bf16`, or `int8`.
        batch_size: images in one call, usually; any number can be given.
        calibration: normalised images, for `int8`.

    Attributes:
        chunk: images that are best run at a time; see `inference.engine.packed`.
        engine: what runs it, for thresholds to remember.
        difference: the largest of the logits from the plain network's on two random images, as a
            share of the largest of those.

    Raises:
        BadArgument: the network cannot be run so; the message says why.
    """

    engine = "packed"

    def __init__(
        self,
        model: Classifier,
        size: tuple[int, int, int],
        precision: str = "fp32",
        *,
        batch_size: int = 1,
        calibration: Tensor | None = None,
    ) -> None:
        dtype = DTYPES[precision]
        exits = AllExits(model.exits, model)
        images = torch.randn(2, *size, generator=torch.Generator().manual_seed(0))
        try:
            with training_nowhere(model), torch.inference_mode():
                program = record_for_any_number(exits, images)
                exits_first(program)
                self.chunk = min(batch_size, fitting(program, dtype))
                fold_and_pack(program, dtype, calibration, self.chunk)
                self._walk = walker(program)
                plain = exits(images)
        except CannotPrepare as error:
            raise BadArgument(f"the exits cannot be run one by one: {error}") from error
        self._dtype = dtype
        self.num_exits = model.num_exits
        self.precision = precision
        found = torch.cat(list(self.walk(images)), 1)
        self.difference = float((found - plain).abs().max() / plain.abs().max().clamp_min(1e-30))

    def walk(self, images: Tensor) -> Walk:
        """Logits float32 (n, K) of one exit after the other.

        Send the places of those images that go on, among those that are there; `next` for all.

        Args:
            images: normalised, float32 (N, C, H, W).
        """
        with torch.inference_mode():
            steps = self._walk(images.to(self._dtype, memory_format=torch.channels_last))
            stays = None
            try:
                logits = next(steps)
                while True:
                    stays = yield logits.float()
                    logits = steps.send(stays)
            except StopIteration:
                return
