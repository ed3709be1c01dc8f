"""What every collection of encoded images can do, be they files or parts of shards."""

from collections.abc import Hashable
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.decode import Decoding, Rows
from cladenet.data.order import Order


class EncodedImages(Protocol):
    """Images of any size as the bytes of files, which are decoded when asked for."""

    @property
    def channels(self) -> int:
        """1 (luminance) or 3 (RGB) of what `read` gives."""

    @property
    def decoding(self) -> Decoding:
        """How the files become pixels."""

    def __len__(self) -> int: ...

    def read(
        self, index: int, reduce_to: int | None = None, rows: Rows | None = None
    ) -> NDArray[np.uint8]:
        """Image `index` as uint8 (H, W, C); `reduce_to` and `rows` as in `decode`.

        Raises:
            DataError: it cannot be decoded; the message names it and the reason.
        """

    def decoded(self, index: int, reduce_to: int | None) -> tuple[NDArray[np.uint8], bool]:
        """As `read`, and whether the bytes are those of the image's key."""

    def source(self, index: int) -> str | bytes:
        """The path of a file, or its bytes.

        Raises:
            DataError: the bytes cannot be read.
        """

    def likeness(self, index: int) -> Hashable:
        """Equal for equal files, and cheap: their size, say; None where it is unknown."""

    def opened_as(self, decoding: Decoding) -> Self:
        """The same images, decoded so."""

    def subset(self, indices: NDArray[np.int64]) -> Self:
        """The images at `indices`, in that order."""

    def order(self, seed: int, epoch: int) -> Order:
        """The random order in which an epoch reads them."""

    def bring(self, ahead: NDArray[np.int64]) -> None:
        """Fetch what an `Order` says will be read."""

    def digest(self) -> bytes:
        """SHA-256 that tells these images from others, and is the same for a copy elsewhere."""

    def keys(self) -> NDArray[np.void]:
        """Of each image 32 bytes that tell its contents from others', V32 (N,); zeros for none."""

    def home(self) -> str:
        """What its decoded images are kept under."""
