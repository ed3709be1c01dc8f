"""LiteRT (TensorFlow Lite): for phones and other devices, by Google's converter for torch.

The file takes one image of prepared pixels: LiteRT's resizing knows no antialiasing, so whoever
uses the file resizes and crops as its metadata say. Metadata are kept as TensorFlow Lite keeps
associated files: in a zip archive behind the model, which readers of the model skip.
"""

import copy
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from cladenet.errors import first_line
from cladenet.export.description import KEY, Description
from cladenet.export.formats.order import Order
from cladenet.export.formats.pixels_module import of_one_size
from cladenet.export.formats.quiet import quietly
from cladenet.inference.request import CannotPrepare

FACTS, LABELS = f"{KEY}.json", "labels.txt"  # in the archive


def write(order: Order, path: Path) -> None:
    """Write the file.

    Raises:
        CannotPrepare: the converter does not take the network.
    """
    module, example = of_one_size(order)
    try:
        with quietly():
            import litert_torch

            litert_torch.convert(_convertible(module), (example,)).export(str(path))
    except Exception as error:  # the converter raises what its parts raise
        reason = first_line(error)
        raise CannotPrepare(f"litert_torch failed: {reason}") from error
    describe(path, order.description)


class GlobalMaximum(nn.Module):
    """What `AdaptiveMaxPool2d(1)` gives, by an operator that the converter has."""

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1)."""
        return maps.amax((2, 3), keepdim=True)


def _convertible(module: nn.Module) -> nn.Module:
    """A copy without what the converter does not have."""
    module = copy.deepcopy(module)
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.AdaptiveMaxPool2d) and child.output_size in (1, (1, 1)):
                setattr(parent, name, GlobalMaximum())
        for name, values in list(parent.named_buffers(recurse=False)):
            if values.dtype == torch.uint8:  # a mask; whole numbers have a sign there
                setattr(parent, name, values.int())
    return module


def describe(path: Path, description: Description) -> None:
    """Write down what is known of a file that was just converted."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FACTS, description.to_text())
        archive.writestr(LABELS, "".join(f"{name}\n" for name in description.classes))
