"""Caffe's weights in HDF5, `.caffemodel.h5`, as tensors by the names of `caffe_file`.

    data/LAYER/0, 1, ...     the blobs of a layer, as Net::ToHDF5 of BVLC's src/caffe/net.cpp writes
                             them; what it writes of gradients, `diff/`, is left out

Such a file names neither the kinds of its layers nor what they read, and its layers come by the
alphabet. So a BatchNorm is known by its three blobs, the last a single factor, and the Scale behind
it by the name that ResNet's authors gave it: `scale2a_branch1` to `bn2a_branch1`. AlexNet and
CaffeNet, which differ in the order of two layers alone, look the same here.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cladenet.weights.files.caffe_file import layer_tensors, norm_tensors

DATA = "data"
NORM, SCALE = "bn", "scale"  # how the names of the two begin


def read_caffe_hdf5(path: Path) -> dict[str, Tensor] | None:
    """The tensors of such a file; None where it is another one, or h5py is not there to look."""
    try:
        import h5py
    except ImportError:
        return None
    try:
        with h5py.File(path, "r") as file:
            layers = _layers(file)
    except (OSError, ValueError, KeyError, RuntimeError):  # who reads other files says why
        return None
    found: dict[str, Tensor] = {}
    norms = {name for name, blobs in layers.items() if _is_norm(blobs)}
    scales = {name.replace(NORM, SCALE, 1): name for name in norms if name.startswith(NORM)}
    for name in sorted(layers, key=lambda name: name not in norms):  # a Scale's weight comes last
        if name in norms:
            found |= norm_tensors(name, layers[name])
        else:
            found |= layer_tensors(scales.get(name, name), layers[name])
    return found or None


def _layers(file: Any) -> dict[str, tuple[Tensor, ...]]:
    """The blobs of each layer; none where the file is laid out otherwise."""
    data = file.get(DATA)
    if not hasattr(data, "visititems") or "layer_names" in file.attrs:
        return {}  # of Keras are the files that list the names of their layers
    if not set(file) <= {DATA, "diff"}:
        return {}
    numbered: dict[str, dict[int, Tensor]] = {}

    def keep(place: str, item: Any) -> None:
        layer, _, number = place.rpartition("/")
        if hasattr(item, "shape"):
            numbered.setdefault(layer, {})[int(number)] = torch.from_numpy(item[()]).float()

    data.visititems(keep)
    return {
        layer: tuple(blobs[number] for number in range(len(blobs)))
        for layer, blobs in numbered.items()
    }


def _is_norm(blobs: tuple[Tensor, ...]) -> bool:
    return len(blobs) == 3 and blobs[2].numel() == 1 and blobs[0].shape == blobs[1].shape
