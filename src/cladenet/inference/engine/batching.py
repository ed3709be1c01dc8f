"""Images of any number and size, for engines that are made for one of each."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cladenet.inference.engines import Run, Wish
from cladenet.layers.modes import training_nowhere


def in_batches(run: Run, wish: Wish) -> Run:
    """`run`, made for the images of `wish`, for any: in batches, the last one filled up with black.

    The plain network answers for images of another size.
    """
    model, length, size = wish.model, len(wish.images), wish.images.shape[1:]

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
