"""STL-10 (Coates, Lee, Ng 2011), binary version.

An image is 3 planes (red, green, blue) of 96 x 96 bytes, each plane column by column. Labels are
bytes from 1 to 10. The ten predefined folds and the unlabelled images are not used.
"""

import os

import numpy as np

from cladenet.data.dataset import DataSet, Split, from_array
from cladenet.data.sources.roots import partial
from cladenet.errors import DataError
from cladenet.files import read_bytes
from cladenet.plural import counted

SIDE = 96
PUBLISHED = {"train": 5_000, "test": 8_000}


def open_stl10(folder: str) -> DataSet:
    """Photographs (96, 96, 3) of 10 classes: 5,000 for training, 8,000 for testing."""
    splits = {part: _split(folder, part) for part in PUBLISHED}
    notes = [
        note
        for part, split in splits.items()
        for note in partial(len(split), PUBLISHED[part], part)
    ]
    path = os.path.join(folder, "class_names.txt")
    classes = tuple(read_bytes(path).decode("utf-8", "replace").split())
    if len(set(classes)) != 10:
        raise DataError(f"{path} does not hold 10 different class names")
    test = splits["test"] if len(splits["test"]) else None
    return DataSet(
        "stl10", f"stl10:{folder}", classes, 3, splits["train"], None, test, tuple(notes)
    )


def _split(folder: str, part: str) -> Split:
    path = os.path.join(folder, f"{part}_X.bin")
    if not os.path.exists(path):
        return from_array(part, np.zeros((0, SIDE, SIDE, 3), np.uint8), np.zeros(0, np.int64))
    content = np.frombuffer(read_bytes(path), np.uint8)
    image = 3 * SIDE * SIDE
    if content.size == 0 or content.size % image:
        raise DataError(
            f"{path} is cut off: {content.size:,} bytes; expected a multiple of {image:,}"
        )
    planes = content.reshape(-1, 3, SIDE, SIDE)  # image, colour, column, row
    labels = np.frombuffer(read_bytes(os.path.join(folder, f"{part}_y.bin")), np.uint8)
    if len(labels) != len(planes):
        raise DataError(
            f"{path} has {counted(len(planes), 'image')}, {part}_y.bin "
            f"{counted(len(labels), 'label')}"
        )
    if labels.min() < 1 or labels.max() > 10:
        raise DataError(
            f"{part}_y.bin has labels {labels.min()} to {labels.max()}; expected 1 to 10"
        )
    images = np.ascontiguousarray(planes.transpose(0, 3, 2, 1))
    return from_array(part, images, labels.astype(np.int64) - 1)
