"""Grad-CAM: where the last feature maps speak for a class.

Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra. Grad-CAM: Visual Explanations from Deep Networks
via Gradient-based Localization. ICCV 2017. arXiv:1610.02391, Eq. (1) and (2):

    alpha_k = mean over i, j of dy_c / dA_k,ij        L_c = ReLU(sum over k of alpha_k A_k)

The first layers are computed without gradients, so that a map costs little more than an answer.

A vision transformer's head reads the class token alone: behind the last block no patch has a
gradient, and the map would be 0. The tokens that enter the last block are taken, the class token is
left out, and the others are put back in their places. The mean over places fits tokens less well
than feature maps: small transformers that were trained to find a pasted pattern have their largest
value on it in 0 to 14 of 40 images, where `attention_relevance` has it in 17 to 40.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from cladenet.errors import BadArgument
from cladenet.explain.attribution.maps import weighted
from cladenet.explain.cut import Cut
from cladenet.explain.targets import Classes, frozen, logits_of
from cladenet.layers.classifier import Classifier


def grad_cam(
    network: Classifier, images: Tensor, classes: Classes = None, layer: str | None = None
) -> Tensor:
    """Maps (N, h, w) of the size of the layer's, 0 or more; the network stays as it was.

    Args:
        network: of any family.
        images: normalised, (N, C, H, W).
        classes: which to explain: one for each image, one for all, or by default each answer.
        layer: name of a module that gives feature maps; by default `layer_for` of the network.

    Raises:
        BadArgument: there is no such module or class, or the module gives no feature maps.
    """
    layer = layer or layer_for(network)
    with frozen(network):
        cut = Cut(network, layer, images)
        leaves, structure = tree_flatten(cut.output)
        score = logits_of(cut.logits, classes).sum()
        found = torch.autograd.grad(score, leaves, allow_unused=True)
    gradients = [
        torch.zeros_like(leaf) if gradient is None else gradient
        for leaf, gradient in zip(leaves, found, strict=True)
    ]
    with torch.no_grad():
        size = (images.shape[2], images.shape[3])
        maps = _as_map(network, cut.output, size, layer)
        towards = _as_map(network, tree_unflatten(gradients, structure), size, layer)
        return weighted(maps, towards)


def layer_for(network: Classifier) -> str:
    """Where Grad-CAM looks by default: the last feature maps that the head reads as a whole."""
    from cladenet.models.vit import VisionTransformer

    if not isinstance(network, VisionTransformer):
        return "stages"
    return f"stages.{len(network.stages) - 2}" if len(network.stages) > 1 else "stem"


def _as_map(network: Classifier, output: Any, size: tuple[int, int], layer: str) -> Tensor:
    is_map = isinstance(output, Tensor) and output.ndim == 4
    maps = output if is_map else network.as_map(output, size)
    if not isinstance(maps, Tensor) or maps.ndim != 4:
        raise BadArgument(f"{layer} gives no feature maps (N, C, h, w); name another module")
    return maps
