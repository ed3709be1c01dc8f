"""From what the user typed to a data set.

digits                       ships with the package
mnist:ROOT, cifar10:ROOT ... the published files, in ROOT or below (see roots.py)
mnist, cifar10 ...           the same, under the environment's CLADENET_DATA
FOLDER                       train/CLASS/..., val/CLASS/...; or CLASS/...
FOLDER,label_from=name       the same with labels in the names of files (see class_folders.py)
FILE.csv                     path,label[,split] (see table.py)
wds:PATTERN                  tar shards in the WebDataset layout (see shards/pattern.py)
parquet:PATTERN              Parquet files with image bytes
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from cladenet.data.dataset import ArrayImages, DataSet, Images, Split
from cladenet.data.images.decode import MAX_PIXELS, Decoding, readable
from cladenet.data.named import TABLES, is_shards, is_table
from cladenet.data.sources.embedded import open_digits
from cladenet.errors import BadArgument, DataError
from cladenet.keywords import by_keyword
from cladenet.suggest import nearest

if TYPE_CHECKING:  # each kind of data imports what reads it
    from cladenet.data.check.verify import OnUnreadable
    from cladenet.data.shards.scanning.several import OnBytes
    from cladenet.data.sources.class_folders import LabelFrom
    from cladenet.data.survey.survey import Progress

# Published sets with the modules of this folder that read them, and what in them does.
READERS = {
    "mnist": ("idx", "open_mnist"),
    "fashion_mnist": ("idx", "open_fashion_mnist"),
    "cifar10": ("cifar", "open_cifar10"),
    "cifar100": ("cifar", "open_cifar100"),
    "svhn": ("svhn", "open_svhn"),
    "stl10": ("stl10", "open_stl10"),
    "imagenet": ("folder", "open_imagenet"),
}


@dataclass(frozen=True, kw_only=True)
class OpenOptions:
    """How a data set is read.

    Args:
        channels: 1 (luminance) or 3 (RGB); None keeps what an array has, and 3 for files.
        on_unreadable: `stop` refuses a set with unreadable files, `skip` leaves them out.
        verify: decode every image file once, now; otherwise a bad one stops the run later.
        exif: turn photographs upright as their EXIF orientation says.
        white_level: the sample that is white in image files of more than 8 bits that do not declare
            it, such as 4095 for 12 bits in 16; 0 for the default, 65535 in 16 bits and 1 in floats.
        max_megapixels: files of which more would be decoded are refused.
        progress: called with the number of files verified and their total.
        indexing: called with the bytes read of shards that have no index yet, and their total.
        label_from: what labels the images of a folder: `folder`, `name`, `top` or `parent`, see
            `class_folders`; by default what `spec` says, else `folder`.
        any_classes: one class is enough, for what is to be scored rather than learnt.

    Raises:
        BadArgument: there are no images of so many channels, or `on_unreadable` is unknown.
    """

    channels: int | None = None
    on_unreadable: "OnUnreadable" = "stop"
    verify: bool = True
    exif: bool = True
    white_level: float = 0.0
    max_megapixels: float = MAX_PIXELS / 1e6
    progress: "Progress | None" = None
    indexing: "OnBytes | None" = None
    label_from: "LabelFrom | None" = None
    any_classes: bool = False

    def __post_init__(self) -> None:
        if self.channels not in (None, 1, 3):
            raise BadArgument(f"channels is {self.channels}; expected 1 (grey) or 3 (RGB)")
        if self.on_unreadable not in ("stop", "skip"):
            raise BadArgument(f"on_unreadable is {self.on_unreadable!r}; expected 'stop' or 'skip'")

    def decoding(self, channels: int) -> Decoding:
        """How image files become pixels of so many channels."""
        return Decoding(channels, self.exif, self.white_level, self.max_megapixels * 1e6)


@by_keyword(OpenOptions)
def open_dataset(spec: str, options: OpenOptions) -> DataSet:
    """The data set that `spec` names.

    Args:
        spec: `digits`, `NAME:ROOT`, `NAME`, a folder, or a CSV file: see the table above.
        options: keywords, see `OpenOptions`.

    Raises:
        BadArgument: an option is impossible.
        DataError: nothing there, or not as described; the message says what to do.
    """
    name, colon, root = spec.partition(":")
    if spec == "digits":
        dataset = open_digits()
    elif is_shards(spec):
        from cladenet.data.sources.shards import open_shards

        dataset = open_shards(spec, options.indexing, any_classes=options.any_classes)
    elif name in READERS:
        if colon and not root:
            raise BadArgument(f"{spec!r} names no folder; expected {name}:FOLDER")
        dataset = _published(name, os.path.expanduser(root) if colon else None)
    else:
        dataset = _own(spec, options)
    channels = dataset.channels if options.channels is None else options.channels
    decoded = all(isinstance(split.images, ArrayImages) for split in dataset.splits().values())
    if decoded and channels == dataset.channels:
        return dataset
    dataset = _converted(dataset, options.decoding(channels))
    if decoded or not options.verify:
        return dataset
    from cladenet.data.check.verify import settle_unreadable

    return settle_unreadable(dataset, options.on_unreadable, options.progress)


def _published(name: str, root: str | None) -> DataSet:
    from cladenet.data.sources.roots import locate

    module, function = READERS[name]
    read: Callable[[str], DataSet] = getattr(
        import_module(f"cladenet.data.sources.{module}"), function
    )
    return read(locate(name, root))


def _own(spec: str, options: OpenOptions) -> DataSet:
    """A folder or a table of somebody's own."""
    from cladenet.data.sources.class_folders import split_spec
    from cladenet.data.sources.folder import open_folder
    from cladenet.data.sources.table import open_table

    path, how = split_spec(os.path.expanduser(spec))
    if os.path.isdir(path):
        return open_folder(
            path, label_from=options.label_from or how, any_classes=options.any_classes
        )
    if is_table(path):
        return open_table(path, any_classes=options.any_classes)
    raise DataError(_unknown(spec, spec.partition(":")[0], path))


def _unknown(spec: str, name: str, path: str) -> str:
    from cladenet.data.sources.class_folders import LAYOUTS
    from cladenet.data.sources.others.files import way_out
    from cladenet.data.sources.roots import SOURCES

    if os.path.isfile(path):
        if way := way_out(path):
            return f"{readable(path)} is {way}"
        return f"{readable(path)} is a file, but not a table ({', '.join(TABLES)}); {LAYOUTS}"
    names = ["digits", *SOURCES]
    near = [*nearest(name, names, most=2), *beside(path)]
    hint = f"; nearest: {', '.join(near)}" if near else ""
    return (
        f"no data set, folder or CSV file is called {readable(spec)!r}{hint}. Expected a folder, "
        f"a CSV file, or one of {', '.join(names)} (all but digits with :FOLDER)"
    )


def beside(path: str, most: int = 2) -> list[str]:
    """Folders and tables whose names are nearly that of `path`, which is not there itself.

    Where a folder above it is missing, those that are nearly that one.
    """
    above, name = os.path.split(path.rstrip("/"))
    if above and not os.path.isdir(above):
        return beside(above, most)
    try:
        with os.scandir(above or ".") as entries:
            there = [entry.name for entry in entries if entry.is_dir() or is_table(entry.name)]
    except OSError:
        return []
    return [readable(os.path.join(above, each)) for each in nearest(name, there, most)]


def _converted(dataset: DataSet, decoding: Decoding) -> DataSet:
    splits = {
        name: Split(_images(split.images, decoding), split.labels, split.ids)
        for name, split in dataset.splits().items()
    }
    return replace(dataset.with_splits(splits), channels=decoding.channels)


def _images(images: Images, decoding: Decoding) -> Images:
    if not isinstance(images, ArrayImages):
        return images.opened_as(decoding)
    if images.channels == decoding.channels:
        return images
    if decoding.channels == 3:
        return ArrayImages(np.repeat(images.array, 3, axis=3))
    # Pillow's luminance, in its integers: 0.299 R + 0.587 G + 0.114 B.
    weights = np.array([19595, 38470, 7471], dtype=np.uint32)
    grey = (images.array @ weights + 0x8000) >> 16
    return ArrayImages(grey.astype(np.uint8)[..., None])
