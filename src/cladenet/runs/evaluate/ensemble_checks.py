"""Runs whose answers are averaged: do they speak of the same images and the same classes?"""

from collections.abc import Sequence

from cladenet.checkpoints import Loaded
from cladenet.data.check.verify import OnUnreadable
from cladenet.errors import BadArgument, CheckpointError
from cladenet.runs.evaluate.scored import Scored, opened, scored, some


def refuse_other_classes(loaded: Sequence[Loaded]) -> None:
    """Networks that tell other classes apart, or read other colours, have no common answer.

    Raises:
        CheckpointError: two of them do.
    """
    first = loaded[0]
    for other in loaded[1:]:
        ours, theirs = set(first.card.classes), set(other.card.classes)
        if ours != theirs:
            raise CheckpointError(
                f"{first.folder} and {other.folder} cannot form an ensemble: only the first knows "
                f"{some(ours - theirs)}, only the second knows {some(theirs - ours)}. Give runs "
                "with the same classes, or evaluate them one by one"
            )
        for name in ("channels", "exif", "white_level"):
            values = [getattr(each.card.preprocess, name) for each in (first, other)]
            if values[0] != values[1]:
                raise CheckpointError(
                    f"{first.folder} and {other.folder} read images in different ways: {name} is "
                    f"{values[0]} and {values[1]}. Evaluate them one by one"
                )


def same_images(
    loaded: Sequence[Loaded], data: str | None, split: str | None, on_unreadable: OnUnreadable
) -> list[Scored]:
    """What each run is asked about, which has to be the same for all.

    Raises:
        BadArgument: the runs held out different images.
        DataError, CheckpointError: as `scored` does.
    """
    whole = opened(loaded[0], data, on_unreadable)
    asked = [
        scored(whole, each, split, given=data is not None or each is not loaded[0])
        for each in loaded
    ]
    first = asked[0]
    for each, other in zip(loaded, asked, strict=True):
        if other.split.images.digest() != first.split.images.digest():
            raise BadArgument(
                f"the {first.name} images of {loaded[0].folder} and the {other.name} images of "
                f"{each.folder} are not the same: the runs held out different ones. Give --data "
                "with a test set of its own"
            )
    return asked


def class_order(first: Loaded, other: Loaded) -> tuple[int, ...]:
    """The place of each class of the first network among the other's; empty if it is the same."""
    if first.card.classes == other.card.classes:
        return ()
    return tuple(other.card.classes.index(name) for name in first.card.classes)
