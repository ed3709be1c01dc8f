"""Stochastic depth for networks whose papers have none: what timm calls `drop_path_rate`.

Huang, Sun, Liu, Sedra, Weinberger. Deep Networks with Stochastic Depth. ECCV 2016.
arXiv:1603.09382, Sec. 3: the rate grows linearly, from 0 for the first residual to that of the
last one. Each sample of a batch draws for itself, as in `layers.drop.DropPath`.
"""

from collections.abc import Iterator

from torch import nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.layers.drop import DropPath
from cladenet.layers.inverted_residual import InvertedResidual
from cladenet.layers.squeeze_excite import followed, is_chain
from cladenet.models import (
    igcv3,
    inception_resnet,
    preact_resnet,
    resnet,
    shufflenet_v1,
    stochastic_depth,
    wide_resnet,
    xception,
)
from cladenet.models.vit import AttentionBlock, MlpBlock

# Units that add their `residual`: always, or where there is a shortcut to add it to.
ALWAYS = (preact_resnet.Unit, wide_resnet.WideUnit, inception_resnet.Unit)
WITH_SHORTCUT = (resnet.Unit, xception.Unit)


def drop_paths(model: Classifier, rate: float) -> None:
    """Leave the residuals of some samples out in training, with linearly growing rates.

    Names of tensors and what the network computes in evaluation mode stay as they are.

    Args:
        model: changed in place.
        rate: of the last residual.

    Raises:
        BadArgument: the network adds no residuals, or `rate` is no probability.
    """
    if not 0 <= rate < 1:
        raise BadArgument(f"drop_path_rate is {rate}; expected 0 to below 1, such as 0.1")
    found = list(_residuals(model))
    if not found:
        raise BadArgument(
            f"drop_path_rate is {rate}; {type(model).__name__} has no residuals that could be left "
            "out. Leave it out; drop_rate is dropout"
        )
    steps = sorted({step for step, _ in found})
    for step, unit in found:
        share = steps.index(step) / max(1, len(steps) - 1)
        if share:
            _drop(unit, rate * share)


def _residuals(model: Classifier) -> Iterator[tuple[int, nn.Module]]:
    """Units that add a residual, numbered; both blocks of a transformer's layer are one."""
    units = (unit for stage in model.stages for unit in stage.modules())
    step = 0
    for unit in units:
        if isinstance(unit, MlpBlock):
            yield step, unit
        elif isinstance(unit, AttentionBlock) or _adds(unit):
            step += 1
            yield step, unit


def _adds(unit: nn.Module) -> bool:
    """Is its residual a chain whose output is added to another path?"""
    if isinstance(unit, InvertedResidual | igcv3.InterleavedInverted):
        return unit.adds
    if isinstance(unit, shufflenet_v1.ShuffleUnit):
        return unit.pool is None
    if isinstance(unit, stochastic_depth.StochasticUnit):  # it has a survival of its own
        return False
    adds = isinstance(unit, ALWAYS)
    adds = adds or (isinstance(unit, WITH_SHORTCUT) and unit.shortcut is not None)
    return adds and is_chain(unit.get_submodule("residual"))


def _drop(unit: nn.Module, rate: float) -> None:
    if isinstance(unit, AttentionBlock):
        unit.add_module("drop", nn.Sequential(unit.drop, DropPath(rate)))
    elif isinstance(unit, MlpBlock):
        unit.mlp.append(DropPath(rate))
    elif isinstance(unit, InvertedResidual):
        unit.drop_path = DropPath(rate)
    else:
        followed(unit.get_submodule("residual"), DropPath(rate))
