"""Optimisers from a recipe: parameter groups, and their state as named tensors."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cladenet.errors import CheckpointError
from cladenet.layers.classifier import Classifier
from cladenet.recipes import Recipe
from cladenet.training.without_compiler import without_compiler


def parts_of(model: Classifier) -> list[nn.Module]:
    """Stem, each stage, head: what `freeze` counts and layer-wise rates decay over."""
    return [model.stem, *model.stages, model.head]


def make_optimizer(
    model: Classifier, recipe: Recipe, layer_decay: float = 1.0
) -> torch.optim.Optimizer:
    """SGD, RMSProp, AdamW or Muon over the parameters that are trained.

    Each group carries `scale`, the multiple of the schedule's rate that it gets: 1 for the head and
    `layer_decay` to the power of the distance from it for the parts below (discriminative rates,
    Howard and Ruder 2018, Sec. 3.2); 1 for what is in no part, which are further classifiers. With
    `decay_all` off, vectors (weights and biases of normalisation layers, other biases) are not
    decayed.

    `bias_lr` and `head_lr` multiply the rate of norms' biases and of last layers; their decay is
    divided by it, so that what decays in a step is as before.
    """
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    scales: dict[nn.Parameter, float] = {}
    parts = parts_of(model)
    for place, part in enumerate(parts, start=1):
        scales |= dict.fromkeys(part.parameters(), layer_decay ** (len(parts) - place))
    lasts: set[nn.Parameter] = set()
    for head in model.heads().values():
        lasts.update(head[-1].parameters())
    faster = dict.fromkeys(_norm_biases(model), recipe.bias_lr)
    faster |= dict.fromkeys(lasts, recipe.head_lr)
    turned = _hidden_weights(model) - lasts if recipe.optimizer == "muon" else set()
    for parameter in model.parameters():
        if parameter.requires_grad:
            times = faster.get(parameter, 1.0)
            decays = recipe.decay_all or parameter.ndim > 1
            decay = recipe.weight_decay / times if decays else 0.0
            key = (scales.get(parameter, 1.0) * times, decay, parameter in turned)
            groups.setdefault(key, []).append(parameter)
    described: list[dict[str, Any]] = []
    for (scale, decay, orthogonal), parameters in groups.items():
        described.append({"params": parameters, "scale": scale, "weight_decay": decay})
        if recipe.optimizer == "muon":
            described[-1]["orthogonal"] = orthogonal
    if recipe.optimizer == "muon":
        from cladenet.training.muon import Muon

        return without_compiler(Muon)(described, recipe.lr, recipe.momentum, recipe.nesterov)
    if recipe.optimizer == "adamw":
        return without_compiler(torch.optim.AdamW)(
            described, recipe.lr, betas=(recipe.momentum, recipe.beta2), fused=True
        )
    if recipe.optimizer == "rmsprop":
        from cladenet.training.rmsprop import RMSProp

        return without_compiler(RMSProp)(
            described, recipe.lr, recipe.rms_decay, recipe.rms_epsilon, recipe.momentum
        )
    return without_compiler(torch.optim.SGD)(
        described, recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=True
    )


def _norm_biases(model: nn.Module) -> set[nn.Parameter]:
    """The biases of modules that have no matrix of weights: those of normalisations."""
    found = set()
    for module in model.modules():
        bias, weight = getattr(module, "bias", None), getattr(module, "weight", None)
        if isinstance(bias, nn.Parameter) and (weight is None or weight.ndim <= 1):
            found.add(bias)
    return found


def _hidden_weights(model: nn.Module) -> set[nn.Parameter]:
    """The weights of convolutions and linear layers."""
    layers = (m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    return {layer.weight for layer in layers if isinstance(layer.weight, nn.Parameter)}


@torch.no_grad()
def limit_filters(model: nn.Module, radius: float) -> None:
    """Shrink every convolution's filter whose root mean square exceeds `radius` down to it.

    Zeiler, Fergus. Visualizing and Understanding Convolutional Networks. ECCV 2014, Sec. 3.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            filters = module.weight
            rms = filters.square().mean((1, 2, 3), keepdim=True).sqrt()
            filters.mul_(radius / rms.clamp(min=radius))


def optimizer_tensors(optimizer: torch.optim.Optimizer, model: nn.Module) -> dict[str, Tensor]:
    """The optimiser's memory, `parameter/quantity` to tensor."""
    tensors = {}
    for name, parameter in model.named_parameters():
        for quantity, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"{name}/{quantity}"] = value
    return tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer, model: nn.Module, tensors: Mapping[str, Tensor]
) -> None:
    """Give the optimiser the memory that `optimizer_tensors` read.

    Raises:
        CheckpointError: a tensor belongs to no parameter of the model.
    """
    parameters = dict(model.named_parameters())
    for key, value in tensors.items():
        name, _, quantity = key.rpartition("/")
        if name not in parameters:
            raise CheckpointError(f"the optimiser's state names {name!r}, which the network lacks")
        optimizer.state[parameters[name]][quantity] = _like(parameters[name], value)


def _like(parameter: nn.Parameter, value: Tensor) -> Tensor:
    """A copy of `value` where the optimiser expects it.

    The fused kernels walk through parameter and memory side by side, so both must have one layout:
    a channels-last weight with a contiguous momentum would be updated with other weights' momenta.
    Step counters stay on the CPU unless the kernel runs on a GPU.
    """
    if value.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    return value.clone().to(parameter.device if parameter.device.type == "cuda" else "cpu")
