"""What the machine does to a run, in the user's words: memory and disks that run out or fail."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cladenet.checkpoints.atomic import explain
from cladenet.errors import OutOfSpace
from cladenet.files import NO_SPACE
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.folder import RunFolder

_OF_THE_DISK = NO_SPACE | {
    errno.EIO,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ESTALE,
}
_OF_THE_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def explained(folder: RunFolder, config: RunConfig) -> Iterator[None]:
    """What the block meets of the disk and the memory leaves it as one of our errors.

    Raises:
        StorageError: the disk is full or fails, or the memory is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise explain(error, Path(error.filename or folder.path), 0) from error
        if error.errno == errno.ENOMEM:
            raise _out_of_memory(config) from error
        raise
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or any(text in str(error) for text in _OF_THE_MEMORY):
            raise _out_of_memory(config) from error
        raise


def _out_of_memory(config: RunConfig) -> OutOfSpace:
    return OutOfSpace(
        f"out of memory with batches of {config.recipe.batch_size}; use "
        "checkpoint_activations=block, which needs more time and gives the same numbers, lower "
        "batch_size, or raise accumulate, which cuts each batch into parts"
    )
