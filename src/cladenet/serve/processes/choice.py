"""Whether processes or threads compute, and how many: `--workers`."""

import sys
from importlib import import_module

from cladenet.errors import BadArgument
from cladenet.serve.models.opening import ENGINE, ServeOptions
from cladenet.threads import MOST_THREADS, our_share


def processes(wanted: int | None, options: ServeOptions, files: bool) -> int:
    """How many processes compute; 0: threads of the server do.

    Args:
        wanted: by the user; None for what is quicker.
        options: how networks answer.
        files: exported files are among them.

    Raises:
        BadArgument: so many cannot be.
    """
    if wanted is not None and not 0 <= wanted <= MOST_THREADS:
        raise BadArgument(
            f"workers is {wanted}; expected 0 (threads of the server) to {MOST_THREADS}"
        )
    why_not = _why_not(options, files)
    if wanted is None:
        cores = our_share().cores
        return 0 if why_not or cores == 1 else cores
    if wanted and why_not:
        raise BadArgument(f"workers is {wanted}, but {why_not}; leave --workers out")
    return wanted


def without_gpu(count: int, wanted: int | None, options: ServeOptions) -> int:
    """The same count, or 0 where a GPU computes; looked for where no fork is to come of it.

    Raises:
        BadArgument: processes were asked for.
    """
    device = options.predictor.get("device", "auto")
    if not count or device == "cpu" or not import_module("torch").cuda.is_available():
        return count
    if wanted:
        raise BadArgument(
            f"workers is {wanted}, but the GPU is used by one process; add --device cpu, or leave "
            "--workers out"
        )
    return 0


def _why_not(options: ServeOptions, files: bool) -> str:
    """What speaks against processes, in words."""
    engine, device = (options.predictor.get(name) for name in ("engine", "device"))
    if sys.platform != "linux":
        return f"{sys.platform} has no safe way to fork processes"
    if files:
        return "exported files are computed by threads, which they do not hold up"
    if options.threads > 1:
        return f"batches of {options.threads} threads are computed in the server itself"
    if engine not in (None, ENGINE):
        return f"engine {engine} has threads of its own, which cannot be forked"
    if device not in (None, "auto", "cpu"):
        return f"device {device} is used by one process"
    return ""
