"""Integrated gradients: shares of the pixels in the distance of a logit from that of a baseline.

Sundararajan, Taly, Yan. Axiomatic Attribution for Deep Networks. ICML 2017. arXiv:1703.01365:

    IG_i(x) = (x_i - x'_i) integral over a from 0 to 1 of dF(x' + a (x - x')) / dx_i     Eq. (1)
    sum over i of IG_i(x) = F(x) - F(x')                                      completeness, Prop. 1

The integral is computed by Gauss and Legendre's rule, which needs the fewest gradients for the same
error where the logit is smooth along the path.
"""

import numpy as np
import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.explain.targets import Classes, check_count, class_numbers, frozen, logits_of
from cladenet.layers.classifier import Classifier


def integrated_gradients(
    network: Classifier,
    images: Tensor,
    classes: Classes = None,
    *,
    baseline: Tensor | None = None,
    steps: int = 50,
    batch_size: int = 32,
) -> Tensor:
    """Contributions (N, C, H, W) to the class's logit, of either sign.

    Args:
        network: of any family.
        images: normalised, (N, C, H, W).
        classes: which to explain: one for each image, one for all, or by default each answer.
        baseline: x', what broadcasts to the images; by default 0, which is the mean colour.
        steps: points of the rule; `completeness_gap` says whether they are enough.
        batch_size: images in one pass.

    Raises:
        BadArgument: `steps` or `batch_size` is not positive, or there is no such class.
    """
    if steps < 1 or batch_size < 1:
        raise BadArgument(
            f"steps is {steps} and batch_size {batch_size}; expected 1 or more of each"
        )
    start = torch.zeros_like(images) if baseline is None else baseline.expand_as(images)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(images)
    with frozen(network):
        if classes is None:
            with torch.no_grad():
                classes = network(images).argmax(1)
        wanted = torch.as_tensor(classes)
        check_count(wanted, len(images))
        pairs = [(step, i) for step in range(steps) for i in range(len(images))]
        for first in range(0, len(pairs), batch_size):
            of_step, of_image = map(list, zip(*pairs[first : first + batch_size], strict=True))
            at = torch.as_tensor((1 + nodes[of_step]) / 2).to(images)[:, None, None, None]
            points = torch.lerp(start[of_image], images[of_image], at).requires_grad_()
            chosen = wanted if wanted.ndim == 0 else wanted[of_image]
            score = logits_of(network(points), chosen).sum()
            (gradients,) = torch.autograd.grad(score, points)
            shares = torch.as_tensor(weights[of_step] / 2).to(images)[:, None, None, None]
            total.index_add_(0, torch.tensor(of_image, device=total.device), shares * gradients)
    return total * (images - start)


def completeness_gap(
    network: Classifier,
    images: Tensor,
    contributions: Tensor,
    classes: Classes = None,
    *,
    baseline: Tensor | None = None,
) -> Tensor:
    """|sum of contributions - (F(x) - F(x'))| of each image, (N,), in units of the logit.

    Args:
        network: whose contributions they are.
        images: normalised, (N, C, H, W).
        contributions: what `integrated_gradients` gave for them.
        classes: as given to it.
        baseline: as given to it.
    """
    start = torch.zeros_like(images) if baseline is None else baseline.expand_as(images)
    with frozen(network), torch.no_grad():
        end = network(images)
        numbers = class_numbers(end, classes)
        rise = logits_of(end, numbers) - logits_of(network(start), numbers)
    return (contributions.sum((1, 2, 3)) - rise).abs()
