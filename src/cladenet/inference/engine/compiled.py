"""torch's compiler, with the weights as constants that it may fold and pack.

`torch.compile(options={"freezing": True})` packs nothing: the compiler's front end looks at the
setting of the whole process, and a cache of compiled code may then serve the unfrozen program. So
the setting is changed while it compiles, and the cache left aside.
"""

import copy
from typing import Any

import torch
from torch import Tensor
from torch._inductor import config

from cladenet.inference.engine.batching import in_batches
from cladenet.inference.request import DTYPES, CannotPrepare, Request, Run


def make(request: Request) -> Run:
    """Compiled for the images of `request`; other batches are padded to that length, or cut.

    Raises:
        CannotPrepare: the compiler stops, such as for want of a C++ compiler.
    """
    dtype = DTYPES[request.precision]
    model: Any = copy.deepcopy(request.model).to(dtype)
    compiled: Any = torch.compile(model.to(memory_format=torch.channels_last), dynamic=False)

    def run(images: Tensor) -> Tensor:
        logits: Tensor = compiled(images.to(dtype, memory_format=torch.channels_last))
        return logits.float()

    try:
        patch: Any = config.patch
        with patch(freezing=True, fx_graph_cache=False), torch.no_grad():
            run(request.images)
    except Exception as error:  # whatever the compiler or its C++ compiler raise
        raise CannotPrepare(f"inductor failed: {str(error).splitlines()[0]}") from error
    return in_batches(run, request)
