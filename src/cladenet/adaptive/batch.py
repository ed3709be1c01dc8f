"""Images on their way from exit to exit, which may lie apart in memory.

Who leaves is written down first. Those that go on are gathered when the next segment runs: once,
from however many batches they come, and filled up to one of few numbers of images.
"""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.inference.graph.running import Held
from cladenet.inference.graph.stepwise import Segments

# oneDNN takes about 0.3 ms to generate the code of a convolution for another number of images, as
# long as ten such convolutions of a few images, and keeps 1,024 of them: in MSDNet any number from
# 1 to 64 would need 7,000. Of numbers between two powers of two it is made ready for 8.
STEPS = 8
MOST_KEPT = 4  # times the memory of the images that are here, before they are gathered


class Batch:
    """Images that are at the same exit.

    Args:
        segments: that they are on their way through.
        sources: what the segments keep of them.
        sizes: how many images are in each source.
        here: (n,), places in all sources, in ascending order; None for all of one source.
    """

    def __init__(
        self,
        segments: Segments,
        sources: Sequence[Held],
        sizes: Sequence[int],
        here: NDArray[np.intp] | None = None,
    ) -> None:
        self._segments = segments
        self._sources, self._sizes, self._here = list(sources), list(sizes), here

    @classmethod
    def joined(cls, several: Sequence["Batch"]) -> "Batch":
        """Several as one, which shares their memory."""
        starts = np.cumsum([0, *(sum(batch._sizes) for batch in several)])
        return cls(
            several[0]._segments,
            [source for batch in several for source in batch._sources],
            [size for batch in several for size in batch._sizes],
            np.concatenate(
                [batch._places() + start for batch, start in zip(several, starts, strict=False)]
            ),
        )

    def __len__(self) -> int:
        return self._sizes[0] if self._here is None else len(self._here)

    def keep(self, stays: NDArray[np.intp]) -> None:
        """Leave one or more alone, at these places among those that are here, in ascending order.

        Few of many are gathered at once, so that they do not hold the memory of all while they
        wait for others.
        """
        self._here = stays if self._here is None else self._here[stays]
        if MOST_KEPT * len(stays) < sum(self._sizes):
            self.gathered()

    def gathered(self) -> tuple[Held, int]:
        """For the next segment: the images, and behind them the last one again to fill up.

        Returns:
            What the segments keep, and how many images that is.
        """
        if self._here is not None:
            count, last = filled_up(len(self._here)), self._here[-1]
            if self._sizes != [count] or last != len(self._here) - 1:  # else nobody has left
                places = np.concatenate([self._here, np.full(count - len(self._here), last)])
                self._sources, self._sizes = [self._segments.gathered(self._rows(places))], [count]
                self._here = np.arange(len(self._here))
        return self._sources[0], self._sizes[0]

    def _places(self) -> NDArray[np.intp]:
        return np.arange(self._sizes[0]) if self._here is None else self._here

    def _rows(self, places: NDArray[np.intp]) -> list[tuple[Held, Tensor]]:
        """The sources that have some of these images, and where."""
        found, start = [], 0
        for source, size in zip(self._sources, self._sizes, strict=True):
            low, high = bisect_left(places, start), bisect_left(places, start + size)
            if low < high:
                found.append((source, torch.from_numpy(places[low:high] - start)))
            start += size
        return found


def filled_up(images: int) -> int:
    """The next of the numbers of images that segments are run with.

    They are all up to 2 `STEPS`, then those of `STEPS` even steps between two powers of two.
    """
    step = max(1, 2 ** (images.bit_length() - 1) // STEPS)
    return -(-images // step) * step
