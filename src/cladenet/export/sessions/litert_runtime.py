"""LiteRT files in LiteRT's interpreter, which needs no torch."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cladenet.errors import CheckpointError, MissingExtra, first_line
from cladenet.export.description import KEY, Description
from cladenet.export.sessions.session import Array, Session, fixed_shape


def opened(path: Path, threads: int, lean: bool = False) -> Session:
    """The file, ready to run; `lean` changes nothing here.

    Raises:
        CheckpointError: it is damaged, or was not written here.
        MissingExtra: LiteRT is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise MissingExtra("ai-edge-litert", "litert", str(path)) from None
    description = description_of(path)
    try:
        interpreter = Interpreter(str(path), num_threads=threads)
    except Exception as error:  # it has no class of its own for what it cannot read
        reason = first_line(error)
        raise CheckpointError(f"{path} cannot be read by LiteRT: {reason}") from error
    return LiteRtSession(interpreter, description)


def description_of(path: Path) -> Description:
    """What the file says of itself, in the archive behind the model.

    Raises:
        CheckpointError: it says nothing.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            text = archive.read(f"{KEY}.json").decode()
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path} does not say how images are prepared for it: it was cut off, or not written "
            "by `cladenet export`"
        ) from error
    return Description.from_text(text)


class LiteRtSession(Session):
    """A model in an interpreter, which takes one image at a time.

    Args:
        interpreter: of LiteRT.
        description: what the file says of itself.
    """

    def __init__(self, interpreter: Any, description: Description) -> None:
        super().__init__(description, fixed_shape(description))
        self._interpreter = interpreter
        interpreter.allocate_tensors()
        self._entry = interpreter.get_input_details()[0]["index"]
        self._answer = interpreter.get_output_details()[0]["index"]

    def _run(self, images: Array) -> NDArray[np.float32]:
        return np.concatenate([self._of_one(image[None]) for image in images])

    def _of_one(self, image: Array) -> NDArray[np.float32]:
        self._interpreter.set_tensor(self._entry, image)
        self._interpreter.invoke()
        found: NDArray[np.float32] = self._interpreter.get_tensor(self._answer)
        return found
