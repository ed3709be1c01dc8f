"""Data sets that are shards: `wds:PATTERN`, `parquet:PATTERN`; see `shards.pattern`."""

import os
from collections.abc import Mapping, Sequence

import numpy as np

from cladenet.data.dataset import DataSet, Split
from cladenet.data.images.decode import readable
from cladenet.data.shards.catalogue import Catalogue, SampleNames, shard_names
from cladenet.data.shards.classes import classes_of, labels_of
from cladenet.data.shards.damage import DamagedShard
from cladenet.data.shards.images import ShardImages
from cladenet.data.shards.index import ShardIndex
from cladenet.data.shards.library import Library
from cladenet.data.shards.order import Windows, classes_seen
from cladenet.data.shards.pattern import SPLITS, Request, expand, folder_name, gaps, parse
from cladenet.data.shards.reading import SampleReader
from cladenet.data.shards.scanning.several import OnBytes, Shard
from cladenet.data.shards.scanning.wids import Listed
from cladenet.data.sources.parts import part_of, split_name
from cladenet.errors import BadArgument, DataError
from cladenet.plural import counted, counted_kinds

Files = Mapping[str, Sequence[Listed]]


def open_shards(
    spec: str, on_bytes: OnBytes | None = None, *, any_classes: bool = False
) -> DataSet:
    """The data set in shards, with RGB images.

    Shards without index are read once, whole, and their indexes kept in the cache.

    Args:
        spec: `wds:...` or `parquet:...`.
        on_bytes: hears how many bytes of the shards without index are read, and of how many.
        any_classes: one class is enough, for what is to be scored rather than learnt.

    Raises:
        BadArgument: the text is no request.
        DataError: a shard is missing or damaged, or labels are missing or contradict each other.
        MissingExtra: pyarrow is not installed.
    """
    request = parse(spec)
    files, notes = find_files(request)
    library = Library(request.fields, on_bytes)
    catalogues = _catalogues(request, files, library)
    given = _given_classes(request.classes)
    classes, more = classes_of(catalogues, given)
    notes += (*library.notes, *more, *_remarks(catalogues))
    if len(classes) < 2 and not any_classes:
        raise DataError(
            f"{readable(spec)} has one class only ({readable(classes[0])!r}); a classifier needs "
            "two or more"
        )
    by_number = bool(given) or any(
        index.about.classes for each in catalogues.values() for index in each.indexes
    )
    splits = {
        split: _split(catalogue, split, classes, by_number, request.shuffle)
        for split, catalogue in catalogues.items()
    }
    if "train" in splits:
        notes += _on_mixing(splits["train"])
    else:
        notes += ("no training images: this data set is for evaluation only",)
    empty = next(iter(splits.values())).subset([])
    return DataSet(
        name=readable(folder_name(spec)),
        spec=request.spec(),
        classes=tuple(map(readable, classes)),
        channels=3,
        train=splits.get("train", empty),
        val=splits.get("val"),
        test=splits.get("test"),
        notes=notes,
    )


def find_files(request: Request) -> tuple[dict[str, list[Listed]], tuple[str, ...]]:
    """The files of each split, and notes for the user.

    Where no split is named, the files' names tell: train, val, test and their like.

    Raises:
        DataError: files that are not there, in two splits, or of no split beside others.
    """
    if "" not in request.patterns:
        files = {split: expand(text, request.kind) for split, text in request.patterns.items()}
        _refuse_shared(files)
        paths = [each.path for listed in files.values() for each in listed]
        return files, gaps(paths)
    found = expand(request.patterns[""], request.kind)
    files = {name: [] for name in ("", *SPLITS)}
    for each in found:
        files[split_of(each.path)].append(each)
    files = {name: listed for name, listed in files.items() if listed}
    if set(files) == {""}:
        return {"train": found}, gaps([each.path for each in found])
    if "" in files:
        raise DataError(
            f"{readable(files.pop('')[0].path)} is of no split by its name, others are of "
            f"{' and '.join(files)}; name the splits: {request.kind}:train=PATTERN,val=PATTERN"
        )
    parts = ", ".join(f"{split} {len(each):,}" for split, each in files.items())
    notes: tuple[str, ...] = ()
    if set(files) != {"train"}:
        notes = (f"shards by their names: {parts}",)
    notes += gaps([each.path for each in found])
    return files, notes


def split_of(path: str) -> str:
    """`train`, `val`, `test`, or nothing, by a word in the file's name, else by its folder's name.

    The words are those of folders, see `parts`.
    """
    folder, name = os.path.split(path)
    found = split_name(name)
    return found.part if found is not None else part_of(os.path.basename(folder)) or ""


def _refuse_shared(files: Files) -> None:
    seen: dict[str, str] = {}
    for split, listed in files.items():
        for each in listed:
            other = seen.setdefault(os.path.realpath(each.path), split)
            if other != split:
                raise DataError(f"{readable(each.path)} is in {other} and in {split}")


def shards_of(request: Request, files: Files) -> dict[str, list[Shard]]:
    """The files of each split as shards."""
    table = request.kind == "parquet"
    return {
        split: [Shard(each.path, table, each.md5) for each in listed]
        for split, listed in files.items()
    }


def _catalogues(request: Request, files: Files, library: Library) -> dict[str, Catalogue]:
    shards = shards_of(request, files)
    indexes = library.open([shard for of_split in shards.values() for shard in of_split])
    for split, listed in files.items():
        for each, shard in zip(listed, shards[split], strict=True):
            _confirm(each, indexes[shard])
    _refuse_mixed_labels(indexes)
    made = frozenset(library.made)
    return {
        split: Catalogue(tuple(of_split), tuple(map(indexes.__getitem__, of_split)), made)
        for split, of_split in shards.items()
    }


def _confirm(listed: Listed, index: ShardIndex) -> None:
    """What a list says of a shard is so; without one, an archive has to end as it should."""
    if listed.samples is not None and listed.samples != len(index):
        raise DamagedShard(
            listed.path,
            f"holds {counted(len(index), 'sample')}; the index of wids says {listed.samples:,}",
        )
    if listed.size is not None and listed.size != index.about.size:
        raise DamagedShard(
            listed.path,
            f"has {index.about.size:,} bytes; the index of wids says {listed.size:,}",
        )
    if listed.samples is None and not index.about.is_closed:
        last = readable(index.name(len(index) - 1)) if len(index) else "its start"
        raise DamagedShard(
            listed.path,
            f"ends after {last} without the two zero blocks that close an archive: it was cut off "
            "between two files, or its writer was stopped. Write it again; if it is whole, an "
            "index of wids with its number of samples proves it",
        )


def _refuse_mixed_labels(indexes: Mapping[Shard, ShardIndex]) -> None:
    sources: dict[str, Shard] = {}
    for shard, index in indexes.items():
        sources.setdefault(index.about.labels_from, shard)
    if len(sources) > 1:
        (one, first), (other, second) = list(sources.items())[:2]
        raise DataError(
            f"labels are {one} in {readable(first.path)} and {other} in {readable(second.path)}; "
            f"choose one: label={one} or label={other}"
        )


def _given_classes(path: str) -> list[str]:
    if not path:
        return []
    try:
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            names = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise BadArgument(f"classes={readable(path)} cannot be read: {error}") from None
    while names and not names[-1]:
        names.pop()
    if not all(names) or len(set(names)) < len(names):
        raise BadArgument(
            f"classes={readable(path)} has an empty line or a name twice; expected one name per "
            "line"
        )
    return names


def _remarks(catalogues: Mapping[str, Catalogue]) -> tuple[str, ...]:
    """What the shards hold besides samples, and where labels are from."""
    indexes = [index for each in catalogues.values() for index in each.indexes]
    notes = []
    source = indexes[0].about.labels_from
    if source != "cls":
        notes.append(f"labels are from {readable(source)}")
    ignored: dict[str, int] = {}
    for index in indexes:
        for kind, count in index.about.ignored.items():
            ignored[kind] = ignored.get(kind, 0) + count
    if ignored:
        notes.append(f"ignored in the shards: {counted_kinds(ignored)}")
    return tuple(notes)


def _split(
    catalogue: Catalogue, split: str, classes: Sequence[str], by_number: bool, shuffle: str
) -> Split:
    samples = np.arange(len(catalogue), dtype=np.int64)
    in_windows = shuffle == "windows" or (not shuffle and not catalogue.is_seekable)
    if shuffle == "all" and not catalogue.is_seekable:
        raise BadArgument(
            f"shuffle=all reads at any place, and {shard_names(catalogue.shards)} can only be read "
            "forward; leave shuffle out, or write the shards as .tar that is not packed"
        )
    images = ShardImages(catalogue, samples, SampleReader(catalogue), in_windows=in_windows)
    labels = labels_of(catalogue, split, classes, by_number=by_number)
    return Split(images, labels, SampleNames(catalogue, samples))


def _on_mixing(split: Split) -> tuple[str, ...]:
    """Shards that are sorted by class, and read in windows, give batches of few classes."""
    order = split.images.order(0, 0)
    if not isinstance(order, Windows):
        return ()
    seen, at_random = classes_seen(order, split.labels)
    if seen > at_random / 2:
        return ()
    return (
        f"the shards are sorted by class: a window of images that is shuffled holds {seen:,.0f} "
        f"classes on average, {at_random:,.0f} if they were mixed. Write them in random order, or "
        "as .tar that is not packed",
    )
