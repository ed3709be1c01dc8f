"""What people call the images of a split."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.decode import readable


class Ids(Sequence[str]):
    """Readable identities of the images of a split, made when looked at."""

    @abstractmethod
    def take(self, indices: NDArray[np.int64]) -> "Ids":
        """Those at `indices`, in that order."""


@dataclass(frozen=True)
class Numbered(Ids):
    """Readable identities `name[index]` of images in an array, made when looked at."""

    name: str
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, item: int) -> str: ...
    @overload
    def __getitem__(self, item: slice) -> "Numbered": ...
    def __getitem__(self, item: int | slice) -> "str | Numbered":
        if isinstance(item, slice):
            return Numbered(self.name, self.indices[item])
        return f"{self.name}[{self.indices[item]}]"

    def take(self, indices: NDArray[np.int64]) -> "Numbered":
        """Those at `indices`, in that order."""
        return Numbered(self.name, self.indices[indices])


@dataclass(frozen=True)
class Named(Ids):
    """Readable identities of image files: their paths, safe to print, log and write as JSON."""

    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, item: int) -> str: ...
    @overload
    def __getitem__(self, item: slice) -> "Named": ...
    def __getitem__(self, item: int | slice) -> "str | Named":
        return Named(self.paths[item]) if isinstance(item, slice) else readable(self.paths[item])

    def take(self, indices: NDArray[np.int64]) -> "Named":
        """Those at `indices`, in that order."""
        return Named(tuple(map(self.paths.__getitem__, indices.tolist())))
