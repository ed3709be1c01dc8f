"""What all runtimes are asked for."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import BadArgument, CheckpointError, CladeNetError, first_line
from cladenet.export.description import Description

Array = NDArray[np.generic]


class CannotRunHere(CheckpointError):
    """A sound file whose runtime there is on other systems alone."""


def fixed_shape(description: Description) -> tuple[int | None, ...]:
    """Of the input of a file whose images have the network's size."""
    p = description.preprocess
    if description.input == "tensor":
        return None, p.channels, p.height, p.width
    return None, p.height, p.width, p.channels


class Session(ABC):
    """A file in a runtime.

    Args:
        description: what the file says of itself.
        shape: of its input, None where any length will do.

    Attributes:
        reason: the line of an error of the runtime that says why.
    """

    reason = staticmethod(first_line)

    def __init__(self, description: Description, shape: Sequence[int | None]) -> None:
        self.description = description
        self.shape = tuple(shape)

    def run(self, images: Array) -> NDArray[np.float32]:
        """uint8 (N, H, W, C) -> posteriors (N, K), or normalised (N, C, H, W) -> logits (N, K).

        Raises:
            BadArgument: the file does not take such images. Runtimes are not asked: OpenVINO may
            give the answer of the images before.
        CheckpointError: it stops at them.
        """
        dtype = np.float32 if self.description.input == "tensor" else np.uint8
        fits = len(images.shape) == 4 and all(
            want is None or have == want
            for have, want in zip(images.shape, self.shape, strict=True)
        )
        if images.dtype != dtype or not fits or not images.size:
            wanted = "x".join("any" if side is None else str(side) for side in self.shape)
            raise BadArgument(
                f"images are {images.dtype} of shape {images.shape}; the file takes "
                f"{np.dtype(dtype)} of {wanted}"
            )
        try:
            return self._run(np.require(images, requirements=["C", "W"]))  # torch wants to write
        except CladeNetError:
            raise
        except Exception as error:  # each runtime has classes of its own
            reason = self.reason(error)
            raise CheckpointError(
                f"the file fails on images of shape {images.shape}: {reason}"
            ) from error

    @abstractmethod
    def _run(self, images: Array) -> NDArray[np.float32]:
        """What `run` gives, the images being as the file wants them."""
