"""The images that a file is tried on: validation images of the run, where they are at hand."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.checkpoints import Loaded
from cladenet.data.dataset import Split
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, CheckpointError, CladeNetError
from cladenet.export.canvas import drawn_image, drawn_sizes
from cladenet.runs.evaluate.scored import as_divided, match_classes, opened

Pixels = NDArray[np.uint8]
TRIED = 8  # images, drawn once for all
TOGETHER = 5


class Batch(NamedTuple):
    """Decoded images of one size, uint8 (N, H, W, C), and their names."""

    images: Pixels
    names: tuple[str, ...]


class Drawn(NamedTuple):
    """A split that images are drawn from.

    Args:
        name: such as `val`.
        split: the images.
        unlabelled: why its labels are no numbers of the network's classes; empty if they are.
    """

    name: str
    split: Split
    unlabelled: str = ""


class Trials(NamedTuple):
    """Images to try a file on.

    Args:
        batches: one image, one of another size where the file takes any, and five of one size.
        drawn: where they come from; None for images that were made up.
        notes: sentences for the user.
    """

    batches: tuple[Batch, ...]
    drawn: Drawn | None = None
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
        drawn = _drawn(loaded, data)
    except CladeNetError as error:
        if data is not None:
            raise
        made_up = [drawn_image(*size, preprocess.channels) for size in drawn_sizes(preprocess)]
        note = f"tried on drawn images, not on real ones: {error}"
        if "--data" not in str(error):  # which says what to do
            note = f"tried on drawn images, not on real ones: {error}. Name some with --data DATA"
        return Trials(batches_of(made_up, preprocess), None, (note,))
    split = drawn.split
    count = min(TRIED, len(split))
    chosen = np.sort(np.random.default_rng(0).permutation(len(split))[:count])
    images = [split.images.read(int(place)) for place in chosen]
    names = tuple(split.subset(chosen).ids)
    batches = batches_of(images, preprocess, names)
    return Trials(batches, drawn)


def batches_of(
    images: Iterable[Pixels], preprocess: Preprocess, names: Sequence[str] = ()
) -> tuple[Batch, ...]:
    """Decoded images of any size, (H, W, C) each, as the batches of `Trials`."""
    given = list(images)
    names = names or [f"image {number}" for number in range(1, len(given) + 1)]
    first = given[0]
    size = (first.shape[1], first.shape[0])
    alike = [_of_size(image, size) for image in given]
    places = [number % len(alike) for number in range(TOGETHER)]
    five = Batch(np.stack([alike[at] for at in places]), tuple(names[at] for at in places))
    others = [
        Batch(image[None], (name,))
        for image, name in zip(given, names, strict=True)
        if image.shape != first.shape
    ]
    if not others and preprocess.fit not in ("none", "pad"):  # turned and larger
        larger = _of_size(first, (size[1] * 2 + 1, size[0] * 3))[None]
        others = [Batch(larger, (f"{names[0]}, larger",))]
    return (Batch(first[None], (names[0],)), *others[:1], five)


def _of_size(image: Pixels, size: tuple[int, int]) -> Pixels:
    grey = image.shape[2] == 1
    resized = Image.fromarray(image[:, :, 0] if grey else image).resize(size)
    return np.asarray(resized).reshape(size[1], size[0], image.shape[2])


def _drawn(loaded: Loaded, data: str | None) -> Drawn:
    dataset = as_divided(opened(loaded, data, "skip"), loaded, given=data is not None)
    splits = dataset.splits()
    for name in ("val", "test", "train"):
        if name in splits and len(splits[name]):
            try:
                split, _ = match_classes(splits[name], dataset.classes, loaded.card.classes)
            except CheckpointError as error:
                if data is None:
                    raise
                return Drawn(name, splits[name], str(error))
            return Drawn(name, split)
    raise BadArgument("the data have no images")
