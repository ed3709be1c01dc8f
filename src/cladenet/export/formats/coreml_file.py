"""Core ML: an ML program for Apple's devices, by coremltools.

The file takes one image of the network's size, as iOS hands it over, and normalises it itself. It
runs on macOS and iOS alone: elsewhere what is tried is the traced module that was converted.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from cladenet.errors import first_line
from cladenet.export.description import KEY, Description
from cladenet.export.formats.order import Order
from cladenet.export.formats.pixels_module import FromPlanes
from cladenet.export.formats.quiet import quietly
from cladenet.export.formats.tracing import traced
from cladenet.inference.request import CannotPrepare
from cladenet.plural import counted

IMAGE, IMAGES, POSTERIORS, LOGITS = "image", "images", "posteriors", "logits"
MOST_IMAGES = 64  # in one tensor


def write(order: Order, path: Path) -> None:
    """Write the package, a folder.

    Raises:
        CannotPrepare: torch cannot trace the network, or coremltools does not take it.
    """
    description = order.description
    script = to_convert(order)
    try:
        with quietly():
            import coremltools as ct

            narrow = description.precision == "fp16"
            model = ct.convert(
                script,
                inputs=[_input(ct, description)],
                outputs=[ct.TensorType(LOGITS if description.input == "tensor" else POSTERIORS)],
                compute_precision=ct.precision.FLOAT16 if narrow else ct.precision.FLOAT32,
                minimum_deployment_target=ct.target.iOS16,
                skip_model_load=True,
            )
            model.user_defined_metadata[KEY] = description.to_text()
            model.license = description.licence
            classes = counted(len(description.classes), "class")
            model.short_description = f"{description.network}, {classes}"
            model.save(str(path))
    except Exception as error:  # the converter raises what its parts raise
        reason = first_line(error)
        raise CannotPrepare(f"coremltools failed: {reason}") from error


def to_convert(order: Order) -> Any:
    """What is converted: float32 (N, C, height, width), pixels of 0 to 255 or normalised.

    What follows from weights alone, such as LeNet-5's kernels, is worked out here; batch norms
    stay as they are, and functions that coremltools does not have are written by others.

    Raises:
        CannotPrepare: torch cannot trace the network.
    """
    description = order.description
    module, example = order.model, order.example
    if description.input != "tensor":
        module = FromPlanes(description.preprocess, order.model).eval()
        example = (example * 60 + 128).clamp(0, 255).round()
    with _Rewritten():
        script = traced(module, example)
    with warnings.catch_warnings():  # torch 2.13 calls TorchScript deprecated
        warnings.simplefilter("ignore")
        return torch.jit.freeze(script, optimize_numerics=False)


class _Rewritten(TorchFunctionMode):
    """torch's functions that coremltools does not have, by those that it has."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        function = _REWRITTEN.get(func, func)
        return function(*args, **(kwargs or {}))


def _lerp(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    return start + weight * (end - start)


def _channel_shuffle(maps: Tensor, groups: int) -> Tensor:
    return maps.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def _pad(
    maps: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Where fewer than none are added, a slice is taken."""
    kept = [slice(None)] * maps.ndim
    for place in range(len(pad) // 2):
        before, after = (min(count, 0) for count in pad[2 * place : 2 * place + 2])
        kept[-1 - place] = slice(-before, after or None)
    return F.pad(maps[tuple(kept)], [max(count, 0) for count in pad], mode, value)


_REWRITTEN = {torch.lerp: _lerp, torch.channel_shuffle: _channel_shuffle, F.pad: _pad}


def _input(ct: Any, description: Description) -> Any:
    p = description.preprocess
    if description.input == "tensor":
        count = ct.RangeDim(1, MOST_IMAGES, 2)
        shape = (count, p.channels, p.height, p.width)
        return ct.TensorType(IMAGES, shape=shape, dtype=np.float32)
    colours = ct.colorlayout.RGB if p.channels == 3 else ct.colorlayout.GRAYSCALE
    return ct.ImageType(IMAGE, shape=(1, p.channels, p.height, p.width), color_layout=colours)
