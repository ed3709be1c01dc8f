"""The effective receptive field: which pixels really matter to a value of a feature map.

Luo, Li, Urtasun, Zemel. Understanding the Effective Receptive Field in Deep Convolutional Neural
Networks. NeurIPS 2016. arXiv:1701.04128, Sec. 3: the gradient of the middle value by the image,
over many images; a pixel belongs to the field where it is above 4.55 % of the largest.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.analysis.receptive_field import TrackReceptiveFields
from cladenet.errors import BadArgument
from cladenet.explain.deconvnet.network import map_of
from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier

THRESHOLD = 1 - 0.9545  # two standard deviations of a Gaussian
TOGETHER = 8  # images whose activations are kept for one pass back


class EffectiveField(NamedTuple):
    """Of the middle value of a feature map.

    Args:
        layer: the module that gives the map.
        heat: mean size of the gradient, (H, W), 1 at its largest.
        size: side of a square with as many pixels as the field has.
        computed: side of the theoretical field; None for the whole image.
    """

    layer: str
    heat: Tensor
    size: float
    computed: int | None


def effective_field(network: Classifier, layer: str, batches: Iterable[Tensor]) -> EffectiveField:
    """Measured beside computed.

    Args:
        network: of any family; it stays as it was.
        layer: name of a module that gives feature maps.
        batches: normalised images of one size, (N, C, H, W) each.

    Raises:
        BadArgument: there is no such layer, or there are no images.
    """
    heat: Tensor | None = None
    computed: int | None = None
    for images in (part for batch in batches for part in batch.split(TOGETHER)):
        with frozen(network):
            pixels = images.detach().clone().requires_grad_()
            maps = map_of(network, layer, pixels)
            middle = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
            (gradient,) = torch.autograd.grad(middle.sum(), pixels)
            if heat is None:
                one = images[:1]
                with torch.no_grad(), TrackReceptiveFields(one) as fields:
                    computed = fields.of(map_of(network, layer, one)).size
        size = gradient.abs().sum((0, 1))
        heat = size if heat is None else heat + size
    if heat is None:
        raise BadArgument("there are no images to measure the field with; give at least one")
    heat = (heat / heat.max().clamp(min=torch.finfo(heat.dtype).tiny)).cpu()
    return EffectiveField(layer, heat, float((heat > THRESHOLD).sum()) ** 0.5, computed)
