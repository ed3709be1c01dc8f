"""What all networks share: stem -> stages -> head.

model.stem(images)          the first convolution, what normalises it, and its pool
model.stages[1][0]          the first unit of the second stage
model.head[-1]              the layer that gives the logits
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from torch import Tensor, nn

from cladenet.errors import BadArgument


class FeatureMap(NamedTuple):
    """A place between layers where a map can be taken.

    Args:
        module: the module whose output it is, such as "stages.1".
        channels: depth of the map.
        reduction: input pixels for each step in the map: the product of all strides before it.
    """

    module: str
    channels: int
    reduction: int


class Classifier(nn.Module):
    """Images to logits, in three parts.

    A family's constructor calls this one first, then sets `stem`, `stages` and `head`, the last
    with `new_classifier(num_classes)` at its end, and calls `initialise(self)`.

    Some papers train with further classifiers on the way. They are built on request, heard in
    training mode alone, and no part of the network that predicts: see `add_auxiliary`.

    Args:
        in_channels: channels of the images.
        num_classes: length of the logits; 0 leaves the last layer out.
        feature_maps: where `features_only` may take maps, finest first; the last one is
            the output of `stages`.
        head_width: length of the vector that the last layer reads.
        input_size: height and width, for a head that is tied to one; None if any size will do.
        least_size: the smallest height or width that leaves something to see after all strides.

    Attributes:
        skips_units: in training mode, units are left out of some batches; their parameters then
            get no gradient.
        num_exits: how many logits `exits` gives.

    Raises:
        BadArgument: a count is not positive, or `input_size` is below `least_size`.
    """

    skips_units = False
    num_exits = 1
    stem: nn.Module
    stages: nn.Sequential
    head: nn.Sequential

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        feature_maps: Sequence[FeatureMap],
        head_width: int,
        input_size: int | None = None,
        least_size: int = 1,
    ) -> None:
        super().__init__()
        if in_channels < 1:
            raise BadArgument(f"in_channels is {in_channels}; expected 1 or more")
        _check_num_classes(num_classes)
        if input_size is not None and input_size < least_size:
            raise BadArgument(
                f"input_size is {input_size}; {type(self).__name__} needs at least {least_size}"
            )
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.feature_maps = tuple(feature_maps)
        self.num_features = self.feature_maps[-1].channels
        self.head_hidden_size = head_width  # timm's word for it
        self.input_size = input_size
        self.least_size = least_size
        self.auxiliary: nn.ModuleList | None = None
        self.auxiliary_after: tuple[tuple[int, int], ...] = ()

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Normalised images (N, in_channels, H, W) -> logits (N, num_classes).

        In training mode a network with auxiliary classifiers gives a tuple: the logits first, then
        those of each auxiliary classifier, from the stem upwards.

        Raises:
            BadArgument: the images have another number of channels or a size that does not fit.
        """
        self.check(x)
        if self.training and self.auxiliary is not None:
            return self._forward_with_auxiliary(x, self.auxiliary)
        return self.forward_head(self.forward_features(x))

    def exits(self, x: Tensor) -> Iterator[Tensor]:
        """Normalised images -> logits (N, num_classes) of each exit, the earliest first.

        Each is computed when it is asked for, so that whoever is content with one stops there.
        Most networks have one exit.

        Raises:
            BadArgument: as in `forward`.
        """
        self.check(x)
        yield self.forward_head(self.forward_features(x))

    def check(self, x: Tensor) -> None:
        """Refuse what the network cannot look at.

        Raises:
            BadArgument: the images have another number of channels or a size that does not fit.
        """
        name = type(self).__name__
        check_images(x, name, self.in_channels, self.least_size)
        if self.input_size is not None:
            check_size(x, name, self.input_size)

    def forward_features(self, x: Tensor) -> Tensor:
        """Images of any size from `least_size` on -> the last stage's maps (N, num_features, h, w).

        Raises:
            BadArgument: the images have another number of channels, or are too small.
        """
        check_images(x, type(self).__name__, self.in_channels, self.least_size)
        return self.stages(self.stem(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last stage's maps -> logits, or (N, head_hidden_size) with `pre_logits`."""
        return self.head[:-1](x) if pre_logits else self.head(x)

    def as_map(self, features: Tensor, image_size: tuple[int, int]) -> Tensor:
        """What a stage gives as a map (N, C, h, w): itself, or tokens put in their places.

        Args:
            features: output of the stem or a stage.
            image_size: height and width of the images they come from.
        """
        return features

    def adopt(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of this network at another input size, changed to fit; the same ones if they do.

        What cannot be changed stays as it is, for whoever loads it to refuse.
        """
        return dict(weights)

    def reset_classifier(self, num_classes: int) -> None:
        """A fresh last layer for `num_classes` classes; 0 leaves it out.

        Raises:
            BadArgument: `num_classes` is negative.
        """
        _check_num_classes(num_classes)
        self.num_classes = num_classes
        self.renew(self.head, self.new_classifier(num_classes))
        if num_classes == 0:
            self.auxiliary, self.auxiliary_after = None, ()
        for head in cast(Iterable[nn.Sequential], self.auxiliary or ()):
            self.renew(head, nn.Linear(cast(nn.Linear, head[-1]).in_features, num_classes))

    def renew(self, head: nn.Sequential, last: nn.Module) -> None:
        """Put `last` in the place of a head's last layer, with weights of its own."""
        like = next(self.parameters())
        head[-1] = last.to(like.device, like.dtype).train(self.training)
        self.initialise(head[-1])

    def heads(self) -> dict[str, nn.Sequential]:
        """All that end in logits, by name: the head, then those of training or of earlier exits."""
        auxiliary = enumerate(cast(Iterable[nn.Sequential], self.auxiliary or ()))
        return {"head": self.head, **{f"auxiliary.{i}": head for i, head in auxiliary}}

    def new_classifier(self, num_classes: int) -> nn.Module:
        """The last layer, not yet initialised: linear in nearly all papers."""
        return nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity()

    def add_auxiliary(self, heads: Mapping[tuple[int, int], nn.Sequential]) -> None:
        """Classifiers that read the maps on their way, in training mode alone.

        Args:
            heads: (i, j) -> what reads the output of `stages[i][j]` and ends in a linear layer to
                the logits; from the stem upwards. Their tensors are called `auxiliary.0...`.
        """
        self.auxiliary_after = tuple(heads)
        self.auxiliary = nn.ModuleList(heads.values())

    def initialise(self, module: nn.Module) -> None:
        """Draw the weights of `module` and all inside it as the family's paper does."""
        raise NotImplementedError

    def _forward_with_auxiliary(self, x: Tensor, heads: nn.ModuleList) -> tuple[Tensor, ...]:
        reads = dict(zip(self.auxiliary_after, heads, strict=True))
        looked_into = {i for i, _ in reads}
        size = (x.shape[2], x.shape[3])
        logits = []
        x = self.stem(x)
        for i, stage in enumerate(self.stages):
            if i not in looked_into:
                x = stage(x)
                continue
            for j, unit in enumerate(stage.children()):
                x = unit(x)
                if (i, j) in reads:
                    logits.append(reads[i, j](self.as_map(x, size)))
        return (self.forward_head(self.as_map(x, size)), *logits)


def check_images(x: Tensor, name: str, in_channels: int, least_size: int) -> None:
    """Refuse what the network called `name` cannot look at.

    Raises:
        BadArgument: `x` is not (N, in_channels, H, W) with H and W of `least_size` or more.
    """
    if x.ndim != 4:
        raise BadArgument(
            f"input has shape {tuple(x.shape)}; {name} takes a batch of images (N, C, H, W). "
            "For one image pass image.unsqueeze(0)"
        )
    channels, height, width = x.shape[1:]
    if channels != in_channels:
        raise BadArgument(
            f"input has {channels} channels; this {name} takes {in_channels}. "
            f"Convert the images, or build it with in_channels={channels}"
        )
    if min(height, width) < least_size:
        raise BadArgument(
            f"input is {height}x{width}; {name} needs at least {least_size}x{least_size}. "
            "Resize, or use a network with a smaller stride"
        )


def check_size(x: Tensor, name: str, input_size: int) -> None:
    """Refuse images that the head of the network called `name` is not made for.

    Raises:
        BadArgument: `x` is not (N, C, input_size, input_size).
    """
    height, width = x.shape[2:]
    if (height, width) != (input_size, input_size):
        raise BadArgument(
            f"input is {height}x{width}; the head of this {name} is tied to "
            f"{input_size}x{input_size}. Resize, or build it with another input_size"
        )


def _check_num_classes(num_classes: int) -> None:
    if num_classes < 0:
        raise BadArgument(f"num_classes is {num_classes}; expected 1 or more, or 0 for none")
