"""The samples of many shards, numbered through, and cut into blocks that are read at once."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from cladenet.data.ids import Ids
from cladenet.data.images.decode import readable
from cladenet.data.shards.index import ShardIndex
from cladenet.data.shards.parquet import PAGE_ROWS
from cladenet.data.shards.scanning.several import Shard

BLOCK_BYTES = 8 << 20
GROUP_BYTES = 32 << 20  # a row group of up to this is read at once, and not kept open
OPEN_BYTES = {"gz": 1 << 20, "bz2": 8 << 20, "xz": 64 << 20}  # what unpacking keeps in memory

Numbers = NDArray[np.int64]


class Blocks(NamedTuple):
    """Samples that lie one behind the other and are read together.

    Units are what can be read from its start alone: a row group, a packed archive. A block belongs
    to one, and holds up to 8 MiB of images, or one image,
    or a row group of up to 32 MiB.

    Args:
        starts: first sample of each block, and the end of the last, int64 (B + 1,).
        sizes: bytes of its images, int64 (B,).
        unit: number of its unit, int64 (B,), ascending.
        shard: of each unit, int64 (U,).
        unit_starts: first sample of each unit and the end of the last, int64 (U + 1,).
        open_bytes: what a unit keeps in memory while it is read block by block, at most.
    """

    starts: Numbers
    sizes: Numbers
    unit: Numbers
    shard: Numbers
    unit_starts: Numbers
    open_bytes: int


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Shards in their order; samples are counted from 0 over all of them.

    Args:
        shards: one or more.
        indexes: of each.
        just_read: paths of those whose indexes were made now, and need no second look.
    """

    shards: tuple[Shard, ...]
    indexes: tuple[ShardIndex, ...]
    just_read: frozenset[str] = frozenset()

    @cached_property
    def starts(self) -> Numbers:
        """First sample of each shard and the end of the last, int64 (S + 1,)."""
        return np.cumsum([0, *map(len, self.indexes)], dtype=np.int64)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def place(self, sample: int) -> tuple[int, int]:
        """Number of the shard, and of the sample in it."""
        shard = bisect_right(self._firsts, sample) - 1
        return shard, sample - self._firsts[shard]

    @cached_property
    def _firsts(self) -> list[int]:
        """`starts` as plain numbers, in which one is found in a tenth of the time."""
        firsts: list[int] = self.starts.tolist()
        return firsts

    def name(self, sample: int) -> str:
        """`/data/train-0007.tar: n01/a`, `/data/train.parquet: row 17 (a.jpg)`, for people."""
        shard, place = self.place(sample)
        name = readable(self.indexes[shard].name(place))
        if self.shards[shard].is_table:
            name = f"row {place:,}" + (f" ({name})" if name else "")
        return f"{readable(self.shards[shard].path)}: {name}"

    @cached_property
    def is_seekable(self) -> bool:
        """Every sample can be read by itself: all shards are archives that are not packed."""
        return all(
            not (shard.is_table or index.about.packing)
            for shard, index in zip(self.shards, self.indexes, strict=True)
        )

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks of all shards."""
        sizes = np.concatenate([index.sizes for index in self.indexes])
        counts = [[n for n in index.about.groups if n] for index in self.indexes]
        unit_sizes = np.concatenate([np.array(groups, dtype=np.int64) for groups in counts])
        unit_starts = np.concatenate([[0], np.cumsum(unit_sizes)]).astype(np.int64)
        before = np.concatenate([[0], np.cumsum(sizes)])
        unit_of = np.repeat(np.arange(len(unit_sizes)), unit_sizes)
        unit_bytes = np.diff(before[unit_starts])
        shard = np.repeat(np.arange(len(counts)), [len(groups) for groups in counts])
        is_table = np.array([each.is_table for each in self.shards])[shard]
        whole = is_table & (unit_bytes <= GROUP_BYTES)
        within = (before[:-1] - before[unit_starts[unit_of]]) // BLOCK_BYTES
        within[whole[unit_of]] = 0
        changes = np.diff(unit_of, prepend=-1) | np.diff(within, prepend=-1)
        first = np.flatnonzero(changes)
        starts = np.append(first, len(sizes)).astype(np.int64)
        return Blocks(
            starts=starts,
            sizes=np.diff(before[starts]),
            unit=unit_of[first].astype(np.int64),
            shard=shard.astype(np.int64),
            unit_starts=unit_starts,
            open_bytes=max(map(self._open_bytes, range(len(self.shards)))),
        )

    def _open_bytes(self, shard: int) -> int:
        index = self.indexes[shard]
        if not self.shards[shard].is_table:
            return OPEN_BYTES.get(index.about.packing, 0)
        # Larger row groups are read on, page by page.
        total, most = int(index.sizes.sum()), max(index.about.groups)
        mean = total // len(index)
        return 2 * mean * min(most, PAGE_ROWS) if mean * most > GROUP_BYTES else 0


@dataclass(frozen=True)
class SampleNames(Ids):
    """Readable identities of samples, made when looked at."""

    catalogue: Catalogue
    samples: Numbers

    def __len__(self) -> int:
        return len(self.samples)

    @overload
    def __getitem__(self, item: int) -> str: ...
    @overload
    def __getitem__(self, item: slice) -> "SampleNames": ...
    def __getitem__(self, item: int | slice) -> "str | SampleNames":
        if isinstance(item, slice):
            return SampleNames(self.catalogue, self.samples[item])
        return self.catalogue.name(int(self.samples[item]))

    def take(self, indices: NDArray[np.int64]) -> "SampleNames":
        """Those at `indices`, in that order."""
        return SampleNames(self.catalogue, self.samples[indices])


def every(catalogue: Catalogue) -> Numbers:
    """The numbers of all samples."""
    return np.arange(len(catalogue), dtype=np.int64)


def shard_names(shards: Sequence[Shard]) -> str:
    """`train-0.tar`, or `train-0.tar and 49 more`."""
    name = readable(shards[0].path)
    return name if len(shards) == 1 else f"{name} and {len(shards) - 1:,} more"
