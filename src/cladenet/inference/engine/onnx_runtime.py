"""ONNX Runtime on the same weights, by way of an ONNX graph in memory."""

import torch
from torch import Tensor

from cladenet.inference.engine.batching import in_batches
from cladenet.inference.engine.onnx_graph import IMAGES, LOGITS, onnx_graph
from cladenet.inference.request import CannotPrepare, Request, Run

# A thread that waits for work spins for so many microseconds, which bridges the gap between two
# layers, and then sleeps; the runtime's own choice is a millisecond or more, in which a neighbour
# could use the core, and the system cannot move the thread that is waited for. Layers are cut into
# pieces that get smaller, so that a thread which a neighbour holds up does less of them.
WAITING = {"session.intra_op.spin_duration_us": "50", "session.dynamic_block_base": "4"}


def make(request: Request) -> Run:
    """A session for the images of `request`, on as many threads as it says.

    Raises:
        CannotPrepare: the network has no form in ONNX.
    """
    import onnxruntime

    graph = onnx_graph(request)
    try:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        for name, value in WAITING.items():
            options.add_session_config_entry(name, value)
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the session raises what its parts raise
        raise CannotPrepare(f"onnxruntime stops with: {str(error).splitlines()[0]}") from error

    def run(images: Tensor) -> Tensor:
        found = session.run([LOGITS], {IMAGES: images.contiguous().numpy()})
        return torch.from_numpy(found[0])

    return in_batches(run, request)
