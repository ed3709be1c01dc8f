"""The images that a file is tried on: validation images of the run, where they are at hand."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.checkpoints import Loaded
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CladeNetError
from cladenet.export.canvas import drawn_image, drawn_sizes
from cladenet.runs.evaluate.scored import as_divided, match_classes, opened

Pixels = NDArray[np.uint8]
TRIED = 8  # images, drawn once for all
BATCH = 5


class Trials(NamedTuple):
    """Images to try a file on.

    Args:
        batches: uint8 (N, H, W, C) each: one image, one of another size where the file takes any,
            and five of one size.
        validation: labelled ones, for a measurement; None where there are none.
        notes: sentences for the user.
    """

    batches: tuple[Pixels, ...]
    validation: Split | None
    notes: tuple[str, ...] = ()


def trials_for(loaded: Loaded, data: str | None) -> Trials:
    """Images of the validation or test split, else of training; drawn ones without data.

    Args:
        loaded: the network.
        data: what to open instead of the data that the network was trained on.

    Raises:
        BadArgument, DataError: `data` cannot be opened.
    """
    preprocess = loaded.card.preprocess
    try:
        split = _split(loaded, data)
    except CladeNetError as error:
        if data is not None:
            raise
        drawn = [drawn_image(*size, preprocess.channels) for size in drawn_sizes(preprocess)]
        note = f"tried on drawn images, not on real ones: {error}. Name some with --data DATA"
        return Trials(batches_of(drawn, preprocess), None, (note,))
    count = min(TRIED, len(split))
    chosen = np.sort(np.random.default_rng(0).permutation(len(split))[:count])
    images = [split.images.read(int(place)) for place in chosen]
    return Trials(batches_of(images, preprocess), split)


def batches_of(images: Iterable[Pixels], preprocess: Preprocess) -> tuple[Pixels, ...]:
    """Decoded images of any size, (H, W, C) each, as the batches of `Trials`."""
    given = list(images)
    first = given[0]
    size = (first.shape[1], first.shape[0])
    alike = [_of_size(image, size) for image in given]
    five = np.stack([alike[number % len(alike)] for number in range(BATCH)])
    others = [image[None] for image in given if image.shape != first.shape]
    if not others and preprocess.fit not in ("none", "pad"):  # turned and larger
        others = [_of_size(first, (size[1] * 2 + 1, size[0] * 3))[None]]
    return (first[None], *others[:1], five)


def _of_size(image: Pixels, size: tuple[int, int]) -> Pixels:
    grey = image.shape[2] == 1
    resized = Image.fromarray(image[:, :, 0] if grey else image).resize(size)
    return np.asarray(resized).reshape(size[1], size[0], image.shape[2])


def _split(loaded: Loaded, data: str | None) -> Split:
    dataset = as_divided(opened(loaded, data, "skip"), loaded, given=data is not None)
    splits = dataset.splits()
    for name in ("val", "test", "train"):
        if name in splits and len(splits[name]):
            if data is not None:
                return splits[name]
            return match_classes(splits[name], dataset.classes, loaded.card.classes)[0]
    raise BadArgument("the data have no images")
