"""Normalisation by name: `create_model(name, norm="group")`, `model.norm=group`.

    batch             Ioffe, Szegedy 2015, arXiv:1502.03167
    layer             Ba, Kiros, Hinton 2016, arXiv:1607.06450
    instance          Ulyanov, Vedaldi, Lempitsky 2016, arXiv:1607.08022
    group             Wu, He 2018, arXiv:1803.08494
    ibn               Pan, Luo, Shi, Tang 2018, arXiv:1807.09441: half instance, half batch
    weight            Salimans, Kingma 2016, arXiv:1602.07868
    weight_mean_only  the same, with mean-only batch normalisation (Sec. 4)
    cosine            Luo, Zhan and others 2017, arXiv:1702.05870
    none              nothing

The first five and `none` stand where a network has its norms. Weight and cosine normalisation leave
those places empty (or centre there) and change the convolutions of the network once it is built. A
network whose paper has no norms gets one after each convolution.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm
from cladenet.layers.instance_norm import InstanceBatchNorm, InstanceNorm
from cladenet.layers.norm import NoNorm, group_norm, layer_norm
from cladenet.suggest import hint
from cladenet.surgery.cosine_norm import cosine_normalise
from cladenet.surgery.replace import norm_after_convolutions
from cladenet.surgery.weight_norm import (
    MeanOnlyBatchNorm,
    weight_normalise,
    weight_normalise_only,
)

Finish = Callable[[Classifier], object]


class Normalisation(NamedTuple):
    """How a network is normalised.

    Args:
        norm: makes what stands where the network has its norms.
        finish: what is done to the network once it is built.
    """

    norm: Norm
    finish: Finish | None = None


NORMALISATIONS = {
    "batch": Normalisation(nn.BatchNorm2d),
    "layer": Normalisation(layer_norm),
    "instance": Normalisation(InstanceNorm),
    "group": Normalisation(group_norm),
    "ibn": Normalisation(InstanceBatchNorm),
    "weight": Normalisation(NoNorm, weight_normalise),
    "weight_mean_only": Normalisation(MeanOnlyBatchNorm, weight_normalise_only),
    "cosine": Normalisation(NoNorm, cosine_normalise),
    "none": Normalisation(NoNorm),
}


def normalisation(name: object) -> Normalisation:
    """The normalisation of that name.

    Raises:
        BadArgument: it is no name, or none has it; the message has all names.
    """
    if isinstance(name, str) and name in NORMALISATIONS:
        return NORMALISATIONS[name]
    near = hint(str(name), NORMALISATIONS, most=1)
    raise BadArgument(f"norm is {name!r}; {near}expected one of {', '.join(NORMALISATIONS)}")


def normalised(name: object) -> Finish | None:
    """What gives a finished network that has no norms the one of that name; a constructor will do.

    None where there is nothing to do.

    Raises:
        BadArgument: none has this name.
    """
    if name is None or name == "none":
        return None
    chosen = Normalisation(name) if callable(name) else normalisation(name)

    def finish(model: Classifier) -> None:
        if chosen.norm is not NoNorm:
            norm_after_convolutions(model, chosen.norm)
        if chosen.finish is not None:
            chosen.finish(model)

    return finish


def is_batch_norm(norm: Norm | None) -> bool:
    """Does it make a `BatchNorm2d`, with whatever constants?"""
    return getattr(norm, "func", norm) is nn.BatchNorm2d
