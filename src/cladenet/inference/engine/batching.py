"""Images of any number and size, for engines that are made for one of each."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.inference.request import Request, Run
from cladenet.layers.modes import training_nowhere


def in_batches(run: Run, request: Request) -> Run:
    """`run`, made for the images of `request`, for any: in batches, the last filled up with black.

    The plain network answers for images of another size.
    """
    model, length, size = request.model, len(request.images), request.images.shape[1:]

    def of_any_length(images: Tensor) -> Tensor:
        if images.shape[1:] != size:
            with training_nowhere(model):
                plain: Tensor = model(images)
            return plain
        if len(images) == length:  # small networks feel each call of torch's
            return run(images)
        logits = []
        for part in images.split(length):
            missing = length - len(part)
            full = F.pad(part, (0, 0, 0, 0, 0, 0, 0, missing)) if missing else part
            logits.append(run(full)[: len(part)])
        return torch.cat(logits)

    return of_any_length
