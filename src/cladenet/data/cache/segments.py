"""Decoded images of any size in files that grow: what was added once is there for all who read.

    N.pixels   uint8, image after image, rows of width x channels
    N.rows     an `ENTRY` of 52 bytes for each: key, where it starts, height, width, CRC-32
    N.lock     held by the process that adds to the two

Each process that adds has a pair of files of its own, and all are read. The pixels are written
before their entry, whose sum is over key, shape and pixels. So after a kill or a power cut what
cannot be read as it was written is known, and counts as not there.
"""

import os
import threading
import weakref
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

ENTRY = np.dtype([
    ("key", "V32"), ("start", "<i8"), ("height", "<u4"), ("width", "<u4"), ("crc32", "<u4"),
])  # fmt: skip

Entries = NDArray[np.void]
Pixels = NDArray[np.uint8]


class Segments:
    """The pairs of files in a folder.

    Args:
        folder: where they are.
        channels: of all images.
    """

    def __init__(self, folder: Path, channels: int) -> None:
        self.folder = folder
        self.channels = channels
        self._found: list[tuple[int, Entries]] = []
        self._read: dict[int, int] = {}  # bytes of entries, by segment
        self._lock = threading.Lock()
        self._writer: _Writer | None = None
        self._handles: dict[int, int] = {}
        weakref.finalize(self, _close, self._handles)

    def __reduce__(self) -> tuple[object, ...]:
        return segments, (self.folder, self.channels)

    def entries(self) -> list[tuple[int, Entries]]:
        """All entries there are, with their segments; lists of later calls go on where this ends.

        What this process has added is among them.
        """
        with self._lock:
            for path in sorted(self.folder.glob("*.rows")):
                number = int(path.stem)
                known = self._read.get(number, 0)
                size = path.stat().st_size // ENTRY.itemsize * ENTRY.itemsize
                if size > known:
                    with path.open("rb") as file:
                        file.seek(known)
                        content = file.read(size - known)
                    self._found.append((number, np.frombuffer(content, ENTRY)))
                    self._read[number] = size
            return list(self._found)

    def read(self, segment: int, start: int, height: int, width: int) -> Pixels | None:
        """Pixels (H, W, C), whatever they are; None if there are not so many."""
        pixels = np.empty((height, width, self.channels), np.uint8)
        try:
            found = os.preadv(self._handle(segment), [pixels.reshape(-1).data], start)
        except OSError:
            return None
        return pixels if found == pixels.nbytes else None

    def add(self, key: bytes, image: Pixels) -> tuple[int, int]:
        """Keep an image; where it is: segment and start.

        Raises:
            OSError: there is no room, or the folder cannot be written.
        """
        with self._lock:
            if self._writer is None or self._writer.process != os.getpid():
                self._writer = _Writer(self.folder)  # a process that was forked has its own
            return self._writer.number, self._writer.add(key, np.ascontiguousarray(image))

    def _handle(self, segment: int) -> int:
        if (handle := self._handles.get(segment)) is not None:
            return handle
        with self._lock:
            if segment not in self._handles:
                path = self.folder / f"{segment}.pixels"
                self._handles[segment] = os.open(path, os.O_RDONLY)
            return self._handles[segment]


def segments(folder: Path, channels: int) -> Segments:
    """Those in `folder`, which has to be there; one object for all who ask in a process."""
    return _of_inode(folder, channels, folder.stat().st_ino)


@lru_cache(maxsize=16)
def _of_inode(folder: Path, channels: int, inode: int) -> Segments:
    return Segments(folder, channels)


def sum_of(key: bytes, image: Pixels) -> int:
    """CRC-32 of key, height, width and pixels."""
    height, width, _ = image.shape
    head = key + height.to_bytes(4, "little") + width.to_bytes(4, "little")
    return zlib.crc32(np.ascontiguousarray(image).data, zlib.crc32(head))


class _Writer:
    """The first pair of files that nobody else adds to, or a new one."""

    def __init__(self, folder: Path) -> None:
        self.process = os.getpid()
        self.number = 0
        while True:
            self._lock = FileLock(folder / f"{self.number}.lock")
            try:
                self._lock.acquire(blocking=False)
                break
            except Timeout:
                self.number += 1
        self._pixels, self._pixels_end = _appended_to(folder / f"{self.number}.pixels")
        self._rows, rows_end = _appended_to(folder / f"{self.number}.rows")
        self._rows_end = rows_end // ENTRY.itemsize * ENTRY.itemsize
        os.ftruncate(self._rows, self._rows_end)  # a kill may have left half an entry
        weakref.finalize(self, _close, {0: self._pixels, 1: self._rows})

    def add(self, key: bytes, image: Pixels) -> int:
        start = self._pixels_end
        height, width, _ = image.shape
        entry = np.array([(key, start, height, width, sum_of(key, image))], ENTRY)
        try:
            _write(self._pixels, image.reshape(-1).data)
            _write(self._rows, memoryview(entry.tobytes()))
        except OSError:
            os.ftruncate(self._pixels, start)
            os.ftruncate(self._rows, self._rows_end)
            raise
        self._pixels_end += image.nbytes
        self._rows_end += ENTRY.itemsize
        return start


def _appended_to(path: Path) -> tuple[int, int]:
    """A file that is written at its end, and where that is."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    return handle, os.fstat(handle).st_size


def _write(handle: int, content: memoryview) -> None:
    """All of it: a write may stop short."""
    while len(content):
        content = content[os.write(handle, content) :]


def _close(handles: dict[int, int]) -> None:
    while handles:
        os.close(handles.popitem()[1])
