"""In which order an epoch takes the samples of shards: a function of (seed, epoch) alone.

Samples that can be read by themselves are shuffled all together. Where a sample costs all that lies
before it, in packed archives and row groups, the order keeps to what is read forward:

    1. the units (archives, row groups) are shuffled, and taken in rounds of up to 32;
    2. the blocks of a round are read in turns, each unit's in their order, so that all units of a
       round come to their ends together;
    3. every 256 MiB of blocks are a window, and the samples of a window are shuffled.

A window needs no more than its own blocks in memory, and no block is read twice in an epoch.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cladenet.data.augment.draws import sample_seeds
from cladenet.data.order import NOTHING, Order
from cladenet.data.shards.catalogue import Blocks

WINDOW_BYTES = 256 << 20
MOST_UNITS = 32
MOST_OPEN_BYTES = 256 << 20

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Windows(Order):
    """A windowed order.

    Args:
        starts: place in `samples` where each window starts, and their end, int64 (W + 1,).
        blocks: the blocks of each window in the order in which they are read.
    """

    starts: Numbers
    blocks: tuple[Numbers, ...]

    def ahead(self, start: int, stop: int) -> Numbers:
        """The blocks of the windows that `start` to `stop` lie in, and what is due of the next.

        Each window brings the next one in step by step, so that none has to be waited for. Its own
        blocks are there already, but for the first after a start; then they come in the order in
        which they lie, and not in that of the samples.
        """
        blocks = [NOTHING]
        first, last = np.searchsorted(self.starts, [start, stop - 1], side="right") - 1
        for window in range(first, last + 1):
            blocks.append(self.blocks[window])
            if window + 1 < len(self.blocks):
                begin, end = self.starts[window : window + 2]
                part = np.clip(np.array([start - begin, stop - begin]), 0, end - begin)
                low, high = len(self.blocks[window + 1]) * part // (end - begin)
                blocks.append(self.blocks[window + 1][low:high])
        return np.concatenate(blocks)


def windows(blocks: Blocks, samples: Numbers, seed: int, epoch: int) -> Windows:
    """The windowed order of `samples`, which are numbers of samples in `blocks`."""
    of_sample = np.searchsorted(blocks.starts, samples, side="right") - 1
    used, place = np.unique(of_sample, return_inverse=True)
    turn = _turns(blocks, used, seed, epoch)
    read = np.empty(len(used), dtype=np.int64)
    read[turn] = np.arange(len(used))  # when each block is read
    bytes_before = np.cumsum(blocks.sizes[used[turn]]) - blocks.sizes[used[turn]]
    window_of_turn = bytes_before // WINDOW_BYTES
    _, window_of_turn = np.unique(window_of_turn, return_inverse=True)
    window = window_of_turn[read[place]]
    chance = sample_seeds(seed, epoch, np.arange(len(samples)), "order")
    order = np.lexsort((chance, window))
    starts = np.searchsorted(window[order], np.arange(window_of_turn[-1] + 2))
    ends = np.searchsorted(window_of_turn, np.arange(window_of_turn[-1] + 2))
    in_turn = used[turn]
    of_window = tuple(in_turn[begin:end] for begin, end in pairwise(ends))
    return Windows(order.astype(np.int64), starts.astype(np.int64), of_window)


def classes_seen(found: Windows, labels: Numbers) -> tuple[float, float]:
    """Classes that occur in a window, on average: as it is, and as it would be at random.

    Args:
        found: an order.
        labels: class numbers of the samples, int64 (N,).
    """
    window = np.searchsorted(found.starts, np.arange(len(labels)), side="right") - 1
    here = len(np.unique(np.stack([window, labels[found.samples]]), axis=1)[0])
    shares = np.bincount(labels) / len(labels)
    sizes = np.diff(found.starts)
    absent = np.exp(np.log1p(-np.minimum(shares, 1 - 1e-9))[:, None] * sizes)
    return here / len(sizes), float((1 - absent).sum(axis=0).mean())


def _turns(blocks: Blocks, used: Numbers, seed: int, epoch: int) -> Numbers:
    """The order in which the blocks `used` are read, as places in `used`."""
    units = len(blocks.shard)
    rank = np.empty(units, dtype=np.int64)
    rank[sample_seeds(seed, epoch, np.arange(units), "units").argsort()] = np.arange(units)
    open_at_once = MOST_OPEN_BYTES // max(1, blocks.open_bytes)
    unit = blocks.unit[used]
    counts = np.bincount(unit, minlength=units)
    firsts = np.cumsum(counts) - counts
    progress = (np.arange(len(used)) - firsts[unit] + 0.5) / counts[unit]
    round_of = rank[unit] // max(1, min(MOST_UNITS, open_at_once))
    return np.lexsort((rank[unit], progress, round_of))
