"""Images of any size as files, and what was found out about them."""

import hashlib
import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from cladenet.data.ids import Ids
from cladenet.data.images.decode import Decoding, Rows, UnreadableImage, readable
from cladenet.data.order import Order, shuffled
from cladenet.data.survey.survey import Survey, survey

CHUNK = 4_096  # files whose names are hashed together


@dataclass(frozen=True, eq=False)
class FileImages:
    """Images of any size as files.

    Args:
        paths: absolute, one per image.
        decoding: how they become pixels.
        root: the folder that the identity of an image is relative to.
        known: what was found of these files and others of the set, opened so.
    """

    paths: tuple[str, ...]
    decoding: Decoding = Decoding()  # noqa: RUF009
    root: str = os.sep
    known: Survey | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def read(
        self, index: int, reduce_to: int | None = None, rows: Rows | None = None
    ) -> NDArray[np.uint8]:
        """Image `index` as uint8 (H, W, C); `reduce_to` and `rows` as in `decode`.

        Raises:
            DataError: the file cannot be decoded; it names the file and the reason.
        """
        return self.decoding.read(self.paths[index], reduce_to, rows)

    def decoded(self, index: int, reduce_to: int | None) -> tuple[NDArray[np.uint8], bool]:
        """As `read`, and whether the file still holds what it did when it was looked at."""
        path = self.paths[index]
        try:
            with open(path, "rb", buffering=0) as file:
                content = file.read()
        except OSError:
            return self.read(index, reduce_to), False  # which says why
        is_known = hashlib.sha256(content).digest() == self._sha(index)
        try:
            return self.decoding.read(content, reduce_to), is_known
        except UnreadableImage as error:
            raise UnreadableImage(path, error.reason) from error

    def _sha(self, index: int) -> bytes:
        sha: bytes = self._survey.rows["sha"][self._places[index]].tobytes()
        return sha

    def source(self, index: int) -> str:
        """The path of image `index`."""
        return self.paths[index]

    def likeness(self, index: int) -> int | None:
        """The size of file `index` in bytes; None if it is gone."""
        try:
            return os.path.getsize(self.paths[index])
        except OSError:
            return None

    @property
    def channels(self) -> int:
        """1 (luminance) or 3 (RGB) of what `read` gives."""
        return self.decoding.channels

    def opened_as(self, decoding: Decoding) -> "FileImages":
        """The same images, decoded so."""
        same = decoding == self.decoding
        return replace(self, decoding=decoding, known=self.known if same else None)

    @cached_property
    def _survey(self) -> Survey:
        """What was found of the files; they are looked at now, unless they were."""
        return self.known or survey(self.paths, self.root, self.decoding)

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        return self._survey.places(self.paths)

    def column(self, name: str) -> NDArray[Any]:
        """What was found of each file: a column of `survey.rows`."""
        found = self._survey.rows[name]
        return found if self.paths == self._survey.paths else found[self._places]

    def subset(self, indices: NDArray[np.int64]) -> "FileImages":
        """The images at `indices`, in that order."""
        return replace(self, paths=tuple(map(self.paths.__getitem__, indices.tolist())))

    def order(self, seed: int, epoch: int) -> Order:
        """The random order of an epoch."""
        return shuffled(seed, epoch, len(self))

    def bring(self, ahead: NDArray[np.int64]) -> None:
        """Nothing: files are opened when they are read."""

    def digest(self) -> bytes:
        """SHA-256 of the paths relative to `root` and the file sizes.

        A copy of the folder elsewhere has the same digest. Contents are not read: a file that
        changed and kept its size goes unnoticed here.
        """
        sha = hashlib.sha256()
        inside, sizes = os.path.join(os.path.normpath(self.root), ""), self._sizes()
        for start in range(0, len(self.paths), CHUNK):
            paths = self.paths[start : start + CHUNK]
            names = [path[len(inside) :] if path.startswith(inside) else "" for path in paths]
            if not _are_plain(names):
                names = [os.path.relpath(path, self.root) for path in paths]
            some = zip(names, sizes[start : start + CHUNK], strict=True)
            sha.update(os.fsencode("".join([f"{name}\0{size}\n" for name, size in some])))
        return sha.digest()

    def _sizes(self) -> list[int]:
        """In bytes, as they were looked at, or as they are."""
        if self.known is None:
            return [os.path.getsize(path) for path in self.paths]
        sizes: list[int] = self.column("stamp")["size"].tolist()
        return sizes

    def keys(self) -> NDArray[np.void]:
        """SHA-256 of the bytes of each."""
        return self.column("sha")

    def home(self) -> str:
        """The folder that they are of."""
        return os.path.abspath(self.root)


def _are_plain(paths: list[str]) -> bool:
    """Whether these are relative paths, each as `os.path.normpath` would leave it."""
    together = "\0".join(["", *paths, ""])
    return not any(odd in together for odd in ("\0\0", "\0/", "//", "./"))


@dataclass(frozen=True)
class Named(Ids):
    """Readable identities of image files: their paths, safe to print, log and write as JSON."""

    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, item: int) -> str: ...
    @overload
    def __getitem__(self, item: slice) -> "Named": ...
    def __getitem__(self, item: int | slice) -> "str | Named":
        return Named(self.paths[item]) if isinstance(item, slice) else readable(self.paths[item])

    def take(self, indices: NDArray[np.int64]) -> "Named":
        """Those at `indices`, in that order."""
        return Named(tuple(map(self.paths.__getitem__, indices.tolist())))
