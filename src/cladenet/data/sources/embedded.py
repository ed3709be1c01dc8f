"""The digits that ship with the package: UCI's 8x8 scans (see digits/README.md)."""

from importlib.resources import as_file, files

import numpy as np

from cladenet.data.dataset import DataSet, from_array

CLASSES = tuple("0123456789")
EVERY = 5  # of each digit, the fifth, tenth, ... scan in file order is for testing


def open_digits() -> DataSet:
    """1,442 training and 355 test scans, (8, 8, 1), values 0..16 scaled to 0..255.

    Ids count in the file's order: `digits[17]` is the same scan in whatever split it is.
    """
    with (
        as_file(files("cladenet.data.sources") / "digits" / "digits.npz") as path,
        np.load(path, allow_pickle=False) as arrays,
    ):
        inked, labels = arrays["images"], arrays["labels"].astype(np.int64)
    grey = ((inked.astype(np.uint16) * 255 + 8) // 16).astype(np.uint8)
    everything = from_array("digits", grey[..., None], labels)
    nth = np.zeros(len(labels), dtype=np.int64)
    for digit in range(len(CLASSES)):
        of_digit = labels == digit
        nth[of_digit] = np.arange(1, of_digit.sum() + 1)
    is_test = nth % EVERY == 0
    return DataSet(
        name="digits",
        spec="digits",
        classes=CLASSES,
        channels=1,
        train=everything.subset(np.flatnonzero(~is_test)),
        test=everything.subset(np.flatnonzero(is_test)),
    )
