"""Numbers with what they count."""

import pytest

from cladenet.plural import counted


@pytest.mark.parametrize(
    ("number", "what", "written"),
    [
        (1, "class", "1 class"),
        (2, "class", "2 classes"),
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (12345, "step", "12,345 steps"),
        (1.0, "epoch", "1 epoch"),
        (0.5, "epoch", "0.5 epochs"),
        (300.0, "epoch", "300 epochs"),
    ],
)
def test_one_is_no_plural(number: float, what: str, written: str) -> None:
    assert counted(number, what) == written
