"""Which images a list of words means: files, folders, patterns, and lists of files."""

import glob
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cladenet.data.images.listing import Ignored, images_under

CHUNK = 1 << 16


def expand(words: Iterable[str], ignored: Ignored | None = None) -> Iterator[str]:
    """Paths in the order of the words: a folder's images sorted, a pattern's matches sorted.

    A word that is there under its own name is that file, also with a `*` or `[` in it. What is not
    there and is no pattern comes out as it is, so that reading it says what is wrong with it.

    Args:
        words: paths, folders or patterns (`**` goes through folders).
        ignored: counts what the folders hold besides images.
    """
    for word in words:
        if os.path.isdir(word):
            yield from images_under(word, ignored if ignored is not None else Ignored())
        elif os.path.lexists(word) or not glob.has_magic(word):
            yield word
        else:
            matches = sorted(glob.glob(word, recursive=True))
            for match in matches:
                if not os.path.isdir(match):
                    yield match
            if not matches:
                yield word


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
