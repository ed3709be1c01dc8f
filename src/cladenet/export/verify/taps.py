"""What a file makes of images on the way to its network: asked for, not taken on trust."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import CheckpointError
from cladenet.export.runtime import ExportedModel
from cladenet.export.sessions.session import Array, Session


class Tapped(NamedTuple):
    """What lies before the network.

    Args:
        prepared: uint8 (N, height, width, C).
        normalised: float32 (N, C, height, width).
    """

    prepared: NDArray[np.uint8]
    normalised: NDArray[np.float32]


Tap = Callable[[Array], Tapped]


def tapped(model: ExportedModel, runtime: str) -> Tap:
    """From decoded images of one size to what the network inside the file reads.

    Args:
        model: a file that takes pixels.
        runtime: the module of `sessions` that opened it.
    """
    tap: Callable[[Path, Session], Callable[[Array], list[Array]]] = import_module(
        f"cladenet.export.sessions.{runtime}"
    ).tap
    run = tap(model.path, model.session)

    def look(images: Array) -> Tapped:
        try:
            prepared, normalised = run(np.require(images, requirements=["C", "W"]))
        except Exception as error:  # each runtime has classes of its own
            reason = model.session.reason(error)
            raise CheckpointError(
                f"the file fails on images of shape {images.shape}: {reason}"
            ) from error
        pixels = np.ascontiguousarray(prepared.transpose(0, 2, 3, 1)).astype(np.uint8)
        return Tapped(pixels, normalised.astype(np.float32))

    return look
