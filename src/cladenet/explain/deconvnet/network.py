"""The deconvnet attached to a network: from values in a feature map down to pixels (Sec. 2.1).

    unpool    values go to the places of the maxima: `switches`, those of this very image
    rectify   what arrives at a ReLU counts where it is positive, whatever the ReLU's input was
    filter    the transposed filters of the layer, without its bias

Everything else that is linear goes back transposed: average pools, sums, concatenations, shortcuts,
and batch norm, which in evaluation is a scale for each channel. A sum, as in residual units, sends
what arrives down both ways. Response normalisation, of which the paper's deconvnet has no
counterpart, is passed as it is.

Filters of a network of GELU, SiLU, tanh or clipped ReLU are not made to be read this way: on the
way back rectifying stands for the fact that feature maps are never negative and unbounded above.
Gates, as in squeeze-and-excitation, multiply one map by another, so that nothing is left to
transpose. Such networks are refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from cladenet.errors import BadArgument
from cladenet.explain.deconvnet.switches import Switches, max_pool, unpool
from cladenet.explain.rules import BackwardRules
from cladenet.explain.targets import frozen, module_called
from cladenet.layers.classifier import Classifier

WHAT = "a deconvnet"


class Deconvnet:
    """A pass up to one layer, which can be gone back any number of times.

    Args:
        network: of a family with ReLU; it stays as it was.
        layer: name of a module that gives feature maps; `network.taps` are the natural ones.
        images: normalised, (N, C, H, W).

    Attributes:
        maps: what the layer gives, (N, K, h, w).
        switches: of each max pool on the way, in the order of computation.

    Raises:
        BadArgument: the network has no such layer, or an activation for which a deconvnet has no
            meaning.
    """

    def __init__(self, network: Classifier, layer: str, images: Tensor) -> None:
        self.switches: list[Switches] = []

        def pool(x: Tensor, *args: Any, **options: Any) -> Tensor:
            options.pop("return_indices", None)
            pooled, switches = _Pool.apply(x, args, options)  # type: ignore[no-untyped-call]
            self.switches.append(Switches(switches, (x.shape[2], x.shape[3])))
            return pooled

        rules = BackwardRules(WHAT, {"relu": _rectified, "max_pool2d": pool})
        with frozen(network), _passing_norms(network):
            self._pixels = images.detach().clone().requires_grad_()
            self._maps = map_of(network, layer, self._pixels, rules)
        self.maps = self._maps.detach()

    def project(self, seeds: Tensor) -> Tensor:
        """Down to pixels, (N, C, H, W) in the units of the network's input.

        Args:
            seeds: (N, K, h, w), the activations that are looked at, all others 0.
        """
        (pixels,) = torch.autograd.grad(self._maps, self._pixels, seeds, retain_graph=True)
        return pixels

    def seeds(self, channels: Tensor) -> Tensor:
        """The strongest activation of one feature map in each image, all others 0.

        Args:
            channels: int64 (N,), the feature map to look at in each image.
        """
        images = torch.arange(len(self.maps), device=self.maps.device)
        chosen = self.maps[images, channels].flatten(1)
        values, places = chosen.max(1)
        seeds = torch.zeros_like(self.maps)
        seeds.flatten(2)[images, channels, places] = values
        return seeds


def map_of(
    network: Classifier, layer: str, images: Tensor, rules: BackwardRules | None = None
) -> Tensor:
    """The feature maps (N, K, h, w) that a module gives; tokens are put in their places.

    Raises:
        BadArgument: it gives none, or as `output_of`.
    """
    output: Any = output_of(network, layer, images, rules)
    if not (isinstance(output, Tensor) and output.ndim == 4):
        output = network.as_map(output, (images.shape[2], images.shape[3]))
    if not (isinstance(output, Tensor) and output.ndim == 4):
        raise BadArgument(f"{layer} gives no feature maps (N, K, h, w); name another module")
    return output


class _Reached(Exception):
    pass


def output_of(
    network: nn.Module, layer: str, images: Tensor, rules: BackwardRules | None = None
) -> Tensor:
    """What a module gives, (N, ...); nothing behind it is computed.

    Raises:
        BadArgument: the network has no such module, does not run it, or a rule refuses the network.
    """
    found: list[Tensor] = []

    def stop(module: nn.Module, inputs: object, output: Tensor) -> None:
        found.append(output)
        raise _Reached

    handle = module_called(network, layer).register_forward_hook(stop)
    try:
        if rules is None:
            network(images)
        else:
            with rules:
                network(images)
    except _Reached:
        return found[0]
    finally:
        handle.remove()
    raise BadArgument(f"{layer} is not computed when this network answers; name another module")


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(min=0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *arriving: Tensor) -> Tensor:
        return arriving[0].clamp(min=0)


def _rectified(x: Tensor, inplace: bool = False) -> Tensor:
    return _Rectify.apply(x)  # type: ignore[no-untyped-call]


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, args: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        pooled, switches = max_pool(x, *args, **options)
        ctx.size = switches.size
        ctx.save_for_backward(switches.places)
        ctx.mark_non_differentiable(switches.places)
        return pooled, switches.places

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *arriving: Tensor) -> Any:
        (places,) = ctx.saved_tensors
        return unpool(arriving[0], Switches(places, ctx.size)), None, None


class _Pass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, normalised: Tensor) -> Tensor:
        return normalised.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *arriving: Tensor) -> Any:
        return arriving[0], None


@contextmanager
def _passing_norms(network: nn.Module) -> Iterator[None]:
    """Inside, response normalisation is computed, and nothing but passed on the way back."""

    def passed(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        return _Pass.apply(inputs[0], output.detach())  # type: ignore[no-untyped-call]

    norms = [m for m in network.modules() if isinstance(m, nn.LocalResponseNorm)]
    handles = [norm.register_forward_hook(passed) for norm in norms]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
