"""Which encoded images are equal: one file named twice, links, copies, and the same pixels.

Of files all of this is known once they were looked at, see `survey`. JPEGs of more than 64 pixels
were decoded at 1/2, 1/4 or 1/8: those that are alike so, and those that have the size of a picture
that was decoded in full, are decoded in full here, as long as they are up to `PIXELS_UP_TO`. With
more of them bytes decide: it would keep training waiting for minutes, and copies in sets of that
size are nearly always copies of files. Images in shards are decoded for this, as many as that.
"""

import hashlib
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from cladenet.data.check.places import Groups, first_of_equal, first_places
from cladenet.data.encoded import EncodedImages
from cladenet.data.file_images import FileImages
from cladenet.data.images.facts import inspect
from cladenet.data.pixel_hash import pixel_hash
from cladenet.data.survey.examine import UNREAD
from cladenet.data.survey.rows import ROW
from cladenet.errors import DataError

PIXELS_UP_TO = 5_000
HEAD = 1 << 16
THREADS = 4
CHUNK = 64

Place = tuple[EncodedImages, int]
Job = TypeVar("Job")
Result = TypeVar("Result")


def equal_encoded(encoded: Sequence[EncodedImages]) -> tuple[Groups, str]:
    """Numbers of all images, one collection after the other: equal ones have the same.

    What cannot be read is equal to nothing but itself.

    Returns:
        int64 (N,), and `pixels` or `file bytes`, whichever distinguished them.
    """
    places = _Places(encoded)
    files = [images for images in encoded if isinstance(images, FileImages)]
    if len(files) == len(encoded):
        numbers = _equal_contents(_column(files, "sha"), places)
        firsts = np.unique(numbers)
        pictures: _Pictures | None = _known_pictures(files, firsts)
    else:
        numbers = equal_bytes(places)
        firsts = np.unique(numbers)
        pictures = _decoded_pictures(places, firsts)
    joined = None if pictures is None else _equal_pixels(places, firsts, pictures)
    if joined is None:
        return numbers, "file bytes"
    return firsts[joined][np.searchsorted(firsts, numbers)], "pixels"


class _Places(Sequence[Place]):
    """All images, one collection after the other."""

    def __init__(self, encoded: Sequence[EncodedImages]) -> None:
        self._encoded = encoded
        self._starts = list(accumulate((len(images) for images in encoded), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Place]:
        for images in self._encoded:
            for index in range(len(images)):
                yield images, index

    @overload
    def __getitem__(self, item: int) -> Place: ...
    @overload
    def __getitem__(self, item: slice) -> list[Place]: ...
    def __getitem__(self, item: int | slice) -> Place | list[Place]:
        if isinstance(item, slice):
            return [self[place] for place in range(len(self))[item]]
        if not 0 <= item < len(self):
            raise IndexError(item)
        number = bisect_right(self._starts, item) - 1
        return self._encoded[number], item - self._starts[number]


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


def _column(files: Sequence[FileImages], name: str) -> NDArray[Any]:
    """What was found of all files."""
    return np.concatenate([images.column(name) for images in files] or [np.zeros(0, ROW[name])])


def _equal_contents(hashes: NDArray[np.void], places: Sequence[Place]) -> Groups:
    """By the hash of each file; one that could not be read is equal to its own path alone."""
    numbers = first_of_equal(hashes)
    (unread,) = np.nonzero(hashes == np.void(UNREAD))
    if len(unread):
        sources = (
            images.source(index) for images, index in map(places.__getitem__, unread.tolist())
        )
        numbers[unread] = unread[first_places(sources)]
    return numbers


class _Pictures(NamedTuple):
    """What is compared of N decoded images.

    Args:
        hashes: `pixel_hash` of each, V16 (N,).
        sides: the shorter and the longer, of the whole picture, (N, 2).
        whole: what was decoded is the whole picture, (N,).
        decodes: it does, (N,).
    """

    hashes: NDArray[np.void]
    sides: NDArray[np.int64]
    whole: NDArray[np.bool_]
    decodes: NDArray[np.bool_]


def _known_pictures(files: Sequence[FileImages], chosen: Groups) -> _Pictures:
    names = ("pixels", "width", "height", "whole", "readable")
    pixels, width, height, whole, readable = (_column(files, name)[chosen] for name in names)
    sides = np.sort(np.stack([width, height], axis=1).astype(np.int64), axis=1)
    return _Pictures(pixels, sides, whole, readable)


def _decoded_pictures(places: Sequence[Place], firsts: Groups) -> _Pictures | None:
    """None where they are too many."""
    if len(firsts) > PIXELS_UP_TO:
        return None

    def look(place: int) -> tuple[bytes, int, int, bool, bool]:
        images, index = places[place]
        try:
            facts, pixels, is_whole = inspect(images.source(index), images.decoding)
        except DataError:
            return bytes(16), 0, 0, True, False
        low, high = sorted((facts.width, facts.height))
        return pixel_hash(pixels), low, high, is_whole, True

    seen = np.array(_in_threads(look, firsts.tolist()), "V16, i8, i8, ?, ?")
    hashes, low, high, whole, decodes = (seen[name] for name in seen.dtype.names or ())
    return _Pictures(hashes, np.stack([low, high], axis=1), whole, decodes)


def _equal_pixels(places: Sequence[Place], firsts: Groups, pictures: _Pictures) -> Groups | None:
    """The first of `firsts` with the same pixels, of each; None where too many are in question."""
    in_question = _in_question(pictures)
    if len(in_question) > PIXELS_UP_TO:
        return None

    def in_full(n: int) -> bytes:
        images, index = places[int(firsts[n])]
        try:
            return pixel_hash(images.decoding.read(images.source(index)))
        except DataError:
            return b""

    known, hashes = pictures.whole & pictures.decodes, pictures.hashes.copy()
    for n, found in zip(in_question, _in_threads(in_full, in_question), strict=True):
        if found:
            known[n], hashes[n] = True, np.void(found)
    joined = np.arange(len(hashes))
    joined[known] = joined[known][first_of_equal(hashes[known])]
    return joined


def _in_question(pictures: _Pictures) -> list[int]:
    """Pictures of which only a reduced one is known, and which may yet be equal to another."""
    hashes, sides, whole, decodes = pictures
    reduced: list[int] = np.flatnonzero(~whole & decodes).tolist()
    if not reduced:
        return []
    known = dict(zip(reduced, hashes[reduced].tolist(), strict=True))
    count = Counter(known.values())
    whole_sides = set(map(tuple, np.unique(sides[whole & decodes], axis=0).tolist()))
    side = dict(zip(reduced, map(tuple, sides[reduced].tolist()), strict=True))
    return [n for n in reduced if count[known[n]] > 1 or side[n] in whole_sides]


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
