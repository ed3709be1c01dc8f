"""Images decoded when they are first asked for, and read from the cache from then on."""

import threading

import numpy as np
from numpy.typing import NDArray

from cladenet.data.cache.segments import Entries, Segments, sum_of
from cladenet.data.cache.view import Box, View, cut
from cladenet.data.encoded import EncodedImages
from cladenet.files import NO_SPACE

NOT_THERE = -1
NO_KEY = bytes(32)  # of what could not be read
MIX = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # odd, of splitmix64


class KeptImages:
    """Views of images, by number.

    An image is decoded once by whoever needs it first, and added to `segments`; other processes
    find it after their next `refresh`. What is read is compared with its sum the first time: a
    damaged part of the cache is decoded anew.

    Args:
        images: what is kept.
        view: how.
        segments: where.

    Attributes:
        is_complete: all of them are in the cache; as of the last `refresh`.
        problem: why no more are added; empty while they are.
    """

    def __init__(self, images: EncodedImages, view: View, segments: Segments) -> None:
        self.images = images
        self.view = view
        self.segments = segments
        self.problem = ""
        self._keys = images.keys()
        self._has_key = [key != NO_KEY for key in self._keys.tolist()]
        self._mixed, of = np.unique(_mixed(self._keys), return_inverse=True)
        self._of: NDArray[np.int64] = of.reshape(-1)
        self._segment = np.full(len(self._mixed), NOT_THERE, np.int32)
        self._start, self._sum = (np.zeros(len(self._mixed), kind) for kind in ("<i8", "<u4"))
        self._sides = np.zeros((len(self._mixed), 2), np.uint32)
        self._is_whole = np.zeros(len(self._mixed), bool)
        self._lock = threading.Lock()
        self._seen = 0
        self._epoch = -1
        self.is_complete = False
        self.refresh()

    def __len__(self) -> int:
        return len(self.images)

    def __getstate__(self) -> tuple[EncodedImages, View, Segments]:
        return self.images, self.view, self.segments

    def __setstate__(self, state: tuple[EncodedImages, View, Segments]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Image `index`, uint8 (H, W, C).

        Raises:
            DataError: it is not in the cache, and cannot be decoded.
        """
        place = self._of[index]
        if self._segment[place] != NOT_THERE:
            found = self._read(place, self._keys[index].tobytes())
            if found is not None:
                return found
        return self._decoded(index, place)

    def part(self, index: int, box: Box) -> NDArray[np.uint8]:
        """See `Store`."""
        return cut(self[index], box)

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, which have one size, as a new (n, H, W, C)."""
        return np.stack([self[index] for index in indices])

    def missing(self, indices: NDArray[np.int64]) -> bool:
        """Whether some of these have to be decoded."""
        return bool((self._segment[self._of[indices]] == NOT_THERE).any())

    def begin(self, epoch: int) -> None:
        """`refresh`, if this process has not done so in this epoch."""
        if epoch != self._epoch:
            self._epoch = epoch
            self.refresh()

    def refresh(self) -> None:
        """Find what others have added."""
        with self._lock:
            every = self.segments.entries()
            for segment, entries in reversed(every[self._seen :]):  # the newest holds
                self._note(segment, entries)
            self._seen = len(every)
            self.is_complete = bool((self._segment != NOT_THERE).all())

    def _note(self, segment: int, entries: Entries) -> None:
        """Where images are that were not there; what is there is being read."""
        mixed = _mixed(entries["key"])
        places = np.searchsorted(self._mixed, mixed).clip(max=len(self._mixed) - 1)
        is_ours: NDArray[np.bool_] = np.equal(self._mixed[places], mixed)
        new = np.flatnonzero(is_ours & (self._segment[places] == NOT_THERE))
        places, entries = places[new], entries[new]
        self._start[places], self._sum[places] = entries["start"], entries["crc32"]
        self._sides[places, 0], self._sides[places, 1] = entries["height"], entries["width"]
        self._segment[places] = segment

    def _read(self, place: int, key: bytes) -> NDArray[np.uint8] | None:
        height, width = self._sides[place].tolist()
        found = self.segments.read(
            int(self._segment[place]), int(self._start[place]), height, width
        )
        if found is None or not (self._is_whole[place] or sum_of(key, found) == self._sum[place]):
            self._segment[place] = NOT_THERE
            return None
        self._is_whole[place] = True
        return found

    def _decoded(self, index: int, place: int) -> NDArray[np.uint8]:
        image, is_known = self.view.checked(self.images, index)
        if self.problem or not (is_known and self._has_key[index]):
            return image
        key = self._keys[index].tobytes()
        with self._lock:
            try:
                segment, start = self.segments.add(key, image)
            except OSError as error:
                if error.errno not in NO_SPACE:
                    raise
                self.problem = str(error.strerror)
                return image
            self._start[place], self._sides[place] = start, image.shape[:2]
            self._sum[place] = sum_of(key, image)
            self._is_whole[place] = True
            self._segment[place] = segment
        return image


def _mixed(keys: NDArray[np.void]) -> NDArray[np.uint64]:
    """64 bits of each key; two keys with the same ones are distinguished by their sums."""
    words = np.ascontiguousarray(keys).view("<u8").reshape(-1, 4)
    mixed = words[:, 0].astype(np.uint64)
    for place, factor in enumerate(MIX, 1):
        mixed = (mixed ^ mixed >> np.uint64(29)) * np.uint64(factor) + words[:, place]
    return mixed
