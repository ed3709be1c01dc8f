"""The bytes of a shard, unpacked where it is packed, with its sums taken on the way.

gz, bz2 and xz carry a sum of what was packed. It is read and compared, which `tarfile` leaves out
when it streams: there a gz with a wrong sum, or cut before it, is read to the end.
"""

import bz2
import io
import lzma
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from typing import IO, TYPE_CHECKING, Any

from cladenet.data.shards.damage import DamagedShard

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK = 1 << 20
PACKED = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\0": "xz"}


def packing_of(path: str) -> str:
    """`gz`, `bz2`, `xz`, or nothing, by the first bytes and not by the name."""
    with open(path, "rb") as file:
        head = file.read(6)
    return next((name for magic, name in PACKED.items() if head.startswith(magic)), "")


class Tallied(io.RawIOBase):
    """A file that is read forward; its bytes are counted and summed as they pass.

    Attributes:
        size: bytes so far.
        crc32: of these.
        md5: of these in hex, where it was asked for; else empty.
    """

    def __init__(self, file: io.FileIO, with_md5: bool = False) -> None:
        self._file = file
        self._md5 = md5(usedforsecurity=False) if with_md5 else None
        self.size = self.crc32 = 0

    @property
    def md5(self) -> str:
        """See above."""
        return self._md5.hexdigest() if self._md5 is not None else ""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        """The next bytes into `buffer`; how many."""
        view = memoryview(buffer)
        count = self._file.readinto(view) or 0
        self.size += count
        self.crc32 = zlib.crc32(view[:count], self.crc32)
        if self._md5 is not None:
            self._md5.update(view[:count])
        return count


class Unpacked(io.RawIOBase):
    """What is packed in a stream, read forward.

    Args:
        path: for messages.
        packed: the stream.
        packing: "gz", "bz2" or "xz".

    Raises:
        DamagedShard: while reading: it is cut off, or not what was packed.
    """

    def __init__(self, path: str, packed: io.RawIOBase, packing: str) -> None:
        self._path, self._packed, self._packing = path, packed, packing
        self._waiting = b""
        self._unpacker = self._new()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "Buffer", /) -> int:
        """The next bytes into `buffer`; how many."""
        view = memoryview(buffer)
        try:
            data = self._next(len(view))
        except EOFError:
            raise DamagedShard(
                self._path, f"is cut off: the {self._packing} stream has no end"
            ) from None
        except (OSError, zlib.error, lzma.LZMAError) as error:
            raise DamagedShard(self._path, f"is damaged: {self._packing}: {error}") from error
        view[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        while not self._unpacker.eof or self._begins_again():
            data = self._waiting
            if not data and self._wants_more() and not (data := self._packed.read(CHUNK) or b""):
                raise EOFError
            if out := self._unpack(data, size):
                return out
        return b""

    def _unpack(self, data: bytes, size: int) -> bytes:
        out: bytes = self._unpacker.decompress(data, size)
        if self._packing == "gz":
            self._waiting = self._unpacker.unconsumed_tail
        else:
            self._waiting = b""
        return out

    def _wants_more(self) -> bool:
        return bool(getattr(self._unpacker, "needs_input", True))

    def _begins_again(self) -> bool:
        """Whether another stream follows the one that has ended; zeros between them are padding."""
        rest = self._unpacker.unused_data.lstrip(b"\0")
        while not rest:
            more = self._packed.read(CHUNK)
            if not more:
                return False
            rest = more.lstrip(b"\0")
        self._unpacker, self._waiting = self._new(), rest
        return True

    def _new(self) -> Any:
        if self._packing == "gz":
            return zlib.decompressobj(wbits=31)  # with header and trailer
        return bz2.BZ2Decompressor() if self._packing == "bz2" else lzma.LZMADecompressor()


class PlacedFile:
    """A file that is read at any place, by any thread; closed when nobody has it any more."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle = -1
        try:
            self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise DamagedShard(path, f"cannot be read: {error.strerror}") from error

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from byte `offset` on.

        Raises:
            DamagedShard: they are not there.
        """
        try:
            data = os.pread(self._handle, size, offset)
        except OSError as error:
            raise DamagedShard(self._path, f"cannot be read: {error.strerror}") from error
        if len(data) < size:
            raise DamagedShard(self._path, "is shorter than when it was indexed")
        return data

    def __del__(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)


@contextmanager
def opened(path: str, with_md5: bool = False) -> Iterator[tuple[IO[bytes], Tallied]]:
    """The bytes of an archive, unpacked, and the file that they come from.

    Raises:
        DamagedShard: it cannot be read.
    """
    try:
        packing = packing_of(path)
        with open(path, "rb", buffering=0) as file:
            tallied = Tallied(file, with_md5)
            raw = Unpacked(path, tallied, packing) if packing else tallied
            with io.BufferedReader(raw, CHUNK) as stream:
                yield stream, tallied
    except FileNotFoundError:
        raise DamagedShard(path, "does not exist") from None
    except OSError as error:
        raise DamagedShard(path, f"cannot be read: {error.strerror or error}") from error
