"""Which images set thresholds, and which measure what came of them: never the same ones."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cladenet.checkpoints import Loaded
from cladenet.data.check.verify import OnUnreadable
from cladenet.data.dataset import Split
from cladenet.data.images.decode import readable
from cladenet.errors import BadArgument
from cladenet.runs.evaluate.ensemble_checks import same_images
from cladenet.runs.evaluate.scored import Scored


class Asked(NamedTuple):
    """Images for one network or several.

    Args:
        data: what was opened.
        held: of each network the images that set thresholds, the same for all.
        measured: of each network the images that are reported on.
        name: of the split that is reported on.
        notes: sentences for the user.
    """

    data: str
    held: Sequence[Split]
    measured: Sequence[Split]
    name: str
    notes: tuple[str, ...]


def ask(
    loaded: Sequence[Loaded], data: str | None, split: str | None, on_unreadable: OnUnreadable
) -> Asked:
    """The validation images set thresholds and the test images measure.

    Where there is one kind of images alone that the networks were not trained on, half of them does
    the one, half the other.

    Raises:
        BadArgument: there are test images and no others, or another split is asked for.
        DataError, CheckpointError: as `same_images` does.
    """
    if split not in (None, "test"):
        raise BadArgument(
            f"split is {split!r}; thresholds are set on validation images and measured on test "
            "images, so leave it out"
        )
    found = same_images(loaded, data, None, on_unreadable)
    if found[0].name != "test":
        return _halved(found)
    splits = found[0].dataset.splits()
    if not len(splits.get("val", ())):
        raise BadArgument(
            f"{readable(found[0].dataset.spec)} has test images and no validation images; "
            "thresholds are never set on test images. Train with val=0.1, or give --data with a "
            "folder of images that the network has not seen"
        )
    held = same_images(loaded, data, "val", on_unreadable)
    return Asked(
        found[0].dataset.spec,
        [each.split for each in held],
        [each.split for each in found],
        "test",
        _notes(found),
    )


def _halved(found: Sequence[Scored]) -> Asked:
    count = len(found[0].split)
    if count < 2:
        raise BadArgument(
            f"{count} image cannot both set thresholds and measure them; give 2 or more"
        )
    order = np.random.default_rng(0).permutation(count)
    parts = [np.sort(order[: count // 2]), np.sort(order[count // 2 :])]
    held, measured = ([each.split.subset(part) for each in found] for part in parts)
    note = (
        f"{len(parts[0]):,} of {count:,} images, drawn at random, set the thresholds; the other "
        f"{len(parts[1]):,} measure"
    )
    return Asked(
        found[0].dataset.spec, held, measured, f"half of {found[0].name}", (*_notes(found), note)
    )


def _notes(found: Sequence[Scored]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for each in found for note in each.notes))
