"""Classifiers on the way, put on a finished network of whatever family.

Huang, Chen, Li, Wu, van der Maaten, Weinberger. Multi-Scale Dense Networks for Resource Efficient
Image Classification. ICLR 2018. arXiv:1703.09844, Sec. 3 and 5 and its appendix: the same
classifiers that MSDNet has on CIFAR are put on ResNets and DenseNets, to compare with it:

    3x3 / 2, 128, norm, ReLU
    3x3 / 2, 128, norm, ReLU
    average, linear

    ResNet-MC     62 layers, 10 units a stage; after units 4 and 8 of each stage
    DenseNet-MC   52 layers, 16 in each block; after layers 6 and 12 of each block

Both lists are from memory. Where MSDNet averages 2x2, which is all that is left of its coarsest
scale, the average here is over all that is left. Weights are drawn as MSDNet's.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.kernels.in_place import overwrites
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_relu
from cladenet.layers.init import he_fan_out_init
from cladenet.layers.modes import training_nowhere
from cladenet.layers.shapes import on_meta
from cladenet.layers.squeeze_excite import is_chain
from cladenet.plural import counted

WIDTH = 128  # maps of both convolutions of a classifier
SIDE = 224  # pixels of the imagined images whose maps are measured


def with_exits(
    model: Classifier, after: str | Sequence[str], norm: Norm = nn.BatchNorm2d
) -> Classifier:
    """Give a network exits before its head; its other tensors and its answers stay as they are.

    In training mode it then gives the logits of all exits, the head's first.

    Args:
        model: changed in place, and returned.
        after: places in the order in which they are computed: stages such as "stages.0", or units
            of a stage, such as "stages.0.3", the fourth of a ResNet; also as one text with commas.
        norm: of the new classifiers.

    Raises:
        BadArgument: the network has exits or auxiliary classifiers already, or a place is none,
            or out of order.
    """
    name = type(model).__name__
    places = [place.strip() for place in after.split(",")] if isinstance(after, str) else [*after]
    if model.num_exits > 1:
        raise BadArgument(
            f"{name} has {counted(model.num_exits, 'exit')} already; build it without"
        )
    if model.auxiliary is not None:
        raise BadArgument(
            f"{name} is built with auxiliary classifiers, which early exits take the place of; "
            "build it without"
        )
    there = list(_places(model))
    for place in places:
        if place not in there:
            raise BadArgument(
                f"exits_after has {place!r}; {name} can have exits after {', '.join(_shown(there))}"
            )
    order = [there.index(place) for place in places]
    if not order or order != sorted(set(order)):
        raise BadArgument(
            f"exits_after is {', '.join(places) or 'empty'}; expected one place or more, each "
            "once, in the order from the stem upwards"
        )
    heads = [_exit(model, channels, norm) for channels in _channels(model, places)]
    like = next(model.parameters())
    for head in heads:
        he_fan_out_init(head.to(like.device, like.dtype).train(model.training))
    model.add_exits(heads, [WIDTH] * len(heads), places)
    return model


def _exit(model: Classifier, channels: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        conv_norm_relu(channels, WIDTH, 3, 2, norm=norm),
        conv_norm_relu(WIDTH, WIDTH, 3, 2, norm=norm),
        *model.average_head(WIDTH),
    )


def _places(model: Classifier) -> Iterator[str]:
    """Where exits can be: after what is computed one after the other, but for the very end."""
    last = len(model.stages) - 1
    for i, stage in enumerate(model.stages):
        if is_chain(stage) or hasattr(stage, "after_each"):
            units = list(stage.named_children())
            for (unit, _), (_, following) in pairwise(units):
                if not overwrites(following):  # a ReLU writes over what it reads
                    yield f"stages.{i}.{unit}"
        if i < last:
            yield f"stages.{i}"


def _shown(places: Sequence[str]) -> Sequence[str]:
    """A few of many."""
    return places if len(places) <= 8 else (*places[:3], "...", *places[-2:])


def _channels(model: Classifier, places: Sequence[str]) -> list[int]:
    """Of the maps at those places, without computing anything.

    Raises:
        BadArgument: one gives no map.
    """
    side = model.input_size or max(SIDE, model.least_size)
    with training_nowhere(model):
        maps = on_meta(_MapsAt(model, places), 2, model.in_channels, side, side)
    for place, found in zip(places, maps, strict=True):
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise BadArgument(
                f"{place} of {type(model).__name__} does not give one map (N, C, H, W), which an "
                "exit could look at"
            )
    return [found.shape[1] for found in maps]


class _MapsAt(nn.Module):
    """Images -> the maps at some places."""

    def __init__(self, model: Classifier, places: Sequence[str]) -> None:
        super().__init__()
        self.model, self.places = model, places

    def forward(self, x: Tensor) -> list[Tensor]:
        size = (x.shape[2], x.shape[3])
        steps = self.model.steps(x, self.places)
        return [self.model.as_map(y, size) for place, y in steps if place in self.places]
