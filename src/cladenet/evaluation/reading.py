"""Images for protocols: each is decoded once, brought to every scale that is wanted, and let go.

What is held at a time is bounded: images at their scales up to 64 MB, beside what threads prepare
ahead. An image that would be too large at a scale is refused before the work begins.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.data.ahead import in_threads
from cladenet.data.dataset import ArrayImages, Split
from cladenet.data.images.decode import open_image
from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument, DataError
from cladenet.evaluation.scales import at_scale, size_at
from cladenet.world import ALONE, World

MOST_BYTES = 2**26

Wanted = tuple[Preprocess, int]  # whose view, and at which scale
Scaled = Mapping[Wanted, NDArray[np.uint8]]


class Chunk(NamedTuple):
    """Some images of a split, each at all scales; labels and indices int64 (n,)."""

    images: list[Scaled]
    labels: Tensor
    indices: Tensor


def chunks(
    split: Split,
    wanted: Sequence[Wanted],
    most_images: int,
    world: World = ALONE,
    workers: int = 0,
) -> Iterator[Chunk]:
    """The images of this process's part of a split in order, each once.

    Args:
        split: images and labels.
        wanted: scales, of each image.
        most_images: in one chunk.
        world: the processes that share the split.
        workers: threads that decode and resize ahead.

    Raises:
        BadArgument: the images do not suit the preprocessing, or workers is negative.
        DataError: a file cannot be decoded.
    """
    if workers < 0:
        raise BadArgument(f"workers is {workers}; expected 0 or more")
    indices = world.part(len(split))
    read = partial(_read, split, tuple(dict.fromkeys(wanted)))
    images = in_threads(read, indices, workers) if workers else map(read, indices)
    start = indices.start
    for chunk in _chunked(images, most_images):
        chosen = np.arange(start, start + len(chunk))
        start += len(chunk)
        labels = torch.from_numpy(split.labels[chosen].astype(np.int64))
        yield Chunk(chunk, labels, torch.from_numpy(chosen))


def too_large(split: Split, limits: Sequence[tuple[Wanted, int]]) -> dict[int, str]:
    """The images that have more pixels at a scale than the limit, and a clause about each.

    Files are asked for their headers alone; one that cannot be read is left to who reads it.
    """
    found = {}
    for index, (height, width) in _shapes(split):
        for (preprocess, scale), most in limits:
            rows, columns = size_at(preprocess, height, width, scale)
            if rows * columns > most:
                found[index] = (
                    f"is {height}x{width}; with its short side at {scale} it is {rows}x{columns}, "
                    f"{rows * columns / 1e6:,.1f} megapixels; the limit is {most / 1e6:,.1f}"
                )
                break
    return found


def _read(split: Split, wanted: Sequence[Wanted], index: int) -> Scaled:
    image = split.images.read(index)
    return {(preprocess, scale): at_scale(preprocess, image, scale) for preprocess, scale in wanted}


def _chunked(images: Iterable[Scaled], most_images: int) -> Iterator[list[Scaled]]:
    chunk: list[Scaled] = []
    size = 0
    for image in images:
        chunk.append(image)
        size += sum(pixels.nbytes for pixels in image.values())
        if len(chunk) == most_images or size >= MOST_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _shapes(split: Split) -> Iterator[tuple[int, tuple[int, int]]]:
    if isinstance(split.images, ArrayImages):
        yield from ((index, split.images.shape[:2]) for index in range(len(split)))
        return
    for index in range(len(split)):
        try:
            with open_image(split.images.source(index)) as image:
                width, height = image.size
        except DataError:
            continue
        yield index, (height, width)
