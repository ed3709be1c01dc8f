"""The data check: everything about a data set that is worth knowing before hours of training.

A problem stops training; a warning does not, and should be read. Nothing is written or fixed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median_low
from typing import Any

import numpy as np

from cladenet.data.check.alike import find_alike
from cladenet.data.check.depths import judge_depths
from cladenet.data.check.duplicates import Group, find_duplicates
from cladenet.data.check.judge import judge_alike, judge_classes, judge_duplicates
from cladenet.data.check.judge_for import Need, Sizes, judge_for
from cladenet.data.check.places import Groups
from cladenet.data.check.verify import OnUnreadable, decoding_of, surveyed
from cladenet.data.dataset import ArrayImages, DataSet
from cladenet.data.images.decode import UnreadableImage, readable
from cladenet.data.images.facts import Facts
from cladenet.data.shards.images import shard_images
from cladenet.data.shards.scanning.recheck import differences
from cladenet.data.shards.scanning.several import OnBytes
from cladenet.data.survey.survey import Progress
from cladenet.errors import DataError
from cladenet.plural import agree, counted


@dataclass(frozen=True)
class Report:
    """What `check_dataset` found.

    Args:
        data: what opens the data set.
        classes: their names, by label.
        counts: images of each class, by split.
        sizes: of the readable images; None if there are none.
        kinds: number of images by format and colour mode, such as `JPEG RGB`.
        unreadable: (id, reason).
        duplicates: groups of equal images.
        compared_by: `file bytes` or `pixels`.
        alike: groups of files that are not equal and show nearly the same.
        problems: sentences; each stops training.
        warnings: sentences.
        notes: sentences: what is partial, ignored, or how a network will see the images.
    """

    data: str
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    sizes: Sizes | None
    kinds: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    duplicates: tuple[Group, ...]
    compared_by: str
    alike: tuple[Group, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as plain values for `json.dumps`."""
        plain = asdict(self)
        for name, groups in (("duplicates", self.duplicates), ("alike", self.alike)):
            plain[name] = [[copy._asdict() for copy in group] for group in groups]
            plain[f"{name}_counts"] = {
                "groups": len(groups),
                "images": sum(map(len, groups)),
                "across_splits": sum(len({copy.split for copy in g}) > 1 for g in groups),
            }
        return plain


def check_dataset(
    dataset: DataSet,
    need: Need | None = None,
    *,
    on_unreadable: OnUnreadable = "stop",
    progress: Progress | None = None,
    indexing: OnBytes | None = None,
    divide: Callable[[DataSet, Groups], object] | None = None,
) -> Report:
    """Examine every image of `dataset`, which was opened with `verify=False`.

    Args:
        dataset: what to examine.
        need: a network to judge the data set for.
        on_unreadable: with `skip`, unreadable files are a warning instead of a problem.
        progress: called with the number of files decoded and their total.
        indexing: called with the bytes of shards that are read again, and their total.
        divide: holds images out as training does, given the numbers of equal training images; the
            DataError that it raises is a problem.
    """
    dataset, found = surveyed(dataset, progress)
    in_shards = shard_images(dataset)
    results: list[Facts | UnreadableImage] = []
    if found is not None:
        results += [*found.facts(), *found.unreadable()]
    results += [images.facts(place) for images in in_shards for place in range(len(images))]
    bad = [result for result in results if isinstance(result, UnreadableImage)]
    facts = [result for result in results if isinstance(result, Facts)] or _array_facts(dataset)
    duplicates = find_duplicates(dataset)
    problems, warnings, notes = judge_classes(dataset)
    problems += differences([images.catalogue for images in in_shards], indexing)
    if bad:
        total = sum(len(split) for split in dataset.splits().values())
        sentence = f"{len(bad):,} of {total:,} images cannot be read"
        (problems if on_unreadable == "stop" else warnings).append(sentence)
    if divide is not None and not (problems or bad):
        try:
            divide(dataset, duplicates.of["train"])
        except DataError as error:
            problems.append(str(error))
    near = find_alike(dataset, duplicates)
    warnings += judge_duplicates(dataset, duplicates)
    warnings += judge_alike(dataset, near)
    assumed = [each.assumed for each in facts if each.assumed is not None]
    assumed += [each for images in in_shards for each in images.assumed()]
    dark, remarks = judge_depths(assumed, decoding_of(dataset).white_level)
    warnings += dark
    notes += remarks
    if animated := sum(each.is_animated for each in facts):
        notes.append(
            f"{counted(animated, 'file')} {agree(animated, 'holds', 'hold')} "
            "several frames or pages; "
            "the first one is used"
        )
    sizes = _sizes(facts)
    if need is not None and sizes is not None:
        more_warnings, more_notes = judge_for(need, dataset, facts, sizes)
        warnings += more_warnings
        notes += more_notes
    num_classes = len(dataset.classes)
    return Report(
        data=readable(dataset.spec),
        classes=dataset.classes,
        counts={
            name: tuple(np.bincount(split.labels, minlength=num_classes).tolist())
            for name, split in dataset.splits().items()
        },
        sizes=sizes,
        kinds=_kinds(dataset, facts),
        unreadable=tuple((readable(each.path), each.reason) for each in bad),
        duplicates=duplicates.groups,
        compared_by=duplicates.by,
        alike=near,
        problems=tuple(problems),
        warnings=tuple(warnings),
        notes=(*dataset.notes, *notes),
    )


def _array_facts(dataset: DataSet) -> list[Facts]:
    """One line for all images of an array: they are equal in all of this."""
    for split in dataset.splits().values():
        if isinstance(split.images, ArrayImages) and len(split):
            height, width, channels = split.images.shape
            return [Facts("array", "L" if channels == 1 else "RGB", width, height, False)]
    return []


def _kinds(dataset: DataSet, facts: Sequence[Facts]) -> dict[str, int]:
    kinds = Counter(f"{each.format} {each.mode}" for each in facts)
    if len(facts) == 1 and facts[0].format == "array":
        return {next(iter(kinds)): sum(map(len, dataset.splits().values()))}
    return dict(kinds.most_common())


def _sizes(facts: Sequence[Facts]) -> Sizes | None:
    def spread(values: list[int]) -> tuple[int, int, int]:
        return min(values), median_low(values), max(values)

    if not facts:
        return None
    return Sizes(
        width=spread([each.width for each in facts]),
        height=spread([each.height for each in facts]),
        short_side=spread([min(each.width, each.height) for each in facts]),
    )
