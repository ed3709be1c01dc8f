"""Which logit is explained, and a network that is asked for gradients and stays as it was."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

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
