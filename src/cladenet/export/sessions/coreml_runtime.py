"""Core ML packages in Core ML, on macOS; tried on no machine here."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cladenet.errors import CheckpointError, MissingExtra, first_line
from cladenet.export.description import KEY, Description
from cladenet.export.sessions.session import Array, CannotRunHere, Session, fixed_shape


def opened(path: Path, threads: int, lean: bool = False) -> Session:
    """The package, ready to run; Core ML shares out the machine itself.

    Raises:
        CannotRunHere: this is not a Mac.
        CheckpointError: it is damaged, or was not written here.
        MissingExtra: coremltools is not installed.
    """
    if sys.platform != "darwin":
        raise CannotRunHere(f"{path.name} runs on macOS and iOS alone, in Core ML")
    try:
        import coremltools
    except ImportError:
        raise MissingExtra("coremltools", "coreml", str(path)) from None
    try:
        model = coremltools.models.MLModel(str(path))
    except Exception as error:  # it has no class of its own for what it cannot read
        reason = first_line(error)
        raise CheckpointError(f"{path} cannot be read by Core ML: {reason}") from error
    return CoreMlSession(model, description_of(model, path))


def description_of(model: Any, path: Path) -> Description:
    """What the package says of itself.

    Raises:
        CheckpointError: it says nothing.
    """
    if KEY not in model.user_defined_metadata:
        raise CheckpointError(
            f"{path} does not say how images are prepared for it: it was not written by "
            "`cladenet export`"
        )
    return Description.from_text(model.user_defined_metadata[KEY])


class CoreMlSession(Session):
    """A model of Core ML.

    Args:
        model: of coremltools.
        description: what the package says of itself.
    """

    def __init__(self, model: Any, description: Description) -> None:
        super().__init__(description, fixed_shape(description))
        self._model = model

    def _run(self, images: Array) -> NDArray[np.float32]:
        if self.description.input == "tensor":
            found = self._model.predict({"images": images})["logits"]
            return np.asarray(found, np.float32)
        grey = images.shape[3] == 1
        answers = [
            self._model.predict({"image": Image.fromarray(image[:, :, 0] if grey else image)})
            for image in images
        ]
        return np.concatenate([np.asarray(each["posteriors"], np.float32) for each in answers])
