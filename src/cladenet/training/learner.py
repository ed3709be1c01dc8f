"""What training changes, together: the weights, their averages and the optimiser's memory."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument, CheckpointError
from cladenet.kernels.in_place import overwrite_inputs
from cladenet.kernels.quicken import quicken
from cladenet.layers.classifier import Classifier
from cladenet.models.progress import followers
from cladenet.recipes import Recipe
from cladenet.training.ema import Ema
from cladenet.training.memory_order import in_memory_order
from cladenet.training.optimizers import (
    limit_filters,
    make_optimizer,
    optimizer_tensors,
    parts_of,
    restore_optimizer,
)
from cladenet.world import World


class Learner:
    """A network in training.

    Args:
        model: on its device, in the memory layout it is trained in.
        recipe: for the optimiser and the moving average.
        world: the processes that train together.
        freeze: parts, counted from the stem, that keep their weights; see `frozen_parts`.
        layer_decay: what the learning rate is multiplied with from one part to the one below it.
        steps: of the whole run, for layers and averages that change in its course.
        compiled: run the network through `torch.compile`.
        sync_bn: batch statistics over all processes instead of each one's own.

    Attributes:
        model: the plain network, whose tensors are saved.
        net: what is called in training: the same weights, compiled or distributed.
        taken: optimiser steps so far.
    """

    def __init__(
        self,
        model: Classifier,
        recipe: Recipe,
        world: World,
        *,
        freeze: int = 0,
        layer_decay: float = 1.0,
        steps: int = 0,
        compiled: bool = False,
        sync_bn: bool = False,
    ) -> None:
        if sync_bn and world.size > 1:
            from cladenet.training.sync_norm import share_statistics

            model = cast(Classifier, share_statistics(model, world.device))
        self.frozen = frozen_modules(model, freeze) if freeze else []
        for part in self.frozen:
            part.requires_grad_(False)
        self.model, self.recipe, self.world = model, recipe, world
        self.steps, self.taken = steps, 0
        self._followers = followers(model) if steps else []
        self.optimizer = make_optimizer(model, recipe, layer_decay)
        self.ema = Ema(model, recipe.ema) if recipe.ema else None
        self.lookahead = None
        if recipe.lookahead:
            from cladenet.training.lookahead import Lookahead

            self.lookahead = Lookahead(model, recipe.lookahead, recipe.lookahead_decay)
        overwrite_inputs(model)
        quicken(model)
        net: Any = torch.compile(model) if compiled else model
        if world.size > 1:
            ids = [world.device.index] if world.device.type == "cuda" else None
            net = nn.parallel.DistributedDataParallel(
                net, device_ids=ids, find_unused_parameters=model.skips_units
            )
        self.net: nn.Module = net

    def train_mode(self) -> None:
        """Training mode, except that frozen parts keep the statistics that they came with."""
        self.net.train()
        for part in self.frozen:
            part.eval()

    def begin_step(self, lr: float) -> None:
        """Make the network ready for the next step, whose learning rate is `lr`."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        for layer in self._followers:
            layer.at_progress(self.taken / self.steps)
        self.train_mode()

    def step(self) -> None:
        """One step from the gradients of the loss, which are used up, with all that follows it.

        A parameter that the batch did not reach has a gradient of 0: it goes on to decay and to
        move by its momentum. Fused optimisers cannot do without. One that a layer has ceased to
        learn stays.
        """
        if self.recipe.group_lasso:
            self._add_penalty()
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        for group in self.optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None and parameter.requires_grad:
                    parameter.grad = torch.zeros_like(parameter)
        with in_memory_order(self.optimizer):
            self.optimizer.step()
        self.optimizer.zero_grad()
        if self.recipe.filter_rms:
            limit_filters(self.model, self.recipe.filter_rms)
        self.taken += 1
        if self.lookahead is not None:
            self.lookahead.update(self.taken, self.steps)
        if self.ema is not None:
            self.ema.update(self.taken)

    def _add_penalty(self) -> None:
        """The gradients of what the network adds to the loss, whatever the images."""
        penalty = self.model.regularisation()
        if penalty is not None and penalty.requires_grad:  # a constant once all inputs are pruned
            (self.recipe.group_lasso * penalty).backward()

    @property
    def predictor(self) -> Classifier:
        """The network that predicts: the average where one is kept."""
        return self.model if self.ema is None else self.ema.model

    def weights(self) -> dict[str, Tensor]:
        """The tensors of the network that predicts."""
        return dict(self.predictor.state_dict())

    def state(self) -> dict[str, Tensor]:
        """All that `weights` leaves out and a resumed run needs."""
        raw = {} if self.ema is None else self.model.state_dict()
        memory = optimizer_tensors(self.optimizer, self.model)
        slow = {} if self.lookahead is None else self.lookahead.state()
        state = {}
        for kind, tensors in (("model", raw), ("optimizer", memory), ("lookahead", slow)):
            for name, value in tensors.items():
                state[f"{kind}/{name}"] = value
        return state

    def restore(
        self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor], taken: int
    ) -> None:
        """Become what `weights` and `state` describe, after `taken` steps.

        Raises:
            CheckpointError: they belong to another network or recipe.
        """
        raw = _under("model/", state)
        if bool(raw) != (self.ema is not None):
            raise CheckpointError(
                "the checkpoint was written with another setting of ema than the run's config.yaml"
            )
        try:
            self.model.load_state_dict(raw or dict(weights))
            if self.ema is not None:
                self.ema.restore(weights)
        except RuntimeError as error:
            raise CheckpointError(
                "the checkpoint's tensors are not those of the network in config.yaml"
            ) from error
        restore_optimizer(self.optimizer, self.model, _under("optimizer/", state))
        if self.lookahead is not None:
            self.lookahead.restore(_under("lookahead/", state))
        self.taken = taken


def frozen_parts(freeze: str, model: Classifier) -> int:
    """How many parts `freeze` means: a number, `stem`, `backbone` for all but the head, or
    `features` for all but the last layer.

    Raises:
        BadArgument: it is none of these, or nothing would be left to train.
    """
    below_head = len(parts_of(model)) - 1
    named = {"": 0, "none": 0, "stem": 1, "backbone": below_head, "features": below_head + 1}
    if freeze in named:
        return named[freeze]
    count = int(freeze) if freeze.isdigit() else -1
    if not 0 <= count <= below_head:
        raise BadArgument(
            f"freeze is {freeze!r}; expected stem, backbone, features, or a number of parts up to "
            f"{below_head}: the stem and {below_head - 1} stages"
        )
    return count


def frozen_modules(model: Classifier, count: int) -> list[nn.Module]:
    """The first `count` parts; of the head, which is the last one, all but the last layer."""
    parts = parts_of(model)
    return parts[:count] if count < len(parts) else [*parts[:-1], *list(model.head)[:-1]]


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
