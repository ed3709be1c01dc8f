"""torch.export: a program for `torch.export.load`, without cladenet."""

import io
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from cladenet.checkpoints.atomic import write_file
from cladenet.errors import first_line
from cladenet.export.description import KEY
from cladenet.export.formats.order import Narrow, Order
from cladenet.export.formats.pixels_module import PixelsToPosteriors
from cladenet.inference.request import CannotPrepare

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


def write(order: Order, path: Path) -> None:
    """Write the file.

    Raises:
        CannotPrepare: torch cannot record the network.
        StorageError: the disk is full or fails.
    """
    module, example, free = whole(order)
    dim = torch.export.Dim
    shapes = tuple(dim.DYNAMIC if side in free else dim.STATIC for side in range(4))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                module, (example,), dynamic_shapes=(shapes,), strict=False
            )
            file = io.BytesIO()
            torch.export.save(program, file, extra_files={KEY: order.description.to_text()})
    except Exception as error:  # the exporter raises what its parts raise
        reason = first_line(error)
        raise CannotPrepare(f"torch.export failed: {reason}") from error
    write_file(path, file.getvalue())


def whole(order: Order) -> tuple[nn.Module, Tensor, tuple[int, ...]]:
    """The module that is written, what it is recorded on, and the sides that are not fixed."""
    description = order.description
    network = order.model
    if description.precision in DTYPES:
        network = Narrow(network, DTYPES[description.precision])
    if not description.takes_pixels:
        return network, order.example, (0, 2, 3) if description.any_size else (0,)
    p = description.preprocess
    fixed = p.fit == "none"
    height, width = (p.height, p.width) if fixed else (p.height + 5, p.width + 9)
    if p.fit == "pad":
        height, width = p.height - 1, p.width - 3
    images = torch.zeros(len(order.example), height, width, p.channels, dtype=torch.uint8)
    return PixelsToPosteriors(p, network).eval(), images, (0,) if fixed else (0, 1, 2)
