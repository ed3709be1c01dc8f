"""Where in a network the numbers end, once a loss is not finite."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cladenet.data.batches import Batch
from cladenet.data.preprocess import Preprocess
from cladenet.errors import Diverged
from cladenet.training.learner import Learner
from cladenet.training.sync_norm import SharedBatchNorm2d

SHOWN = 4  # images that are named


class NonFinite(NamedTuple):
    """A module's name, and bool (N,): the images for which it puts out what is not finite."""

    module: str
    images: Tensor


def diverged(
    learner: Learner, parts: list[Batch], preprocess: Preprocess, lr: float, ids: Sequence[str]
) -> Diverged:
    """The error that names step, rate, images and module: the batch is run once more to find it."""
    culprit, suspects = "the loss", torch.cat([part.indices for part in parts])
    for part in parts:
        images = preprocess.to_input(part.images, learner.world.device)
        found = first_non_finite(learner.model, images)
        if found is not None:
            culprit, suspects = f"the output of {found.module}", part.indices[found.images.cpu()]
            break
    indices = suspects.tolist()
    names = [ids[index] if index < len(ids) else str(index) for index in indices]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return Diverged(
        f"the loss of step {learner.taken + 1} is not finite; the first value that is not is in "
        f"{culprit}. The learning rate was {lr:.4g}, the images {', '.join(names[:SHOWN])}{more}. "
        "Lower lr, add warmup or clip_norm"
    )


def first_non_finite(model: nn.Module, images: Tensor) -> NonFinite | None:
    """The first leaf module, in the order of calls, whose output is not finite; None if all are."""
    found: list[NonFinite] = []

    def observe(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if not found and isinstance(output, Tensor) and not bool(output.isfinite().all()):
                found.append(NonFinite(name, ~output.isfinite().flatten(1).all(1)))

        return hook

    leaves = [
        (name, module) for name, module in model.named_modules() if not list(module.children())
    ]
    handles = [module.register_forward_hook(observe(name)) for name, module in leaves]
    try:
        with torch.no_grad(), _waiting_for_nobody(model):
            model(images)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


@contextmanager
def _waiting_for_nobody(model: nn.Module) -> Iterator[None]:
    """Norms of the whole batch would wait for the other processes, which do not look."""
    shared = [
        module
        for module in model.modules()
        if isinstance(module, SharedBatchNorm2d | nn.SyncBatchNorm) and module.training
    ]
    for module in shared:
        module.eval()
    try:
        yield
    finally:
        for module in shared:
            module.train()
