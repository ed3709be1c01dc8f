"""OpenVINO on the same weights: converted in memory, compiled for one batch, cached if wished."""

import warnings
from tempfile import TemporaryFile
from typing import Any

import torch
from torch import Tensor

from cladenet import processor
from cladenet.errors import last_line
from cladenet.inference.engine.batching import in_batches
from cladenet.inference.engine.onnx_graph import onnx_graph
from cladenet.inference.request import CannotPrepare, Request, Run
from cladenet.processes import status_of

# Compile a graph and run it once. OpenVINO 2026.4 ends the process that compiles DenseNet-121 in
# 8 bits (a segmentation fault), so such graphs are tried in a process of their own.
TRIAL = """
import sys, numpy, openvino
settings = {"INFERENCE_PRECISION_HINT": sys.argv[1]}
core = openvino.Core()
compiled = core.compile_model(core.read_model(sys.stdin.buffer.read()), "CPU", settings)
compiled([numpy.zeros(compiled.input(0).shape, numpy.float32)])
"""
HINTS = {"fp32": "f32", "bf16": "bf16"}


def make(request: Request) -> Run:
    """Compiled for the images of `request`, on as many threads as it says.

    Raises:
        CannotPrepare: OpenVINO does not take the network, or for int8 ONNX does not.
    """
    import openvino

    settings: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": request.threads,
        "ENABLE_CPU_PINNING": False,  # the system may move a thread from a core that is busy
        "INFERENCE_PRECISION_HINT": _hint(request.precision),
    }
    if request.cache is not None:
        settings["CACHE_DIR"] = str(request.cache)
    core = openvino.Core()
    graph = _tried(onnx_graph(request)) if request.precision == "int8" else None
    try:
        if graph is not None:
            converted = core.read_model(graph)
        else:
            with warnings.catch_warnings():  # shapes are meant to be those of the example
                warnings.simplefilter("ignore")
                converted = openvino.convert_model(request.model, example_input=request.images)
            converted.reshape(list(request.images.shape))
        compiled = core.compile_model(converted, "CPU", settings)
    except Exception as error:  # OpenVINO has no class of its own for what it cannot convert
        reason = last_line(error)
        raise CannotPrepare(f"openvino failed: {reason}") from error
    done = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if done != settings["INFERENCE_PRECISION_HINT"]:  # it says nothing
        raise CannotPrepare(f"openvino computes in {done} here")
    session = compiled.create_infer_request()

    def run(images: Tensor) -> Tensor:
        array = images.contiguous().numpy()
        found = session.infer([array], share_inputs=True, share_outputs=True)  # copied once, here
        return torch.from_numpy(next(iter(found.values())).copy())

    return in_batches(run, request)


def _hint(precision: str) -> str:
    """The type that OpenVINO is asked for; with int8, of what is not in 8 bits."""
    if precision == "int8":
        return HINTS["bf16" if processor.has_bf16("cpu") else "fp32"]
    return HINTS[precision]


def _tried(graph: bytes) -> bytes:
    """The graph, if OpenVINO survives it."""
    with TemporaryFile() as file:
        file.write(graph)
        file.seek(0)
        status = status_of(TRIAL, [_hint("int8")], file)
    if status:
        raise CannotPrepare(f"openvino ends with status {status} on it in 8 bits")
    return graph
