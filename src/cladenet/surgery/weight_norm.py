"""Weight normalisation: the length of a kernel and its direction are learned apart.

Salimans, Kingma. Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep
Neural Networks. NeurIPS 2016. arXiv:1602.07868.

    w = g v / ||v||          Eq. (2), the norm over all weights of one output channel
    t = v . x / ||v||        y = g t + b
    g = 1 / sigma[t]         b = -mu[t] / sigma[t]     Eq. (6), before training, over one batch

The last line makes every layer start with outputs of mean 0 and variance 1, as batch norm would;
from then on images have nothing to do with one another.
"""

from typing import cast

import torch
from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.layers.modes import training_nowhere
from cladenet.surgery.replace import replace_convolutions, settings

SILENT = 1e-5  # an output that deviates less from its mean keeps its scale


class WeightNormConv2d(nn.Conv2d):
    """y = (g v / ||v||) * x + b. `weight` is v, `scale` is g.

    Args:
        conv: gives v, and g = ||v||, so that the function is the same at first.
        bias: there is a b; where `conv` has a bias, that is b in any case.
    """

    from_first_batch = True

    def __init__(self, conv: nn.Conv2d, bias: bool = True) -> None:
        super().__init__(**settings(conv), bias=False, device="meta")
        self.weight = conv.weight
        self.scale = nn.Parameter(self._lengths().detach())
        if conv.bias is not None:
            self.bias = conv.bias
        elif bias:
            self.bias = nn.Parameter(torch.zeros_like(self.scale))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H', W')."""
        return self._conv_forward(x, self.directions() * self.scale[:, None, None, None], self.bias)

    def directions(self) -> Tensor:
        """v / ||v||, (out_channels, in_channels / groups, height, width)."""
        return self.weight / self._lengths()[:, None, None, None]

    def fit(self, x: Tensor) -> None:
        """Set g and b by Eq. (6), for what this layer reads."""
        t = self._conv_forward(x, self.directions(), None)
        std, mean = torch.std_mean(t, (0, 2, 3), correction=0)
        varies = std > SILENT
        self.scale.copy_(torch.where(varies, 1 / std, self.scale))
        if self.bias is not None:
            self.bias.copy_(-mean * self.scale)

    def _lengths(self) -> Tensor:
        return self.weight.flatten(1).norm(dim=1)


class MeanOnlyBatchNorm(nn.Module):
    """y = x - mu + b, mu over N, H and W in training and a running mean in evaluation: Sec. 4.

    The companion of weight normalisation: that keeps the scale, this centres.

    Args:
        channels: of the map.
        momentum: share of the running mean that a batch replaces.
    """

    def __init__(self, channels: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.momentum = momentum
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.running_mean: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same shape."""
        mean = self.running_mean
        if self.training:
            mean = x.mean((0, 2, 3))
            self.running_mean.lerp_(mean.detach().to(self.running_mean.dtype), self.momentum)
        return x + (self.bias - mean)[:, None, None]


def weight_normalise(model: Classifier) -> None:
    """Normalise the weights of the convolutions, each with a b; the function stays at first."""
    replace_convolutions(model, WeightNormConv2d)


def weight_normalise_only(model: Classifier) -> None:
    """The same without a b, where the norms of the network have one."""
    replace_convolutions(model, lambda conv: WeightNormConv2d(conv, bias=False))


def weight_normalised(model: nn.Module) -> list[WeightNormConv2d]:
    """The layers that `initialise_from_data` is for."""
    return [layer for layer in model.modules() if isinstance(layer, WeightNormConv2d)]


@torch.no_grad()
def initialise_from_data(model: Classifier, images: Tensor) -> None:
    """Set g and b of every weight-normalised convolution by one batch, from the stem upwards.

    Nothing is dropped in this pass, and mean-only batch norms centre by the batch.

    Args:
        model: changed in place.
        images: normalised, (N, in_channels, H, W); a batch as it is trained on.
    """

    def fit(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        fitted = cast(WeightNormConv2d, layer)
        fitted.fit(inputs[0])
        waiting.pop(fitted).remove()

    waiting = {layer: layer.register_forward_pre_hook(fit) for layer in weight_normalised(model)}
    # The network itself in training mode, so that auxiliary classifiers are active too.
    try:
        with training_nowhere(model):
            for module in model.modules():
                module.training = module is model or isinstance(module, MeanOnlyBatchNorm)
            model(images)
    finally:
        for hook in waiting.values():
            hook.remove()
