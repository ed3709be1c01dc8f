"""An ONNX file whose weights stay where they are: on the disk, mapped into memory.

ONNX Runtime reads a file twice over, once into protobuf's messages and once into its tensors: of
ResNet-18's 45 MB that is 0.06 s of a processor and 90 MB. It maps what it calls external data, and
copies nothing. `skeleton` is the file's graph with each large tensor written as external data, at
the place where it lies in the file itself.

Fields and their numbers are those of onnx.proto; messages are written in protobuf's wire format.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

GRAPH, INITIALIZER = 7, 5  # of ModelProto, of GraphProto
RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 9, 13, 14  # of TensorProto
EXTERNAL = 1  # DataLocation
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # wire types
LARGE = 1024  # bytes; smaller tensors are shapes and constants that the runtime wants to see


class Field(NamedTuple):
    """A field of a message: its number, and where it, what it holds, and what follows begin."""

    number: int
    begin: int
    value: int
    end: int


def skeleton(path: Path) -> bytes:
    """The model without its large tensors, for a session that looks for them in the file's folder.

    Raises:
        ValueError: it is not a complete protobuf message.
        OSError: it cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        model = bytearray()
        for field in _fields(data, 0, len(data)):
            if field.number == GRAPH:
                model += _message(GRAPH, _graph(data, field, path.name))
            else:
                model += data[field.begin : field.end]
        return bytes(model)


def _graph(data: mmap.mmap, graph: Field, name: str) -> bytes:
    found = bytearray()
    for field in _fields(data, graph.value, graph.end):
        if field.number == INITIALIZER and field.end - field.value >= LARGE:
            found += _message(INITIALIZER, _tensor(data, field, name))
        else:
            found += data[field.begin : field.end]
    return bytes(found)


def _tensor(data: mmap.mmap, tensor: Field, name: str) -> bytes:
    """Its type, shape and name, and where its values are."""
    found, values = bytearray(), None
    for field in _fields(data, tensor.value, tensor.end):
        if field.number == RAW_DATA:
            values = field
        else:
            found += data[field.begin : field.end]
    if values is None:
        return bytes(found)
    place = {"location": name, "offset": values.value, "length": values.end - values.value}
    for key, value in place.items():
        entry = _message(1, key.encode()) + _message(2, str(value).encode())
        found += _message(EXTERNAL_DATA, entry)
    return bytes(found) + _varint(DATA_LOCATION << 3 | VARINT) + _varint(EXTERNAL)


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[Field]:
    while at < end:
        begin = at
        key, at = _read_varint(data, at, end)
        kind, value = key & 7, at
        if kind == BYTES:
            length, value = _read_varint(data, at, end)
            at = value + length
        elif kind == VARINT:
            at = _read_varint(data, at, end)[1]
        elif kind in (FIXED_32, FIXED_64):
            at += 4 if kind == FIXED_32 else 8
        else:
            raise ValueError(f"wire type {kind}")
        if at > end:
            raise ValueError("a field that is cut off")
        yield Field(key >> 3, begin, value, at)


def _read_varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A whole number, 7 bits a byte, the lowest first; and where it ends."""
    number = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise ValueError("a number that is cut off")


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content
