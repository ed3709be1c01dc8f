"""Images of files: decoded when they are first asked for and kept, or decoded each time."""

import errno
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
from numpy.typing import NDArray

from cladenet.data.cache.kept import KeptImages
from cladenet.data.cache.segments import ENTRY, segments
from cladenet.data.cache.view import Box, View
from cladenet.data.encoded import EncodedImages
from cladenet.errors import BadArgument, OutOfSpace
from cladenet.files import NO_SPACE
from cladenet.paths import cache_root, cache_was_chosen

FORMAT = 2
CACHE_LIMIT = 20 << 30
SAMPLED = 32


@dataclass(frozen=True)
class FileStore:
    """Images decoded whenever they are asked for; nothing is kept, nor can that fail."""

    images: EncodedImages
    view: View
    is_complete = False
    problem = ""

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return self.view.of(self.images, index)

    def part(self, index: int, box: Box) -> NDArray[np.uint8]:
        """See `Store`."""
        return self.view.part(self.images, index, box)

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, decoded."""
        return np.stack([self[index] for index in indices])

    def begin(self, epoch: int) -> None:
        """Nothing: no other process helps."""

    def refresh(self) -> None:
        """Nothing is kept that another process could add to."""

    def missing(self, indices: NDArray[np.int64]) -> bool:
        """All of them have to be decoded, always."""
        return True


def store_of_files(
    images: EncodedImages,
    view: View,
    cache_dir: str | os.PathLike[str] | None,
    cache_limit: int | None,
) -> tuple[KeptImages | FileStore, tuple[str, ...]]:
    """`open_store` for files."""
    if cache_limit == 0:
        return FileStore(images, view), ()
    folder = Path(cache_dir).expanduser() if cache_dir is not None else cache_root()
    try:
        return _kept(images, view, folder, cache_limit)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise out_of_space(folder, 0) from error
        why = f"the image cache {folder} cannot be written: {error.strerror}"
        if cache_dir is None and not cache_was_chosen():
            note = (
                f"{why}; images are decoded again in each epoch. CLADENET_CACHE names another "
                "folder"
            )
            return FileStore(images, view), (note,)
        raise BadArgument(
            f"{why}; set CLADENET_CACHE to another folder, or train with cache_gb=0, which decodes "
            "again in each epoch"
        ) from error


def out_of_space(folder: Path, needed: int) -> OutOfSpace:
    """The error for decoded images of `needed` bytes that `folder` has no room for."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    return OutOfSpace(
        f"the image cache needs {needed / 1e6:,.1f} MB and {folder} has {free / 1e6:,.1f} MB free, "
        "or a limit on the size of files; make room, set CLADENET_CACHE to another folder, or "
        "train with cache_gb=0, which decodes again in each epoch"
    )


def _kept(
    images: EncodedImages, view: View, folder: Path, limit: int | None
) -> tuple[KeptImages | FileStore, tuple[str, ...]]:
    made_by = {"format": FORMAT, "pillow": PIL.__version__, "torch": torch.__version__}
    described = json.dumps({**view.described(), **made_by}, sort_keys=True)
    key = hashlib.sha256(described.encode() + b"\n" + os.fsencode(images.home())).hexdigest()[:32]
    place = folder / f"images-{key}"
    place.mkdir(parents=True, exist_ok=True)
    if not os.access(place, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    store = KeptImages(images, view, segments(place, view.preprocess.channels))
    if store.is_complete:
        return store, ()
    needed = _estimate(images, view)
    free = shutil.disk_usage(folder).free
    if needed > (min(CACHE_LIMIT, free // 2) if limit is None else limit):
        note = f"a cache of the images would take about {needed / 1e9:.1f} GB"
        return FileStore(images, view), (f"{note}; they are decoded again in each epoch",)
    if needed > free:
        raise out_of_space(folder, needed)
    return store, ()


def _estimate(images: EncodedImages, view: View) -> int:
    """Bytes of all views, from up to 32 images evenly spread."""
    chosen = np.linspace(0, len(images) - 1, min(SAMPLED, len(images))).astype(int)
    sizes = [view.of(images, int(index)).nbytes for index in chosen]
    return round(sum(sizes) / len(sizes) * len(images)) + ENTRY.itemsize * len(images)
