"""The network as an ONNX graph in memory, in 8 bits where that is wished."""

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cladenet import processor
from cladenet.inference.graph.as_module import AsModule
from cladenet.inference.graph.ranges import seen_on
from cladenet.inference.graph.recording import record_for_any_number
from cladenet.inference.graph.rounding import round_weights
from cladenet.inference.graph.simplify import simplify
from cladenet.inference.request import CannotPrepare, Request

IMAGES, LOGITS = "images", "logits"
IN_ONNX = "onnx"  # in what engines share


def onnx_graph(request: Request) -> bytes:
    """For the images of `request`, their number and size fixed; made once for all engines.

    Raises:
        CannotPrepare: the network has no form in ONNX, or none in 8 bits.
    """
    if IN_ONNX not in request.shared:
        request.shared[IN_ONNX] = _exported(request)
    graph: bytes = request.shared[IN_ONNX]
    return graph


def _exported(request: Request) -> bytes:
    calibration = request.calibration
    model = request.model if calibration is None else _rounded(request, calibration)
    graph: Any = io.BytesIO()  # what the older exporter, which needs no further package, takes
    try:
        with warnings.catch_warnings(), _without_log():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (request.images,),
                graph,
                dynamo=False,
                input_names=[IMAGES],
                output_names=[LOGITS],
                opset_version=17,
            )
            if calibration is None:
                return graph.getvalue()
            return _in_8_bits(graph.getvalue(), calibration, len(request.images))
    except Exception as error:  # the exporter and the quantiser raise what their parts raise
        raise CannotPrepare(f"ONNX stops with: {str(error).splitlines()[0]}") from error


@contextmanager
def _without_log() -> Iterator[None]:
    """Silence a log that torch 2.13 turns on where it means to leave it as it is.

    It prints the whole graph that the exporter fails at, which is no more than another engine's
    turn here.
    """
    part: Any = torch._C
    log = part._jit_onnx_log
    part._jit_onnx_log = lambda *_: None
    try:
        yield
    finally:
        part._jit_onnx_log = log


def _rounded(request: Request, calibration: Tensor) -> nn.Module:
    """The network with weights that 8 bits hold, and biases that make up for it."""
    program = record_for_any_number(request.model, request.images)
    simplify(program)
    round_weights(program, seen_on(program, calibration).means)
    return AsModule(program).eval()


def _in_8_bits(graph: bytes, calibration: Tensor, batch: int) -> bytes:
    """ONNX Runtime's static quantisation, which finds the grids that the weights are on."""
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[Tensor] = iter(_whole_batches(calibration, batch))

        def get_next(self) -> dict[str, Any] | None:
            images = next(self._batches, None)
            return None if images is None else {IMAGES: images.numpy()}

    talk = logging.getLogger()
    level = talk.level
    talk.setLevel(logging.ERROR)  # it advises on the root logger
    try:
        with tempfile.TemporaryDirectory() as folder:
            ready, done = Path(folder) / "ready.onnx", Path(folder) / "done.onnx"
            quant_pre_process(onnx.load_from_string(graph), str(ready), skip_symbolic_shape=True)
            quantization.quantize_static(
                str(ready),
                str(done),
                Batches(),
                quant_format=quantization.QuantFormat.QDQ,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
                reduce_range=not processor.abilities().vnni,  # see graph.rounding
            )
            return done.read_bytes()
    finally:
        talk.setLevel(level)


def _whole_batches(images: Tensor, batch: int) -> tuple[Tensor, ...]:
    """All images at least once, in batches of one length: the first ones come again at the end."""
    missing = -len(images) % batch
    again = images[torch.arange(missing) % len(images)]
    return torch.cat([images, again]).split(batch)
