"""What all networks share: stem -> stages -> head.

model.stem(images)          the first convolution, what normalises it, and its pool
model.stages[1][0]          the first unit of the second stage
model.head[-1]              the layer that gives the logits
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_images
from cladenet.layers.conv import linear_relu
from cladenet.layers.init import Init, he_init
from cladenet.layers.methods.timm_methods import TimmMethods

if TYPE_CHECKING:
    from cladenet.layers.feature_maps import FeatureMap


class Classifier(TimmMethods):
    """Images to logits, in three parts.

    A family's constructor calls this one first, then sets `stem`, `stages` and `head`, the last
    with `new_classifier(width)` at its end, and calls `initialise(self)`. The arguments that many
    families share are described here and nowhere else:

        num_classes    length of the logits; 0 leaves the last layer out
        in_channels    channels of the images
        input_size     height and width of the images, for a head that is tied to one size
        norm           maps a channel count to a normalisation layer
        drop_rate      of dropout before the last layer
        units          in each of the four stages
        auxiliary      build the classifiers on the way that the paper trains with; they are active
                       only in training and no part of the network that predicts: `add_auxiliary`

    Args:
        input_size: height and width, for a head that is tied to one; None if any size will do.

    Attributes:
        taps: modules whose outputs `features_only` may take, finest first; the last one gives what
            `stages` gives. Without names: all stages.
        least_size: the smallest height or width that leaves something to see after all strides.
        init: draws the weights as the family's paper does.
        last_bias: the last layer has a bias.
        skips_units: in training mode, units are left out of some batches; their parameters then
            get no gradient.
        early_heads: the exits before the head, if there are any; see `add_exits`.
        exits_after: the modules whose outputs they read, such as "stages.0.3".

    Raises:
        BadArgument: a count is not positive, or `input_size` is below `least_size`.
    """

    taps: Sequence[str] = ()
    least_size: int = 1
    init: Init = staticmethod(he_init)
    last_bias: bool = True
    skips_units = False
    stem: nn.Module
    stages: nn.Sequential
    head: nn.Sequential

    def __init__(self, in_channels: int, num_classes: int, input_size: int | None = None) -> None:
        super().__init__()
        if in_channels < 1:
            raise BadArgument(f"in_channels is {in_channels}; expected 1 or more")
        _check_num_classes(num_classes)
        if input_size is not None and input_size < self.least_size:
            raise BadArgument(
                f"input_size is {input_size}; {type(self).__name__} needs at least "
                f"{self.least_size}"
            )
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.input_size = input_size
        self.auxiliary: nn.ModuleList | None = None
        self.auxiliary_after: tuple[tuple[int, int], ...] = ()
        self.early_heads: nn.ModuleList | None = None
        self.exits_after: tuple[str, ...] = ()
        self.exit_widths: tuple[int, ...] = ()

    @property
    def num_exits(self) -> int:
        """How many logits `exits` gives: those of the early heads, and those of the head."""
        return 1 + len(self.early_heads or ())

    @cached_property
    def feature_maps(self) -> "tuple[FeatureMap, ...]":
        """Where `features_only` takes feature maps, finest first; measured when somebody asks."""
        from cladenet.layers.feature_maps import measure_maps

        taps = self.taps or [f"stages.{i}" for i in range(len(self.stages))]
        return measure_maps(self, taps, self.in_channels, self.least_size, self.as_map)

    @property
    def num_features(self) -> int:
        """Channels of the last stage's map."""
        return self.feature_maps[-1].channels

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Normalised images (N, in_channels, H, W) -> logits (N, num_classes).

        In training mode a network with auxiliary classifiers or early exits gives a tuple: the
        logits first, then those of each of the others, from the stem upwards.

        Raises:
            BadArgument: the images have another number of channels or a size that does not fit.
        """
        self.check(x)
        if self.training and self.early_heads:
            *early, last = self.exits(x)
            return (last, *early)
        if self.training and self.auxiliary is not None:
            return self._forward_with_auxiliary(x, self.auxiliary)
        return self.forward_head(self.forward_features(x))

    def exits(self, x: Tensor) -> Iterator[Tensor]:
        """Normalised images -> logits (N, num_classes) of each exit, the earliest first.

        Each is computed when it is asked for, so that whoever is content with one stops there.

        Raises:
            BadArgument: as in `forward`.
        """
        self.check(x)
        if not self.early_heads:
            yield self.forward_head(self.forward_features(x))
            return
        size = (x.shape[2], x.shape[3])
        heads = dict(zip(self.exits_after, self.early_heads, strict=True))
        for place, y in self.steps(x, heads):
            yield heads[place](self.as_map(y, size)) if place in heads else self.forward_head(y)

    def steps(self, x: Tensor, places: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """What the modules called `places` give, each computed when it is asked for.

        At the end comes what `stages` gives, under that name. Places are stages, or units of a
        stage, such as "stages.0.3".
        """
        from cladenet.layers.stages import after_each

        x = self.stem(x)
        for i, stage in enumerate(self.stages):
            name = f"stages.{i}"
            if any(place.startswith(f"{name}.") for place in places):
                for unit, y in after_each(stage, x):
                    x = y
                    if f"{name}.{unit}" in places:
                        yield f"{name}.{unit}", x
            else:
                x = stage(x)
            if name in places:
                yield name, x
        yield "stages", x

    def check(self, x: Tensor) -> None:
        """Refuse what the network cannot look at.

        Raises:
            BadArgument: the images have another number of channels or a size that does not fit.
        """
        check_images(x, type(self).__name__, self.in_channels, self.least_size, self.input_size)

    def forward_features(self, x: Tensor) -> Tensor:
        """Images of `least_size` or more -> the last feature maps (N, num_features, h, w).

        Raises:
            BadArgument: the images have another number of channels, or are too small.
        """
        check_images(x, type(self).__name__, self.in_channels, self.least_size)
        return self.stages(self.stem(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last stage's feature maps -> logits, or (N, head_hidden_size) with `pre_logits`."""
        return self.head[:-1](x) if pre_logits else self.head(x)

    def as_map(self, features: Any, image_size: tuple[int, int]) -> Tensor:
        """What a stage gives as a map (N, C, h, w): itself, the last of several, tokens in place.

        Args:
            features: output of the stem or a stage.
            image_size: height and width of the images they come from.
        """
        return features[-1] if isinstance(features, tuple) else features

    def adopt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of this network at another input size, changed to fit; the same ones if they do.

        What cannot be changed stays as it is, for whoever loads it to refuse.
        """
        return dict(weights)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A fresh last layer for `num_classes` classes; 0 leaves it out.

        Raises:
            BadArgument: `num_classes` is negative, or `global_pool` is given.
        """
        _check_num_classes(num_classes)
        if global_pool is not None:
            raise BadArgument("the pool is built in: pass global_pool to create_model")
        width, self.num_classes = self.head_hidden_size, num_classes
        self.renew(self.head, self.new_classifier(width))
        if num_classes == 0:
            self.auxiliary, self.auxiliary_after = None, ()
        for head in cast(Iterable[nn.Sequential], self.auxiliary or ()):
            last = cast(nn.Linear, head[-1])
            self.renew(head, nn.Linear(last.in_features, num_classes, last.bias is not None))
        for head, width in zip(self._early_heads(), self.exit_widths, strict=True):
            self.renew(head, self.new_classifier(width))

    def renew(self, head: nn.Sequential, last: nn.Module) -> None:
        """Put `last` in the place of a head's last layer, with weights of its own."""
        like = next(self.parameters(), torch.empty(0))
        head[-1] = last.to(like.device, like.dtype).train(self.training)
        self.initialise(head[-1])

    def heads(self) -> dict[str, nn.Sequential]:
        """All that end in logits, by name: the head, then those of training or of earlier exits."""
        named = {"head": self.head}
        for kind, heads in (("auxiliary", self.auxiliary), ("early_heads", self.early_heads)):
            for i, head in enumerate(cast(Iterable[nn.Sequential], heads or ())):
                named[f"{kind}.{i}"] = head
        return named

    def new_classifier(self, width: int) -> nn.Module:
        """The last layer, which reads `width` values, not yet initialised: mostly linear."""
        if not self.num_classes:
            return nn.Identity()
        return nn.Linear(width, self.num_classes, bias=self.last_bias)

    def average_head(self, width: int, drop_rate: float | None = None) -> nn.Sequential:
        """The mean over a map of `width` channels, dropout if it has a rate, and the last layer."""
        dropout = [] if drop_rate is None else [nn.Dropout(drop_rate)]
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), *dropout, self.new_classifier(width)
        )

    def linear_head(self, *widths: int, drop_rate: float | None = None) -> nn.Sequential:
        """A map of widths[0] values in one row, hidden layers as in `linear_relu`, the last one."""
        hidden = linear_relu(*widths, drop_rate=drop_rate)
        return nn.Sequential(nn.Flatten(), *hidden, self.new_classifier(widths[-1]))

    def add_auxiliary(self, heads: Mapping[tuple[int, int], nn.Sequential]) -> None:
        """Classifiers that read the feature maps on their way, active only in training.

        Args:
            heads: (i, j) -> what reads the output of `stages[i][j]` and ends in a linear layer to
                the logits; from the stem upwards. Their tensors are called `auxiliary.0...`.
        """
        self.auxiliary_after = tuple(heads)
        self.auxiliary = nn.ModuleList(heads.values())

    def add_exits(
        self, heads: Sequence[nn.Sequential], widths: Sequence[int], after: Sequence[str] = ()
    ) -> None:
        """Classifiers that read the maps on their way, trained along and asked by `exits`.

        Args:
            heads: from the stem upwards; their tensors are called `early_heads.0...`.
            widths: of what the last layer of each reads.
            after: the places that they read; none where a family has an `exits` of its own.
        """
        self.early_heads = nn.ModuleList(heads)
        self.exit_widths, self.exits_after = tuple(widths), tuple(after)

    def initialise(self, module: nn.Module) -> None:
        """Draw the weights of `module` and all inside it as the family's paper does."""
        self.init(module)

    def regularisation(self) -> Tensor | None:
        """What the family's paper adds to the loss, times a weight; a scalar, None for nothing."""
        return None

    def _early_heads(self) -> Iterator[nn.Sequential]:
        yield from cast(Iterable[nn.Sequential], self.early_heads or ())

    def _forward_with_auxiliary(self, x: Tensor, heads: nn.ModuleList) -> tuple[Tensor, ...]:
        size = (x.shape[2], x.shape[3])
        places = [f"stages.{i}.{j}" for i, j in self.auxiliary_after]
        reads = dict(zip(places, heads, strict=True))
        *logits, last = (
            reads.get(place, self.forward_head)(self.as_map(features, size))
            for place, features in self.steps(x, reads)
        )
        return (last, *logits)


def _check_num_classes(num_classes: int) -> None:
    if not isinstance(num_classes, Integral):
        raise BadArgument(f"num_classes is {num_classes!r}; expected a whole number")
    if num_classes < 0:
        raise BadArgument(f"num_classes is {num_classes}; expected 1 or more, or 0 for none")
