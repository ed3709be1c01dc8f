"""Feature maps of a network: where they are taken, and what they measure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from cladenet.layers.modes import training_nowhere
from cladenet.layers.shapes import on_meta

# Pixels of the side of an imagined image: a multiple of all total strides, 14 and 2^8 among them.
SIDE = 7 * 2**8


class FeatureMap(NamedTuple):
    """A place between layers where a feature map can be taken.

    Args:
        module: the module whose output it is, such as "stages.1".
        channels: depth of the map.
        reduction: input pixels for each step in the map: the product of all strides before it.
    """

    module: str
    channels: int
    reduction: int


def measure_maps(
    network: nn.Module,
    taps: Sequence[str],
    in_channels: int,
    least_size: int,
    as_map: Callable[[Tensor, tuple[int, int]], Tensor],
) -> tuple[FeatureMap, ...]:
    """What the modules called `taps` give, found by one pass on the meta device.

    The imagined image is wider than high by a multiple of all strides, so that a map is wider than
    high by that many steps, whatever its layers pad.

    Args:
        network: has `forward_features`; its tensors, mode and random state stay as they are.
        taps: names of modules, which give feature maps, or what `as_map` turns into some.
        in_channels: channels of the images.
        least_size: the smallest side of images that the network takes.
        as_map: makes a map (N, C, h, w) of an output, given height and width of the image.
    """
    height = side_for(least_size)
    width = height + SIDE
    shapes: dict[str, tuple[int, ...]] = {}

    def hook(name: str) -> Callable[..., None]:
        def note(module: nn.Module, inputs: object, output: Tensor) -> None:
            shapes[name] = tuple(as_map(output, (height, width)).shape)

        return note

    hooks = [network.get_submodule(name).register_forward_hook(hook(name)) for name in taps]
    try:
        with training_nowhere(network):
            on_meta(network, 1, in_channels, height, width, method="forward_features")
    finally:
        for handle in hooks:
            handle.remove()
    return tuple(
        FeatureMap(name, shapes[name][1], SIDE // (shapes[name][3] - shapes[name][2]))
        for name in taps
    )


def side_for(least_size: int) -> int:
    """Side of an imagined image that the network takes, a multiple of its total stride."""
    return -(-least_size // SIDE) * SIDE
