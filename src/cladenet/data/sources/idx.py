"""MNIST and its drop-in relatives: idx files, raw or gzipped.

LeCun, Cortes, Burges: THE MNIST DATABASE, "FILE FORMATS". All numbers are big-endian:

    bytes     content
    0, 1      0
    2         type of a value: 0x08 is an unsigned byte, the only one used here
    3         d, the number of dimensions
    4 ..      d sizes, 4 bytes each
    4 + 4d .. the values, last dimension fastest
"""

import gzip
import math
import os
import zlib
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from cladenet.data.dataset import DataSet, Split, from_array
from cladenet.data.sources.roots import partial
from cladenet.errors import DataError

DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
PUBLISHED = {"train": 60_000, "test": 10_000}
MAX_BYTES = 1 << 32  # a header that asks for more is damaged, not large


def open_mnist(folder: str) -> DataSet:
    """Handwritten digits (28, 28, 1): 60,000 for training, 10,000 for testing."""
    return _open("mnist", folder, DIGITS)


def open_fashion_mnist(folder: str) -> DataSet:
    """Zalando's articles of clothing (28, 28, 1), Xiao et al. 2017, in MNIST's format."""
    return _open("fashion_mnist", folder, FASHION)


def read_idx(path: str) -> NDArray[np.uint8]:
    """The array in an idx file of unsigned bytes; `path` may end in .gz.

    Raises:
        DataError: the file is missing, cut off, too long, or no such file.
    """
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            return _parse(cast("BinaryIO", file), path)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; the data set needs it") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}. Download it again") from None


def _parse(file: BinaryIO, path: str) -> NDArray[np.uint8]:
    head = file.read(4)
    if len(head) < 4 or head[:3] != b"\0\0\x08" or not 1 <= head[3] <= 4:
        raise DataError(
            f"{path} is not an idx file of bytes: it begins with {head!r}; expected 00 00 08 and "
            "the number of dimensions"
        )
    sizes = np.frombuffer(file.read(4 * head[3]), ">u4")
    expected = math.prod(int(size) for size in sizes) if len(sizes) == head[3] else 0
    if not 0 < expected <= MAX_BYTES:
        raise DataError(f"{path} is damaged: its header gives the sizes {sizes.tolist()}")
    content = file.read(expected + 1)
    if len(content) != expected:
        is_short = len(content) < expected
        problem = f"is cut off: {len(content):,}" if is_short else "is damaged: more than"
        raise DataError(f"{path} {problem} bytes of values, its header says {expected:,}")
    return np.frombuffer(content, np.uint8).reshape(tuple(int(size) for size in sizes))


def _open(name: str, folder: str, classes: tuple[str, ...]) -> DataSet:
    train = _split(folder, "train", "train", len(classes))
    test = _split(folder, "t10k", "test", len(classes))
    splits = {"train": train, "test": test}
    notes = [
        note
        for part, split in splits.items()
        for note in partial(len(split) if split else 0, PUBLISHED[part], part)
    ]
    if train is None:
        train = from_array("train", np.zeros((0, 28, 28, 1), np.uint8), np.zeros(0, np.int64))
    return DataSet(name, f"{name}:{folder}", classes, 1, train, None, test, tuple(notes))


def _split(folder: str, prefix: str, name: str, num_classes: int) -> Split | None:
    paths = [_either(folder, f"{prefix}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
    if not any(os.path.exists(path) for path in paths):
        return None
    images, labels = (read_idx(path) for path in paths)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            f"{paths[0]} has shape {images.shape} and {paths[1]} {labels.shape}; "
            "expected N images of H x W and N labels"
        )
    if labels.max() >= num_classes:
        raise DataError(f"{paths[1]} has the label {labels.max()}; expected 0 to {num_classes - 1}")
    return from_array(name, images[..., None], labels.astype(np.int64))


def _either(folder: str, name: str) -> str:
    """The unpacked file if it is there, else its .gz."""
    path = os.path.join(folder, name)
    return path if os.path.exists(path) or not os.path.exists(f"{path}.gz") else f"{path}.gz"
