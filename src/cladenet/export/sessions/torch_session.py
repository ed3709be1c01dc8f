"""What both kinds of torch's files share: a module that is called."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cladenet.export.description import Description
from cladenet.export.sessions.session import Array, Session
from cladenet.inference.graph.side_by_side import on_threads


class TorchSession(Session):
    """A module in torch, which stays at hand as `module`.

    Args:
        module: from images to answers.
        description: what the file says of itself.
        shape: of its input, None where any length will do.
        threads: that it may take; torch has as many as before when it is done.
    """

    def __init__(
        self,
        module: Callable[[Tensor], Tensor],
        description: Description,
        shape: Sequence[int | None],
        threads: int,
    ) -> None:
        super().__init__(description, shape)
        self.module, self._threads = module, threads

    def _run(self, images: Array) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = on_threads(self._threads, self.module, torch.from_numpy(images))
            return found.numpy()
