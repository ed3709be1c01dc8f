"""Decoded images of any size in one file, read through a memory map.

    pixels   uint8, image after image, rows of width x channels
    index    int64 (N, 3): height, width, CRC-32 of the pixels
    footer   JSON: format, key, images, channels, CRC-32 of the index
    end      length of the footer (8 bytes, little endian), then "CLADPACK"

The file is written under another name in the same folder and renamed when all of it is on disk, so
under its own name it is whole or damaged later; opening it finds out.
"""

import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import DataError, OutOfSpace
from cladenet.files import NO_SPACE, sync_folder

FORMAT = 1
MAGIC = b"CLADPACK"
VERIFIED_BYTES = 256 << 20


class DamagedCache(DataError):
    """A cache file that is not what was written."""


class PackedImages:
    """N images (H, W, C), read-only views of the file.

    Args:
        path: a file that `pack` wrote.

    Raises:
        DamagedCache: size, footer, index or a checksum is wrong. At most 256 MiB of pixels, evenly
            spread, are compared with their checksums.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map()
        self._verify()

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        height, width = self.shapes[index]
        start, end = self._starts[index : index + 2]
        return self._pixels[start:end].reshape(height, width, self.channels)

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, which have one size, as a new (n, H, W, C)."""
        return np.stack([self[index] for index in indices])

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._map()

    def _map(self) -> None:
        footer, index_start, index_end = _read_footer(self.path)
        mapped = np.asarray(np.memmap(self.path, dtype=np.uint8, mode="r"))
        index = mapped[index_start:index_end].tobytes()
        if zlib.crc32(index) != footer["index_crc32"]:
            raise DamagedCache(f"{self.path}: the index is damaged")
        table = np.frombuffer(index, dtype="<i8").reshape(-1, 3)
        self.channels = int(footer["channels"])
        self.shapes: NDArray[np.int64] = np.array(table[:, :2], dtype=np.int64)
        self._checksums: NDArray[np.int64] = np.array(table[:, 2], dtype=np.int64)
        self._starts: NDArray[np.int64] = np.zeros(len(table) + 1, dtype=np.int64)
        np.cumsum(self.shapes.prod(axis=1) * self.channels, out=self._starts[1:])
        if self._starts[-1] != index_start:
            raise DamagedCache(f"{self.path}: the pixels are not as long as the index says")
        self._pixels: NDArray[np.uint8] = mapped[:index_start]

    def _verify(self) -> None:
        stride = max(1, -(-len(self._pixels) // VERIFIED_BYTES))
        for index in range(0, len(self), stride):
            if zlib.crc32(self[index].data) != self._checksums[index]:
                raise DamagedCache(f"{self.path}: image {index} is damaged")


def pack(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    key: str,
    needed: int,
    on_image: Callable[[int], None] = lambda done: None,
) -> None:
    """Write images (H, W, C), at least one and all of the same C, to `path`, atomically.

    Args:
        path: written as `<path>.partial` first, which one process at a time may do.
        images: in their order.
        key: what they are made from, kept in the file.
        needed: bytes that the file will take, an estimate for the message.
        on_image: called with the number of images written so far.

    Raises:
        OutOfSpace: the disk is full; nothing is left behind.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        _write(partial, images, key, on_image)
        os.replace(partial, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        written = partial.stat().st_size if partial.exists() else 0
        partial.unlink(missing_ok=True)
        raise out_of_space(path.parent, max(needed, written)) from error
    finally:
        partial.unlink(missing_ok=True)


def out_of_space(folder: Path, needed: int) -> OutOfSpace:
    """The error for a cache of `needed` bytes that `folder` has no room for."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    return OutOfSpace(
        f"the image cache needs {needed / 1e6:,.1f} MB and {folder} has {free / 1e6:,.1f} MB free, "
        "or a limit on the size of files; make room, set CLADENET_CACHE to another folder, or "
        "train with cache_gb=0, which decodes anew each epoch"
    )


def _write(
    partial: Path,
    images: Iterable[NDArray[np.uint8]],
    key: str,
    on_image: Callable[[int], None],
) -> None:
    rows: list[tuple[int, int, int]] = []
    channels = 0
    with partial.open("wb") as file:
        for image in images:
            height, width, channels = image.shape
            pixels = np.ascontiguousarray(image)
            file.write(pixels.data)
            rows.append((height, width, zlib.crc32(pixels.data)))
            on_image(len(rows))
        index = np.array(rows, dtype="<i8").tobytes()
        footer = json.dumps(
            {
                "format": FORMAT,
                "key": key,
                "images": len(rows),
                "channels": channels,
                "index_crc32": zlib.crc32(index),
            }
        ).encode()
        file.write(index + footer + len(footer).to_bytes(8, "little") + MAGIC)
        file.flush()
        os.fsync(file.fileno())


def _read_footer(path: Path) -> tuple[dict[str, Any], int, int]:
    """The footer, and where the index starts and ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 16))
        end = file.read(16)
        length = int.from_bytes(end[:8], "little")
        if end[8:] != MAGIC or length > size - 16:
            raise DamagedCache(f"{path}: the file does not end as it was written")
        file.seek(size - 16 - length)
        try:
            footer = json.loads(file.read(length))
            index_end = size - 16 - length
            index_start = index_end - 24 * int(footer["images"])
            known = footer["format"] == FORMAT and footer["channels"] in (1, 3)
            known = known and isinstance(footer["index_crc32"], int)
        except (ValueError, KeyError, TypeError):
            known = False
        if not known or index_start < 0:
            raise DamagedCache(f"{path}: the footer is damaged")
    return footer, index_start, index_end
