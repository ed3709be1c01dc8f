"""The same weights in two implementations: fresh, in float64, given in the order of definition."""

import math
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.layers.init import Undrawn
from cladenet.registry import create_model
from cladenet.vision import torchvision

Network = TypeVar("Network", bound=nn.Module)


def randomised(name: str, **overrides: Any) -> Classifier:
    """A model of ours in float64 and evaluation mode, its values those of `saturate`."""
    with torch.device("meta"):
        model = create_model(name, **overrides)
    if dict(model.named_buffers()).keys() - model.state_dict().keys():
        model = create_model(name, **overrides)  # indices and the like, which are not random
    return saturate(model).eval()


def saturate(model: Network, seed: int = 0) -> Network:
    """A model, mostly of the meta device, in float64, its values random: norms' statistics too.

    Biases are 1 to 4 in size, a third of them negative, and those of a layer's first two channels
    12 and -12, so that what enters an activation is below 0 in some places and beyond 6 in others:
    ReLU, ReLU6 and their like differ there. Weights keep
    the scale of what passes through them, so that no layer's share is lost in rounding; residual
    branches are damped by their norms, so that a hundred of them do not add up to huge numbers.
    """
    model = model.double()
    if next(model.parameters()).is_meta:
        model = model.to_empty(device="cpu")
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():  # what no rule below is for
            if name.endswith("_mask"):  # of a network that prunes while it trains
                tensor.fill_(1)
            else:
                tensor.copy_(torch.rand(tensor.shape) - 0.5 if tensor.is_floating_point() else 0)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            bound = math.sqrt(6 / module.weight[0].numel())
            nn.init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                _large(module.bias)
                with torch.no_grad():
                    module.weight[:2] *= 0.1  # of those with the largest biases
        elif isinstance(module, nn.BatchNorm2d):
            if module.affine:
                nn.init.uniform_(module.weight, 0.3, 0.7)
                _large(module.bias)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


@torch.no_grad()
def _large(bias: Tensor) -> None:
    signs = 1 - 2 * (torch.rand(bias.shape) < 1 / 3).to(bias.dtype)
    bias.copy_(signs * torch.empty_like(bias).uniform_(1, 4))
    bias[:2] = torch.tensor([12.0, -12.0])[: len(bias)]


def wear(theirs: nn.Module, ours: nn.Module) -> Any:
    """`theirs`, built on the meta device, with our tensors in the order of definition."""
    state = theirs.state_dict()  # some networks look at its hidden version number
    tensors: list[Tensor] = list(ours.state_dict().values())
    assert len(state) == len(tensors)
    for (key, other), mine in zip(state.items(), tensors, strict=True):
        state[key] = mine.view(other.shape)
    theirs.load_state_dict(state, assign=True)
    return theirs.eval()


def from_torchvision(name: str, **arguments: Any) -> nn.Module:
    """A torchvision classifier on the meta device."""
    torchvision()
    from torchvision import models

    with torch.device("meta"), Undrawn():
        return models.get_model(name, **arguments)


def from_timm(name: str, **arguments: Any) -> Any:
    """A timm model on the meta device."""
    torchvision()
    import timm

    with torch.device("meta"), Undrawn():
        return timm.create_model(name, **arguments)


def from_library(name: str) -> Any:
    """A network for ImageNet on the meta device, such as "timm/resnet50"."""
    library, _, network = name.partition("/")
    if library == "timm":  # some have no last layer by default
        return from_timm(network, num_classes=1000)
    quick = {"init_weights": False} if network in ("googlenet", "inception_v3") else {}
    return from_torchvision(network, **quick)


def worst(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, in units of the largest value, after checking that there is one."""
    scale = theirs.abs().max().item()
    assert ours.shape == theirs.shape
    assert 1e-3 < scale < 1e4, f"the logits are as large as {scale}: nothing would be tested"
    return (ours - theirs).abs().max().item() / max(scale, 1.0)
