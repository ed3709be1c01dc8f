"""What runs a network: each engine makes of it a function from images to logits.

packed        torch alone: batch norms folded, weights packed once for oneDNN, sums and
              activations fused into the products; ready in a fraction of a second
inductor      torch's compiler with the weights truly frozen; needs a C++ compiler, and seconds
onnxruntime   needs the extra `engines`
openvino      needs the extra `engines`
graph         on a GPU: folded, channels last, replayed as one CUDA graph
eager         the network as it is
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument, MissingExtra

Run = Callable[[Tensor], Tensor]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}  # of maps


class CannotPrepare(Exception):
    """The engine does not take this network, at this precision or on this device."""


@dataclass(frozen=True, eq=False)
class Wish:
    """What is to be prepared.

    Args:
        model: in evaluation mode, on the device of the images.
        images: normalised, float32 (N, C, H, W), as many and as large as there will usually be.
        precision: `fp32`, `bf16` or `int8`.
        calibration: images as the network will see them, for `int8`; None otherwise.
        cache: a folder of the user's own for what takes long to make again; None for none.
    """

    model: nn.Module
    images: Tensor
    precision: str
    calibration: Tensor | None
    cache: Path | None

    @cached_property
    def onnx_graph(self) -> bytes:
        """The network in ONNX; made once, however many engines read it.

        Raises:
            CannotPrepare: the network has no form in ONNX, or none in 8 bits.
        """
        graph: bytes = import_module("cladenet.inference.engine.onnx_graph").onnx_graph(self)
        return graph


class Engine(NamedTuple):
    """One way to run a network.

    Args:
        module: of this package, with a function `make(wish)` that raises `CannotPrepare`.
        device: where it runs.
        precisions: that it knows.
        package: that has to be installed; empty for none.
    """

    module: str
    device: str
    precisions: tuple[str, ...]
    package: str = ""

    @property
    def installed(self) -> bool:
        """Is its package here?"""
        return not self.package or find_spec(self.package) is not None


ENGINES = {
    "packed": Engine("packed", "cpu", ("fp32", "bf16", "int8")),
    "inductor": Engine("compiled", "cpu", ("fp32", "bf16")),
    "onnxruntime": Engine("onnx_runtime", "cpu", ("fp32", "int8"), "onnxruntime"),
    "openvino": Engine("openvino_runtime", "cpu", ("fp32", "bf16", "int8"), "openvino"),
    "graph": Engine("cuda_graph", "cuda", ("fp32", "bf16")),
    "eager": Engine("eager", "", ("fp32", "bf16")),
}


def make(name: str, wish: Wish) -> Run:
    """The network of `wish`, run by the engine of that name.

    Raises:
        BadArgument: no engine has this name, or it cannot do this.
        MissingExtra: its package is not installed.
        CannotPrepare: it does not take this network.
    """
    if name not in ENGINES:
        raise BadArgument(
            f"engine is {name!r}; expected auto, fastest or one of {', '.join(ENGINES)}"
        )
    engine = ENGINES[name]
    if engine.device not in ("", wish.images.device.type) or (
        wish.precision not in engine.precisions
    ):
        raise BadArgument(
            f"engine {name} does {' and '.join(engine.precisions)} on "
            f"{engine.device or 'any device'}, not {wish.precision} on {wish.images.device.type}; "
            f"choose among {', '.join(able(wish))}"
        )
    if not engine.installed:
        raise MissingExtra(engine.package, "engines", f"engine {name}")
    run: Run = import_module(f"cladenet.inference.engine.{engine.module}").make(wish)
    return run


def able(wish: Wish) -> list[str]:
    """The engines that can do it and are installed, the usual one first."""
    where = wish.images.device.type
    return [
        name
        for name, engine in ENGINES.items()
        if engine.device in ("", where) and wish.precision in engine.precisions and engine.installed
    ]
