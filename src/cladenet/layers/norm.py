"""Normalisation layers, passed to networks as constructors from a channel count.

    y = gamma (x - mu) / sqrt(var + eps) + beta      x (N, C, H, W), var divided by the count

    layer           mu and var over     gamma and beta
    nn.BatchNorm2d  N, H, W             per channel; running statistics in evaluation
    layer_norm      C, H, W             per channel
    group_norm      C / groups, H, W    per channel
    InstanceNorm    H, W                none, or per channel
    NoNorm          y = x

`InstanceNorm` and its mixture with batch norm are in `instance_norm`.

Two more normalise the convolution in place of its output: `weight_norm` and `cosine_norm`. The
names that stand for all of them are in `normalisation`.
"""

from torch import Tensor, nn


def layer_norm(channels: int) -> nn.GroupNorm:
    """Statistics over all of an image's map, (C, H, W): one group with all channels.

    Ba, Kiros, Hinton. Layer Normalization. 2016. arXiv:1607.06450, Eq. (3).

    The paper has a gain and a bias for each neuron, C x H x W of them, which ties a network to one
    size; here each channel has one, which its neurons share as they share their kernel. What
    transformers call so, over the channels at each position, is another layer: `nn.LayerNorm`.
    """
    return nn.GroupNorm(1, channels)


def group_norm(channels: int, groups: int = 32) -> nn.GroupNorm:
    """Statistics over a group of channels: layer norm at one group, instance norm at C of them.

    Wu, He. Group Normalization. ECCV 2018. arXiv:1803.08494, Eq. (7).

    Args:
        channels: of the map.
        groups: 32 in the paper, for widths from 64 on. Fewer where that does not divide the
            channels or would leave a channel to itself: the most that do divide them, at two or
            more channels each.
    """
    least = min(2, channels)
    fitting = [n for n in range(1, groups + 1) if channels % n == 0 and channels // n >= least]
    return nn.GroupNorm(max(fitting), channels)


class NoNorm(nn.Module):
    """y = x, in memory of its own, since what follows a norm may work in place.

    Args:
        channels: not used.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same."""
        return x.clone()
