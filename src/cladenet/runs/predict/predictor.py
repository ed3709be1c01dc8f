"""A network that names the top classes of images, prepared exactly as its metadata says."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cladenet.checkpoints import Loaded, load
from cladenet.device import check_calibration, check_precision, choose_device
from cladenet.errors import BadArgument, Diverged
from cladenet.evaluation.forward import evaluating, scores
from cladenet.runs.predict.given_images import Attempt, Source, decoded, fitted
from cladenet.runs.predict.prediction import Guess, Prediction, top_classes
from cladenet.threads import our_share

WORTH_PREPARING = 8  # images
MOST_WORKERS = 8  # that decode, unless more are asked for


class Predictor:
    """`predict` for streams of any length; at most two batches of images are held at a time.

    Args:
        run: run or checkpoint folder, or what `load` gave.
        top: how many classes to name; at most as many as there are.
        batch_size: images in one forward pass.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        precision: `fp32`, `bf16` or `int8`.
        calibration: for `int8`, data with images such as those to come, see `open_dataset`, of any
            classes; by default what the run was trained on.
        engine: what runs the network, see `for_inference`.
        fit: `stretch` or `crop` to bring images to the network's size, for checkpoints of data
            that had one size; by default what the checkpoint says.
        max_megapixels: files of which more would be decoded are refused; by default as in training.
        white_level: the sample that is white in files of more than 8 bits that do not declare it;
            by default as in training.
        workers: threads that decode files; 0 is one for each CPU, up to 8.
        threads: for the engine, see `for_inference`.
        note: is given a sentence about what runs the network.

    Raises:
        BadArgument: an argument is out of range.
        CheckpointError: the checkpoint is damaged.
    """

    def __init__(
        self,
        run: str | Path | Loaded,
        top: int = 5,
        *,
        batch_size: int = 64,
        device: str = "auto",
        precision: str = "fp32",
        calibration: str | None = None,
        engine: str = "auto",
        fit: str | None = None,
        max_megapixels: float | None = None,
        white_level: float | None = None,
        workers: int = 0,
        threads: int | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        if top < 1 or batch_size < 1:
            raise BadArgument(
                f"top is {top} and batch_size {batch_size}; expected 1 or more of each"
            )
        self.device = choose_device(device)
        check_precision(precision, self.device.type)
        check_calibration(calibration, precision)
        self.loaded = run if isinstance(run, Loaded) else load(run)
        self.preprocess = self.loaded.card.preprocess
        if fit is not None:
            self.preprocess = fitted(self.preprocess, fit)
        if max_megapixels is not None:
            self.preprocess = replace(self.preprocess, max_megapixels=max_megapixels)
        if white_level is not None:
            self.preprocess = replace(self.preprocess, white_level=white_level)
        self.top, self.batch_size = top, batch_size
        self.workers = workers or min(MOST_WORKERS, our_share().cpus)
        self._precision, self.calibration = precision, calibration
        self._engine, self._threads, self._note = engine, threads, note
        self._network: nn.Module | None = None  # as it was made ready for the first batch
        self._sentence: Callable[[], str] = str
        self._last_note = ""

    def __call__(self, images: Iterable[Source]) -> Iterator[Prediction]:
        """The answers in the order of the images.

        An image that cannot be read comes out with its `error`, in its place; nothing stands in for
        it. Paths are files: folders and patterns are the business of
        `given_images.expanded`.

        Raises:
            Diverged: the network's answers are not finite.
        """
        for batch in decoded(images, self.preprocess, self.batch_size, self.workers):
            yield from self.answers(batch)
        self._say()

    def get_ready(self, images: int) -> str:
        """Make the network ready for batches of so many images, which the first one else waits for.

        Returns a sentence about what runs it.
        """
        self._network = self._prepared(images)
        return self._last_note

    def answers(self, batch: Sequence[tuple[str, Attempt]]) -> Iterator[Prediction]:
        """Of images that are decoded, as one batch: names, and pixels (H, W, C) or a reason."""
        pixels = [image for _, image in batch if not isinstance(image, str)]
        rows: Iterable[NDArray[np.float32]] = self._logits(np.stack(pixels)) if pixels else ()
        answers = iter(rows)
        for name, image in batch:
            if isinstance(image, str):
                yield Prediction(name, error=image)
            else:
                logits = next(answers)
                yield Prediction(name, self.guesses(logits), logits)

    def _logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Of images (n, H, W, C): (n, K)."""
        network = self._network
        if network is None:
            # A few images have their answers from the plain network before another is ready.
            plain = (self._precision, self._engine) == ("fp32", "auto")
            few = len(pixels) < WORTH_PREPARING and plain
            network = self.loaded.model.to(self.device) if few else self._prepared(len(pixels))
            self._network = network
        with evaluating(network):
            logits = scores(network, torch.from_numpy(pixels), self.preprocess, self.device)
        if not bool(logits.isfinite().all()):
            raise Diverged(
                f"the answers of {self.loaded.folder} are not finite numbers; "
                "use an earlier checkpoint, or fp32 in place of bf16"
            )
        found: NDArray[np.float32] = logits.cpu().numpy()
        return found

    def _prepared(self, images: int) -> nn.Module:
        from cladenet.runs.evaluate.quick import as_sentence, quick

        network = quick(
            self.loaded,
            self._precision,
            images,
            self.device,
            self._engine,
            self._threads,
            calibration=self.calibration,
        )
        self._sentence = partial(as_sentence, network)
        self._say()
        return network

    def _say(self) -> None:
        """What runs the network, if that is news."""
        sentence = self._sentence()
        if sentence != self._last_note:
            self._last_note = sentence
            self._note(sentence)

    def guesses(self, logits: NDArray[np.float32], top: int = 0) -> tuple[Guess, ...]:
        """The top classes, `self.top` or so many; of equal ones the lower number first.

        That is their order in an evaluation, too.
        """
        return top_classes(logits, self.loaded.card.classes, top or self.top)
