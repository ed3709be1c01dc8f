"""One side of `inference.py`, in a process of its own: a network of one library, at one batch size.

    python benchmarks/inference_side.py CASE

Each library is used as it is fastest on a processor of few cores: OpenVINO for latency, on all
threads, its inputs and outputs shared; ONNX Runtime with all its graph optimisations; int8 by ONNX
Runtime's static quantisation, channel by channel, from the calibration images, and what stays
unquantised in bf16 where OpenVINO runs it.
"""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

import cladenet
from cladenet.allocator import keep_freed_memory
from cladenet.bench.apart import Answers
from cladenet.bench.inference import example_images
from cladenet.bench.limits import waiting
from cladenet.bench.paired import repeated
from cladenet.errors import CladeNetError
from cladenet.weights.exporting import in_their_words
from cladenet.weights.sources import find_source
from parity import from_library

Call = Callable[[], Any]  # the logits, as a tensor or an array


def main() -> None:
    answers = Answers()
    case = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    torch.set_num_threads(case["threads"])
    if case["side"].startswith("cladenet"):
        keep_freed_memory()  # as the commands do
    try:
        measure, facts = prepared(case)
    except (CladeNetError, ImportError, RuntimeError, NotImplementedError, ValueError) as error:
        answers.refuse(error)
        return
    answers.serve(measure, facts)


def prepared(case: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """How to measure a case, and what is known of it: the difference of its logits first of all."""
    library, _, precision = case["side"].partition(" ")
    source = find_source(case["timm"] if library == "timm" else case["torchvision"])
    device = torch.device(case["device"])
    ours = cladenet.create_model(source.network, **source.arguments).eval()
    ours.load_state_dict(load_file(case["weights"]))
    images = example_images(case["batch"], (3, 224, 224)).to(device)
    facts: dict[str, Any] = {}
    with torch.inference_mode():
        reference = ours.to(device)(images)
        if library.startswith("cladenet"):
            calibration = example_images(16, (3, 224, 224), seed=1)
            fast = cladenet.for_inference(
                ours,
                precision,
                batch_size=case["batch"],
                size=(3, 224, 224),
                engine=case["engine"],
                calibration=calibration if precision == "int8" else None,
            )
            facts = {"engine": fast.engine, "prepared_s": round(fast.seconds, 3), "why": fast.why}
            call: Call = lambda: fast(images)  # noqa: E731
        else:
            theirs = wearing(source, ours)
            call = PEERS[library](theirs, images, precision, case)
        logits = torch.as_tensor(call()).to(device)
        facts["difference"] = worst(logits.float(), reference)

    def inferring() -> Any:
        with torch.inference_mode():
            return call()

    return repeated(waiting(inferring, device), case["visit"], case["clock"]), facts


def wearing(source: Any, ours: Any) -> Any:
    """The other library's network with our values."""
    theirs = from_library(source.name)
    state = theirs.state_dict()
    own = in_their_words(ours, source)
    state.update({**{k: torch.zeros(v.shape) for k, v in state.items() if k not in own}, **own})
    theirs.load_state_dict(state, assign=True)
    return theirs.eval()


def worst(logits: Tensor, reference: Tensor) -> float:
    """The largest difference, in units of the largest logit."""
    return float((logits - reference).abs().max() / reference.abs().max())


def eager(theirs: Any, images: Tensor, precision: str, _: dict[str, Any]) -> Call:
    """As the library gives it; for bf16 by autocast, channels last."""
    theirs = theirs.to(images.device)
    if precision != "bf16":
        return lambda: theirs(images)
    theirs = theirs.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)

    def call() -> Any:
        with torch.autocast(images.device.type, torch.bfloat16):
            return theirs(images)

    return call


def onnx_file(theirs: Any, images: Tensor, precision: str, case: dict[str, Any]) -> Path:
    """The network for this batch size, exported once a network and batch; quantised for int8."""
    folder = Path(case["weights"]).parent
    plain = folder / f"batch{len(images)}.onnx"
    if not plain.exists():
        torch.onnx.export(theirs, (images,), str(plain), dynamo=True, external_data=False)
    if precision != "int8":
        return plain
    quantised = folder / f"batch{len(images)}-int8.onnx"
    if not quantised.exists():
        quantise(plain, quantised, len(images))
    return quantised


def quantise(plain: Path, quantised: Path, batch: int) -> None:
    from onnxruntime import quantization as q
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Images(q.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            parts = example_images(max(16, batch), (3, 224, 224), seed=1).split(batch)
            self.feeds = iter([{name: part.numpy()} for part in parts if len(part) == batch])

        def get_next(self) -> Any:
            return next(self.feeds, None)

    import onnx

    ready = quantised.with_suffix(".ready")
    quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)
    q.quantize_static(
        str(ready),
        str(quantised),
        Images(onnx.load(str(ready)).graph.input[0].name),
        quant_format=q.QuantFormat.QDQ,
        activation_type=q.QuantType.QUInt8,
        weight_type=q.QuantType.QInt8,
        per_channel=True,
    )


def onnxruntime(theirs: Any, images: Tensor, precision: str, case: dict[str, Any]) -> Call:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = case["threads"]
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    path = onnx_file(theirs, images, precision, case)
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images.numpy()}
    return lambda: session.run(None, feed)[0]


def openvino(theirs: Any, images: Tensor, precision: str, case: dict[str, Any]) -> Call:
    import openvino as ov

    path = onnx_file(theirs, images, precision, case)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": case["threads"],
        "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16",
    }
    compiled = ov.Core().compile_model(str(path), "CPU", settings)
    request = compiled.create_infer_request()
    array = images.numpy()
    return lambda: request.infer([array], share_inputs=True, share_outputs=True)[0]


PEERS: dict[str, Callable[[Any, Tensor, str, dict[str, Any]], Call]] = {
    "torchvision": eager,
    "timm": eager,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
}

if __name__ == "__main__":
    main()
