"""What the images of a data set mean for a network: their sizes, colours and classes."""

from collections.abc import Sequence
from dataclasses import dataclass

from cladenet.data.dataset import DataSet
from cladenet.data.images.facts import Facts
from cladenet.plural import counted

GREY_MODES = ("1", "L", "LA", "I", "F")  # before a depth, as in L;16
BLURRED = 2  # times an image may be enlarged before it looks it


@dataclass(frozen=True)
class Need:
    """What a network takes, in the ledger's figures.

    Args:
        name: the network.
        channels: 1 or 3.
        height: of its input.
        width: of its input.
        num_classes: of its paper's head.
    """

    name: str
    channels: int
    height: int
    width: int
    num_classes: int


@dataclass(frozen=True)
class Sizes:
    """Smallest, median and largest of each side, in pixels, as stored."""

    width: tuple[int, int, int]
    height: tuple[int, int, int]
    short_side: tuple[int, int, int]


def judge_for(
    need: Need, dataset: DataSet, facts: Sequence[Facts], sizes: Sizes
) -> tuple[list[str], list[str]]:
    """(warnings, notes) about images of these kinds and sizes in the network `need`."""
    warnings, notes = [], []
    side = min(need.height, need.width)
    low, middle, high = sizes.short_side
    target = f"{need.name}'s {need.width}x{need.height}"
    if side > BLURRED * middle:
        factor = f"{side / middle:.1f}"
        times = f"{factor} times" if low == high else f"{factor} times or more"
        warnings.append(
            f"too small for {need.name}: {'the' if low == high else 'half of the'} images are "
            f"enlarged {times} to {target}; a network for small images learns as much in less time"
        )
    elif side > low:
        smaller = sum(min(each.width, each.height) < side for each in facts)
        share = f"{smaller / len(facts):.0%} of the images"
        notes.append(f"{share} are smaller than {target}, by up to {side / low:.2f} times")
    else:
        notes.append(f"all images are at least {target}")
    is_grey = all(each.mode.partition(";")[0] in GREY_MODES for each in facts)
    if is_grey and need.channels == 3:
        notes.append(f"grey images are repeated to the 3 channels of {need.name}")
    if not is_grey and need.channels == 1:
        notes.append(f"colours become luminance for the 1 channel of {need.name}")
    if len(dataset.classes) != need.num_classes:
        notes.append(
            f"the head of {need.name} gets {counted(len(dataset.classes), 'output')} instead of "
            f"{need.num_classes:,}"
        )
    return warnings, notes
