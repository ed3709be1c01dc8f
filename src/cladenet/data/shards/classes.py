"""From what shards say of their labels to class numbers and names."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cladenet.data.images.decode import readable
from cladenet.data.shards.catalogue import Catalogue
from cladenet.errors import DataError
from cladenet.plural import agree, counted

Numbers = NDArray[np.int64]


def classes_of(
    catalogues: Mapping[str, Catalogue], given: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the classes, and notes for the user.

    They are those of the user's file, else of the shards' own metadata, else the labels of the
    training samples: in numeric order if all are numbers, else sorted.

    Args:
        catalogues: by split.
        given: names by number, from a file; empty if there is none.

    Raises:
        DataError: shards that disagree, or numbers beside names.
    """
    if given:
        return tuple(given), ()
    listed = _listed(catalogues)
    if listed:
        return listed, _without_list(catalogues)
    reference = catalogues.get("train") or next(iter(catalogues.values()))
    labels = {text for index in reference.indexes for text in index.about.vocabulary}
    numbers = {text for text in labels if text.isdigit()}
    if numbers and numbers != labels:
        raise DataError(
            f"some labels are numbers, such as {min(numbers)}, others names, such as "
            f"{readable(min(labels - numbers))!r}; expected one or the other"
        )
    if numbers:
        note = "classes have numbers for names; give their names with classes=FILE, one per line"
        return tuple(sorted(labels, key=int)), (note,)
    return tuple(sorted(labels)), ()


def labels_of(
    catalogue: Catalogue, split: str, classes: Sequence[str], *, by_number: bool
) -> Numbers:
    """The class number of each sample, int64 (N,).

    Args:
        catalogue: of the split.
        split: its name, for messages.
        classes: their names.
        by_number: labels that are numbers count in `classes`.

    Raises:
        DataError: a label that is none of the classes.
    """
    place = {name: number for number, name in enumerate(classes)}
    parts = [np.zeros(0, np.int64)]
    for index, shard in zip(catalogue.indexes, catalogue.shards, strict=True):
        numbers = []
        for text in index.about.vocabulary:
            number = int(text) if by_number and text.isdigit() else place.get(text, -1)
            if not 0 <= number < len(classes):
                raise DataError(
                    f"{readable(shard.path)} has the label {readable(text)!r} in {split}, which is "
                    f"none of the {len(classes):,} classes{_range(classes, by_number)}"
                )
            numbers.append(number)
        parts.append(np.array(numbers, dtype=np.int64)[index.labels])
    return np.concatenate(parts)


def _listed(catalogues: Mapping[str, Catalogue]) -> tuple[str, ...]:
    """The names that metadata give; empty if none do."""
    found: dict[tuple[str, ...], str] = {}
    for catalogue in catalogues.values():
        for index, shard in zip(catalogue.indexes, catalogue.shards, strict=True):
            if index.about.classes:
                found.setdefault(index.about.classes, shard.path)
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        different = next(
            (number for number, pair in enumerate(zip(one, other, strict=False))
             if pair[0] != pair[1]), min(len(one), len(other)),
        )  # fmt: skip
        raise DataError(
            f"{readable(first)} and {readable(second)} number their classes differently: class "
            f"{different} is {_name(one, different)} in one and {_name(other, different)} in the "
            "other"
        )
    return next(iter(found), ())


def _without_list(catalogues: Mapping[str, Catalogue]) -> tuple[str, ...]:
    bare = [
        shard.path
        for catalogue in catalogues.values()
        for index, shard in zip(catalogue.indexes, catalogue.shards, strict=True)
        if not index.about.classes
    ]
    if not bare:
        return ()
    return (
        f"{counted(len(bare), 'shard')} {agree(len(bare), 'does', 'do')} not name "
        f"{agree(len(bare), 'its', 'their')} classes, such as {readable(bare[0])}; those of "
        "the others are used",
    )


def _name(classes: Sequence[str], number: int) -> str:
    return repr(readable(classes[number])) if number < len(classes) else "none"


def _range(classes: Sequence[str], by_number: bool) -> str:
    if by_number:
        return f", 0 to {len(classes) - 1}"
    return f": {', '.join(map(readable, classes[:5]))}{' ...' if len(classes) > 5 else ''}"
