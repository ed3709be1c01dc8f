"""Files of Keras, of its releases 2 and 3: `.h5`, `.weights.h5` and `.keras`, as tensors by name.

A name is `keras/LAYER.weight` with the layer's own name, whichever model it is nested in. Kernels
become (out, in, height, width), those of depthwise convolutions (channels, 1, height, width), those
of dense layers (out, in). Nothing but arrays is read: lambdas and custom layers of a model's
description stay text.
"""

import io
import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cladenet.errors import CheckpointError, MissingExtra

KERAS = "keras/"
SUFFIXES = (".h5", ".hdf5", ".keras")
WEIGHTS = "model.weights.h5"  # in a .keras file, which is an archive
LARGEST = 8 << 30  # bytes
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
LEAVES = dict(zip(NORM, ("weight", "bias", "running_mean", "running_var"), strict=True))
IMAGENET_STDS = (0.229, 0.224, 0.225)
# A number follows where a session has built more than one network.
NORMALIZATION = re.compile(rf"{KERAS}(.*/)?normalization(_\d+)?\.")
IMAGE_LEAVES = ("mean", "variance")


def read_keras(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of Keras.

    Raises:
        CheckpointError: it is none, or is damaged.
        MissingExtra: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("h5py", "keras", f"{path.name}, a file of Keras,") from error
    try:
        with h5py.File(_content(path), "r") as file:
            layers = {name: dict(arrays) for name, arrays in _layers(file)}
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is not a complete Keras file ({str(error).splitlines()[0][:120]}); get it "
            "again from its source"
        ) from error
    found: dict[str, Tensor] = {}
    for name, arrays in layers.items():
        for leaf, value in arrays.items():
            found[f"{KERAS}{name}.{leaf}"] = value
    if not found:
        raise CheckpointError(f"{path} holds no layers with weights, as Keras writes them")
    return found


def images_of_keras(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Mean and std of the normalisation inside the network, as in EfficientNet; empty without one.

    Keras' ImageNet weights have the stds in the place of variances, and a layer that undoes
    it: then those are the stds.
    """
    layer = next((name for name in tensors if NORMALIZATION.match(name)), "").rpartition(".")[0]
    if f"{layer}.mean" not in tensors or tensors[f"{layer}.mean"].numel() not in (1, 3):
        return {}
    mean, variance = (tensors[f"{layer}.{leaf}"].flatten().tolist() for leaf in IMAGE_LEAVES)
    are_stds = all(abs(v - s) < 1e-3 for v, s in zip(variance, IMAGENET_STDS, strict=False))
    std = variance if are_stds else [math.sqrt(value) for value in variance]
    return {"mean": tuple(mean), "std": tuple(std)}


def _content(path: Path) -> Any:
    if path.suffix != ".keras":
        return path
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(WEIGHTS).file_size > LARGEST:
            raise ValueError("its weights have more than 8 GiB")
        return io.BytesIO(archive.read(WEIGHTS))


def _layers(file: Any) -> Iterator[tuple[str, Iterator[tuple[str, Tensor]]]]:
    """Each layer's name and its tensors."""
    if "layers" in file or "_layer_checkpoint_dependencies" in file:  # of release 3
        groups: list[tuple[str, Any]] = []
        file.visititems(lambda place, item: groups.append((place, item)))
        for place, item in groups:
            if place.endswith("/vars") and len(item):
                kind = re.sub(r"_\d+$", "", place.split("/")[-2])
                arrays = [item[str(number)][()] for number in range(len(item))]
                name = str(item.attrs.get("name", place.split("/")[-2]))
                yield name, _of_kind(kind, arrays)
        return
    root = file.get("model_weights", file)
    found: dict[str, dict[str, Any]] = {}
    for group in map(_text, root.attrs["layer_names"]):
        names = [_text(name) for name in root[group].attrs["weight_names"]]
        for name, (layer, leaf) in zip(names, _layers_and_leaves(group, names), strict=True):
            found.setdefault(layer, {})[leaf] = root[group][name][()]
    for layer, named in found.items():
        yield layer, _named(named)


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _layers_and_leaves(group: str, names: list[str]) -> list[tuple[str, str]]:
    """Layer and leaf of each array: `conv1`, `kernel` of `scope/conv1/kernel:0`.

    A layer's own name may have slashes, such as MobileNetV3's `expanded_conv/expand/BatchNorm`: it
    is that of its group, and in the group of a nested model all that stands before the leaf.
    """
    halves = [name.partition(":")[0].rpartition("/") for name in names]
    if all(f"/{folder}".endswith(f"/{group}") for folder, _, _ in halves):
        return [(group, leaf) for _, _, leaf in halves]
    short = [(folder.rpartition("/")[2] or group, leaf) for folder, _, leaf in halves]
    if len(set(short)) < len(short):
        return [(folder, leaf) for folder, _, leaf in halves]
    return short


def _of_kind(kind: str, arrays: list[Any]) -> Iterator[tuple[str, Tensor]]:
    """By the layer's class, since release 3 gives arrays numbers for names."""
    if kind == "batch_normalization":
        names: tuple[str, ...] = NORM if len(arrays) == 4 else NORM[1:]
    elif kind == "normalization":
        names = ("mean", "variance", "count")
    elif kind == "depthwise_conv2d":
        names = ("depthwise_kernel", "bias")
    elif kind == "separable_conv2d":
        names = ("depthwise_kernel", "pointwise_kernel", "bias")
    else:
        names = ("kernel", "bias", *(f"array{number}" for number in range(2, len(arrays))))
    yield from _named(dict(zip(names, arrays, strict=False)))


def _named(arrays: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """In the layout and by the leaves of torch; a norm without scale has one of ones."""
    for name, array in arrays.items():
        value = torch.from_numpy(array.copy()) if array.ndim else torch.tensor(float(array))
        if name == "depthwise_kernel" or (name == "kernel" and _looks_depthwise(value)):
            height, width, channels, times = value.shape
            leaf = "depthwise.weight" if "pointwise_kernel" in arrays else "weight"
            yield leaf, value.permute(2, 3, 0, 1).reshape(channels * times, 1, height, width)
        elif name in ("kernel", "pointwise_kernel"):
            leaf = "pointwise.weight" if name == "pointwise_kernel" else "weight"
            dims = (3, 2, 0, 1) if value.ndim == 4 else tuple(reversed(range(value.ndim)))
            yield leaf, value.permute(dims).contiguous()
        else:
            yield LEAVES.get(name, name), value
    if "moving_mean" in arrays and "gamma" not in arrays:
        yield "weight", torch.ones(len(arrays["moving_mean"]))


def _looks_depthwise(kernel: Tensor) -> bool:
    return kernel.ndim == 4 and kernel.shape[3] == 1 < kernel.shape[2] and kernel.shape[0] > 1
