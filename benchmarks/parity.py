"""The same weights in two implementations: fresh, in float64, given in the order of definition."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.registry import create_model
from cladenet.vision import torchvision


def randomised(name: str, **overrides: Any) -> Classifier:
    """A model of ours in float64, every value random, batch-norm statistics too.

    Weights keep the scale of what passes through them, so that no layer's share is lost in
    rounding; residual branches are damped by their norms, so that a hundred of them do not add
    up to huge numbers.
    """
    with torch.device("meta"):
        model = create_model(name, **overrides)
    model = model.double().to_empty(device="cpu").eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in model.state_dict().values():  # what no rule below is for
            tensor.copy_(torch.rand(tensor.shape) - 0.5 if tensor.is_floating_point() else 0)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
        elif isinstance(module, nn.Conv2d | nn.Linear):
            bound = math.sqrt(6 / module.weight[0].numel())
            nn.init.uniform_(module.weight, -bound, bound)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.1, 0.1)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.3, 0.7)
            nn.init.uniform_(module.bias, -0.1, 0.1)
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model


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

    with torch.device("meta"):
        return models.get_model(name, **arguments)


def from_timm(name: str, **arguments: Any) -> Any:
    """A timm model on the meta device."""
    torchvision()
    import timm

    with torch.device("meta"):
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
