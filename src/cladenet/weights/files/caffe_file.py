"""Files of Caffe, `.caffemodel`, as tensors by name, read without Caffe or protobuf.

A name is `caffe/LAYER.weight` with the layer's own name, as prototxts have it. A BatchNorm's sums
are divided by the factor that stands beside them, and the Scale that reads it is its weight and
bias, since Caffe splits in two what is one layer everywhere else. A response norm has no weights;
what it reads tells AlexNet from CaffeNet, and is kept as an empty tensor by the name of
`caffe/norm1 reads pool1`. Fields and numbers are those of
BVLC's src/caffe/proto/caffe.proto; layers are read as Caffe writes them today and as it did until
2015 (`V1LayerParameter`).
"""

from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cladenet.errors import CheckpointError
from cladenet.weights.files.wire import fields, message, text, varints

CAFFE = "caffe/"
SUFFIX = ".caffemodel"
NORM, SCALE = "BatchNorm", "Scale"
RESPONSE_NORM = ("LRN", "15")  # by name, and as it was numbered
READS = " reads "


class _Numbers(NamedTuple):
    """A layer's fields: their numbers in a message."""

    name: int
    bottom: int
    top: int
    blobs: int
    type: int


LAYERS = {100: _Numbers(1, 3, 4, 7, 2), 2: _Numbers(4, 2, 3, 6, 5)}  # today's, and those until 2015
OLDEST = 1  # in the latter: a layer as it was before 2014
SHAPE, FLOATS, DOUBLES, SIDES = 7, 5, 8, (1, 2, 3, 4)  # of a blob


class _Layer(NamedTuple):
    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    blobs: tuple[Tensor, ...]


def read_caffe(path: Path) -> dict[str, Tensor]:
    """The tensors of a `.caffemodel`, in the order of its layers.

    Raises:
        CheckpointError: it is none, is damaged, or is older than 2014.
    """
    try:
        whole = np.memmap(path, np.uint8, "r").data
        layers = list(_layers(whole))
    except (OSError, ValueError, OverflowError) as error:
        raise CheckpointError(
            f"{path} is not a complete Caffe file ({error}); get it again from its source"
        ) from error
    if not any(layer.blobs for layer in layers):
        raise CheckpointError(
            f"{path} holds no layers with weights. A network's description is text (.prototxt), "
            "and a mean image a .binaryproto; the weights are the .caffemodel"
        )
    found: dict[str, Tensor] = {}
    norm = None
    for layer in layers:
        if layer.type in RESPONSE_NORM and layer.bottoms:
            found[f"{CAFFE}{layer.name}{READS}{layer.bottoms[0]}"] = torch.empty(0)
        if not layer.blobs:
            continue
        if layer.type == SCALE and norm is not None and layer.bottoms[:1] == norm.tops[:1]:
            found |= layer_tensors(norm.name, layer.blobs)
        elif layer.type == NORM:
            found |= norm_tensors(layer.name, layer.blobs)
        else:
            found |= layer_tensors(layer.name, layer.blobs)
        norm = layer if layer.type == NORM else None
    return found


def layer_tensors(layer: str, blobs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Weight and bias of a layer by name."""
    return _named(layer, ("weight", "bias"), blobs)


def _named(layer: str, leaves: tuple[str, ...], blobs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """More blobs than leaves, which no layer of ours has, keep their numbers."""
    names = [*leaves, *(f"blob{number}" for number in range(len(leaves), len(blobs)))]
    return {f"{CAFFE}{layer}.{leaf}": value for leaf, value in zip(names, blobs, strict=False)}


def norm_tensors(layer: str, blobs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """Mean and variance of a BatchNorm, whose weight and bias are those of its Scale, if any."""
    if len(blobs) != 3 or blobs[2].numel() != 1:
        return _named(layer, (), blobs)
    mean, variance, factor = (blob.flatten() for blob in blobs)
    scale = 1 / factor if factor.item() else factor
    found = {"weight": torch.ones_like(mean), "bias": torch.zeros_like(mean)}
    found |= {"running_mean": mean * scale, "running_var": variance * scale}
    return {f"{CAFFE}{layer}.{leaf}": value for leaf, value in found.items()}


def _layers(whole: memoryview) -> Iterator[_Layer]:
    for number, value in fields(whole):
        if number in LAYERS:
            yield _layer(message(value), LAYERS[number])


def _layer(data: memoryview, numbers: _Numbers) -> _Layer:
    name = kind = ""
    bottoms, tops, blobs = [], [], []
    for number, value in fields(data):
        if number == numbers.name:
            name = text(value)
        elif number == numbers.type:
            kind = str(value) if isinstance(value, int) else text(value)
        elif number == numbers.bottom:
            bottoms.append(text(value))
        elif number == numbers.top:
            tops.append(text(value))
        elif number == numbers.blobs:
            blobs.append(_blob(message(value)))
        elif number == OLDEST:
            raise ValueError(
                "its layers are written as before 2014; Caffe's upgrade_net_proto_binary makes "
                "today's of them"
            )
    return _Layer(name, kind, tuple(bottoms), tuple(tops), tuple(blobs))


def _blob(data: memoryview) -> Tensor:
    """The values in their shape; leading sides of 1, which old files add, are left out."""
    shape: list[int] = []
    sides: Mapping[int, int] = {}
    pieces: list[np.ndarray[tuple[int], np.dtype[np.floating]]] = []
    for number, value in fields(data):
        if number == SHAPE:
            shape = [side for n, dims in fields(message(value)) if n == 1 for side in varints(dims)]
        elif number in SIDES and isinstance(value, int):
            sides = {**sides, number: value}
        elif number in (FLOATS, DOUBLES):
            pieces.append(np.frombuffer(message(value), "<f4" if number == FLOATS else "<f8"))
    values = (
        np.concatenate(pieces).astype(np.float32, copy=False) if pieces else np.empty(0, np.float32)
    )
    if not shape and sides:
        shape = [sides.get(side, 1) for side in SIDES]
        while len(shape) > 1 and shape[0] == 1 and (shape[1] == 1 or len(shape) < 4):
            del shape[0]
    if prod(shape) != len(values) or not len(values):
        raise ValueError(f"a blob of {len(values):,} values for the shape {shape}")
    return torch.from_numpy(values).reshape(shape)
