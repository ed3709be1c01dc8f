"""Core ML where it does not run: the traced module that was converted, asked in its place."""

from pathlib import Path

from torch import Tensor

from cladenet.export.formats.coreml_file import to_convert
from cladenet.export.formats.order import Order
from cladenet.export.runtime import ExportedModel
from cladenet.export.sessions.session import fixed_shape
from cladenet.export.sessions.torch_session import TorchSession


def as_converted(order: Order, path: Path) -> ExportedModel:
    """A model that answers as the package should.

    Args:
        order: that the package was written by.
        path: of the package.
    """
    script = to_convert(order)

    def of_pixels(images: Tensor) -> Tensor:
        answer: Tensor = script(images.permute(0, 3, 1, 2).float())
        return answer

    description = order.description
    module = script if description.input == "tensor" else of_pixels
    session = TorchSession(module, description, fixed_shape(description), threads=1)
    return ExportedModel(path, session, 1)
