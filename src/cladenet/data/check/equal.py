"""Which images are equal, in arrays and in files."""

from collections.abc import Hashable
from itertools import islice
from typing import NamedTuple

import numpy as np

from cladenet.data.check.places import Groups, first_places
from cladenet.data.dataset import ArrayImages, Images
from cladenet.data.pixel_hash import pixel_hash


class Equal(NamedTuple):
    """What `equal_images` found.

    Args:
        groups: of each collection that was given, int64 (N,): equal images have the same number,
            which is the place of the first of them in all collections together.
        by: `pixels` or `file bytes`, whichever distinguished them.
    """

    groups: list[Groups]
    by: str


def equal_images(*collections: Images) -> Equal:
    """Which images are equal, within a collection and across them; of files see `equal_files`.

    What cannot be read is equal to nothing but itself.
    """
    ends = np.cumsum([len(images) for images in collections])[:-1]
    encoded = [images for images in collections if not isinstance(images, ArrayImages)]
    numbers, by = np.zeros(0, np.int64), "pixels"
    if encoded:
        from cladenet.data.check.equal_files import equal_encoded

        numbers, by = equal_encoded(encoded)
        if len(encoded) == len(collections):
            return Equal(np.split(numbers, ends), by)
    in_order = iter(numbers.tolist())
    keys: list[Hashable] = []
    for images in collections:
        if isinstance(images, ArrayImages):
            keys += map(pixel_hash, images.array)
        else:
            keys += islice(in_order, len(images))
    return Equal(np.split(first_places(keys), ends), by)
