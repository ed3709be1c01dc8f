"""The bytes of images in shards: one by one where that can be, else a block at a time.

Threads may ask at once. A process that is forked, or gets a reader sent, opens the files anew.
"""

import os
from collections import OrderedDict
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.data.shards.catalogue import Catalogue
from cladenet.data.shards.forward import BlockCache
from cladenet.data.shards.streams import PlacedFile

MOST_FILES = 64


class SampleReader:
    """Encoded images by number.

    Args:
        catalogue: what the numbers mean.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._renew()

    def read(self, sample: int) -> bytes:
        """The bytes of an image as they are in the shard now.

        Raises:
            DamagedShard: they cannot be read.
        """
        self._after_fork()
        if self.catalogue.is_seekable:
            shard, place = self.catalogue.place(sample)
            index = self.catalogue.indexes[shard]
            return self._files.read(
                self.catalogue.shards[shard].path,
                int(index.offsets[place]),
                int(index.sizes[place]),
            )
        blocks = self.catalogue.blocks
        block = int(np.searchsorted(blocks.starts, sample, side="right")) - 1
        return self._blocks.get(block)[sample - int(blocks.starts[block])]

    def bring(self, blocks: NDArray[np.int64]) -> None:
        """Have these blocks in memory; of no use where images are read one by one."""
        self._after_fork()
        for block in blocks.tolist():
            self._blocks.get(block)

    def __getstate__(self) -> dict[str, Any]:
        return {"catalogue": self.catalogue}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.catalogue = state["catalogue"]
        self._renew()

    def _renew(self) -> None:
        self._pid = os.getpid()
        self._files = _OpenFiles()
        self._blocks = BlockCache(self.catalogue)

    def _after_fork(self) -> None:
        """The parent's locks may be held for ever here, and its files are at places of its own."""
        if self._pid != os.getpid():
            self._renew()


class _OpenFiles:
    """Files that stay open, the latest ones."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, PlacedFile] = OrderedDict()
        self._lock = Lock()

    def read(self, path: str, offset: int, size: int) -> bytes:
        """`size` bytes of a file from byte `offset` on."""
        with self._lock:
            if (file := self._open.pop(path, None)) is None:
                file = PlacedFile(path)
            self._open[path] = file
            if len(self._open) > MOST_FILES:
                self._open.popitem(last=False)  # closed when the last thread is done with it
        return file.read(offset, size)
