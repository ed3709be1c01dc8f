"""Heads as timm's arguments ask for them: another pool, and dropout before the last layer.

Names of tensors stay as they are, so that weights still fit.
"""

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.models.vit import ClassToken

POOLS = ("avg", "max", "avgmax")


class AverageMax(nn.Module):
    """Half the mean and half the largest value of each feature map."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1)."""
        return 0.5 * (x.mean((2, 3), keepdim=True) + x.amax((2, 3), keepdim=True))


class MeanToken(nn.Module):
    """The mean of the patches' tokens, in place of the class token."""

    def forward(self, z: Tensor) -> Tensor:
        """(N, L, width) -> (N, width)."""
        return z[:, 1:].mean(1)


def pool_by(model: Classifier, kind: str) -> None:
    """Change the pool of the head: "avg", "max", "avgmax"; "token" and "avg" of a transformer.

    With "" the head is left out from its pool on, so that a network without classes
    (`num_classes=0`) gives its last feature maps.

    Raises:
        BadArgument: the head has no such place, or `kind` is none of these.
    """
    name = type(model).__name__
    if isinstance(model.head[0], ClassToken):
        if kind not in ("token", "avg"):
            raise BadArgument(f"global_pool is {kind!r}; {name} takes token (its paper's) or avg")
        if kind == "avg":
            model.head[0] = MeanToken()
        return
    pools = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    place = next((i for i, layer in enumerate(model.head) if isinstance(layer, pools)), None)
    if place is None:
        raise BadArgument(
            f"global_pool is {kind!r}; the head of {name} reads its maps without a pool over the "
            "whole of them, as its paper says. Leave it out"
        )
    if kind == "":
        if model.num_classes:
            raise BadArgument(
                "global_pool is ''; without a pool there are maps, no logits: add num_classes=0, "
                "or take features_only=True"
            )
        model.head = nn.Sequential(*list(model.head)[:place], nn.Identity())
    elif kind in POOLS:
        made = {"avg": nn.AdaptiveAvgPool2d, "max": nn.AdaptiveMaxPool2d}
        model.head[place] = AverageMax() if kind == "avgmax" else made[kind](1)
    else:
        raise BadArgument(f"global_pool is {kind!r}; expected {', '.join(POOLS)}, or '' for none")


def drop_before_last(model: Classifier, rate: float) -> None:
    """Dropout before the last layer of a head that has none.

    Raises:
        BadArgument: `rate` is no probability.
    """
    if not 0 <= rate < 1:
        raise BadArgument(f"drop_rate is {rate}; expected 0 to below 1, such as 0.3")
    name, last = list(model.head.named_children())[-1]
    del model.head[-1]
    model.head.add_module("dropout", nn.Dropout(rate))
    model.head.add_module(name, last)
