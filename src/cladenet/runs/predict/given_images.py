"""Images of any kind as they are given: paths, bytes, arrays, Pillow images; decoded in threads."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.images.decode import UnreadableImage
from cladenet.data.named import Stored, is_shards
from cladenet.data.preprocess import Preprocess, resize_for
from cladenet.errors import BadArgument

Source = str | PathLike[str] | bytes | NDArray[np.uint8] | Image.Image | Stored
Attempt = NDArray[np.uint8] | str  # the network's pixels, or the reason why there are none
FITS = ("stretch", "crop")


def expanded(images: Iterable[Source], ignored: Counter[str] | None = None) -> Iterator[Source]:
    """Files in the place of folders and patterns, images in the place of shards.

    A folder's images are sorted, and so are a pattern's matches. A word that is there under its own
    name is that file, also with a `*` or `[` in it. What is not there and is no pattern comes out
    as it is, so that reading it says what is wrong with it.

    Args:
        images: paths, folders, patterns (`**` goes through folders), shards, and images.
        ignored: counts what the folders hold besides images.
    """
    for image in images:
        if isinstance(image, str) and is_shards(image):
            from cladenet.data.shards.stream import stored_images

            yield from stored_images(image)
            continue
        if not isinstance(image, str | PathLike):
            yield image
            continue
        word = os.fspath(image)
        if os.path.isdir(word):
            from cladenet.data.images.listing import images_under

            yield from images_under(word, ignored)
        elif os.path.lexists(word) or not glob.has_magic(word):
            yield word
        else:
            matches = sorted(glob.glob(word, recursive=True))
            for match in matches:
                if not os.path.isdir(match):
                    yield match
            if not matches:
                yield word


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


def decoded(
    images: Iterable[Source], preprocess: Preprocess, batch_size: int, threads: int
) -> Iterator[list[tuple[str, Attempt]]]:
    """Batches of (name, pixels or reason), each decoded while its user is busy with the last."""
    numbered = enumerate(images)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="cladenet-predict")
    batch: list[tuple[str, Attempt]] = []
    try:
        while True:
            coming: list[tuple[str, Future[Attempt]]] = [
                (_name(source, number), pool.submit(_attempt, source, preprocess))
                for number, source in islice(numbered, batch_size)
            ]
            if batch:
                yield batch
            if not coming:
                break
            batch = [(name, future.result()) for name, future in coming]
    finally:
        pool.shutdown(cancel_futures=True)


def read(source: Source, preprocess: Preprocess) -> NDArray[np.uint8]:
    """One image of any kind as the network's pixels, uint8 (height, width, channels).

    Raises:
        UnreadableImage: it does not decode.
        BadArgument: it is no image, or its size is not the one the network was trained for.
    """
    how = preprocess.decoding
    if isinstance(source, Stored):
        if source.problem:
            raise UnreadableImage(source.name, source.problem)
        source = source.data
    if isinstance(source, str | PathLike | bytes):
        return preprocess.prepare(how.read(source))
    if isinstance(source, np.ndarray):
        source = _pillow(source)
    if not isinstance(source, Image.Image):
        raise BadArgument(
            f"an image is a {type(source).__name__}; expected a path, bytes, a uint8 array or a "
            "Pillow image"
        )
    from cladenet.data.images.kinds import Refused
    from cladenet.data.images.picture import to_pixels

    try:
        pixels = to_pixels(source, how.channels, exif=how.exif, white_level=how.white_level)
    except Refused as error:
        raise UnreadableImage("<image>", str(error)) from None
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableImage("<image>", f"is damaged: {error}") from error
    return preprocess.prepare(pixels)


def _attempt(source: Source, preprocess: Preprocess) -> Attempt:
    try:
        return read(source, preprocess)
    except UnreadableImage as error:
        return error.reason
    except BadArgument as error:
        return str(error)


def _pillow(array: NDArray[Any]) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    grey = array.ndim == 2
    if array.dtype != np.uint8 or not (grey or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise BadArgument(
            f"an image is {array.dtype} of shape {array.shape}; expected uint8 (H, W) or "
            "(H, W, 1, 3 or 4), with values from 0 to 255"
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _name(source: Source, number: int) -> str:
    if isinstance(source, Stored):
        return source.name
    return os.fspath(source) if isinstance(source, str | PathLike) else f"image[{number}]"
