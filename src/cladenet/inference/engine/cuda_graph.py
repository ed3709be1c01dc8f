"""On a GPU: the folded steps, channels last, captured once and replayed without Python between."""

import torch
from torch import Tensor

from cladenet.inference.engine.batching import in_batches
from cladenet.inference.graph.recording import record
from cladenet.inference.graph.running import runner
from cladenet.inference.graph.simplify import simplify, to_precision
from cladenet.inference.request import DTYPES, Request, Run

WARM_UP = 3  # runs before the capture, in which cuDNN chooses its algorithms


def make(request: Request) -> Run:
    """One graph for batches of the length and size in `request`.

    Raises:
        CannotPrepare: the network does something that a list of steps cannot say.
    """
    dtype = DTYPES[request.precision]
    program = record(request.model, request.images)
    simplify(program)
    to_precision(program, dtype)
    steps = runner(program, from_python=True)
    fixed = request.images.to(dtype, memory_format=torch.channels_last).clone()
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UP):
            steps(fixed)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = steps(fixed)

    def run(images: Tensor) -> Tensor:
        fixed.copy_(images)
        graph.replay()
        return logits.to(torch.float32, copy=True)  # the next replay writes over them

    return in_batches(run, request)
