"""ONNX Runtime on the same weights, by way of an ONNX graph in memory."""

import io
import warnings
from typing import Any

import torch
from torch import Tensor

from cladenet.inference.batching import in_batches
from cladenet.inference.engines import CannotPrepare, Run, Wish


def make(wish: Wish) -> Run:
    """A session for the images of `wish`, on as many threads as torch has.

    Raises:
        CannotPrepare: the network has no form in ONNX.
    """
    import onnxruntime

    graph: Any = io.BytesIO()  # what the older exporter, which needs no further package, takes
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                wish.model,
                (wish.images,),
                graph,
                dynamo=False,
                input_names=["images"],
                output_names=["logits"],
                opset_version=17,
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(
            graph.getvalue(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the exporter and the session raise what their parts raise
        raise CannotPrepare(f"onnxruntime stops with: {str(error).splitlines()[0]}") from error

    def run(images: Tensor) -> Tensor:
        found = session.run(["logits"], {"images": images.contiguous().numpy()})
        return torch.from_numpy(found[0])

    return in_batches(run, wish)
