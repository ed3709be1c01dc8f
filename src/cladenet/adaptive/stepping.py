"""A network with several exits made ready to be run from exit to exit."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from cladenet.adaptive.batch import Batch
from cladenet.errors import BadArgument
from cladenet.inference.comparing import refusal
from cladenet.inference.engine.packed import fitting, fold_and_pack
from cladenet.inference.graph.recording import record_for_any_number
from cladenet.inference.graph.stepwise import AllExits, Segments, exits_first
from cladenet.inference.nearness import check_difference, share_of_largest
from cladenet.inference.request import CHECKED_IN_8_BITS, DTYPES, CannotPrepare
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
        difference: the largest of an exit's logits from those of the plain network's exit, as a
            share of the largest of those: on two random images, in `int8` on 16 of `calibration`.

    Raises:
        BadArgument: the network cannot be run so; the message says why. In `int8` that is also
            where an exit's logits are further off than `for_inference` would take.
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
        if calibration is not None:
            images = calibration[:CHECKED_IN_8_BITS]
        try:
            with training_nowhere(model), torch.inference_mode():
                program = record_for_any_number(exits, images)
                exits_first(program)
                self.chunk = min(batch_size, fitting(program, dtype))
                fold_and_pack(program, dtype, calibration, self.chunk)
                self._segments = Segments(program)
                plain = exits(images)
        except CannotPrepare as error:
            raise BadArgument(f"the exits cannot be run one by one: {error}") from error
        self._dtype = dtype
        self.num_exits = model.num_exits
        self.precision = precision
        self.difference = 0.0
        for number, found in enumerate(self.walk(images)):
            difference = share_of_largest(found, plain.chunk(self.num_exits, 1)[number])
            self.difference = max(self.difference, difference)
            if precision == "int8":
                try:
                    check_difference(f"exit {number + 1}", difference, precision)
                except CannotPrepare as error:
                    raise refusal(error, precision, images.device.type) from error

    def begin(self, images: Tensor) -> Batch:
        """Normalised images, float32 (N, C, H, W), before the first segment."""
        images = images.to(self._dtype, memory_format=torch.channels_last)
        return Batch(self._segments, [self._segments.begin(images)], [len(images)])

    def run(self, number: int, batch: Batch) -> tuple[Tensor, Batch]:
        """One segment, from 0 -> logits float32 (n, K) of its exit, and the batch behind it.

        To be called under `torch.inference_mode`.

        Args:
            number: of the segment.
            batch: behind the segment before; of no use any more.
        """
        count = len(batch)
        held, filled = batch.gathered()
        logits = self._segments.run(number, held)[:count].float()
        here = None if filled == count else np.arange(count)
        return logits, Batch(self._segments, [held], [filled], here)

    def walk(self, images: Tensor) -> Iterator[Tensor]:
        """Logits float32 (n, K) of one exit after the other, of all images.

        Args:
            images: normalised, float32 (N, C, H, W).
        """
        with torch.inference_mode():
            batch = self.begin(images)
        for number in range(self.num_exits):
            with torch.inference_mode():
                logits, batch = self.run(number, batch)
            yield logits
