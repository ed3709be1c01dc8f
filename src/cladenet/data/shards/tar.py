"""A tar archive from its first byte to its last, refused where it is not whole.

Python's tarfile takes a damaged header, a zero block or the end of the file for the end of the
archive, and what comes after is gone. Here an archive ends with two zero blocks and nothing but
zeros after them; everything else is damage. ustar, GNU and PAX headers are read (POSIX.1-2017,
pax; the GNU tar manual, "Basic Tar Format").
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from cladenet.data.images.decode import readable
from cladenet.data.shards.damage import DamagedShard

BLOCK = 512
ZEROS = bytes(BLOCK)
CHUNK = 1 << 20
LONGEST_NAME = 1 << 20  # bytes of a PAX header or a GNU long name

FILE, HARD_LINK, SYMBOLIC_LINK, FOLDER = "file", "hard link", "symbolic link", "folder"
KINDS = {
    b"0": FILE, b"\0": FILE, b"7": FILE, b"1": HARD_LINK, b"2": SYMBOLIC_LINK, b"5": FOLDER,
    b"3": "device", b"4": "device", b"6": "pipe", b"S": "sparse file", b"V": "volume label",
    b"M": "rest of a file of another volume", b"D": "folder", b"A": "access list",
}  # fmt: skip
OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file; name it with parquet:",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself with `git lfs pull`",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; gz, bz2 and xz are read",
    b"<": "a web page or XML",
}


class TarMember(NamedTuple):
    """One entry.

    Args:
        name: as stored, bytes that are not UTF-8 as surrogates.
        kind: one of `KINDS`.
        link: the name that a link stands for.
        offset: where its bytes start in the archive.
        size: how many there are.
    """

    name: str
    kind: str
    link: str
    offset: int
    size: int


class Stream(Protocol):
    """Bytes, forward only."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""


class Archive:
    """Iterate for the members, ask `data` for the bytes of the last one that came.

    Args:
        path: for messages.
        stream: the archive, uncompressed.

    Attributes:
        is_closed: it ended with its two zero blocks. One that was cut between two members looks
            like a shorter one without them; whoever knows how many members there are may judge.

    Raises:
        DamagedShard: while iterating, at the first byte that no whole archive has.
    """

    def __init__(self, path: str, stream: Stream) -> None:
        self.path = path
        self.is_closed = False
        self._stream = stream
        self._position = 0
        self._last: TarMember | None = None

    def __iter__(self) -> Iterator[TarMember]:
        pax: dict[str, str] = {}
        everywhere: dict[str, str] = {}
        while (header := self._header()) is not None:
            kind, size = header[156:157], self._number(header, 124, 136, "size")
            if kind in b"LKxXg":
                text = self._extension(kind, size)
                if kind == b"g":
                    everywhere |= _records(text)
                elif kind in b"xX":
                    pax |= _records(text)
                else:
                    pax["path" if kind == b"L" else "linkpath"] = _text(text.rstrip(b"\0"))
                continue
            self._last = self._member(header, kind, size, everywhere | pax)
            pax = {}
            yield self._last
            self._skip(self._last.offset + -(-self._last.size // BLOCK) * BLOCK)

    def data(self) -> bytes:
        """The bytes of the member that came last; once."""
        if self._last is None:
            return b""
        data = self._read(self._last.size)
        if len(data) < self._last.size:
            self._cut()
        return data

    def _header(self) -> bytes | None:
        """The next header; None at the end."""
        at, block = self._position, self._read(BLOCK)
        if block == ZEROS:
            self._end(at)
            return None
        if not block and at:
            return None
        if len(block) < BLOCK:
            raise self._damaged(
                f"is cut off inside a header, {at + len(block):,} bytes from its start"
                if at
                else _what_else(block)
            )
        if _stored_sum(block) not in _sums(block):
            raise self._damaged(
                f"the header at byte {at:,}{self._after()} is damaged; what follows cannot be found"
                if at
                else _what_else(block)
            )
        return block

    def _end(self, at: int) -> None:
        """What comes after the first zero block."""
        second = self._read(BLOCK)
        if not second:  # the other zero block is cut off: so may be what came before
            return
        if second.rstrip(b"\0"):
            raise self._damaged(
                f"a zero block at byte {at:,}{self._after()} ends the archive, and more follows; "
                "readers drop that silently"
            )
        self.is_closed = len(second) == BLOCK
        while chunk := self._stream.read(CHUNK):
            if rest := chunk.lstrip(b"\0"):
                start = self._position + len(chunk) - len(rest)
                raise self._damaged(
                    f"ends at byte {at:,}, and more follows from byte {start:,}: another archive "
                    "was written behind it, which readers drop silently. Join archives with "
                    "`tar --concatenate`"
                )
            self._position += len(chunk)

    def _member(self, header: bytes, kind: bytes, size: int, pax: dict[str, str]) -> TarMember:
        name = _text(_field(header, 0, 100))
        if header[257:263] == b"ustar\0" and (prefix := _field(header, 345, 500)):
            name = f"{_text(prefix)}/{name}"
        name = pax.get("path", name)
        if any(key.startswith("GNU.sparse") for key in pax):
            kind = b"S"
        sort = KINDS.get(kind, f"entry of the unknown type {kind!r}")
        if sort is FILE and name.endswith("/"):
            sort = FOLDER
        if "size" in pax:
            size = int(pax["size"]) if pax["size"].isascii() and pax["size"].isdigit() else -1
        if size < 0:
            raise self._damaged(f"the size of {readable(name)} is not a number")
        size = 0 if sort in (HARD_LINK, SYMBOLIC_LINK, FOLDER) else size
        link = pax.get("linkpath", _text(_field(header, 157, 257)))
        return TarMember(name, sort, link, self._position, size)

    def _extension(self, kind: bytes, size: int) -> bytes:
        """The text of a PAX header or a GNU long name."""
        if not 0 <= size <= LONGEST_NAME:
            raise self._damaged(f"a name at byte {self._position:,} has {size:,} bytes")
        start = self._position
        text = self._read(size)
        self._skip(start + -(-size // BLOCK) * BLOCK)
        if len(text) < size or (kind in b"xXg" and not _is_pax(text)):
            raise self._damaged(f"the extended header at byte {start - BLOCK:,} is damaged")
        return text

    def _number(self, header: bytes, start: int, stop: int, what: str) -> int:
        """An octal number, or a binary one as GNU tar writes it."""
        field = header[start:stop]
        if field[0] in (0x80, 0xFF):
            return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
        digits = field.split(b"\0")[0].strip()
        if any(digit not in b"01234567" for digit in digits):
            raise self._damaged(f"the {what} in the header at byte {self._position - BLOCK:,} is "
                                f"{digits!r}")  # fmt: skip
        return int(digits or b"0", 8)

    def _skip(self, to: int) -> None:
        while self._position < to:
            if not self._read(min(CHUNK, to - self._position)):
                self._cut()

    def _read(self, size: int) -> bytes:
        """`size` bytes, fewer at the end."""
        parts, left = [], size
        while left and (part := self._stream.read(left)):
            parts.append(part)
            left -= len(part)
        self._position += size - left
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _cut(self) -> None:
        name = readable(self._last.name) if self._last is not None else "its first header"
        raise self._damaged(f"is cut off inside {name}, {self._position:,} bytes from its start")

    def _after(self) -> str:
        return f", after {readable(self._last.name)}," if self._last is not None else ""

    def _damaged(self, reason: str) -> DamagedShard:
        return DamagedShard(self.path, reason)


def _field(header: bytes, start: int, stop: int) -> bytes:
    return header[start:stop].split(b"\0")[0]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _stored_sum(header: bytes) -> int:
    digits = header[148:156].split(b"\0")[0].strip()
    return int(digits, 8) if digits and all(d in b"01234567" for d in digits) else -1


def _sums(header: bytes) -> tuple[int, int]:
    """Of the header's bytes with blanks for its own sum, unsigned and as old writers signed it."""
    blanked = header[:148] + b" " * 8 + header[156:]
    unsigned = sum(blanked)
    return unsigned, unsigned - 256 * sum(byte > 127 for byte in blanked)


def _is_pax(text: bytes) -> bool:
    try:
        _records(text)
    except ValueError:
        return False
    return True


def _records(text: bytes) -> dict[str, str]:
    """`length key=value newline`, again and again."""
    found = {}
    while text.rstrip(b"\0"):
        length, blank, _ = text.partition(b" ")
        record, text = text[: int(length)], text[int(length) :]
        key, equals, value = record[len(length) + 1 :].partition(b"=")
        if not (blank and equals and value.endswith(b"\n")):
            raise ValueError("no PAX record")
        found[_text(key)] = _text(value[:-1])
    return found


def _what_else(head: bytes) -> str:
    if not head:
        return "is empty (0 bytes)"
    for start, what in OTHERS.items():
        if head.lstrip().startswith(start):
            return f"is not a tar archive but {what}"
    return f"is not a tar archive: it begins with {head[:16]!r}"
