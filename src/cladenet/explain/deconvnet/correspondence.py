"""Correspondence: does covering the same part of many images change a layer in the same way?

Zeiler, Fergus 2014, Sec. 4.3, Table 1. With x_i the features of image i, and x~_i those with a
part covered:

    epsilon_i = x_i - x~_i        Delta = sum over i != j of H(sign(epsilon_i), sign(epsilon_j))

H is the Hamming distance. Where a network relates a part, such as an eye, to the others, covering
it has the same effect in each image, and Delta is smaller than for a part chosen at random.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.explain.deconvnet.network import output_of
from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier
from cladenet.plural import counted

Box = tuple[int, int, int, int]  # first row and column, last row and column plus 1


def correspondence(
    network: Classifier, layer: str, images: Tensor, parts: Sequence[Box], cover: float = 0.0
) -> float:
    """Delta as a share, 0 to 1: of all pairs of images and features, those whose signs differ.

    The paper prints it so: 0.1 or less for eyes and noses, more for random parts.

    Args:
        network: of any family; it stays as it was.
        layer: name of a module whose output is compared.
        images: normalised, (N, C, H, W), N of 2 or more.
        parts: what is covered in each image.
        cover: value under the cover; 0 is the mean colour.

    Raises:
        BadArgument: there are fewer than two images, not as many parts, or a part lies outside.
    """
    n, _, height, width = images.shape
    if n < 2 or len(parts) != n:
        raise BadArgument(
            f"{counted(n, 'image')} and {counted(len(parts), 'part')}; expected two "
            "images or more, and a part of each"
        )
    covered = images.clone()
    for image, (top, left, bottom, right) in zip(covered, parts, strict=True):
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise BadArgument(
                f"a part is {(top, left, bottom, right)}; expected rows and columns within "
                f"{height}x{width}, the last after the first"
            )
        image[:, top:bottom, left:right] = cover
    with frozen(network), torch.no_grad():
        change = output_of(network, layer, images) - output_of(network, layer, covered)
    signs = change.flatten(1).sign()
    apart = torch.stack([(signs != signs[i]).float().mean(1) for i in range(n)])
    return float(apart.sum() / (n * (n - 1)))
