"""Searches whose trials take a tenth of a second: for tests, and for what surrounds trials."""

# Options of a trial on the digits.
TRIAL = {
    "size": "8",
    "train_images": "64",
    "val_images": "50",
    "test_images": "40",
    "batch_size": "32",
    "width": "4",
    "epochs": "1",
}
SEARCH = {"population": "3", "sample": "2", **TRIAL}


def quiet(_line: str) -> None:
    """For a search that prints nothing."""
