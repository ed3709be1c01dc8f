"""keras.applications: the networks of it that are here, and how its files are read.

Where Keras' convolutions have a bias before a norm (ResNet), it goes into the norm's running mean.
VGG's and ResNet's weights see blue, green and red with their means taken off and nothing else
(Caffe's way): the first kernel's channels are turned round, so that red comes first here too.
MobileNetV3's files of release 2, such as those that Keras publishes, name its layers otherwise.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from cladenet.weights.files.keras_file import KERAS, NORMALIZATION
from cladenet.weights.source import TENSORFLOW, Source, sources_of
from cladenet.weights.spelling import Spelling
from cladenet.weights.spellings import keras as names

HALF = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
CAFFE = {"mean": (123.68 / 255, 116.779 / 255, 103.939 / 255), "std": (1 / 255,) * 3}
DENSE_EPS: dict[str, Any] = {"norm_eps": 1.001e-5}
WIDTHS = {"1.0": "x1_0", "0.75": "x0_75", "0.5": "x0_5", "0.35": "x0_35", "1.4": "x1_4"}
Read = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def keras_sources() -> Iterator[Source]:
    """The networks here that keras.applications has."""
    library = sources_of("keras")

    def source(
        theirs: str,
        ours: str,
        spelling: Spelling,
        images: dict[str, Any],
        read: Read,
        **arguments: Any,
    ) -> Source:
        return library(theirs, ours, spelling, **arguments)._replace(images=images, read=read)

    for depth in (16, 19):
        yield source(f"VGG{depth}", f"vgg{depth}", names.vgg, CAFFE, read_vgg)
    for depth in (50, 101, 152):
        ours = f"resnet{depth}"
        yield source(f"ResNet{depth}", ours, names.resnet, CAFFE, read_resnet, **DENSE_EPS)
    six = {**TENSORFLOW, "activation": "relu6"}
    for width in ("1.0", "0.75", "0.5", "0.25"):
        ours = f"mobilenet_v1_{'x0_25' if width == '0.25' else WIDTHS[width]}"
        yield source(f"MobileNet-{width}", ours, names.mobilenet, HALF, plain, **six)
    for width in WIDTHS:
        ours = f"mobilenet_v2_{WIDTHS[width]}"
        tensorflow = {**TENSORFLOW, "norm_eps": 1e-3}
        yield source(f"MobileNetV2-{width}", ours, names.mobilenet_v2, HALF, plain, **tensorflow)
    for size in ("Large", "Small"):
        for theirs, ours in (("", ""), ("-0.75", "_x0_75"), ("-minimalistic", "_minimal")):
            network = f"mobilenet_v3_{size.lower()}{ours}"
            name = f"MobileNetV3{size}{theirs}"
            yield source(name, network, names.mobilenet_v3, HALF, read_mobilenet_v3, **TENSORFLOW)
    for depth in (121, 169, 201):
        yield source(f"DenseNet{depth}", f"densenet{depth}", names.densenet, {}, plain, **DENSE_EPS)
    inception = {**HALF, "size": 299, "resize": 341}
    yield source("InceptionV3", "inception_v3", names.inception_v3, inception, read_numbered)
    yield source("Xception", "xception", names.xception, inception, read_xception, **TENSORFLOW)
    ours = "inception_resnet_v2"
    yield source(
        "InceptionResNetV2", ours, names.inception_resnet_v2, inception, read_inception_resnet
    )
    zeros = {**TENSORFLOW, "zeros_in_pools": True}
    yield source("NASNetMobile", "nasnet_a_mobile", names.nasnet, HALF, plain, **zeros)
    large = {**HALF, "size": 331, "resize": 331}
    yield source("NASNetLarge", "nasnet_a_large", names.nasnet, large, plain, **zeros)
    for b in range(8):
        ours = f"efficientnet_b{b}"
        yield source(f"EfficientNetB{b}", ours, names.efficientnet, {}, plain, **TENSORFLOW)


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A Keras file's tensors, the only dense layer as `predictions`, no input normalisation."""
    found = {
        name.removeprefix(KERAS).replace("/", "_"): value
        for name, value in tensors.items()
        if name.startswith(KERAS) and not NORMALIZATION.match(name)
    }
    dense = [name for name, value in found.items() if value.ndim == 2]
    if len(dense) == 1 and not dense[0].startswith("predictions."):
        layer = dense[0].removesuffix("weight")
        found = {re.sub(rf"^{re.escape(layer)}", "predictions.", k): v for k, v in found.items()}
    return found


def read_vgg(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `plain`, with the first dense layer reading channel by channel, and red first."""
    found = _red_first(plain(tensors), "block1_conv1.weight")
    weight = found.get("fc1.weight")
    if weight is not None and weight.shape[1] == 7 * 7 * 512:
        found["fc1.weight"] = weight.reshape(-1, 7, 7, 512).permute(0, 3, 1, 2).flatten(1)
    return found


def read_resnet(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `plain`, with the convolutions' biases in the norms, and red first."""
    found = _red_first(plain(tensors), "conv1_conv.weight")
    for name in [name for name in found if name.endswith("_conv.bias")]:
        mean = f"{name.removesuffix('_conv.bias')}_bn.running_mean"
        if mean in found:
            found[mean] = found[mean] - found.pop(name)
    return found


def _red_first(found: dict[str, Tensor], first: str) -> dict[str, Tensor]:
    if first in found and found[first].shape[1] == 3:
        found[first] = found[first].flip(1)
    return found


def read_numbered(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `plain`, with `conv2d_94` by its place among all convolutions, and norms likewise."""
    return _renumbered(plain(tensors), ("conv2d", "batch_normalization"))


def read_inception_resnet(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What has no name of its own by number; the 1x1 before a sum and the last layer have one."""
    return read_numbered(tensors)


def read_mobilenet_v3(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `plain`; `expanded_conv_1/expand/BatchNorm` of release 2 is today's `..._1_expand_bn`."""
    found = plain(tensors)
    return {name.replace("BatchNorm", "bn").lower(): value for name, value in found.items()}


def read_xception(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The projections of the shortcuts have numbers for names; everything else has names."""
    return read_numbered(tensors)


def _renumbered(found: Mapping[str, Tensor], kinds: tuple[str, ...]) -> dict[str, Tensor]:
    ranks: dict[str, str] = {}
    for kind in kinds:
        layers = {name.partition(".")[0] for name in found if re.match(rf"{kind}(_\d+)?\.", name)}
        ordered = sorted(
            layers, key=lambda layer: int(layer.rpartition("_")[2]) if layer != kind else 0
        )
        ranks |= {layer: f"{kind}_{rank}" for rank, layer in enumerate(ordered)}
    return {
        f"{ranks.get(name.partition('.')[0], name.partition('.')[0])}.{name.partition('.')[2]}": v
        for name, v in found.items()
    }
