"""What every evaluation is asked for, whatever is shown to the network."""

from dataclasses import dataclass
from os import PathLike

PLAIN_PRECISIONS = ("fp32", "bf16")  # of a network that is not made ready by `for_inference`


@dataclass(frozen=True, kw_only=True)
class PassOptions:
    """How the images of a split go through a network, and what is kept of its answers.

    Args:
        batch_size: images of the input's size in one forward pass of a process; the last batch is
            short. Other views see `viewer.MOST_PIXELS`.
        precision: `fp32`, or `bf16` for autocast.
        worst: how many of the worst mistakes to keep.
        workers: threads that decode images.
        cache_dir: where decoded photographs are kept, for the checkpoint's own view.
        cache_limit: bytes that they may take; 0 decodes them each time, None leaves it to the disk.
    """

    batch_size: int = 256
    precision: str = "fp32"
    worst: int = 0
    workers: int = 0
    cache_dir: str | PathLike[str] | None = None
    cache_limit: int | None = None


DEFAULT_PASS = PassOptions()
