"""Layers in training that a CPU computes faster than torch has it do: the same values.

A layer is changed at its entrance, so that weights, names, hooks and copies stay what they are. On
a GPU, compiled or without gradients it does what it did.
"""

from types import MethodType

from torch import nn

from cladenet.kernels.which import faster_way


def quicken(model: nn.Module) -> None:
    """From now on, train such layers of `model` so; everything else stays as it is.

    Args:
        model: changed in place, but for its tensors and their names. Copies of it do the same.
    """
    for module in model.modules():
        if way := faster_way(module):
            from cladenet.kernels.entrances import ENTRANCES

            replaced, entrance = ENTRANCES[way]
            setattr(module, replaced, MethodType(entrance, module))
