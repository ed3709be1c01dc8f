"""Attention as a saliency map, for vision transformers.

`attention_rollout`: how much of each patch has come to the class token, whatever the class. Abnar,
Zuidema. Quantifying Attention Flow in Transformers. ACL 2020. arXiv:2005.00928, Sec. 3:

    R_l = (A_l + I) / 2 R_(l-1),  R_0 = I,  A_l the attention of block l, the mean over its heads

`attention_relevance`: the same for one class. Chefer, Gur, Wolf. Generic Attention-model
Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers. ICCV 2021.
arXiv:2103.15679, Eq. (5) and (6): an attention counts as far as the class's logit rises with it.

    R_l = R_(l-1) + mean over heads of max(0, dy_c / dA_l A_l) R_(l-1)

The identity stands for what goes past a block. The first row of R is the class token's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.explain.targets import Classes, frozen, logits_of
from cladenet.layers.classifier import Classifier
from cladenet.models.vit import DotProductAttention, VisionTransformer

Attention = tuple[Tensor, Tensor, Tensor]  # q, k and v


def attention_rollout(network: Classifier, images: Tensor) -> Tensor:
    """Shares of the patches in the last class token, (N, h, w); with its own share they add to 1.

    Args:
        network: a vision transformer.
        images: normalised, (N, C, H, W).

    Raises:
        BadArgument: the network has no attention.
    """
    transformer = _transformer(network, "attention rollout")
    with frozen(network), _kept(transformer) as kept, torch.no_grad():
        network(images)
    means = [attention.mean(1) for attention in kept]
    return _of_patches(transformer, images, _rolled([(a + _identity(a)) / 2 for a in means]))


def attention_relevance(network: Classifier, images: Tensor, classes: Classes = None) -> Tensor:
    """Relevance of the patches for a class, (N, h, w), 0 or more.

    Args:
        network: a vision transformer.
        images: normalised, (N, C, H, W).
        classes: which to explain: one for each image, one for all, or by default each answer.

    Raises:
        BadArgument: the network has no attention, or no such class.
    """
    transformer = _transformer(network, "attention relevance")
    with frozen(network), _kept(transformer) as kept:
        score = logits_of(network(images.detach().clone().requires_grad_()), classes).sum()
        gradients = torch.autograd.grad(score, kept)
    raised = [
        (gradient * attention).relu().mean(1).detach()
        for gradient, attention in zip(gradients, kept, strict=True)
    ]
    return _of_patches(transformer, images, _rolled([a + _identity(a) for a in raised]))


def _transformer(network: Classifier, what: str) -> VisionTransformer:
    if isinstance(network, VisionTransformer):
        return network
    raise BadArgument(
        f"{what} is defined for vision transformers; {type(network).__name__} has no attention. "
        "Grad-CAM works on every network"
    )


@contextmanager
def _kept(network: VisionTransformer) -> Iterator[list[Tensor]]:
    """Inside, the attention (N, heads, L, L) of each block is kept, in the order of computation."""
    kept: list[Tensor] = []

    def replace(module: nn.Module, inputs: Attention, output: Tensor) -> Tensor:
        q_nhld, k_nhld, v_nhld = inputs
        scaled = q_nhld @ k_nhld.transpose(2, 3) / q_nhld.shape[3] ** 0.5
        kept.append(scaled.softmax(3))
        return kept[-1] @ v_nhld

    blocks = [m for m in network.modules() if isinstance(m, DotProductAttention)]
    handles = [block.register_forward_hook(replace) for block in blocks]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def _rolled(steps: list[Tensor]) -> Tensor:
    """The product of the blocks' (N, L, L), the last one first."""
    rolled = steps[0]
    for step in steps[1:]:
        rolled = step @ rolled
    return rolled


def _identity(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-1], device=like.device, dtype=like.dtype)


def _of_patches(network: VisionTransformer, images: Tensor, rolled: Tensor) -> Tensor:
    """The class token's row, without its own column, on the grid of patches."""
    grid = [side // network.patch_size for side in images.shape[2:]]
    return rolled[:, 0, 1:].unflatten(1, grid)
