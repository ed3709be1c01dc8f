"""What `explain` can be asked for, in Python and on the command line: one list."""

from collections.abc import Sequence
from dataclasses import dataclass

from cladenet.data.check.verify import OnUnreadable
from cladenet.runs.evaluate.options import ReadingLimits

MOST_IMAGES = 2000  # that are looked at, evenly spread; the map of images grows with their square


@dataclass(frozen=True, kw_only=True)
class ExplainOptions(ReadingLimits):
    """What to explain, and where the page goes.

    Args:
        images: paths, folders or patterns that are explained first; none need be given.
        data: see `open_dataset`; by default what the run was trained on.
        split: `test`, `val` or `train`; by default `test` if there is one, else `val`.
        out: the page; by default `explain.html` in the run's folder.
        limit: at most so many images of the split, evenly spread.
        batch_size: images in one forward pass.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        on_unreadable: `stop`, or `skip` to leave images out that cannot be decoded.
    """

    images: Sequence[str] = ()
    data: str | None = None
    split: str | None = None
    out: str | None = None
    limit: int = MOST_IMAGES
    batch_size: int = 64
    device: str = "auto"
    on_unreadable: OnUnreadable = "stop"
