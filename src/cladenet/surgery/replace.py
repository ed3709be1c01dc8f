"""The convolutions of a finished network, exchanged for others that take over their weights."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm

Exchange = Callable[[nn.Conv2d], nn.Module]


def replace_convolutions(model: Classifier, exchange: Exchange) -> None:
    """Put `exchange(conv)` in the place of every convolution that a norm would serve.

    Two kinds stay as they are: the last layer, whose outputs are logits, and the inside of a
    module that says `gates = True`, such as squeeze-and-excitation.

    Args:
        model: changed in place.
        exchange: makes what comes in the place of a convolution.

    Raises:
        BadArgument: a convolution is computed in a way of its own.
    """
    found = list(_convolutions(model, model.head[-1]))
    for parent, name, conv in found:
        if type(conv) is not nn.Conv2d:
            raise BadArgument(
                f"{type(model).__name__} computes a convolution as {type(conv).__name__}, whose "
                "weights cannot be normalised; choose a norm of its outputs, such as group"
            )
        setattr(parent, name, exchange(conv))


def norm_after_convolutions(model: Classifier, norm: Norm) -> None:
    """Give a network whose paper has no norms one after each convolution, before its activation.

    Local response normalisation makes way for it, as in `googlenet_bn`.

    Args:
        model: changed in place.
        norm: maps a channel count to a normalisation layer.

    Raises:
        BadArgument: the network has no convolutions but its last layer, or normalises tokens.
    """
    modules = list(model.modules())
    found = list(_convolutions(model, model.head[-1]))
    if not found or any(isinstance(module, nn.LayerNorm) for module in modules):
        raise BadArgument(
            f"{type(model).__name__} has no place for a norm of maps: it is made of linear layers, "
            "or normalises its tokens as its paper says. Leave norm out"
        )
    for parent, name, conv in found:
        setattr(parent, name, nn.Sequential(conv, norm(conv.out_channels)))
    for module in modules:
        for name, child in module.named_children():
            if isinstance(child, nn.LocalResponseNorm):
                setattr(module, name, nn.Identity())


def settings(conv: nn.Conv2d) -> dict[str, Any]:
    """What `nn.Conv2d` has to be called with to make one of the same shape, bias aside."""
    names = ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode")
    channels = {"in_channels": conv.in_channels, "out_channels": conv.out_channels}
    return channels | {name: getattr(conv, name) for name in names}


def _convolutions(module: nn.Module, last: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Conv2d]]:
    for name, child in module.named_children():
        if child is last or getattr(child, "gates", False):
            continue
        if isinstance(child, nn.Conv2d):
            yield module, name, child
        else:
            yield from _convolutions(child, last)
