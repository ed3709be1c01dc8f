"""Networks of keras.applications in float64, with values of `parity.saturate`'s kind.

A network is built for images of one size: without one Keras builds another network at odd sizes.
"""

import math
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cladenet.weights.files.keras_file import read_keras
from cladenet.weights.source import Source
from others.foreign import Foreign, kernel, large, small

LEVELS = 255.0  # EfficientNet takes pixels of 0 to 255, and divides by it inside
BLUE_FIRST = ("keras/ResNet", "keras/VGG")


class KerasNetwork(Foreign):
    """A network of Keras that takes and gives tensors of torch: (N, 3, H, W) -> logits.

    Args:
        source: of the library "keras".
        side: of the images.
    """

    def __init__(self, source: Source, side: int) -> None:
        super().__init__()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras

        keras.config.set_floatx("float64")
        name, _, width = source.name.partition("/")[2].partition("-")
        more: dict[str, Any] = {}
        if width == "minimalistic":
            more["minimalistic"] = True
        elif width:
            more["alpha"] = float(width)
        if name.startswith("MobileNetV3"):
            more["include_preprocessing"] = False
        tied = name.startswith("VGG")  # its first dense layer reads a map of 7x7
        shape = None if tied and side == 224 else (side, side, 3)
        self.network = getattr(keras.applications, name)(
            weights=None, input_shape=shape, classifier_activation=None, **more
        )
        self.levels = LEVELS if name.startswith("EfficientNet") else 1.0
        self.flips = source.name.startswith(BLUE_FIRST)
        saturate(self.network)

    def forward(self, images: Tensor) -> Tensor:
        """Images -> logits."""
        seen = (images.flip(1) if self.flips else images) * self.levels
        given = seen.permute(0, 2, 3, 1).contiguous().numpy()
        return torch.from_numpy(self.network(given, training=False).numpy())

    def tensors(self) -> dict[str, Tensor]:
        """As the file that Keras writes is read here."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.weights.h5"
            self.network.save_weights(file)
            return read_keras(file)


def saturate(network: Any) -> None:
    """Random values for all weights but those that stand for an image's mean and std."""
    torch.manual_seed(0)
    for layer in network.layers:
        if layer.weights and not type(layer).__name__.startswith("Normalization"):
            values = [_value(weight.path, tuple(weight.shape)) for weight in layer.weights]
            layer.set_weights([value.double().numpy() for value in values])


def _value(path: str, shape: tuple[int, ...]) -> Tensor:
    leaf = re.split(r"[/_]", path)[-1] if not path.endswith("moving_mean") else "mean"
    draw: dict[str, Callable[[], Tensor]] = {
        "gamma": lambda: small(shape, 0.3, 0.7),
        "mean": lambda: small(shape, -0.1, 0.1),
        "variance": lambda: small(shape, 0.5, 1.5),
        "beta": lambda: large(shape),
        "bias": lambda: large(shape),
    }
    if leaf in draw:
        return draw[leaf]()
    depthwise = "depthwise" in path or "dwconv" in path or "conv_dw" in path
    of_one_map = depthwise and len(shape) == 4
    return kernel(shape, math.prod(shape[:2] if of_one_map else shape[:-1]))
