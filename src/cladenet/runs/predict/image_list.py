"""Lists of image files on standard input, such as `find` writes."""

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

CHUNK = 1 << 16


def listed(stream: BinaryIO, separator: bytes = b"\n") -> Iterator[str]:
    """Paths of a list, as they arrive; bytes that are not UTF-8 survive.

    Args:
        stream: of bytes.
        separator: what ends a path: a newline (a carriage return before it goes too), or a zero
            byte as `find -print0` writes it.
    """
    rest = b""
    while chunk := stream.read1(CHUNK) if hasattr(stream, "read1") else stream.read(CHUNK):
        *whole, rest = (rest + chunk).split(separator)
        yield from _paths(whole, separator)
    yield from _paths([rest], separator)


def _paths(names: Iterable[bytes], separator: bytes) -> Iterator[str]:
    for name in names:
        path = name.removesuffix(b"\r") if separator == b"\n" else name
        if path:
            yield os.fsdecode(path)
