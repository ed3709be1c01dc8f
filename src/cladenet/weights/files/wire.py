"""Google's protocol buffers on the wire: fields by number, without a schema.

A field is a varint (number << 3 | type) and its value: a varint, 8 bytes, a length and as many
bytes, or 4 bytes. See protobuf.dev/programming-guides/encoding. Groups, which nothing has used for
ten years, are refused.
"""

from collections.abc import Iterator

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
LONGEST = 10  # bytes of a varint

Field = tuple[int, int | memoryview]


def fields(data: memoryview) -> Iterator[Field]:
    """Each field's number, and its value: an int for a varint, the bytes of everything else.

    Raises:
        ValueError: the bytes are no message, or break off.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError(f"a field without a number at byte {at}")
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(data, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of the unknown kind {kind} at byte {at}")
        if at + size > len(data):
            raise ValueError(f"a field of {size:,} bytes where {len(data) - at:,} are left")
        yield number, data[at : at + size]
        at += size


def varints(value: int | memoryview) -> list[int]:
    """Whole numbers of a repeated field: one of them, or many in one piece (packed).

    Raises:
        ValueError: they break off.
    """
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        found.append(number)
    return found


def text(value: int | memoryview) -> str:
    """A string.

    Raises:
        ValueError: it is a number, or not UTF-8.
    """
    return str(message(value), "utf-8")


def message(value: int | memoryview) -> memoryview:
    """What has to be bytes.

    Raises:
        ValueError: it is a number.
    """
    if isinstance(value, int):
        raise ValueError("a number in the place of bytes")
    return value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at byte `at`, and where it ends."""
    value = 0
    for place in range(LONGEST):
        if at + place >= len(data):
            raise ValueError("it breaks off")
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError(f"a number of more than {LONGEST} bytes at byte {at}")
