"""A map for each class, whose average is the class's logit: no linear layer.

Lin, Chen, Yan. Network In Network. ICLR 2014. arXiv:1312.4400, Sec. 3.2; SqueezeNet took it over.
"""

from collections import OrderedDict

from torch import Tensor, nn

from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Norm, conv_norm_relu


def votes(
    in_channels: int, num_classes: int, norm: Norm | None = None, padding: int = 0
) -> nn.Sequential:
    """One map for each class and its average: (N, in_channels, h, w) -> logits (N, num_classes).

    The child `maps` gives the evidence for each class, place by place: (N, num_classes, h, w).

    Args:
        num_classes: feature maps that vote.
        norm: between convolution and ReLU, or None.
        padding: of the convolution; where it sees nothing, the bias votes.
    """
    maps = conv_norm_relu(in_channels, num_classes, 1, padding=padding, norm=norm, bias=True)
    return nn.Sequential(
        OrderedDict(maps=maps, average=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
    )


class VotingClassifier(Classifier):
    """A classifier whose last layer is `votes`."""

    norm: Norm | None = None
    padding = 0

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last stage's feature maps -> logits, or their average (N, head_hidden_size)."""
        return x.mean((2, 3)) if pre_logits else self.head(x)

    def new_classifier(self, width: int) -> nn.Module:
        """The 1x1 convolution to one map for each class, ReLU and the average; 0: the average."""
        if self.num_classes:
            return votes(width, self.num_classes, self.norm, self.padding)
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
