"""Damaged files of the published data sets: each is named, with what is wrong."""

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from cladenet.data.sources.open import open_dataset
from cladenet.errors import DataError


def idx(*sizes: int, values: bytes) -> bytes:
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + values


def write_mnist(folder: Path, zipped: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 3), ("t10k", 2)):
        images = idx(count, 28, 28, values=bytes(range(count)) * 784)
        labels = idx(count, values=bytes(range(count)))
        for name, content in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{part}-{name}-ubyte"
            if zipped:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)


def write_cifar10(folder: Path) -> None:
    """Image n: red plane n, green plane 10 + n, blue plane 20 + n; labels 9, 8, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.repeat(np.array([[n, 10 + n, 20 + n] for n in range(4)], np.uint8), 1024, axis=1)
    for file in ("data_batch_1", "data_batch_3", "test_batch"):
        batch = {"data": rows, "labels": [9, 8, 7, 6]}
        (folder / file).write_bytes(pickle.dumps(batch, 2))
    names = {"label_names": [f"class{n}" for n in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names, 2))


DAMAGE = {
    "magic": (b"\x1f\x8b" + bytes(20), "is not an idx file"),
    "type": (bytes([0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0]), "is not an idx file"),
    "huge": (idx(2**31, 2**31, 28, values=b""), "its header gives the sizes"),
    "short": (idx(3, 28, 28, values=bytes(100)), "is cut off: 100 bytes of values.*2,352"),
    "long": (idx(3, 28, 28, values=bytes(2353)), "more than bytes of values"),
    "count": (idx(4, 28, 28, values=bytes(4 * 784)), r"shape \(4, 28, 28\).*\(3,\)"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_idx_files_are_named(name: str, tmp_path: Path) -> None:
    content, message = DAMAGE[name]
    write_mnist(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_dataset(f"mnist:{tmp_path}")


def test_a_cut_gz_and_a_missing_half_are_named(tmp_path: Path) -> None:
    write_mnist(tmp_path, zipped=True)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz cannot be read"):
        open_dataset(f"mnist:{tmp_path}")
    path.unlink()
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte is missing"):
        open_dataset(f"mnist:{tmp_path}")


def test_labels_out_of_range_are_named(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(3, values=bytes([1, 2, 10])))
    with pytest.raises(DataError, match="has the label 10; expected 0 to 9"):
        open_dataset(f"mnist:{tmp_path}")


def test_cifar_batches_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    for batch, message in (
        ({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, "2 images and 1 label"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}, "has the label 10"),
        ({"data": np.zeros((1, 3071), np.uint8), "labels": [1]}, "no `data` of N x 3072"),
        ({"data": np.zeros((1, 3072), np.uint8), "labels": "1"}, "no list of numbers `labels`"),
        ({"labels": [1]}, "no `data`"),
    ):
        (tmp_path / "data_batch_1").write_bytes(pickle.dumps(batch, 2))
        with pytest.raises(DataError, match=message):
            open_dataset(f"cifar10:{tmp_path}")
    (tmp_path / "data_batch_1").unlink()
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3073 + 5))
    with pytest.raises(DataError, match="is cut off: 3,078 bytes; expected a multiple of 3,073"):
        open_dataset(f"cifar10:{tmp_path}")
