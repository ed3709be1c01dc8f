"""The likeliest classes of images, prepared exactly as the checkpoint's side-car says."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from cladenet.checkpoints import Loaded, load
from cladenet.data.images.decode import readable
from cladenet.data.preprocess import Preprocess, resize_for
from cladenet.errors import BadArgument, DataError, Diverged
from cladenet.evaluation.forward import evaluating, scores
from cladenet.runs.evaluate.quick import as_sentence, check_precision, quick
from cladenet.runs.predict.given_images import Source, decoded, expanded
from cladenet.runs.undisturbed import undisturbed
from cladenet.threads import our_share
from cladenet.world import choose_device

FITS = ("stretch", "crop")
WORTH_PREPARING = 8  # images


class Guess(NamedTuple):
    """One answer: the class's name and number, and its probability, 0 to 1."""

    name: str
    label: int
    probability: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer for one image.

    Args:
        source: its path as given, or `image[3]` for the fourth of a list.
        top: the likeliest classes, likeliest first; empty if the image cannot be read.
        logits: float32 (K,); empty if the image cannot be read.
        error: why it cannot be read; empty if it can.
    """

    source: str
    top: tuple[Guess, ...] = ()
    logits: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    error: str = ""

    @property
    def best(self) -> Guess:
        """The likeliest class.

        Raises:
            DataError: the image cannot be read.
        """
        if self.error:
            raise DataError(f"{readable(self.source)}: {self.error}")
        return self.top[0]

    def to_json(self) -> dict[str, Any]:
        """Plain values: `file`, and `top` or `error`."""
        if self.error:
            return {"file": self.source, "error": self.error}
        top = [{"class": g.name, "label": g.label, "probability": g.probability} for g in self.top]
        return {"file": self.source, "top": top}


@undisturbed()
def predict(
    run: str | Path | Loaded,
    images: Source | Iterable[Source],
    top: int = 5,
    *,
    batch_size: int = 64,
    device: str = "auto",
    precision: str = "fp32",
    engine: str = "auto",
    fit: str | None = None,
    max_megapixels: float | None = None,
    threads: int | None = None,
) -> list[Prediction]:
    """What the network of `run` sees in each image, in their order.

    The logits are those of an evaluation, bit for bit where the batches are the same and have 8
    images or more; otherwise numbers are added in another order, and they differ by some 1e-6.

    Args:
        run: run or checkpoint folder, or what `load` gave.
        images: one or several of: path, folder (its images, sorted), pattern, bytes of an image
            file, uint8 array (H, W) or (H, W, 1, 3 or 4), Pillow image.
        top: how many classes to name; at most as many as there are.
        batch_size: images in one forward pass.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        precision: `fp32`, `bf16`, or `int8`, for which the run's training images are looked at.
        engine: what runs the network, see `for_inference`.
        fit: `stretch` or `crop` to bring images to the network's size, for checkpoints of data
            that had one size; by default what the checkpoint says.
        max_megapixels: files of which more would be decoded are refused; by default as in training.
        threads: that decode files; by default one for each CPU, up to 8.

    Raises:
        DataError: an image cannot be read, or has a size that the network was not made for.
        BadArgument: an argument is out of range.
        CheckpointError: the checkpoint is damaged.
    """
    single = isinstance(images, str | PathLike | bytes | Image.Image) or (
        isinstance(images, np.ndarray) and images.ndim < 4
    )
    given: Iterable[Source] = [images] if single else images  # type: ignore[list-item, assignment]
    found = predictions(
        run,
        expanded(given),
        top,
        batch_size=batch_size,
        device=device,
        precision=precision,
        engine=engine,
        fit=fit,
        max_megapixels=max_megapixels,
        threads=threads,
    )
    results = []
    for prediction in found:
        if prediction.error:
            raise DataError(f"{readable(prediction.source)}: {prediction.error}")
        results.append(prediction)
    return results


def predictions(
    run: str | Path | Loaded,
    images: Iterable[Source],
    top: int = 5,
    *,
    batch_size: int = 64,
    device: str = "auto",
    precision: str = "fp32",
    engine: str = "auto",
    fit: str | None = None,
    max_megapixels: float | None = None,
    threads: int | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Iterator[Prediction]:
    """`predict` for a stream of any length: at most two batches of images are held at a time.

    An image that cannot be read comes out with its `error`, in its place; nothing stands in for
    it. Paths are files: folders and patterns are the business of `image_list.expand`.
    """
    if top < 1 or batch_size < 1:
        raise BadArgument(f"top is {top} and batch_size {batch_size}; expected 1 or more of each")
    where = choose_device(device)
    check_precision(precision, where)
    loaded = run if isinstance(run, Loaded) else load(run)
    preprocess = fitted(loaded.card.preprocess, fit)
    if max_megapixels is not None:
        preprocess = replace(preprocess, max_megapixels=max_megapixels)

    def ready(images: int) -> nn.Module:
        """A few images have their answers from the plain network before another is ready."""
        if images < WORTH_PREPARING and (precision, engine) == ("fp32", "auto"):
            return loaded.model.to(where)
        network = quick(loaded, precision, images, where, engine)
        told(as_sentence(network))
        return network

    return _stream(loaded, ready, preprocess, images, top, batch_size, where, threads)


def fitted(preprocess: Preprocess, fit: str | None) -> Preprocess:
    """`preprocess` with another way to the network's size.

    Raises:
        BadArgument: `fit` is not one of `FITS`.
    """
    if fit is None:
        return preprocess
    if fit not in FITS:
        raise BadArgument(f"fit is {fit!r}; expected one of {', '.join(FITS)}")
    resize = resize_for(preprocess.height, preprocess.width) if fit == "crop" else None
    return replace(preprocess, fit=fit, resize=resize)


def _stream(
    loaded: Loaded,
    ready: Callable[[int], nn.Module],
    preprocess: Preprocess,
    images: Iterable[Source],
    top: int,
    batch_size: int,
    device: torch.device,
    threads: int | None,
) -> Iterator[Prediction]:
    model, classes = None, loaded.card.classes
    for batch in decoded(images, preprocess, batch_size, threads or min(8, our_share().cpus)):
        pixels = [image for _, image in batch if not isinstance(image, str)]
        answers: Iterator[NDArray[np.float32]] = iter(())
        if pixels:
            prepared = torch.from_numpy(np.stack(pixels))
            model = model or ready(len(pixels))
            with evaluating(model):
                logits = scores(model, prepared, preprocess, device)
            if not bool(logits.isfinite().all()):
                raise Diverged(
                    f"the answers of {loaded.folder} are not finite numbers; "
                    "use an earlier checkpoint, or fp32 in place of bf16"
                )
            answers = iter(logits.cpu().numpy())
        for name, image in batch:
            if isinstance(image, str):
                yield Prediction(name, error=image)
            else:
                answer = next(answers)
                yield Prediction(name, _guesses(answer, classes, top), answer)


def _guesses(logits: NDArray[np.float32], classes: Sequence[str], top: int) -> tuple[Guess, ...]:
    """The likeliest classes; of equal ones the lower number first, as in an evaluation."""
    probabilities = torch.from_numpy(logits).double().softmax(0).tolist()
    order = np.argsort(-logits, kind="stable")[:top]
    return tuple(Guess(classes[label], int(label), probabilities[label]) for label in order)
