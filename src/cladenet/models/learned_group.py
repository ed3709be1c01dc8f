"""Convolutions that learn in training which inputs each of their groups can do without.

arXiv:1711.09224, Sec. 3; see `condensenet`. The outputs are in G groups, each of which reads all R
inputs at first. C is the condensation factor. C - 1 times during the first half of training, at
equal distances, the last time in its middle, each group prunes R / C of its inputs: those whose
weights in the group have the smallest sum of magnitudes. In the end each group reads R / C inputs
of its own choice, and the layer can be written as a choice of inputs and an ordinary group
convolution:

    LearnedGroupLayer   ->  CondensedGroupLayer
    LearnedGroupLinear  ->  CondensedLinear

Group g holds the outputs g, g + G, g + 2G, ...: neighbouring outputs belong to different groups, so
that the groups of a convolution that follows read some of each.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.conv import Norm, norm_relu
from cladenet.layers.shuffle import ChannelShuffle
from cladenet.models.progress import FollowsProgress


class Condensing(FollowsProgress):
    """What the two learned layers have in common: which inputs each group still reads.

    Attributes:
        kept: uint8 (G, R), 1 where group g reads input r.
        filter_groups: G.
        factor: C.
        settled: how often inputs were pruned, as far as the last call of `at_progress` knows.
    """

    kept: Tensor
    weight: Tensor
    filter_groups: int
    factor: int
    settled: int

    def begin(self, groups: int, factor: int) -> None:
        """All groups read all inputs.

        Raises:
            BadArgument: the outputs are not in equal groups, or the inputs not in `factor` parts.
        """
        outputs, inputs = self.weight.shape[:2]
        if outputs % groups or inputs % factor or groups < 1 or factor < 1:
            raise BadArgument(
                f"{inputs} inputs and {outputs} outputs, groups {groups}, condensation factor "
                f"{factor}; the groups must divide the outputs, the factor the inputs"
            )
        self.filter_groups, self.factor, self.settled = groups, factor, 0
        self.register_buffer("kept", torch.ones(groups, inputs, dtype=torch.uint8))

    @property
    def stage(self) -> int:
        """How often inputs were pruned, 0 to C - 1; counted, which waits for a GPU."""
        inputs = self.kept.shape[1]
        return (inputs - int(self.kept[0].sum())) * self.factor // inputs

    def at_progress(self, progress: float) -> None:
        """Prune inputs if it is time: a step every 1 / (2 (C - 1)) of the training."""
        stage = min(self.factor - 1, int(2 * progress * (self.factor - 1)))
        if stage > self.settled:
            for _ in range(self.stage, stage):
                self.condense()
            self.settled = stage

    @torch.no_grad()
    def condense(self) -> None:
        """One step: each group prunes the R / C inputs that matter least to it."""
        size = self.in_groups().abs().sum(0)
        size[self.kept == 0] = torch.inf
        share = size.shape[1] // self.factor
        self.kept.scatter_(1, size.sort(dim=1, stable=True).indices[:, :share], 0)

    def in_groups(self) -> Tensor:
        """The weights as (outputs of a group, G, R)."""
        return self.weight.flatten(1).unflatten(0, (-1, self.filter_groups))

    def condensed_weight(self) -> Tensor:
        """The weights, 0 where a group does not read, in their own shape.

        Filled in, not multiplied: OpenVINO takes a product of weights and whole numbers for weights
        in 8 bits and their scale, and gives answers of another shape.
        """
        return self.in_groups().masked_fill(self.kept == 0, 0.0).view_as(self.weight)

    def lasso(self) -> Tensor:
        """Sum over groups and inputs of the root of the group's squared weights: Eq. in Sec. 3.1.

        It makes whole columns small, so that pruning them costs little; 0 once the last are
        gone. As in the authors' code, a squared column below 1e-6 counts as that.
        """
        if self.settled >= self.factor - 1:
            return self.weight.new_zeros(())
        columns = (self.in_groups() * self.kept).square().sum(0)
        return columns.clamp(min=1e-6).sqrt().sum()


class LearnedGroupConv(nn.Conv2d, Condensing):
    """A 1x1 convolution without bias, (N, in_channels, H, W) -> (N, out_channels, H, W).

    Args:
        in_channels: R.
        out_channels: O.
        groups: G, which divides O.
        factor: C, which divides R.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int, factor: int) -> None:
        super().__init__(in_channels, out_channels, 1, bias=False)
        self.begin(groups, factor)

    def forward(self, x: Tensor) -> Tensor:
        """The masked convolution."""
        return F.conv2d(x, self.condensed_weight())


class LearnedGroupLinear(nn.Linear, Condensing):
    """A linear layer that prunes half its inputs in the middle of training: G = 1, C = 2."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.begin(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_features) -> (N, out_features)."""
        return F.linear(x, self.condensed_weight(), self.bias)


class Choose(nn.Module):
    """Some of the inputs in some order, as often as they are wanted.

    Args:
        inputs: how many there are.
        outputs: how many are wanted; which, is a buffer, `index`.
    """

    index: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("index", torch.arange(outputs) % inputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, ...) -> (N, outputs, ...)."""
        return x.index_select(1, self.index)


class LearnedGroupLayer(nn.Sequential):
    """norm, ReLU, dropout and a learned group convolution.

    (N, in_channels, H, W) -> (N, out_channels, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        groups: int,
        factor: int,
        drop_rate: float,
        norm: Norm,
    ) -> None:
        super().__init__(
            norm_relu(norm, in_channels),
            nn.Dropout(drop_rate),
            LearnedGroupConv(in_channels, out_channels, groups, factor),
        )


class CondensedGroupLayer(nn.Sequential):
    """The same as it is in inference; `take_over` fills it.

    The inputs that each group has kept, their norm and ReLU, an ordinary group convolution, and
    the shuffle that puts its outputs where they were: (N, in_channels, H, W) -> (N, out_channels,
    H, W).
    """

    def __init__(
        self, in_channels: int, out_channels: int, groups: int, factor: int, norm: Norm
    ) -> None:
        width = in_channels * groups // factor
        super().__init__(
            Choose(in_channels, width),
            norm_relu(norm, width),
            nn.Conv2d(width, out_channels, 1, groups=groups, bias=False),
            ChannelShuffle(groups),
        )

    @torch.no_grad()
    def take_over(self, learned: LearnedGroupLayer) -> None:
        """Become what `learned` has learnt.

        Raises:
            BadArgument: a group still reads more inputs than it will keep, or the norm keeps no
                values for each channel, so that a choice of its channels is another function.
        """
        layers: tuple[Any, ...] = tuple(learned)
        (norm, _relu), _dropout, conv = layers
        layers = tuple(self)
        choose, (chosen_norm, _relu), grouped, _shuffle = layers
        _refuse_unfinished(conv)
        if not isinstance(norm, nn.BatchNorm2d):
            raise BadArgument(
                f"the norm before a learned group convolution is {type(norm).__name__}, whose "
                "statistics depend on channels that are left out; only batch norm can be condensed"
            )
        index = torch.cat([row.nonzero()[:, 0] for row in conv.kept])
        choose.index.copy_(index)
        for name, values in norm.state_dict().items():
            target = chosen_norm.state_dict()[name]
            target.copy_(values[index] if values.ndim else values)
        per_group = index.view(conv.filter_groups, -1)
        # in_groups is (outputs of a group, G, R); group convolutions hold outputs group by group.
        weights = [conv.in_groups()[:, g, per_group[g]] for g in range(conv.filter_groups)]
        grouped.weight.copy_(torch.cat(weights)[:, :, None, None])


class CondensedLinear(nn.Sequential):
    """A learned linear layer in inference: (N, in_features) -> (N, out_features), read from half.

    Args:
        in_features: of the layer in training.
        out_features: length of the output.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        half = in_features - in_features // 2
        super().__init__(Choose(in_features, half), nn.Linear(half, out_features))

    @torch.no_grad()
    def take_over(self, learned: LearnedGroupLinear) -> None:
        """Become what `learned` has learnt.

        Raises:
            BadArgument: `learned` still reads all its inputs.
        """
        _refuse_unfinished(learned)
        layers: tuple[Any, ...] = tuple(self)
        choose, half = layers
        index = learned.kept[0].nonzero()[:, 0]
        choose.index.copy_(index)
        half.weight.copy_(learned.weight[:, index])
        half.bias.copy_(learned.bias)


def group_lasso(model: nn.Module) -> Tensor:
    """The sum of `lasso` over all learned group convolutions of a network."""
    layers = [m.lasso() for m in model.modules() if isinstance(m, LearnedGroupConv)]
    return torch.stack(layers).sum()


def _refuse_unfinished(layer: Condensing) -> None:
    if layer.stage < layer.factor - 1:
        raise BadArgument(
            f"a layer has pruned inputs {layer.stage} times of {layer.factor - 1}; condensing ends "
            "in the middle of training. Convert the network after that"
        )
