"""Images of what can be read from its start alone, kept a block at a time."""

from collections import OrderedDict
from collections.abc import Generator
from functools import partial
from itertools import islice
from threading import Lock

import numpy as np

from cladenet.data.shards.catalogue import Catalogue
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.index import ShardIndex
from cladenet.data.shards.labels import Fields
from cladenet.data.shards.order import WINDOW_BYTES
from cladenet.data.shards.parquet import image_column, opened_table, rows
from cladenet.data.shards.streams import PlacedFile, opened

KEPT_BYTES = 5 * WINDOW_BYTES // 2  # one in use, one that comes, and what threads still need
MOST_OPEN = 64
FEW = 4  # blocks
CHUNK = 1 << 20

Block = list[bytes]


class BlockCache:
    """The blocks asked for last, two windows and a half of them; each unit is read forward."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()
        self._units: OrderedDict[int, _Unit] = OrderedDict()

    def get(self, block: int) -> Block:
        """The images of a block.

        Raises:
            DamagedShard: they cannot be read.
        """
        if (found := self._found(block)) is not None:
            return found
        table = self._catalogue.blocks
        number = int(table.unit[block])
        with self._lock:
            unit = self._units.pop(number, None) or _Unit(self._catalogue, number)
            self._units[number] = unit
        with unit.lock:
            if (found := self._found(block)) is not None:  # another thread was faster
                return found
            start = int(table.unit_starts[number])
            # Threads ask a little out of turn: what lies before is soon wanted, too.
            coming = int(np.searchsorted(table.starts, start + unit.position))
            begin = coming if block - FEW <= coming <= block and unit.position else block
            for each in range(begin, block + 1):
                first, last = (table.starts[each : each + 2] - start).tolist()
                images = unit.read(first, last - first)
                self._keep(each, images)
        with self._lock:
            self._let_go()
        return images

    def _keep(self, block: int, images: Block) -> None:
        sizes = self._catalogue.blocks.sizes
        with self._lock:
            self._bytes += 0 if block in self._blocks else int(sizes[block])
            self._blocks[block] = images
            while self._bytes > KEPT_BYTES and len(self._blocks) > 1:
                old, _ = self._blocks.popitem(last=False)
                self._bytes -= int(sizes[old])

    def _found(self, block: int) -> Block | None:
        with self._lock:
            if (found := self._blocks.get(block)) is not None:
                self._blocks.move_to_end(block)
            return found

    def _let_go(self) -> None:
        """Close units that are at their ends, and those that were not used for longest."""
        done = [number for number, unit in self._units.items() if unit.is_done]
        extra = list(self._units)[: max(0, len(self._units) - MOST_OPEN)]
        for number in {*done, *extra}:
            if self._units[number].lock.acquire(blocking=False):
                unit = self._units.pop(number)
                unit.close()
                unit.lock.release()


class _Unit:
    """An archive or a row group, read forward.

    Attributes:
        position: of the next image that comes; 0 before the first.
    """

    def __init__(self, catalogue: Catalogue, number: int) -> None:
        self.lock = Lock()
        start, stop = catalogue.blocks.unit_starts[number : number + 2].tolist()
        self._count = stop - start
        self._images_from = partial(_images, catalogue, number)
        self._coming: Generator[bytes, None, None] | None = None
        self.position = 0

    @property
    def is_done(self) -> bool:
        """Its last image was read."""
        return self.position == self._count

    def read(self, first: int, count: int) -> Block:
        """`count` images from number `first` of the unit on."""
        coming, position = self._coming, self.position
        self.close()  # should an error come now
        if coming is None or first < position:
            coming, position = self._images_from(first), first
        images = list(islice(coming, first - position, first - position + count))
        self._coming, self.position = coming, first + count
        return images

    def close(self) -> None:
        """Close the file."""
        self._coming, self.position = None, 0


def _images(catalogue: Catalogue, unit: int, first: int) -> Generator[bytes, None, None]:
    """The images of a unit from its number `first` on."""
    blocks = catalogue.blocks
    shard = int(blocks.shard[unit])
    before = int(blocks.unit_starts[unit] - catalogue.starts[shard])
    count = int(blocks.unit_starts[unit + 1] - blocks.unit_starts[unit])
    path, index = catalogue.shards[shard].path, catalogue.indexes[shard]
    if not catalogue.shards[shard].is_table:
        yield from _of_archive(path, index, range(before + first, before + count))
        return
    # Groups without rows have no unit.
    place = unit - int(np.searchsorted(blocks.shard, shard))
    group = [number for number, rows_of in enumerate(index.about.groups) if rows_of][place]
    with opened_table(path) as table:
        column = image_column(path, table, Fields(index.about.image))
        for row in rows(table, group, column, first=first):
            yield row.image or b""


def _of_archive(path: str, index: ShardIndex, places: range) -> Generator[bytes, None, None]:
    """The images at `places`, in their order; what lies between them is skipped."""
    if not index.about.packing:
        file = PlacedFile(path)
        for place in places:
            yield file.read(int(index.offsets[place]), int(index.sizes[place]))
        return
    with opened(path) as (stream, _):
        position = 0
        for place in places:
            offset, size = int(index.offsets[place]), int(index.sizes[place])
            while position < offset and (skipped := stream.read(min(CHUNK, offset - position))):
                position += len(skipped)
            data = stream.read(size)
            position += len(data)
            if len(data) < size:
                raise DamagedShard(path, "is shorter than when it was indexed")
            yield data
