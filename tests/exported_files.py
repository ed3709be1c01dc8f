"""Runs to export, and preparations to compare; for tests."""

from pathlib import Path
from typing import Any

from PIL import Image

from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.export.canvas import drawn_image
from saved_run import save_run

# Ways to the network's size, and sizes of images: nearly square, upright, long, even, tiny.
FITS: dict[str, dict[str, Any]] = {
    "none": {},
    "pad": {},
    "stretch": {},
    "stretch-then-crop": {"fit": "stretch", "resize": 39},
    "crop": {"resize": 37},
    "border": {"resize": 36},
}
SIZES = ((48, 61), (61, 48), (32, 28), (20, 23), (7, 150), (300, 9), (128, 128), (33, 500))
MOST_LEVELS = {"bilinear": 1, "bicubic": 2}  # each of two passes rounds


def sizes_for(fit: str) -> tuple[tuple[int, int], ...]:
    """(height, width) that the fit can take."""
    return {"none": SIZES[2:3], "pad": SIZES[2:4]}.get(fit, SIZES)


def preprocess_for(fit: str, channels: int, interpolation: str) -> Preprocess:
    """To 32x28."""
    given: dict[str, Any] = {"fit": fit, "interpolation": interpolation, **FITS[fit]}
    mean, std = IMAGENET_MEAN[:channels], IMAGENET_STD[:channels]
    return Preprocess(32, 28, channels, mean=mean, std=std, **given)


def save_photo_run(folder: Path) -> Path:
    """A network for colour images of any size, which are resized and cropped."""
    for name in ("ant", "bee"):
        (folder / "data" / name).mkdir(parents=True)
    for number, name in enumerate(("ant/a.png", "ant/b.png", "bee/c.png", "bee/d.png")):
        image = drawn_image(50 + 9 * number, 71 - 4 * number, 3)
        Image.fromarray(image).save(folder / "data" / name)
    dataset = open_dataset(str(folder / "data"))
    return save_run(folder / "run", dataset, fit="crop", network="resnet20_cifar")
