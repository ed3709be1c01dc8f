"""Which images are equal: one file named twice, links, copies, and the same pixels saved otherwise.

    step                                      cost
    the same file, by any path or link        a `stat` of each file
    the same size, then the same bytes        what shares its size with another is read
    the same pixels                           one image of each group is decoded

Pixels are compared in sets of up to `PIXELS_UP_TO` different files. In larger ones that would keep
training waiting for minutes, and copies there are nearly always copies of files. A JPEG of more
than `SMALL` pixels is decoded at an eighth first, and in full where another image could be equal.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from cladenet.data.dataset import ArrayImages, EncodedImages, FileImages, Images
from cladenet.data.images.decode import open_image
from cladenet.data.images.kinds import SCALED
from cladenet.errors import DataError

PIXELS_UP_TO = 5_000
SMALL = 1 << 16
HEAD = 1 << 16
THREADS = 4
CHUNK = 64

Groups = NDArray[np.int64]
Place = tuple[EncodedImages, int]
Job = TypeVar("Job")
Result = TypeVar("Result")


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
    """Which images are equal, within a collection and across them.

    What cannot be read is equal to nothing but itself.
    """
    places = [
        (images, index)
        for images in collections
        if not isinstance(images, ArrayImages)
        for index in range(len(images))
    ]
    encoded = equal_bytes(places)
    by = "pixels" if len(np.unique(encoded)) <= PIXELS_UP_TO else "file bytes"
    if by == "pixels":
        encoded = _equal_pixels(places, encoded)
    in_order = iter(encoded.tolist())
    keys: list[Hashable] = []
    for images in collections:
        if isinstance(images, ArrayImages):
            keys += [_digest(image) for image in images.array]
        else:
            keys += [next(in_order) for _ in range(len(images))]
    ends = np.cumsum([len(images) for images in collections])[:-1]
    return Equal(np.split(first_places(keys), ends), by)


def first_places(keys: Iterable[Hashable]) -> Groups:
    """The place at which each key came first: [a, b, a, c] is [0, 1, 0, 3]."""
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(key, n) for n, key in enumerate(keys)], dtype=np.int64)


def equal_bytes(places: Sequence[Place]) -> Groups:
    """Which files have equal bytes, as `first_places` numbers them."""
    known = [_known(images, index) for images, index in places]
    same = first_places(identity for identity, _ in known)
    sizes = {n: size for n, (_, size) in enumerate(known) if same[n] == n and size is not None}
    of_one_size = _shared(sizes, sizes.__getitem__)
    heads = _shared(of_one_size, lambda n: (sizes[n], *_hash(places[n], HEAD)))
    cut = [n for n, (*_, is_whole) in heads.items() if not is_whole]
    whole = _shared(cut, lambda n: (sizes[n], *_hash(places[n])))
    keys = {n: key for n, key in heads.items() if key[-1]} | whole
    return first_places(keys.get(first, first) for first in same.tolist())


def _known(images: EncodedImages, index: int) -> tuple[Hashable, Hashable]:
    """What says that it is the same file, and what equal files have in common (None: nothing)."""
    if not isinstance(images, FileImages):
        return (id(images), index), images.likeness(index)
    try:
        status = os.stat(images.paths[index])
    except OSError:
        return images.paths[index], None
    return (status.st_dev, status.st_ino), status.st_size or None


def _equal_pixels(places: Sequence[Place], groups: Groups) -> Groups:
    """`groups` joined where their first images have the same pixels."""
    different = np.unique(groups)
    jobs = [places[place] for place in different]
    pictures = _in_threads(lambda place: _picture(place, reduced=True), jobs)
    for n in _to_decode_in_full(pictures):
        pictures[n] = _picture(jobs[n], reduced=False)
    joined = first_places(picture.key(n) for n, picture in enumerate(pictures))
    return different[joined][np.searchsorted(different, groups)]


class _Picture(NamedTuple):
    """What is compared of a decoded image; `reduced` if it was decoded at an eighth."""

    sides: tuple[int, ...]
    digest: bytes
    reduced: bool

    def key(self, number: int) -> Hashable:
        """Equal for equal pixels; `number` keeps apart what was not decoded in full."""
        return self if self.digest and not self.reduced else number


def _picture(place: Place, *, reduced: bool) -> _Picture:
    images, index = place
    try:
        how, source = images.decoding, images.source(index)
        with open_image(source, how.max_pixels) as picture:
            sides = tuple(sorted(picture.size))
            reduced &= picture.format in SCALED and sides[0] * sides[1] > SMALL
            pixels = picture.pixels(
                how.channels,
                exif=how.exif,
                reduce_to=1 if reduced else None,
                white_level=how.white_level,
            )
    except DataError:
        return _Picture((), b"", False)
    return _Picture(sides, _digest(pixels), reduced)


def _to_decode_in_full(pictures: Sequence[_Picture]) -> list[int]:
    """The reduced ones that are alike, or of the same size as one that is not reduced."""
    count = Counter(each for each in pictures if each.reduced)
    whole_sides = {each.sides for each in pictures if not each.reduced}
    return [
        n
        for n, each in enumerate(pictures)
        if each.reduced and (count[each] > 1 or each.sides in whole_sides)
    ]


def _shared(numbers: Iterable[int], key: Callable[[int], Result]) -> dict[int, Result]:
    """The keys of the numbers whose key is another one's too."""
    chosen = list(numbers)
    keys = dict(zip(chosen, _in_threads(key, chosen), strict=True))
    count = Counter(keys.values())
    return {number: key for number, key in keys.items() if count[key] > 1}


def _in_threads(function: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """`map`, in chunks: handing over a job of its own for each small file takes as long as it."""
    chunks = [jobs[start : start + CHUNK] for start in range(0, len(jobs), CHUNK)]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="cladenet-equal") as pool:
        done = pool.map(lambda chunk: [function(job) for job in chunk], chunks)
        return [result for results in done for result in results]


def _hash(place: Place, most: int | None = None) -> tuple[Hashable, bool]:
    """SHA-256 of the first `most` bytes or of all, and whether it is all.

    What cannot be read is like nothing else.
    """
    images, index = place
    try:
        source = images.source(index)
        if isinstance(source, bytes):
            return hashlib.sha256(source).digest(), True
        with open(source, "rb", buffering=0) as file:
            if most is None:
                return hashlib.file_digest(file, "sha256").digest(), True
            head = file.read(most)
            return hashlib.sha256(head).digest(), len(head) < most
    except (OSError, DataError):
        return (id(images), index), True


def _digest(pixels: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
