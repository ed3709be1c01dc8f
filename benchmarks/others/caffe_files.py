"""A short writer of Caffe's files: protocol buffers, as caffe.proto has the fields."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

CONVOLUTION, INNER_PRODUCT = 4, 14  # V1LayerParameter.LayerType


class Layer(NamedTuple):
    name: str
    type: str
    blobs: Sequence[Tensor] = ()
    bottom: str = "x"
    top: str = "x"


def write_caffe(file: Path, layers: Sequence[Layer], old: bool = False) -> None:
    """As Caffe writes today, or, `old`, as until 2015: other numbers, shapes of four sides."""
    content = field(1, b"Net")
    for layer in layers:
        content += field(2, _old(layer)) if old else field(100, _new(layer))
    file.write_bytes(content)


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def _floats(values: Tensor) -> bytes:
    return values.numpy().astype("<f4").tobytes()


def _new(layer: Layer) -> bytes:
    content = field(1, layer.name.encode()) + field(2, layer.type.encode())
    content += field(3, layer.bottom.encode()) + field(4, layer.top.encode())
    for blob in layer.blobs:
        shape = field(1, b"".join(map(varint, blob.shape)))
        content += field(7, field(7, shape) + field(5, _floats(blob)))
    return content


def _old(layer: Layer) -> bytes:
    kind = CONVOLUTION if layer.type == "Convolution" else INNER_PRODUCT
    content = field(4, layer.name.encode()) + field(5, kind)
    for blob in layer.blobs:
        sides = [1] * (4 - blob.ndim) + list(blob.shape)
        shape = b"".join(field(number, side) for number, side in enumerate(sides, 1))
        content += field(6, shape + field(5, _floats(blob)))
    return content
