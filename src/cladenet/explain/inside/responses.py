"""How strongly each layer responds: the standard deviation of its output.

He, Zhang, Ren, Sun. Deep Residual Learning for Image Recognition. CVPR 2016. arXiv:1512.03385,
Sec. 4.2 and Fig. 7: outputs of each 3x3 layer, after its norm and before what follows, such as ReLU
or an addition. Residual networks respond less than plain ones, and the less the deeper they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cladenet.explain.targets import frozen
from cladenet.layers.classifier import Classifier

NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)


class Response(NamedTuple):
    """Of one convolution of more than one pixel, in the order of computation.

    Args:
        layer: its name.
        mean: of all its outputs.
        std: of all its outputs, over images, channels and places.
    """

    layer: str
    mean: float
    std: float


@dataclass
class _Sums:
    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: Tensor) -> None:
        exact = values.double()
        self.n += exact.numel()
        self.total += float(exact.sum())
        self.squares += float(exact.square().sum())


def responses(network: Classifier, batches: Iterable[Tensor]) -> list[Response]:
    """Of all spatial convolutions, after the norm that reads them, if one does.

    Args:
        network: of any family; it stays as it was.
        batches: normalised images, (N, C, H, W) each.
    """
    sums: dict[str, _Sums] = {}
    pending: dict[int, tuple[str, Tensor]] = {}

    def after_conv(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            sums.setdefault(name, _Sums())
            pending[id(output)] = (name, output)

        return hook

    def after_norm(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if id(inputs[0]) in pending:
            sums[pending.pop(id(inputs[0]))[0]].add(output)

    def before(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Whatever else reads a convolution may change it in place, so it is counted before."""
        if not isinstance(module, NORMS) and inputs and id(inputs[0]) in pending:
            name, output = pending.pop(id(inputs[0]))
            sums[name].add(output)

    handles = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and max(module.kernel_size) > 1:
            handles.append(module.register_forward_hook(after_conv(name)))
        elif isinstance(module, NORMS):
            handles.append(module.register_forward_hook(after_norm))
        if not list(module.children()):
            handles.append(module.register_forward_pre_hook(before))
    try:
        with frozen(network), torch.no_grad():
            for images in batches:
                network(images)
                for name, output in pending.values():
                    sums[name].add(output)
                pending.clear()
    finally:
        for handle in handles:
            handle.remove()
    return [
        Response(name, s.total / s.n, max(s.squares / s.n - (s.total / s.n) ** 2, 0.0) ** 0.5)
        for name, s in sums.items()
        if s.n
    ]
