"""LiteRT (TensorFlow Lite): for phones and other devices, by Google's converter for torch.

The file takes one image of prepared pixels: LiteRT's resizing knows no antialiasing, so whoever
uses the file resizes and crops as its metadata say. Metadata are kept as TensorFlow Lite keeps
associated files: in a zip archive behind the model, which readers of the model skip.
"""

import zipfile
from pathlib import Path

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

            litert_torch.convert(module, (example,)).export(str(path))
    except Exception as error:  # the converter raises what its parts raise
        reason = first_line(error)
        raise CannotPrepare(f"litert_torch stops with: {reason}") from error
    describe(path, order.description)


def describe(path: Path, description: Description) -> None:
    """Write down what is known of a file that was just converted."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FACTS, description.to_text())
        archive.writestr(LABELS, "".join(f"{name}\n" for name in description.classes))
