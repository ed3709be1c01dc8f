"""Dense blocks that keep only what their convolutions give, in place of their plain `forward`.

Pleiss, Chen, Huang, Li, van der Maaten, Weinberger. Memory-Efficient Implementation of DenseNets.
2017. arXiv:1707.06990. Concatenations grow with the square of the depth; here they, norms and
ReLUs are not kept but computed again in the backward pass. With another norm than batch norm, what
the second convolution of a layer reads is kept too. The numbers are the same.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from cladenet.kernels.norm_relu_conv import Maps, fits, run
from cladenet.layers.methods.checkpointing import recompute


def dense_block(self: Sequence[Any], x: Tensor) -> Tensor:
    """What gives x_0, then layers that read all before them: [x_0, x_1, ..., x_L]."""
    start, *layers = self
    maps = Maps(start(x))
    for layer in layers:
        maps.each.append(layer(*maps.each, kept=maps))
    return maps.close()


def dense_layer(self: Any, *maps: Tensor, kept: Maps | None = None) -> Tensor:
    """`write(read([x_0, ..., x_{l-1}]))`; `kept`, if anything, keeps the feature maps."""

    def read_all(*maps: Tensor) -> Tensor:
        return self.read(torch.cat(maps, 1))

    read = run(self.read, maps, kept) if fits(self.read) else recompute(self.read, read_all, *maps)
    return run(self.write, (read,)) if fits(self.write) else self.write(read)


def chain(self: nn.Sequential, x: Tensor) -> Tensor:
    """Modules in a row."""
    return run(self, (x,)) if fits(self) else _in_a_row(self, x)


def all_but_the_first(self: nn.Sequential, x: Tensor) -> Tensor:
    """Modules in a row, of which the first is computed once and the others twice."""
    first, *others = self
    return recompute(self, partial(_in_a_row, others), first(x))


def _in_a_row(modules: Iterable[nn.Module], x: Tensor) -> Tensor:
    for module in modules:
        x = module(x)
    return x
