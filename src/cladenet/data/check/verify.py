"""Image files are looked at once before anything is learnt from them, see `survey`."""

from dataclasses import replace
from typing import Literal

from cladenet.data.check.depths import judge_depths
from cladenet.data.dataset import ArrayImages, DataSet, Split
from cladenet.data.file_images import FileImages
from cladenet.data.images.decode import Decoding, readable
from cladenet.data.images.facts import USUAL
from cladenet.data.shards.images import ShardImages, shard_images
from cladenet.data.survey.survey import Progress, Survey, survey
from cladenet.errors import BadArgument, DataError
from cladenet.plural import agree, counted

OnUnreadable = Literal["stop", "skip"]


def surveyed(dataset: DataSet, progress: Progress | None = None) -> tuple[DataSet, Survey | None]:
    """The data set with what is known of its files, which are looked at together.

    Args:
        dataset: any; None is found of images in arrays and in shards.
        progress: as in `survey`.
    """
    splits = dataset.splits()
    files = [split.images for split in splits.values() if isinstance(split.images, FileImages)]
    if not files:
        return dataset, None
    paths = [path for images in files for path in images.paths]
    found = survey(paths, files[0].root, files[0].decoding, progress)
    known = {
        name: replace(split, images=replace(split.images, known=found))
        for name, split in splits.items()
        if isinstance(split.images, FileImages)
    }
    return dataset.with_splits(known), found


def settle_unreadable(
    dataset: DataSet, on_unreadable: OnUnreadable, progress: Progress | None = None
) -> DataSet:
    """The data set without its unreadable files, which are never replaced by others.

    Args:
        dataset: any; images in arrays are readable already.
        on_unreadable: `stop` raises if there are any, `skip` drops them, lists them in
            `unreadable`, with a note.
        progress: as in `survey`.

    Raises:
        DataError: unreadable files with `stop`; a class that is left without a training image.
    """
    if on_unreadable not in ("stop", "skip"):
        raise BadArgument(f"on_unreadable is {on_unreadable!r}; expected 'stop' or 'skip'")
    dataset, found = surveyed(dataset, progress)
    bad = dict(found.reasons) if found is not None else {}
    indexed = shard_images(dataset)
    for images in indexed:
        bad |= {images.name(number): reason for number, reason in images.reasons().items()}
    total = sum(len(split) for split in dataset.splits().values())
    if bad and on_unreadable == "stop":
        raise DataError(_stop_message(bad, total, dataset.spec))
    assumed = found.assumed() if found is not None else []
    assumed += [each for images in indexed for each in images.assumed()]
    warnings, notes = judge_depths(assumed, decoding_of(dataset).white_level)
    notes = [*warnings, *notes]
    animated = found.animated() if found is not None else 0
    animated += sum(images.animated() for images in indexed)
    if animated:
        notes.append(
            f"{counted(animated, 'file')} {agree(animated, 'holds', 'hold')} "
            "several frames or pages; "
            "the first one is used"
        )
    if bad:
        notes.append(f"left out as unreadable: {len(bad):,} of {counted(total, 'image')}")
    kept = {name: _without(split, bad) for name, split in dataset.splits().items()}
    _refuse_emptied(dataset, kept)
    unreadable = (*dataset.unreadable, *bad.items())
    return replace(dataset.with_splits(kept, *notes), unreadable=unreadable)


def decoding_of(dataset: DataSet) -> Decoding:
    """How the image files of a data set are opened."""
    images = dataset.train.images
    return USUAL if isinstance(images, ArrayImages) else images.decoding


def file_paths(split: Split) -> tuple[str, ...]:
    """The image files of a split; none if its images are an array."""
    return split.images.paths if isinstance(split.images, FileImages) else ()


def _stop_message(bad: dict[str, str], total: int, spec: str) -> str:
    lines = [f"  {readable(path)}: {reason}" for path, reason in list(bad.items())[:5]]
    if len(bad) > 5:
        lines.append(f"  and {len(bad) - 5:,} more; `cladenet check {readable(spec)}` lists all")
    count = f"{len(bad):,} of {total:,} images cannot be read:"
    advice = "Fix or remove them, or leave them out with on_unreadable=skip"
    return "\n".join([count, *lines, advice])


def _without(split: Split, bad: dict[str, str]) -> Split:
    if isinstance(split.images, ShardImages):
        reasons = split.images.reasons()
        left = [n for n in range(len(split)) if n not in reasons]
        return split.subset(left) if reasons else split
    if bad.keys().isdisjoint(file_paths(split)):
        return split
    return split.subset([n for n, path in enumerate(file_paths(split)) if path not in bad])


def _refuse_emptied(dataset: DataSet, kept: dict[str, Split]) -> None:
    left = set(kept["train"].labels.tolist())
    emptied = [f"class {dataset.classes[n]!r}" for n in set(dataset.train.labels.tolist()) - left]
    emptied += [
        name for name, split in dataset.splits().items() if len(split) and not len(kept[name])
    ]
    if emptied:
        raise DataError(
            f"no readable image is left of {', '.join(sorted(emptied)[:5])}; "
            f"`cladenet check {readable(dataset.spec)}` lists what is wrong with the files"
        )
