"""Images in shards, as a data set holds them."""

import hashlib
import os
import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cladenet.data.dataset import DataSet
from cladenet.data.images.decode import Decoding, Rows, UnreadableImage
from cladenet.data.images.facts import USUAL, Facts, inspect
from cladenet.data.images.samples import Assumed
from cladenet.data.order import Order, shuffled
from cladenet.data.shards.catalogue import Catalogue, Numbers
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.order import windows
from cladenet.data.shards.reading import SampleReader


@dataclass(frozen=True, eq=False)
class ShardImages:
    """Some samples of a catalogue.

    Args:
        catalogue: of the shards.
        samples: numbers in the catalogue, int64 (N,).
        reader: of the catalogue, shared by all subsets.
        decoding: how they become pixels.
        in_windows: an epoch keeps to what can be read forward; else any sample may follow another.
    """

    catalogue: Catalogue
    samples: Numbers
    reader: SampleReader = field(repr=False)
    decoding: Decoding = Decoding()  # noqa: RUF009
    in_windows: bool = False

    def __len__(self) -> int:
        return len(self.samples)

    def read(
        self, index: int, reduce_to: int | None = None, rows: Rows | None = None
    ) -> NDArray[np.uint8]:
        """Image `index` as uint8 (H, W, C); `reduce_to` and `rows` as in `decode`.

        Raises:
            DataError: it cannot be read or decoded; the message names shard, key and reason.
        """
        data = self.source(index)
        try:
            return self.decoding.read(data, reduce_to, rows)
        except UnreadableImage as error:
            raise UnreadableImage(self.name(index), error.reason) from error

    def decoded(self, index: int, reduce_to: int | None) -> tuple[NDArray[np.uint8], bool]:
        """As `read`, whose bytes are always those that were indexed."""
        return self.read(index, reduce_to), True

    def source(self, index: int) -> bytes:
        """The bytes of image `index`, which are those that were indexed.

        Raises:
            DamagedShard: they are others, or gone.
        """
        sample = int(self.samples[index])
        data = self.reader.read(sample)
        shard, place = self.catalogue.place(sample)
        if zlib.crc32(data) != self.catalogue.indexes[shard].crc32[place]:
            raise DamagedShard(
                self.catalogue.shards[shard].path,
                f"{self.name(index).rpartition(': ')[2]} is not what was indexed: its bytes have "
                "another sum. The shard is damaged, or was changed meanwhile",
            )
        return data

    def name(self, index: int) -> str:
        """Shard and key of image `index`."""
        return self.catalogue.name(int(self.samples[index]))

    def reasons(self) -> dict[int, str]:
        """Why images do not decode, by their places here."""
        found = self._judged.items()
        return {place: verdict for place, verdict in found if isinstance(verdict, str)}

    @cached_property
    def _judged(self) -> dict[int, Facts | str]:
        """What the index cannot say of images as they are opened here, or why they do not decode.

        It was made with the usual limits. Where others hold, those images are looked at again that
        did not decode or are too large.
        """
        found: dict[int, str] = {}
        starts = self.catalogue.starts[:-1].tolist()
        for start, index in zip(starts, self.catalogue.indexes, strict=True):
            found |= {start + place: reason for place, reason in index.about.unreadable.items()}
        bad = np.isin(self.samples, np.fromiter(found, np.int64))
        if self.decoding.white_level or self.decoding.max_pixels != USUAL.max_pixels:
            shapes = np.concatenate([index.shapes for index in self.catalogue.indexes])
            area = shapes[self.samples].prod(axis=1, dtype=np.int64)
            again = np.flatnonzero(bad | (area > self.decoding.max_pixels)).tolist()
            return {place: self._look(place) for place in again}
        return {place: found[int(self.samples[place])] for place in np.flatnonzero(bad).tolist()}

    def _look(self, place: int) -> Facts | str:
        try:
            return inspect(self.source(place), self.decoding).facts
        except UnreadableImage as error:
            return error.reason

    def assumed(self) -> list[Assumed]:
        """Of the images whose white is not declared, one by one; the largest sample of a shard."""
        return [
            Assumed("float" if kind == "float" else "16-bit", peak)
            for index in self.catalogue.indexes
            for kind, (count, peak) in index.about.assumed.items()
            for _ in range(count)
        ]

    def animated(self) -> int:
        """How many images hold several frames or pages, as the index says."""
        moving = [
            np.array([animated for *_, animated in index.about.kinds], bool)[index.kinds]
            for index in self.catalogue.indexes
        ]
        return int(np.concatenate(moving)[self.samples].sum())

    def facts(self, index: int) -> Facts | UnreadableImage:
        """What is known of image `index`."""
        verdict = self._judged.get(index)
        if verdict is None:
            shard, place = self.catalogue.place(int(self.samples[index]))
            return self.catalogue.indexes[shard].facts(place)
        return UnreadableImage(self.name(index), verdict) if isinstance(verdict, str) else verdict

    def likeness(self, index: int) -> tuple[int, int]:
        """Size and CRC-32 of the bytes of image `index`."""
        shard, place = self.catalogue.place(int(self.samples[index]))
        of_shard = self.catalogue.indexes[shard]
        return int(of_shard.sizes[place]), int(of_shard.crc32[place])

    @property
    def channels(self) -> int:
        """1 (luminance) or 3 (RGB) of what `read` gives."""
        return self.decoding.channels

    def opened_as(self, decoding: Decoding) -> "ShardImages":
        """The same images, decoded so."""
        return replace(self, decoding=decoding)

    def subset(self, indices: NDArray[np.int64]) -> "ShardImages":
        """The images at `indices`, in that order."""
        return replace(self, samples=self.samples[indices])

    def order(self, seed: int, epoch: int) -> Order:
        """The random order of an epoch, see `shards.order`."""
        if self.in_windows:
            return windows(self.catalogue.blocks, self.samples, seed, epoch)
        return shuffled(seed, epoch, len(self))

    def bring(self, ahead: NDArray[np.int64]) -> None:
        """Read these blocks."""
        self.reader.bring(ahead)

    def digest(self) -> bytes:
        """SHA-256 of names, sizes and sums of the shards, and of which samples these are."""
        sha = hashlib.sha256()
        for index in self.catalogue.indexes:
            about = index.about
            sha.update(f"{about.shard}\0{about.size}\0{about.crc32}\n".encode())
        sha.update(self.samples.astype("<i8").tobytes())
        return sha.digest()

    def keys(self) -> NDArray[np.void]:
        """Size and sum of the shard, and where in it the image lies."""
        shard = np.searchsorted(self.catalogue.starts, self.samples, side="right") - 1
        keys = np.zeros(len(self), dtype=[("of", "<i8", 2), ("place", "<i8"), ("is_one", "<i8")])
        about = [index.about for index in self.catalogue.indexes]
        keys["of"] = np.array([(each.size, each.crc32) for each in about], np.int64)[shard]
        keys["place"] = self.samples - self.catalogue.starts[shard]
        keys["is_one"] = 1
        return keys.view("V32")

    def home(self) -> str:
        """The folder of the first shard."""
        return os.path.dirname(self.catalogue.shards[0].path)


def shard_images(dataset: DataSet) -> list[ShardImages]:
    """The images of those splits that lie in shards."""
    every = (split.images for split in dataset.splits().values())
    return [images for images in every if isinstance(images, ShardImages)]
