"""What a network would give, asked without computing anything."""

import torch
from torch import Tensor, nn
from torch.func import functional_call


def on_meta(module: nn.Module, *shape: int) -> Tensor:
    """The output for images of that shape, without values: the tensors go to the meta device.

    The module's own tensors and mode stay as they are.
    """
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    like = next(module.parameters())
    images = torch.empty(shape, dtype=like.dtype, device="meta")
    output: Tensor = functional_call(
        module, {name: tensor.to("meta") for name, tensor in tensors.items()}, images
    )
    return output
