"""Exported files at work, without torch where the runtime needs none.

from cladenet.export.runtime import open_exported

model = open_exported("flowers.onnx")
posteriors = model.answer(prepared)       # uint8 (N, height, width, C) -> (N, K)
for prediction in FilePredictor(model)(["a.jpg", "b.png"]): ...
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.decode import readable
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError, Diverged
from cladenet.evaluation.softmax import softmax
from cladenet.export.canvas import on_canvas
from cladenet.export.description import Description
from cladenet.export.names import FOLDERS, SUFFIXES, refuse_misspelt
from cladenet.export.normalise import normalised
from cladenet.export.sessions.session import Session
from cladenet.runs.predict.given_images import Attempt, Source, decoded, fitted
from cladenet.runs.predict.prediction import Guess, Prediction, top_classes
from cladenet.threads import check_threads, our_share

MOST_WORKERS = 8  # that decode
WORTH_PREPARING = 8  # images
SMALLEST = float(np.finfo(np.float32).tiny)


class ExportedModel(NamedTuple):
    """A file, ready to answer.

    Args:
        path: of the file.
        session: in its runtime.
        threads: that it was given.
        lean: see `open_exported`.
    """

    path: Path
    session: Session
    threads: int
    lean: bool = False

    @property
    def description(self) -> Description:
        """What the file says of itself."""
        return self.session.description

    @property
    def preprocess(self) -> Preprocess:
        """From a decoded image to the network's input."""
        return self.session.description.preprocess

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the posteriors."""
        return self.session.description.classes

    def answer(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Prepared images, uint8 (N, height, width, C) -> posteriors (N, K).

        Raises:
            Diverged: they are not finite.
        """
        if self.description.takes_pixels:
            found = self.session.run(on_canvas(pixels, self.preprocess))
        elif self.description.input == "prepared":
            found = self.session.run(pixels)
        else:
            logits = self.session.run(normalised(pixels, self.preprocess))
            found = softmax(logits).astype(np.float32)
        return self._finite(found)

    def posteriors(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Decoded images of one size, uint8 (N, H, W, C), prepared inside the file -> (N, K).

        Raises:
            BadArgument: the file takes prepared tensors only.
            Diverged: they are not finite.
        """
        if not self.description.takes_pixels:
            return self.answer(self.preprocess.prepare_all(images))
        return self._finite(self.session.run(images))

    def _finite(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(found).all():
            raise Diverged(
                f"the answers of {readable(str(self.path))} are not finite numbers; "
                "export it as fp32"
            )
        return found


def open_exported(
    path: str | Path, *, threads: int | None = None, runtime: str = "", lean: bool = False
) -> ExportedModel:
    """Open a file that `cladenet export` wrote.

    Args:
        path: ends in .onnx, .xml (OpenVINO), .pt2, .torchscript, .tflite or .mlpackage.
        threads: for the runtime; by default the cores that are ours.
        runtime: a module of `sessions` that can open it, by default the first of `SUFFIXES`.
        lean: for a few images: ready sooner and in half the memory where the runtime can, and
            slower then.

    Raises:
        BadArgument: the name ends otherwise, or `threads` is out of range.
        CheckpointError: the file is missing, damaged, or was not written here.
        MissingExtra: its runtime is not installed.
    """
    path = Path(path)
    refuse_misspelt(path)
    if path.suffix not in SUFFIXES:
        raise BadArgument(
            f"{readable(str(path))} is not an exported file; expected a name that ends in "
            f"{', '.join(SUFFIXES)}"
        )
    if threads is not None:
        check_threads(threads)
    if not (path.is_dir() if path.suffix in FOLDERS else path.is_file()):
        raise CheckpointError(f"{readable(str(path))} does not exist, or is not a file")
    module = import_module(f"cladenet.export.sessions.{runtime or SUFFIXES[path.suffix][0]}")
    threads = threads or our_share().cores
    return ExportedModel(path, module.opened(path, threads, lean), threads, lean)


class FilePredictor:
    """Names the top classes of images by an exported file, as `Predictor` does by a run.

    Images are prepared by Pillow to the pixels that the run's own prediction sees. What an answer
    has for logits are the logarithms of posteriors.

    Args:
        model: a file that was opened; a lean one is opened again for a batch of 8 images or more.
        top: how many classes to name; at most as many as there are.
        batch_size: images in one call.
        fit: `stretch` or `crop`, as of `Predictor`.
        max_megapixels: files of which more would be decoded are refused; by default as in training.
        white_level: the sample that is white in files of more than 8 bits that do not declare it;
            by default as in training.

    Raises:
        BadArgument: an argument is out of range.
    """

    def __init__(
        self,
        model: ExportedModel,
        top: int = 5,
        *,
        batch_size: int = 8,
        fit: str | None = None,
        max_megapixels: float | None = None,
        white_level: float | None = None,
    ) -> None:
        if top < 1 or batch_size < 1:
            raise BadArgument(
                f"top is {top} and batch_size {batch_size}; expected 1 or more of each"
            )
        self.model, self.top, self.batch_size = model, top, batch_size
        self.preprocess = fitted(model.preprocess, fit)
        if max_megapixels is not None:
            self.preprocess = replace(self.preprocess, max_megapixels=max_megapixels)
        if white_level is not None:
            self.preprocess = replace(self.preprocess, white_level=white_level)
        self.workers = min(MOST_WORKERS, our_share().cpus)

    def __call__(self, images: Iterable[Source]) -> Iterator[Prediction]:
        """The answers in the order of the images; one that cannot be read has its `error`.

        Raises:
            Diverged: the file's answers are not finite.
        """
        for batch in decoded(images, self.preprocess, self.batch_size, self.workers):
            yield from self.answers(batch)

    def get_ready(self, images: int) -> str:
        """A sentence about what runs the file; nothing is left to be done for a batch."""
        description = self.model.description
        return f"{self.model.path.name}, {description.precision}, batches of {images} images"

    def answers(self, batch: Sequence[tuple[str, Attempt]]) -> Iterator[Prediction]:
        """Of images that are decoded, as one batch: names, and pixels (H, W, C) or a reason."""
        pixels = [image for _, image in batch if not isinstance(image, str)]
        if self.model.lean and len(pixels) >= WORTH_PREPARING:
            self.model = open_exported(self.model.path, threads=self.model.threads)
        found = iter(self.model.answer(np.stack(pixels)) if pixels else ())
        for name, image in batch:
            if isinstance(image, str):
                yield Prediction(name, error=image)
            else:
                logits = np.log(np.maximum(next(found), SMALLEST))
                yield Prediction(name, self.guesses(logits), logits)

    def guesses(self, logits: NDArray[np.float32], top: int = 0) -> tuple[Guess, ...]:
        """The top classes, `self.top` or so many; of equal ones the lower number first."""
        return top_classes(logits, self.model.classes, top or self.top)
