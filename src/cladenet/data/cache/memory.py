"""Images of one size as one array: whole batches cut, padded and mirrored at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from torch import from_numpy

from cladenet.data.preprocess import Preprocess
from cladenet.errors import BadArgument

if TYPE_CHECKING:  # few recipes cut boxes
    from cladenet.data.cache.view import Box

Pixels = NDArray[np.uint8]
AT_ONCE = 1 << 18  # bytes padded at a time, so that they stay in the core's cache


@dataclass(frozen=True)
class ArrayStore:
    """Images in memory, (N, H, W, C): a `Store`."""

    array: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return self.array[index]

    def part(self, index: int, box: "Box") -> NDArray[np.uint8]:
        """See `Store`."""
        from cladenet.data.cache.view import cut

        return cut(self.array[index], box)

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, copied."""
        return self.array[indices]


def in_memory(images: Pixels, preprocess: Preprocess, side: int | None) -> ArrayStore:
    """A store of the views of all images of an array.

    Args:
        images: uint8 (N, H, W, C).
        preprocess: how a network sees them.
        side: None for the evaluation views; else boxes will be cut, of the images as they are
            where evaluation crops them too.

    Raises:
        BadArgument: images and preprocessing contradict each other.
    """
    if images.shape[3] != preprocess.channels:
        raise BadArgument(
            f"images are opened with channels={images.shape[3]}; the preprocessing is for "
            f"channels={preprocess.channels}. Open the data set with the latter"
        )
    whole = side is not None and preprocess.fit == "crop"
    return ArrayStore(images if whole else preprocess.prepare_all(images))


class MirroredWindows:
    """All windows of padded images and of their mirror images: a batch is one gather of rows.

    The images are padded once and kept twice, as they are and mirrored.

    Args:
        images: uint8 (N, H, W, C).
        pad: see `pad_border`.
        mode: see `pad_border`.
        colour: see `pad_border`.
    """

    def __init__(self, images: Pixels, pad: int, mode: str, colour: Pixels) -> None:
        n, self.height, self.width, self.channels = images.shape
        rows, self._columns = self.height + 2 * pad, self.width + 2 * pad
        both = np.empty((2, n, rows, self._columns, self.channels), dtype=np.uint8)
        step = max(1, AT_ONCE // both[0, 0].size)
        for start in range(0, n, step):
            part = slice(start, start + step)
            padded = pad_border(images[part], pad, mode, colour)
            both[0, part], both[1, part] = padded, mirrored_copies(padded)
        self._strides = both.strides
        row, line = both.strides[2], self.width * self.channels
        starts = both.size - (self.height - 1) * row - line + 1  # a window may start at any byte
        self._windows = as_strided(
            both.reshape(-1), (starts, self.height, line), (1, row, 1), writeable=False
        )

    @staticmethod
    def nbytes(images: Pixels, pad: int) -> int:
        """Memory that the windows of `images` take."""
        n, height, width, channels = images.shape
        return 2 * n * (height + 2 * pad) * (width + 2 * pad) * channels

    def starts(self, corners: NDArray[np.int64], mirrored: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Where the windows of all images start, int64 (N,), for `cut`.

        Args:
            corners: row and column of each in its padded image, int64 (N, 2).
            mirrored: which are mirrored after they are cut, bool (N,).
        """
        top, left = corners.T
        left = np.where(mirrored, self._columns - self.width - left, left)
        of_side, of_image, of_row, of_pixel, _ = self._strides
        where: NDArray[np.int64] = np.arange(len(corners)) * of_image + top * of_row
        return where + left * of_pixel + mirrored * of_side

    def cut(self, starts: NDArray[np.int64]) -> Pixels:
        """The windows that start there, uint8 (n, H, W, C)."""
        cut = self._windows[starts]
        return cut.reshape(len(starts), self.height, self.width, self.channels)


def pad_border(images: Pixels, pad: int, mode: str, colour: Pixels) -> Pixels:
    """(N, H, W, C) -> (N, H + 2 pad, W + 2 pad, C).

    Args:
        images: to be padded.
        pad: width of the border.
        mode: "constant" (of `colour`) or "reflect" (without repeating the edge).
        colour: uint8 (C,).
    """
    if mode == "reflect":
        return np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="reflect")
    n, height, width, channels = images.shape
    padded = np.empty((n, height + 2 * pad, width + 2 * pad, channels), dtype=np.uint8)
    # By rows: with an inner loop over 3 channels filling takes ten times longer.
    padded.reshape(n, height + 2 * pad, -1)[:] = np.tile(colour, width + 2 * pad)
    padded[:, pad : pad + height, pad : pad + width] = images
    return padded


def put_window(
    into: Pixels, image: Pixels, corner: tuple[int, int], mode: str, colour: Pixels
) -> None:
    """Fill `into` (H, W, C) with a window of `image` (H, W, C) as if that were padded.

    Args:
        into: one block.
        image: of the same size.
        corner: row and column in the image where the window starts, negative in the border.
        mode: see `pad_border`.
        colour: see `pad_border`.
    """
    height, width, _ = image.shape
    top, left = corner
    if mode == "reflect":
        rows = _reflected(np.arange(top, top + height), height)
        columns = _reflected(np.arange(left, left + width), width)
        into[:] = image[rows[:, None], columns]
        return
    if top or left:
        into.reshape(height, -1)[:] = np.tile(colour, width)
    seen = image[max(0, top) : max(0, height + top), max(0, left) : max(0, width + left)]
    above, before = max(0, -top), max(0, -left)
    into[above : above + seen.shape[0], before : before + seen.shape[1]] = seen


def _reflected(places: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Places along a line that goes on beyond 0 and size - 1 as in a mirror, within it."""
    period = max(1, 2 * (size - 1))
    folded = np.abs(places) % period
    return np.minimum(folded, period - folded)


def mirror(images: Pixels, which: NDArray[np.bool_]) -> None:
    """Mirror the images (N, H, W, C) where `which` (N,) holds, in place."""
    chosen = np.flatnonzero(which)
    if len(chosen):
        images[chosen] = mirrored_copies(images[chosen])


def mirrored_copies(images: Pixels) -> Pixels:
    """Each of (N, H, W, C) mirrored, by PyTorch's kernel: it takes an eighth of numpy's time."""
    mirrored = from_numpy(images).permute(0, 3, 1, 2).flip(3)
    return mirrored.permute(0, 2, 3, 1).numpy()
