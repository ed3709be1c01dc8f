"""The fully connected highway networks of Fig. 1, and the plain ones beside them; see `highway`.

50 units a layer, 71 where nothing is gated, which makes the parameters equal. The paper searches
the gates' biases from -1 to -10 and prints one choice, -2 for the best network of 50 layers
(Sec. 4). Here the rule for convolutions goes on, -depth / 10: with -5 and ReLU 50 layers learn
eight scans in about ten steps of Adam at 1e-3, with -2 not in 200. The other weights have
"normalized initialization" (Sec. 3.1): He's rule for ReLU, Glorot's for tanh.
"""

from functools import cached_property, partial
from typing import cast

from torch import Tensor, nn

from cladenet.errors import BadArgument
from cladenet.layers.checks import check_choice, check_images
from cladenet.layers.classifier import Classifier
from cladenet.layers.conv import Activation
from cladenet.layers.feature_maps import FeatureMap
from cladenet.layers.init import Init, glorot_init, he_init
from cladenet.models.highway_layers import draw, layer

ACTIVATIONS: dict[str, tuple[Activation, Init]] = {
    "relu": (nn.ReLU, he_init),
    "tanh": (nn.Tanh, glorot_init),
}


class HighwayLinear(Classifier):
    """The fully connected networks of Fig. 1; what a layer gives is a map of one place.

    Args:
        depth: layers, the last one not counted: 10, 20, 50 or 100.
        width: units of each layer: 50, or 71 for the plain ones of the paper.
        gated: layers are highway layers; off is the plain network.
        gate_bias: of all gates at the start; None is -depth / 10.
        activation: `relu` or `tanh`; the paper searched both.

    Raises:
        BadArgument: the activation is neither, or `depth` is below 2.
    """

    def __init__(
        self,
        depth: int,
        width: int,
        gated: bool = True,
        gate_bias: float | None = None,
        activation: str = "relu",
        num_classes: int = 10,
        in_channels: int = 1,
        input_size: int = 28,
    ) -> None:
        check_choice("activation", activation, ACTIVATIONS)
        if depth < 2:
            raise BadArgument(f"depth is {depth}; expected 2 or more, such as 10")
        super().__init__(in_channels, num_classes, input_size)
        act, self.init = ACTIVATIONS[activation]
        self.stem = nn.Sequential(
            nn.Flatten(), nn.Linear(in_channels * input_size**2, width), act()
        )
        make = partial(nn.Linear, width, width)
        bias = -depth / 10 if gate_bias is None else gate_bias
        self.stages = nn.Sequential(
            nn.Sequential(*(layer(make, bias, gated, act) for _ in range(depth - 1)))
        )
        self.head = nn.Sequential(self.new_classifier(width))
        self.initialise(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """Images of `input_size` -> the last layer's units (N, width).

        Raises:
            BadArgument: the images have another number of channels, or another size.
        """
        check_images(x, type(self).__name__, self.in_channels, self.least_size, self.input_size)
        return self.stages(self.stem(x))

    @cached_property
    def feature_maps(self) -> tuple[FeatureMap, ...]:
        """One map, of one place, which has seen the whole image."""
        return (FeatureMap("stages", self.head_hidden_size, cast(int, self.input_size)),)

    def as_map(self, features: Tensor, image_size: tuple[int, int]) -> Tensor:
        """(N, width) as a map of one place."""
        return features[:, :, None, None]

    def initialise(self, module: nn.Module) -> None:
        """He's rule for ReLU, Glorot's for tanh; gates start at `gate_bias`."""
        draw(module, self.init, {})
