"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in the "python version" and the binary version.

    version   file                    one image
    python    a pickled dict          a row of `data`: 1024 red, 1024 green, 1024 blue bytes
    binary    10: label, pixels       the same 3072 bytes after 1 label byte
              100: coarse, fine, ...  the same 3072 bytes after 2 label bytes; the fine one counts

Any of the training batches may be missing; the notes then say how much there is.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cladenet.data.dataset import DataSet, Split, from_array
from cladenet.data.sources.roots import partial
from cladenet.data.sources.unpickle import read_plain_pickle
from cladenet.errors import DataError
from cladenet.files import read_bytes
from cladenet.plural import counted

PIXELS = 3 * 32 * 32
LABELLED = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class _Layout:
    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: str  # the key of the labels in a pickled batch
    meta: tuple[str, str]  # the pickled file of class names, and its key
    names: str  # the text file of class names in the binary version
    label_bytes: int
    num_classes: int


_CIFAR10 = _Layout(
    name="cifar10",
    train=tuple(f"data_batch_{n}" for n in range(1, 6)),
    test=("test_batch",),
    labels="labels",
    meta=("batches.meta", "label_names"),
    names="batches.meta.txt",
    label_bytes=1,
    num_classes=10,
)
_CIFAR100 = _Layout(
    name="cifar100",
    train=("train",),
    test=("test",),
    labels="fine_labels",
    meta=("meta", "fine_label_names"),
    names="fine_label_names.txt",
    label_bytes=2,
    num_classes=100,
)


def open_cifar10(folder: str) -> DataSet:
    """Photographs (32, 32, 3) of 10 classes: 50,000 for training, 10,000 for testing."""
    return _open(_CIFAR10, folder)


def open_cifar100(folder: str) -> DataSet:
    """Photographs (32, 32, 3) of 100 fine classes: 50,000 for training, 10,000 for testing."""
    return _open(_CIFAR100, folder)


def _open(layout: _Layout, folder: str) -> DataSet:
    train, train_parts = _split(layout, folder, "train", layout.train)
    test, test_parts = _split(layout, folder, "test", layout.test)
    notes = (
        *partial(len(train), 50_000, "training", ", ".join(train_parts)),
        *partial(len(test), 10_000, "test", ", ".join(test_parts)),
    )
    return DataSet(
        name=layout.name,
        spec=f"{layout.name}:{folder}",
        classes=_class_names(layout, folder),
        channels=3,
        train=train,
        test=test if len(test) else None,
        notes=notes,
    )


def _split(
    layout: _Layout, folder: str, name: str, batches: Sequence[str]
) -> tuple[Split, list[str]]:
    found, parts = [], []
    for batch in batches:
        path = os.path.join(folder, batch)
        if os.path.exists(path):
            found.append(_from_pickle(layout, path))
        elif os.path.exists(f"{path}.bin"):
            found.append(_from_binary(layout, f"{path}.bin"))
        else:
            continue
        parts.append(batch)
    rows = np.concatenate([np.zeros((0, PIXELS), np.uint8), *(pixels for pixels, _ in found)])
    labels = np.concatenate([np.zeros(0, np.int64), *(labels for _, labels in found)])
    planes = rows.reshape(-1, 3, 32, 32)
    return from_array(name, np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels), parts


def _from_pickle(layout: _Layout, path: str) -> LABELLED:
    batch = read_plain_pickle(path)
    pixels, labels = batch.get("data"), batch.get(layout.labels)
    is_table = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 2
    if not is_table or pixels is None or pixels.shape[1] != PIXELS:
        raise DataError(f"{path} has no `data` of N x {PIXELS} bytes; it has {sorted(batch)}")
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError(f"{path} has no list of numbers `{layout.labels}`; it has {sorted(batch)}")
    return _checked(layout, path, pixels, labels)


def _from_binary(layout: _Layout, path: str) -> LABELLED:
    content = np.frombuffer(read_bytes(path), np.uint8)
    record = layout.label_bytes + PIXELS
    if content.size == 0 or content.size % record:
        raise DataError(
            f"{path} is cut off: {content.size:,} bytes; expected a multiple of {record:,}"
        )
    records = content.reshape(-1, record)
    labels = records[:, layout.label_bytes - 1].tolist()
    return _checked(layout, path, records[:, layout.label_bytes :], labels)


def _checked(layout: _Layout, path: str, pixels: NDArray[np.uint8], labels: list[int]) -> LABELLED:
    if len(pixels) != len(labels):
        raise DataError(
            f"{path} has {counted(len(pixels), 'image')} and {counted(len(labels), 'label')}"
        )
    wrong = [label for label in labels if not 0 <= label < layout.num_classes]
    if wrong:
        raise DataError(f"{path} has the label {wrong[0]}; expected 0 to {layout.num_classes - 1}")
    return pixels, np.array(labels, dtype=np.int64)


def _class_names(layout: _Layout, folder: str) -> tuple[str, ...]:
    file, key = layout.meta
    path, text_path = os.path.join(folder, file), os.path.join(folder, layout.names)
    if os.path.exists(path) or not os.path.exists(text_path):
        names = read_plain_pickle(path).get(key)
    else:
        path = text_path
        names = read_bytes(path).decode("utf-8", "replace").split()
    is_names = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_names or names is None or len(set(names)) != layout.num_classes:
        raise DataError(f"{path} does not hold {layout.num_classes} different class names")
    return tuple(names)
