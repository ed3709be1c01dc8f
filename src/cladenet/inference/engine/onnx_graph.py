"""The network as an ONNX graph in memory, in 8 bits where that is wished."""

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cladenet.inference.graph.as_module import AsModule
from cladenet.inference.graph.ranges import seen_on
from cladenet.inference.graph.recording import record_for_any_number
from cladenet.inference.graph.rounding import levels_for, round_weights
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
    if calibration is None:
        return exported(request.model, request.images)
    graph = exported(rounded(request.model, request.images, calibration), request.images)
    return in_8_bits(graph, calibration, len(request.images))


def exported(
    model: nn.Module,
    images: Tensor,
    *,
    names: tuple[str, str] = (IMAGES, LOGITS),
    free: Mapping[int, str] | None = None,
    opset: int = 17,
) -> bytes:
    """The graph of a network in evaluation mode.

    Args:
        model: a module of one tensor.
        images: normalised (N, C, H, W).
        names: of what goes in and what comes out.
        free: dimensions of the images that are not fixed, and their names.
        opset: of ONNX.

    Raises:
        CannotPrepare: the network has no form in ONNX.
    """
    graph: Any = io.BytesIO()  # what the older exporter, which needs no further package, takes
    dims = {names[0]: dict(free or {}), names[1]: {0: (free or {}).get(0, "")}} if free else None
    try:
        with warnings.catch_warnings(), _without_log():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                (images,),
                graph,
                dynamo=False,
                input_names=names[:1],
                output_names=names[1:],
                dynamic_axes=dims,
                opset_version=opset,
            )
            return graph.getvalue()
    except Exception as error:  # the exporter raises what its parts raise
        raise CannotPrepare(f"ONNX failed: {str(error).splitlines()[0]}") from error


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


def rounded(
    model: nn.Module, images: Tensor, calibration: Tensor, anywhere: bool = False
) -> nn.Module:
    """The network with weights that 8 bits hold, and biases that make up for it.

    Args:
        model: in evaluation mode.
        images: normalised (N, C, H, W).
        calibration: such images as it will see.
        anywhere: round to 7 bits, which processors without VNNI need; else where this one has none.

    Raises:
        CannotPrepare: its steps cannot be recorded.
    """
    program = record_for_any_number(model, images)
    simplify(program)
    round_weights(program, seen_on(program, calibration).means, levels_for(anywhere))
    return AsModule(program).eval()


def in_8_bits(
    graph: bytes, calibration: Tensor, batch: int, name: str = IMAGES, anywhere: bool = False
) -> bytes:
    """ONNX Runtime's static quantisation, which finds the grids that the weights are on.

    Args:
        graph: of what `rounded` gave.
        calibration: normalised images (n, C, H, W).
        batch: images in one run of the graph.
        name: of what goes in.
        anywhere: as in `rounded`.

    Raises:
        CannotPrepare: the quantiser cannot do it.
    """
    try:
        return _quantised(graph, _whole_batches(calibration, batch), name, anywhere)
    except Exception as error:  # the quantiser raises what its parts raise
        raise CannotPrepare(f"ONNX failed: {str(error).splitlines()[0]}") from error


def _quantised(graph: bytes, batches: Sequence[Tensor], name: str, anywhere: bool) -> bytes:
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Batches(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[Tensor] = iter(batches)

        def get_next(self) -> dict[str, Any] | None:
            images = next(self._batches, None)
            return None if images is None else {name: images.numpy()}

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
                reduce_range=levels_for(anywhere) < 127,  # see graph.rounding
            )
            return done.read_bytes()
    finally:
        talk.setLevel(level)


def _whole_batches(images: Tensor, batch: int) -> tuple[Tensor, ...]:
    """All images at least once, in batches of one length: the first ones come again at the end."""
    missing = -len(images) % batch
    again = images[torch.arange(missing) % len(images)]
    return torch.cat([images, again]).split(batch)
