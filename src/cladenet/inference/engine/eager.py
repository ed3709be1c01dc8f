"""The network as it is: what remains where nothing else takes it."""

import torch
from torch import Tensor

from cladenet.inference.request import Request, Run
from cladenet.layers.modes import training_nowhere


def make(request: Request) -> Run:
    """Plain float32, or autocast to bfloat16."""
    model, low = request.model, request.precision == "bf16"

    def run(images: Tensor) -> Tensor:
        autocast = torch.autocast(images.device.type, torch.bfloat16, enabled=low)
        with training_nowhere(model), autocast:
            logits: Tensor = model(images)
        return logits.float()

    return run
