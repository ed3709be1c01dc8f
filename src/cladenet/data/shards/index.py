"""What is known of a shard without reading it: where its images lie, their sums and labels.

A file of safetensors, one a shard. Per sample:

    offsets   int64    where the image starts: bytes into the archive; rows into a Parquet file
    sizes     int64    its bytes
    crc32     uint32   their sum
    labels    int32    place in `vocabulary`
    shapes    int32    (N, 2): width and height, as the header says
    kinds     uint8    place in `kinds`: format, mode, animated; all three as of the first frame
    names     uint8    all keys one after the other, `name_ends` int64 where each ends

and one JSON text with the rest, in the file's metadata under `cladenet`.
"""

import json
import zlib
from array import array
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cladenet.data.images.facts import Facts
from cladenet.errors import DataError, reason
from cladenet.files import write_atomically

VERSION = 2
_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
ARRAYS = {
    "offsets": "<i8", "sizes": "<i8", "crc32": "<u4", "labels": "<i4", "shapes": "<i4",
    "kinds": "|u1", "names": "|u1", "name_ends": "<i8",
}  # fmt: skip
COLUMNS = 8  # of a sample while an index is made
NONE = Facts("", "", 0, 0, False)  # of an image that cannot be read


class DamagedIndex(DataError):
    """An index file that is not what was written."""


@dataclass(frozen=True)
class About:
    """What an index says of a shard as a whole.

    Args:
        shard: its file's name.
        size: of the file, in bytes.
        crc32: of the file.
        md5: of the file; empty if nobody asked.
        packing: `gz`, `bz2`, `xz` or nothing.
        image: the field or column that the user named; empty if it was found.
        label: the same for the label.
        labels_from: the field or column that labels are from.
        vocabulary: the labels that occur, in the order of their first samples.
        classes: names of the classes by number, where the shard lists them; else empty.
        kinds: (format, mode, animated).
        unreadable: sample to the reason why its image does not decode.
        assumed: of images whose white is not declared, kind to how many there are and the largest
            sample.
        ignored: kind of file that belongs to no sample, to how many there are.
        is_closed: a tar archive ended as it should.
        groups: samples of each row group of a Parquet file; of a tar archive all in one.
        version: of this format.
    """

    shard: str
    size: int
    crc32: int
    md5: str = ""
    packing: str = ""
    image: str = ""
    label: str = ""
    labels_from: str = ""
    vocabulary: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    kinds: tuple[tuple[str, str, bool], ...] = ()
    unreadable: dict[int, str] = field(default_factory=dict)
    assumed: dict[str, tuple[int, float]] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    is_closed: bool = True
    groups: tuple[int, ...] = ()
    version: int = VERSION


@dataclass(frozen=True, eq=False)
class ShardIndex:
    """The index of one shard: see the table above."""

    about: About
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    crc32: NDArray[np.uint32]
    labels: NDArray[np.int32]
    shapes: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    names: NDArray[np.uint8]
    name_ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sizes)

    def name(self, sample: int) -> str:
        """The key of a sample, or the path that a Parquet file keeps of an image."""
        start = int(self.name_ends[sample - 1]) if sample else 0
        raw = self.names[start : int(self.name_ends[sample])].tobytes()
        return raw.decode("utf-8", "surrogateescape")

    def facts(self, sample: int) -> Facts:
        """What the header of a sample's image says; all empty if it cannot be read."""
        if sample in self.about.unreadable:
            return NONE
        kind, mode, animated = self.about.kinds[self.kinds[sample]]
        width, height = self.shapes[sample].tolist()
        return Facts(kind, mode, width, height, animated)


class Collector:
    """An index in the making, sample by sample."""

    def __init__(self) -> None:
        self._rows = array("q")
        self._names = bytearray()
        self._vocabulary: dict[str, int] = {}
        self._kinds: dict[tuple[str, str, bool], int] = {}
        self.unreadable: dict[int, str] = {}
        self._assumed: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._rows) // COLUMNS

    def add(self, name: str, offset: int, image: bytes, label: str, facts: Facts | str) -> None:
        """One sample; `facts` may be the reason why there are none."""
        if isinstance(facts, str):
            self.unreadable[len(self)] = facts
            facts = NONE
        if facts.assumed is not None:
            count, peak = self._assumed.get(facts.assumed.kind, (0, 0.0))
            self._assumed[facts.assumed.kind] = count + 1, max(peak, float(facts.assumed.peak))
        kind = (facts.format, facts.mode, facts.is_animated)
        self._names += name.encode("utf-8", "surrogateescape")
        self._rows.extend(
            (
                *(offset, len(image), zlib.crc32(image)),
                self._vocabulary.setdefault(label, len(self._vocabulary)),
                *(facts.width, facts.height),
                self._kinds.setdefault(kind, len(self._kinds)),
                len(self._names),
            )
        )

    def finished(self, shard: str, size: int, crc32: int, **more: Any) -> ShardIndex:
        """The index; arguments as of `About`."""
        table = np.frombuffer(self._rows, dtype=np.int64).reshape(-1, COLUMNS)
        about = About(
            shard,
            size,
            crc32,
            vocabulary=tuple(self._vocabulary),
            kinds=tuple(self._kinds),
            unreadable=self.unreadable,
            assumed=self._assumed,
            **more,
        )
        return ShardIndex(
            about,
            offsets=table[:, 0].copy(),
            sizes=table[:, 1].copy(),
            crc32=table[:, 2].astype(np.uint32),
            labels=table[:, 3].astype(np.int32),
            shapes=table[:, 4:6].astype(np.int32),
            kinds=table[:, 6].astype(np.uint8),
            names=np.frombuffer(bytes(self._names), np.uint8),
            name_ends=table[:, 7].copy(),
        )


def write_index(path: Path, index: ShardIndex, **more: Any) -> None:
    """Write an index whole or not at all; `more` are plain values to be kept with it.

    Raises:
        OSError: the folder cannot be made or written.
    """
    arrays = {name: getattr(index, name).astype(kind) for name, kind in ARRAYS.items()}
    text = json.dumps({**more, "about": asdict(index.about), "crc32": _sum(arrays)})
    write_atomically(path, save(arrays, {"cladenet": text}))


def read_index(path: Path) -> tuple[ShardIndex, dict[str, Any]]:
    """What `write_index` wrote: the index, and what was kept with it.

    Raises:
        OSError: it cannot be read, or is not there.
        DamagedIndex: it is not what was written, or another version's.
    """
    try:
        with safe_open(path, "numpy") as file:
            kept = json.loads(file.metadata()["cladenet"])
            arrays = {name: file.get_tensor(name) for name in ARRAYS}
        about = _about(kept.pop("about"))
        whole = kept.pop("crc32") == _sum(arrays) and about.version == VERSION
    except (
        SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise DamagedIndex(f"{path} is not an index of a shard: {reason(error)}") from None
    if not whole:
        raise DamagedIndex(f"{path} is damaged, or another version's; delete it")
    return ShardIndex(about, **arrays), kept


def _about(values: dict[str, Any]) -> About:
    """What JSON made of it, with tuples and numbers in their places again."""
    if values.keys() != {each.name for each in fields(About)}:
        raise ValueError("it is another version's")
    lists = {name: tuple(values[name]) for name in ("vocabulary", "classes", "groups")}
    kinds = tuple((str(form), str(mode), bool(many)) for form, mode, many in values["kinds"])
    unreadable = {int(sample): str(reason) for sample, reason in values["unreadable"].items()}
    assumed = {str(kind): (int(n), float(peak)) for kind, (n, peak) in values["assumed"].items()}
    more = {"kinds": kinds, "unreadable": unreadable, "assumed": assumed}
    return About(**{**values, **lists, **more})


def _sum(arrays: dict[str, NDArray[Any]]) -> int:
    total = 0
    for name, kind in ARRAYS.items():
        total = zlib.crc32(np.ascontiguousarray(arrays[name].astype(kind)).data, total)
    return total
