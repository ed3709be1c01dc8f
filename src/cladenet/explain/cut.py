"""A pass through a network that can be asked for gradients from one module on."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from cladenet.errors import BadArgument
from cladenet.explain.targets import module_called


class Cut:
    """A pass that is computed without gradients up to one module, and with them from there on.

    Args:
        network: evaluated as it is; wrap in `frozen`.
        layer: name of the module whose output is cut.
        images: (N, C, H, W).

    Attributes:
        output: what the module gave, detached; a tensor or a tuple of them, with gradients.
        logits: (N, K).

    Raises:
        BadArgument: the network has no such module, or does not run it exactly once.
    """

    def __init__(self, network: nn.Module, layer: str, images: Tensor) -> None:
        self.output: Any = None
        times = 0

        def cut(module: nn.Module, inputs: object, output: Any) -> Any:
            nonlocal times
            times += 1
            torch.set_grad_enabled(True)
            self.output = tree_map_only(Tensor, _leaf, output)
            return tree_map_only(Tensor, Tensor.clone, self.output)  # what follows works in place

        handle = module_called(network, layer).register_forward_hook(cut)
        try:
            with torch.no_grad():
                self.logits: Tensor = network(images)
        finally:
            handle.remove()
        if times != 1:
            raise BadArgument(
                f"{layer} runs {times} times in one pass; name a module that runs once"
            )


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(tensor.is_floating_point())
