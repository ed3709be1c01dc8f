"""Street View House Numbers, cropped digits (Netzer et al. 2011): MATLAB files, format 2.

`X` is (32, 32, 3, N) bytes, `y` is (N, 1) with 1 to 10, where 10 stands for the digit 0.
"""

import os

import numpy as np

from cladenet.data.dataset import DataSet, Split, from_array
from cladenet.data.sources.roots import partial
from cladenet.errors import DataError, MissingExtra

CLASSES = tuple("0123456789")
PUBLISHED = {"train": 73_257, "test": 26_032}


def open_svhn(folder: str) -> DataSet:
    """House numbers (32, 32, 3): 73,257 for training, 26,032 for testing; `extra` is not used.

    Raises:
        MissingExtra: SciPy, which reads the files, is not installed.
    """
    splits = {part: _split(folder, part) for part in PUBLISHED}
    notes = [
        note
        for part, split in splits.items()
        for note in partial(len(split), PUBLISHED[part], part)
    ]
    if os.path.exists(os.path.join(folder, "extra_32x32.mat")):
        notes.append("extra_32x32.mat is here and not used")
    test = splits["test"] if len(splits["test"]) else None
    return DataSet("svhn", f"svhn:{folder}", CLASSES, 3, splits["train"], None, test, tuple(notes))


def _split(folder: str, part: str) -> Split:
    path = os.path.join(folder, f"{part}_32x32.mat")
    if not os.path.exists(path):
        return from_array(part, np.zeros((0, 32, 32, 3), np.uint8), np.zeros(0, np.int64))
    try:
        from scipy.io import loadmat
    except ImportError:
        raise MissingExtra("scipy", "svhn", "svhn") from None
    try:
        held = loadmat(path, variable_names=("X", "y"))
    except Exception as error:  # a damaged file makes SciPy raise almost anything
        raise DataError(f"{path} is cut off or damaged: {error}. Download it again") from None
    images, labels = held.get("X"), held.get("y")
    if not (
        isinstance(images, np.ndarray)
        and images.dtype == np.uint8
        and images.shape[:3] == (32, 32, 3)
        and isinstance(labels, np.ndarray)
        and images.ndim == 4
        and labels.size == images.shape[3]
    ):
        raise DataError(f"{path} does not hold X of (32, 32, 3, N) bytes and N labels y")
    digits = labels.ravel().astype(np.int64)
    if digits.min() < 1 or digits.max() > 10:
        raise DataError(f"{path} has labels {digits.min()} to {digits.max()}; expected 1 to 10")
    return from_array(part, np.ascontiguousarray(images.transpose(3, 0, 1, 2)), digits % 10)
