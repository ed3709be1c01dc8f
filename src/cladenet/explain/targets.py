"""Which logit is explained, and a pass through a network that can be asked for gradients."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from cladenet.errors import BadArgument
from cladenet.layers.modes import training_nowhere

Classes = Tensor | Sequence[int] | int | None


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Inside: evaluation mode and no gradients for weights. After: all is as it was."""
    wanted = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        for parameter in wanted:
            parameter.requires_grad_(False)
        with training_nowhere(network), torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for parameter in wanted:
            parameter.requires_grad_(True)


def class_numbers(logits: Tensor, classes: Classes) -> Tensor:
    """A class for each image, int64 (N,): the given ones, or those with the largest logits.

    Args:
        logits: (N, K).
        classes: one for each image, one for all, or None.

    Raises:
        BadArgument: there are fewer or more classes than images, or the network has no such class.
    """
    n, k = logits.shape
    if classes is None:
        return logits.detach().argmax(1)
    numbers = torch.as_tensor(classes, device=logits.device)
    check_count(numbers, n)
    if n and not 0 <= int(numbers.min()) <= int(numbers.max()) < k:
        raise BadArgument(
            f"classes has {int(numbers.min())} to {int(numbers.max())}; this network has the "
            f"classes 0 to {k - 1}"
        )
    return numbers.long().expand(n)


def check_count(classes: Tensor, images: int) -> None:
    """Refuse what is neither one class nor one for each image.

    Raises:
        BadArgument: there are fewer or more.
    """
    if classes.shape not in ((), (images,)):
        raise BadArgument(
            f"classes has shape {tuple(classes.shape)}; expected ({images},), as images"
        )


def logits_of(logits: Tensor, classes: Classes) -> Tensor:
    """The logit of each image's class, (N,)."""
    numbers = class_numbers(logits, classes)
    return logits.gather(1, numbers[:, None])[:, 0]


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


def module_called(network: nn.Module, name: str) -> nn.Module:
    """The module of that name.

    Raises:
        BadArgument: there is none; the message has names that there are.
    """
    try:
        if name:
            return network.get_submodule(name)
    except AttributeError:
        pass
    there = [n for n, _ in network.named_modules() if n and n.count(".") < 2]
    raise BadArgument(
        f"this {type(network).__name__} has no module called {name!r}; it has "
        f"{', '.join(there[:12])} and what is inside them"
    )


def in_parts(images: Tensor, size: int, ask: Callable[[Tensor], Tensor]) -> Tensor:
    """`ask` of at most `size` images at a time, one after the other."""
    return torch.cat([ask(part) for part in images.split(size)])
