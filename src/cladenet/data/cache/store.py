"""Where batches take images from that are files: the cache, or the files themselves.

Both give the same pixels, so which of them it is shows only in the speed. Arrays have a store in
`memory`.
"""

import os
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cladenet.data.cache.view import Box, View
from cladenet.data.encoded import EncodedImages
from cladenet.errors import BadArgument


class Store(Protocol):
    """Images by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Image `index`, uint8 (H, W, C)."""
        ...

    def part(self, index: int, box: Box) -> NDArray[np.uint8]:
        """What `box` says of image `index`."""
        ...

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, where all have one size, as a new (n, H, W, C)."""
        ...


def open_store(
    images: EncodedImages,
    view: View,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_limit: int | None = None,
) -> tuple[Store, tuple[str, ...]]:
    """A store of the views of all images, and notes for the user about it.

    Args:
        images: decoded when they are first asked for, and kept in the cache.
        view: what is kept of each.
        cache_dir: of the decoded images; `cache_root()` if None, and no cache where nobody has
            chosen that folder and it cannot be written.
        cache_limit: bytes that they may take; by default 20 GiB or half of what is free on the
            disk, the lesser. Above it files are decoded whenever asked for; 0 is no cache.

    Raises:
        BadArgument: images and preprocessing contradict each other; the folder cannot be used.
        DataError: a file cannot be decoded.
        OutOfSpace: the disk has no room for what is to be decoded.
    """
    how, wanted = images.decoding, view.preprocess.decoding
    if differ := [name for name in vars(how) if getattr(how, name) != getattr(wanted, name)]:
        opened, asked = (
            ", ".join(f"{name}={getattr(each, name)}" for name in differ) for each in (how, wanted)
        )
        raise BadArgument(
            f"images are opened with {opened}; the preprocessing is for {asked}. Open the data set "
            "with the latter"
        )
    from cladenet.data.cache.file_store import store_of_files

    return store_of_files(images, view, cache_dir, cache_limit)
