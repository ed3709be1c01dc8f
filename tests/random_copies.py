"""Random small data sets full of copies: links, rows listed twice, and pictures saved otherwise."""

import csv
import os
import random
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from cladenet.data.dataset import ArrayImages, DataSet, from_array
from cladenet.data.sources.open import open_dataset

LOSSLESS = (".png", ".bmp", ".tif", ".ppm", ".webp")


def random_set(folder: Path, seed: int) -> DataSet:
    """A data set in `folder`: class folders, a table of them, or an array."""
    draw = random.Random(seed)
    if draw.random() < 0.1:
        return _array(draw)
    classes = [f"class{n}" for n in range(draw.randint(2, 4))]
    by_class: dict[str, list[Path]] = defaultdict(list)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for n in range(draw.randint(2, 6)):
            by_class[name].append(_original(folder / name / f"{n}", draw))
    for n in range(draw.randint(0, 12)):
        label = draw.choice(classes)
        other = label if draw.random() < 0.9 else draw.choice(classes)
        original = draw.choice(by_class[label])
        by_class[other].append(_copy(original, folder / other / f"copy{n}", draw))
    if draw.random() < 0.5:
        return open_dataset(str(folder))
    return open_dataset(str(_table(folder, by_class, draw)))


def pixels_of(path: str) -> bytes:
    """What an image shows, by Pillow alone."""
    with Image.open(path) as image:
        shown = ImageOps.exif_transpose(image).convert("RGB")
    return repr(shown.size).encode() + shown.tobytes()


def pictures(dataset: DataSet) -> dict[str, set[bytes]]:
    """The pixels of every split's images."""
    return {
        name: {image.tobytes() for image in split.images.array}
        if isinstance(split.images, ArrayImages)
        else {pixels_of(str(split.images.source(n))) for n in range(len(split))}
        for name, split in dataset.splits().items()
    }


def _array(draw: random.Random) -> DataSet:
    kinds = draw.randint(6, 30)
    images = np.array([draw.randrange(kinds) for _ in range(60)], dtype=np.uint8)
    labels = np.array([image % 3 for image in images], dtype=np.int64)
    return DataSet("a", "a", tuple("xyz"), 1, from_array("a", images[:, None, None, None], labels))


def _original(place: Path, draw: random.Random) -> Path:
    """A picture of noise or of one colour; some are JPEGs that are compared at an eighth first."""
    side = draw.choice((3, 8, 9, 17)) if draw.random() < 0.9 else 264
    size = (side, side + draw.randrange(3))
    if draw.random() < 0.1:
        image = Image.new("RGB", size, tuple(draw.randrange(256) for _ in range(3)))
    else:
        image = Image.frombytes("RGB", size, draw.randbytes(3 * size[0] * size[1]))
    path = place.with_suffix(draw.choice((".png", ".jpg")))
    image.save(path)
    return path


def _copy(original: Path, place: Path, draw: random.Random) -> Path:
    """The same picture once more, one way or another."""
    way = draw.choice(("copy", "hard link", "link", "pixels", "comment", "turned"))
    path = place.with_suffix(original.suffix)
    if way == "copy":
        shutil.copy(original, path)
    elif way == "hard link":
        os.link(original.resolve(), path)
    elif way == "link":
        path.symlink_to(original.resolve())
    elif way == "comment":  # other bytes after the same picture
        path.write_bytes(original.read_bytes() + draw.randbytes(draw.randrange(1, 9)))
    else:
        path = place.with_suffix(draw.choice(LOSSLESS))
        with Image.open(original) as image:
            shown = ImageOps.exif_transpose(image).convert("RGB")
        if way == "turned":
            path, exif = place.with_suffix(".png"), Image.Exif()
            exif[0x0112] = 6
            shown.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
        else:
            shown.save(path, lossless=True)  # asked of WebP; the others are so anyway
    return path


def _table(folder: Path, by_class: dict[str, list[Path]], draw: random.Random) -> Path:
    """A table that names some files several times, under several spellings of their paths."""
    rows = []
    for label, paths in by_class.items():
        for path in paths:
            for _ in range(draw.choice((1, 1, 1, 2, 3))):
                spelling = draw.choice(
                    (
                        str(path),
                        f"{path.parent.name}/{path.name}",
                        f"{path.parent.name}/../{path.parent.name}//{path.name}",
                    )
                )
                rows.append((spelling, label))
    draw.shuffle(rows)
    table = folder / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label"))
        writer.writerows(rows)
    return table
