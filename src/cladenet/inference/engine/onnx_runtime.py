"""ONNX Runtime on the same weights, by way of an ONNX graph in memory."""

import torch
from torch import Tensor

from cladenet.inference.engine.batching import in_batches
from cladenet.inference.engine.onnx_blocks import in_blocks
from cladenet.inference.engine.onnx_graph import IMAGES, LOGITS, onnx_graph
from cladenet.inference.request import CannotPrepare, Request, Run
from cladenet.threads import ONNX_RUNTIME_WAITING


def make(request: Request) -> Run:
    """A session for the images of `request`, on as many threads as it says.

    Raises:
        CannotPrepare: the network has no form in ONNX.
    """
    import onnxruntime

    graph = onnx_graph(request)
    if request.calibration is None:
        graph = in_blocks(graph)
    try:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        for name, value in ONNX_RUNTIME_WAITING.items():
            options.add_session_config_entry(name, value)
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the session raises what its parts raise
        raise CannotPrepare(f"onnxruntime failed: {str(error).splitlines()[0]}") from error

    def run(images: Tensor) -> Tensor:
        found = session.run([LOGITS], {IMAGES: images.contiguous().numpy()})
        return torch.from_numpy(found[0])

    return in_batches(run, request)
