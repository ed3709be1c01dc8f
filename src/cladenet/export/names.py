"""Names: of exported files, and of what lies between an image and the network inside them."""

import os
from contextlib import suppress
from pathlib import Path

from cladenet.errors import CheckpointError
from cladenet.suggest import nearest

# How a file ends -> the modules of `sessions` that open it, the first of them unless asked.
SUFFIXES = {
    ".onnx": ("onnx_runtime", "openvino_runtime"),
    ".xml": ("openvino_runtime",),
    ".pt2": ("torch_program",),
    ".torchscript": ("torchscript",),
    ".tflite": ("litert_runtime",),
    ".mlpackage": ("coreml_runtime",),
}
FOLDERS = {".mlpackage": "Manifest.json"}  # what is a folder, and a file that is in it
PREPARED, NORMALISED = "prepared", "normalised"  # values of a graph


def is_exported(path: str | Path) -> bool:
    """Whether a name is that of an exported file; a run folder may end so, too."""
    suffix = Path(path).suffix
    if suffix in FOLDERS:
        return not os.path.isdir(path) or os.path.isfile(os.path.join(path, FOLDERS[suffix]))
    return suffix in SUFFIXES and not os.path.isdir(path)


def refuse_misspelt(path: str | Path) -> None:
    """Nothing where something has that name, or it does not end as a file's.

    Raises:
        CheckpointError: there is nothing, and exported files beside it have nearly that name.
    """
    path = Path(path)
    if not path.suffix or path.exists():
        return
    files = list[str]()
    with suppress(OSError):
        files = [file.name for file in path.parent.iterdir() if is_exported(file)]
    if near := nearest(path.name, files):
        found = ", ".join(str(path.with_name(name)) for name in near)
        raise CheckpointError(f"{path} does not exist; nearest: {found}")
