"""What people call the images of a split."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray


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
