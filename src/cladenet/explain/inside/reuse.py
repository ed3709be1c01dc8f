"""DenseNet's reuse of features: how much each layer reads of each one before it.

Huang, Liu, van der Maaten, Weinberger. CVPR 2017. arXiv:1608.06993, Sec. 5 and Fig. 5: the mean
absolute weight that joins layer s to layer l of a block, all of a block by the largest.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.models.densenet import DenseBlock, Transition


class Reuse(NamedTuple):
    """Of one block with L layers.

    Args:
        block: name of the module.
        weights: (L + 1, L + 1): row s is what is read, the block's input first, then its layers;
            column l is who reads, its layers and then what follows the block; NaN where a layer
            comes before what it would read. The largest is 1.
    """

    block: str
    weights: Tensor


def feature_reuse(network: Classifier) -> list[Reuse]:
    """The heat map of each dense block.

    Raises:
        BadArgument: the network has no dense blocks.
    """
    blocks: list[Any] = [stage for stage in network.stages if isinstance(stage, DenseBlock)]
    if not blocks:
        raise BadArgument(
            f"{type(network).__name__} has no dense blocks; feature reuse is measured on DenseNets"
        )
    after = [*(block[0][1].weight for block in blocks[1:]), _last(network)]
    return [
        Reuse(f"stages.{i}", _heat(block, reader.detach()))
        for i, (block, reader) in enumerate(zip(blocks, after, strict=True))
        if isinstance(block[0], nn.Identity | Transition)
    ]


def _heat(block: Any, follows: Tensor) -> Tensor:
    readers = [layer.read[-1].weight.detach() for layer in list(block)[1:]]
    readers.append(follows)
    edges = [0, *(reader.shape[1] for reader in readers)]
    heat = torch.full((len(readers), len(readers)), float("nan"))
    for column, reader in enumerate(readers):
        sizes = reader.abs().flatten(2).mean((0, 2)) if reader.ndim > 2 else reader.abs().mean(0)
        for row, (first, last) in enumerate(pairwise(edges[: column + 2])):
            heat[row, column] = sizes[first:last].mean()
    return heat / heat[~heat.isnan()].max().clamp(min=1e-12)


def _last(network: Classifier) -> Tensor:
    last: Any = network.head[-1]
    return last.weight
