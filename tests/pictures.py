"""Pictures to test the input pipeline with: smooth, of many sizes, made from a seed."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.data.dataset import DataSet, Split, from_array
from cladenet.data.file_images import FileImages, Named
from cladenet.data.preprocess import Preprocess


def smooth(height: int, width: int, seed: int, channels: int = 3) -> NDArray[np.uint8]:
    """uint8 (height, width, channels), a few colours running into each other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture)[:, :, :channels].copy()


def noise(n: int, height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """uint8 (n, height, width, channels), no two images alike."""
    shape = (n, height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def array_split(n: int, height: int = 32, width: int = 32, channels: int = 3) -> Split:
    """`n` images of noise, labelled 0, 1, 2, 0, ..."""
    return from_array("made", noise(n, height, width, channels), np.arange(n) % 3)


def photo_split(folder: Path, n: int, seed: int = 0) -> Split:
    """`n` JPEG files from 90x120 on, each of another size, labelled 0, 1, 0, ..."""
    paths = tuple(str(folder / f"{i:03}.jpg") for i in range(n))
    for i, path in enumerate(paths):
        height, width = 90 + 7 * (i % 5), 120 - 11 * (i % 4)
        Image.fromarray(smooth(height, width, seed + i)).save(path, quality=90)
    return Split(FileImages(paths), np.arange(n) % 2, Named(paths))


def default_preprocess(split: Split, size: int, channels: int = 3) -> Preprocess:
    """The default preprocessing of these images for a network of this input."""
    dataset = DataSet("made", "made", ("a", "b", "c"), channels, split)
    return Preprocess.for_dataset(dataset, (channels, size, size))
