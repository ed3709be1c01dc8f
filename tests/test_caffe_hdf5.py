"""Caffe's weights in HDF5: written here as Net::ToHDF5 lays them out, and read back to the bit."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

import cladenet
from cladenet.errors import CheckpointError
from cladenet.weights.files.caffe_hdf5 import read_caffe_hdf5
from cladenet.weights.files.reading import read_tensors
from cladenet.weights.importing import import_weights

h5py = pytest.importorskip("h5py", reason="the extra keras is not installed")


def write(path: Path, layers: Mapping[str, tuple[Tensor, ...]], gradients: bool = False) -> Path:
    with h5py.File(path, "w") as out:
        for group in ("data", "diff") if gradients else ("data",):
            for layer, blobs in layers.items():
                for number, blob in enumerate(blobs):
                    out[f"{group}/{layer}/{number}"] = blob.numpy()
    return path


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("last", ["ip2", "ip2_digits"])
def test_lenet_comes_back_to_the_bit(gradients: bool, last: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shapes = {"conv1": (20, 1, 5, 5), "conv2": (50, 20, 5, 5), "ip1": (500, 800), last: (10, 500)}
    layers = {
        name: (torch.randn(shape) / 20, torch.randn(shape[0])) for name, shape in shapes.items()
    }
    file = write(tmp_path / "lenet_iter_10000.caffemodel.h5", layers, gradients)
    made = import_weights(file, "", tmp_path / "out")
    assert (made.network, made.source, made.classes) == ("lenet_caffe", "caffe/lenet", 10)
    model, _, _ = cladenet.load(made.folder)
    written = [blob for blobs in layers.values() for blob in blobs]
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), written, strict=True))


def test_a_norm_is_known_by_its_factor_and_its_scale_by_name(tmp_path: Path) -> None:
    """batch_norm_layer.cpp divides the sums by the factor."""
    sums = torch.tensor([4.0, 8.0]), torch.tensor([2.0, 6.0]), torch.tensor([2.0])
    gamma, beta = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    layers = {
        "bn2a_branch1": sums,
        "scale2a_branch1": (gamma, beta),
        "scale2a_branch2a": (beta, gamma),  # its norm is not here
    }
    found = read_caffe_hdf5(write(tmp_path / "a.h5", layers))
    assert found is not None
    assert {name: value.tolist() for name, value in found.items()} == {
        "caffe/bn2a_branch1.weight": [1, 2],
        "caffe/bn2a_branch1.bias": [3, 4],
        "caffe/bn2a_branch1.running_mean": [2, 4],
        "caffe/bn2a_branch1.running_var": [1, 3],
        "caffe/scale2a_branch2a.weight": [3, 4],
        "caffe/scale2a_branch2a.bias": [1, 2],
    }


def test_other_files_are_left_to_who_reads_them(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "gap.h5", "w") as out:
        out["data/conv1/1"] = torch.zeros(3).numpy()
    with h5py.File(tmp_path / "images.h5", "w") as out:
        out["data"] = torch.zeros(3).numpy()
        out["label"] = torch.zeros(3).numpy()
    with h5py.File(tmp_path / "values.h5", "w") as out:
        out["data"] = torch.zeros(3).numpy()
    with h5py.File(tmp_path / "keras.h5", "w") as out:
        out["data/data/0"] = torch.zeros(3).numpy()
        out.attrs["layer_names"] = []
    for name in ("text.h5", "gap.h5", "images.h5", "values.h5", "keras.h5"):
        assert read_caffe_hdf5(tmp_path / name) is None
        with pytest.raises(CheckpointError, match="Keras"):
            read_tensors(tmp_path / name)
