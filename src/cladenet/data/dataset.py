"""What a data set is, once opened: images, labels, class names, and notes for the user.

Images are held in one of two ways. Small ones of one size are one uint8 array; photographs are
paths, decoded when asked for. Nothing here knows a file format; `open_dataset` builds these.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cladenet.data.ids import Ids, Numbered
from cladenet.data.order import Order, shuffled
from cladenet.errors import BadArgument
from cladenet.plural import counted

if TYPE_CHECKING:  # arrays are not decoded
    from cladenet.data.encoded import EncodedImages


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images of one size as a single array.

    Args:
        array: uint8 (N, H, W, C) with C 1 (grey) or 3 (RGB).
    """

    array: NDArray[np.uint8]

    def __post_init__(self) -> None:
        shape = self.array.shape
        if self.array.dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3):
            raise BadArgument(
                f"images are {self.array.dtype} of shape {shape}; expected uint8 (N, H, W, 1 or 3)"
            )

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every image."""
        _, height, width, channels = self.array.shape
        return height, width, channels

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return self.array.shape[3]

    def read(self, index: int) -> NDArray[np.uint8]:
        """Image `index` as uint8 (H, W, C)."""
        return self.array[index]

    def subset(self, indices: NDArray[np.int64]) -> "ArrayImages":
        """The images at `indices`, in that order (a copy)."""
        return ArrayImages(self.array[indices])

    def order(self, seed: int, epoch: int) -> Order:
        """The random order of an epoch."""
        return shuffled(seed, epoch, len(self))

    def digest(self) -> bytes:
        """SHA-256 of the shape and the pixels."""
        sha = hashlib.sha256(repr(self.array.shape).encode())
        sha.update(np.ascontiguousarray(self.array).data)
        return sha.digest()


Images: TypeAlias = "ArrayImages | EncodedImages"


@dataclass(frozen=True, eq=False)
class Split:
    """Images with their labels.

    Args:
        images: N of them.
        labels: int64 (N,), indices into the data set's `classes`.
        ids: N strings for people: a file's path, or `train[17]`.
    """

    images: Images
    labels: NDArray[np.int64]
    ids: Ids

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.labels) == len(self.ids):
            raise BadArgument(
                f"{counted(len(self.images), 'image')}, "
                f"{counted(len(self.labels), 'label')}, {counted(len(self.ids), 'id')}; "
                "expected the same number of each"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: "Sequence[int] | NDArray[np.int64]") -> "Split":
        """The samples at `indices`, in that order; each keeps its id."""
        at = np.asarray(indices, dtype=np.int64)
        return Split(self.images.subset(at), self.labels[at], self.ids.take(at))

    def digest(self) -> bytes:
        """SHA-256 that changes with the images, their order and their labels."""
        labels = self.labels.astype("<i8").tobytes()
        return hashlib.sha256(self.images.digest() + labels).digest()


def from_array(name: str, array: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
    """A split of uint8 (N, H, W, C) images whose ids are `name[0]`, `name[1]`, ..."""
    return Split(ArrayImages(array), labels, Numbered(name, np.arange(len(labels))))


@dataclass(frozen=True, eq=False)
class DataSet:
    """An opened data set.

    Args:
        name: short, for headings: `mnist`, or the folder's name.
        spec: what opens it again: `mnist:/absolute/root`, `/absolute/folder`.
        classes: names, by label.
        channels: 1 (grey) or 3 (RGB) of every image that `read` gives.
        train: the images to learn from; empty where there are only some to evaluate on.
        val: the images to choose by, where the data set has such a split.
        test: the images to report on, where the data set has such a split.
        notes: sentences for the user: what is partial, ignored, skipped.
        unreadable: (path, reason) of the files that were skipped.
    """

    name: str
    spec: str
    classes: tuple[str, ...]
    channels: int
    train: Split
    val: Split | None = None
    test: Split | None = None
    notes: tuple[str, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    def splits(self) -> dict[str, Split]:
        """The splits there are, by name, in the order train, val, test."""
        named = {"train": self.train, "val": self.val, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def with_splits(self, splits: Mapping[str, Split], *notes: str) -> "DataSet":
        """The same data set with other images in some of its splits, and more notes."""
        return replace(
            self,
            train=splits.get("train", self.train),
            val=splits.get("val", self.val),
            test=splits.get("test", self.test),
            notes=(*self.notes, *notes),
        )

    def fingerprint(self) -> str:
        """SHA-256 in hex of class names, and of each split's labels, order and images.

        Arrays count by their pixels, files by relative path and size (see `FileImages.digest`),
        so that a copy of the data elsewhere has the same fingerprint.
        """
        sha = hashlib.sha256("\0".join(self.classes).encode("utf-8", "surrogateescape"))
        for name, split in self.splits().items():
            sha.update(name.encode() + split.digest())
        return sha.hexdigest()
