"""TorchScript: the network traced, its preprocessing compiled; for C++ and older PyTorch."""

import io
import warnings
from pathlib import Path

import torch

from cladenet.checkpoints.atomic import write_file
from cladenet.errors import first_line
from cladenet.export.description import KEY
from cladenet.export.formats.order import Narrow, Order
from cladenet.export.formats.pixels_module import PixelsToPosteriors
from cladenet.export.formats.torch_program import DTYPES
from cladenet.export.formats.tracing import traced
from cladenet.inference.request import CannotPrepare


def write(order: Order, path: Path) -> None:
    """Write the file.

    Raises:
        CannotPrepare: torch cannot trace the network.
        StorageError: the disk is full or fails.
    """
    description = order.description
    network = order.model
    if description.precision in DTYPES:
        network = Narrow(network, DTYPES[description.precision])
    script = traced(network, order.example)
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
            warnings.simplefilter("ignore")
            if description.takes_pixels:
                script = torch.jit.script(PixelsToPosteriors(description.preprocess, script).eval())
            file = io.BytesIO()
            torch.jit.save(script, file, _extra_files={KEY: description.to_text()})
    except Exception as error:  # the compiler raises what its parts raise
        reason = first_line(error)
        raise CannotPrepare(f"TorchScript failed: {reason}") from error
    write_file(path, file.getvalue())
