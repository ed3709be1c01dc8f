"""Where batches take their images from: an array, a packed cache, or the files themselves.

All three give the same pixels, so which of them it is shows only in the speed.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL
import torch
from filelock import FileLock
from numpy.typing import NDArray

from cladenet.data.ahead import OnProgress, in_threads, threads_for
from cladenet.data.cache.packed import (
    FORMAT,
    DamagedCache,
    PackedImages,
    out_of_space,
    pack,
)
from cladenet.data.dataset import ArrayImages, EncodedImages, FileImages, Images
from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import shrink
from cladenet.errors import BadArgument
from cladenet.files import NO_SPACE
from cladenet.paths import cache_root, cache_was_chosen
from cladenet.threads import our_share

CACHE_LIMIT = 20 << 30
SAMPLED = 32


class Store(Protocol):
    """Images by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Image `index`, uint8 (H, W, C)."""
        ...

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, where all have one size, as a new (n, H, W, C)."""
        ...


@dataclass(frozen=True)
class View:
    """What is kept of an image.

    Args:
        preprocess: how a network sees it.
        side: None for the evaluation view; else the image itself, shrunk to this short side.
    """

    preprocess: Preprocess
    side: int | None = None

    def of(self, images: EncodedImages, index: int) -> NDArray[np.uint8]:
        """The view of one file, uint8 (H, W, C)."""
        if self.side is None:
            return self.preprocess.prepare(images.read(index))
        image = images.read(index, reduce_to=self.side)
        return shrink(image, self.side, self.preprocess.interpolation)

    def described(self) -> dict[str, object]:
        """All that its pixels depend on, besides the file."""
        preprocess = self.preprocess.to_json()
        names = ["channels", "exif", "interpolation", "white_level", "max_megapixels"]
        if self.side is not None:
            return {"side": self.side, **{name: preprocess[name] for name in names}}
        names += ["fit", "height", "width", "resize"]
        return {"side": None, "resized_by": "pillow", **{name: preprocess[name] for name in names}}


@dataclass(frozen=True)
class ArrayStore:
    """Images in memory, (N, H, W, C)."""

    array: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return self.array[index]

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, copied."""
        return self.array[indices]


@dataclass(frozen=True)
class FileStore:
    """Images decoded whenever they are asked for."""

    images: EncodedImages
    view: View

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        return self.view.of(self.images, index)

    def stack(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at `indices`, decoded."""
        return np.stack([self[index] for index in indices])


def open_store(
    images: Images,
    view: View,
    cache_dir: str | os.PathLike[str] | None = None,
    cache_limit: int | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Store, tuple[str, ...]]:
    """A store of the views of all images, and notes for the user about it.

    Args:
        images: an array is kept in memory; files are packed, if the cache is not there yet.
        view: what is kept of each.
        cache_dir: of the packed files; `cache_root()` if None, and no cache where nobody has chosen
            that folder and it cannot be written.
        cache_limit: bytes that the packed file may take; by default 20 GiB or half of what is free
            on the disk, the lesser. Above it files are decoded whenever asked for; 0 is no cache.
        on_progress: called while packing with the images done and their number.

    Raises:
        BadArgument: images and preprocessing contradict each other; the folder cannot be used.
        DataError: a file cannot be decoded.
        OutOfSpace: the disk is full.
    """
    preprocess = view.preprocess
    wanted = preprocess.decoding
    how = replace(wanted, channels=images.channels)
    how = how if isinstance(images, ArrayImages) else images.decoding
    if differ := [name for name in vars(how) if getattr(how, name) != getattr(wanted, name)]:
        opened, asked = (
            ", ".join(f"{name}={getattr(each, name)}" for name in differ) for each in (how, wanted)
        )
        raise BadArgument(
            f"images are opened with {opened}; the preprocessing is for {asked}. Open the data set "
            "with the latter"
        )
    if isinstance(images, ArrayImages):
        whole = view.side is not None and preprocess.fit == "crop"
        return ArrayStore(images.array if whole else preprocess.prepare_all(images.array)), ()
    if cache_limit == 0:
        return FileStore(images, view), ()
    folder = Path(cache_dir).expanduser() if cache_dir is not None else cache_root()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _packed(images, view, folder, cache_limit, on_progress)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise out_of_space(folder, 0) from error
        why = f"the image cache {folder} cannot be written: {error.strerror}"
        if cache_dir is None and not cache_was_chosen():
            note = f"{why}; images are decoded anew each epoch. CLADENET_CACHE names another folder"
            return FileStore(images, view), (note,)
        raise BadArgument(
            f"{why}; set CLADENET_CACHE to another folder, or train with cache_gb=0, which decodes "
            "anew each epoch"
        ) from error


def _packed(
    images: EncodedImages,
    view: View,
    folder: Path,
    limit: int | None,
    on_progress: OnProgress | None,
) -> tuple[Store, tuple[str, ...]]:
    made_by = {"format": FORMAT, "pillow": PIL.__version__, "torch": torch.__version__}
    described = json.dumps({**view.described(), **made_by}, sort_keys=True)
    key = hashlib.sha256(f"{described}\n{images.contents(folder)}".encode()).hexdigest()[:32]
    path = folder / f"images-{key}.pack"
    notes: tuple[str, ...] = ()
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            try:
                return _opened(path, *_identity(path)), ()
            except DamagedCache as error:
                notes = (f"the image cache is made anew: {error}",)
        needed = _estimate(images, view)
        free = shutil.disk_usage(folder).free
        if needed > (min(CACHE_LIMIT, free // 2) if limit is None else limit):
            note = f"a cache of the images would take about {needed / 1e9:.1f} GB"
            return FileStore(images, view), (*notes, f"{note}; they are decoded anew each epoch")
        if needed > free:
            raise out_of_space(folder, needed)
        with closing(_views(images, view)) as decoded:
            pack(path, decoded, key, needed, lambda done: _tell(on_progress, done, len(images)))
        return _opened(path, *_identity(path)), notes


def _views(images: EncodedImages, view: View) -> Generator[NDArray[np.uint8], None, None]:
    cpus = our_share().cpus
    threads = threads_for(images.paths, cpus) if isinstance(images, FileImages) else cpus
    if threads > 1:
        yield from in_threads(lambda index: view.of(images, index), range(len(images)), threads)
    else:
        yield from (view.of(images, index) for index in range(len(images)))


def _tell(on_progress: OnProgress | None, done: int, total: int) -> None:
    if on_progress is not None:
        on_progress(done, total)


def _estimate(images: EncodedImages, view: View) -> int:
    """Bytes of all views, from up to 32 images evenly spread."""
    chosen = np.linspace(0, len(images) - 1, min(SAMPLED, len(images))).astype(int)
    sizes = [view.of(images, int(index)).nbytes for index in chosen]
    return round(sum(sizes) / len(sizes) * len(images)) + 24 * len(images) + 1024


@lru_cache(maxsize=16)
def _opened(path: Path, size: int, inode: int, changed_ns: int) -> PackedImages:
    """Opened and verified once in a process, as long as it is the same file."""
    return PackedImages(path)


def _identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_ino, status.st_mtime_ns
