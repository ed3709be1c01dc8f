"""What runs a network: each engine makes of it a function from images to logits.

packed        torch alone: batch norms folded, weights packed once for oneDNN, sums and
              activations fused into the products; ready in a fraction of a second
onnxruntime   by way of an ONNX graph; ready in some seconds
openvino      needs the extra `engines`; ready in some seconds
inductor      torch's compiler with the weights truly frozen; needs a C++ compiler, and up to a
              minute
graph         on a GPU: folded, channels last, replayed as one CUDA graph
eager         the network as it is
"""

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from cladenet.errors import BadArgument, MissingExtra
from cladenet.inference.request import Request, Run


class Engine(NamedTuple):
    """One way to run a network.

    Args:
        module: of this package, with a function `make(request)` that raises `CannotPrepare`.
        device: where it runs.
        precisions: that it knows.
        package: that has to be installed; empty for none.
        pays_after: seconds of answering after which `auto` gets it ready and measures it, which
            takes about as long; 0 for what is ready at once.
        own_threads: it has threads of its own, so many from the beginning, and not torch's.
    """

    module: str
    device: str
    precisions: tuple[str, ...]
    package: str = ""
    pays_after: float = 0.0
    own_threads: bool = False

    @property
    def installed(self) -> bool:
        """Is its package here?"""
        return not self.package or find_spec(self.package) is not None


ENGINES = {
    "packed": Engine("packed", "cpu", ("fp32", "bf16", "int8")),
    "onnxruntime": Engine("onnx_runtime", "cpu", ("fp32", "int8"), "onnxruntime", 5.0, True),
    "openvino": Engine("openvino_runtime", "cpu", ("fp32", "bf16", "int8"), "openvino", 5.0, True),
    "inductor": Engine("compiled", "cpu", ("fp32", "bf16"), pays_after=120.0),
    "graph": Engine("cuda_graph", "cuda", ("fp32", "bf16")),
    "eager": Engine("eager", "", ("fp32", "bf16")),
}


def make(name: str, request: Request) -> Run:
    """The network of `request`, run by the engine of that name.

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
    if engine.device not in ("", request.images.device.type) or (
        request.precision not in engine.precisions
    ):
        raise BadArgument(
            f"engine {name} does {' and '.join(engine.precisions)} on "
            f"{engine.device or 'any device'}, not {request.precision} on "
            f"{request.images.device.type}; choose among {', '.join(able(request))}"
        )
    if not engine.installed:
        raise MissingExtra(engine.package, "engines", f"engine {name}")
    run: Run = import_module(f"cladenet.inference.engine.{engine.module}").make(request)
    return run


def able(request: Request) -> list[str]:
    """The engines that can do it and are installed, the default one first."""
    where = request.images.device.type
    return [
        name
        for name, engine in ENGINES.items()
        if engine.device in ("", where)
        and request.precision in engine.precisions
        and engine.installed
    ]
