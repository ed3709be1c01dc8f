"""keras.applications: VGG, ResNet, MobileNets, DenseNet, Inception v3, Xception, EfficientNet.

Where Keras' convolutions have a bias before a norm (ResNet), it goes into the norm's running mean.
VGG's and ResNet's weights see blue, green and red with their means taken off and nothing else
(Caffe's way): the first kernel's channels are turned round, so that red comes first here too.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import Tensor

from cladenet.layers.classifier import Classifier
from cladenet.weights.files.keras_file import KERAS, NORMALIZATION
from cladenet.weights.source import TENSORFLOW, Source, sources_of
from cladenet.weights.spelling import Spelling, parts
from cladenet.weights.spellings import resnet
from cladenet.weights.spellings.walk import running, units

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
        yield source(f"VGG{depth}", f"vgg{depth}", vgg, CAFFE, read_vgg)
    for depth in (50, 101, 152):
        ours = f"resnet{depth}"
        yield source(f"ResNet{depth}", ours, keras_resnet, CAFFE, read_resnet, **DENSE_EPS)
    six = {**TENSORFLOW, "activation": "relu6"}
    for width in ("1.0", "0.75", "0.5", "0.25"):
        ours = f"mobilenet_v1_{'x0_25' if width == '0.25' else WIDTHS[width]}"
        yield source(f"MobileNet-{width}", ours, mobilenet, HALF, plain, **six)
    for width in WIDTHS:
        ours = f"mobilenet_v2_{WIDTHS[width]}"
        tensorflow = {**TENSORFLOW, "norm_eps": 1e-3}
        yield source(f"MobileNetV2-{width}", ours, mobilenet_v2, HALF, plain, **tensorflow)
    for depth in (121, 169, 201):
        yield source(f"DenseNet{depth}", f"densenet{depth}", densenet, {}, plain, **DENSE_EPS)
    inception = {**HALF, "size": 299, "resize": 341}
    yield source("InceptionV3", "inception_v3", numbered, inception, read_numbered)
    yield source("Xception", "xception", xception, inception, read_xception, **TENSORFLOW)
    for b in range(8):
        ours = f"efficientnet_b{b}"
        yield source(f"EfficientNetB{b}", ours, efficientnet, {}, plain, **TENSORFLOW)


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


def vgg(model: Classifier) -> Iterator[str]:
    """block1_conv1 ... fc1 fc2 predictions."""
    counts = (2, 2, 3, 3, 3) if len(parts(model)) == 16 else (2, 2, 4, 4, 4)
    for block, count in enumerate(counts, 1):
        yield from (f"block{block}_conv{number}" for number in range(1, count + 1))
    yield from ("fc1", "fc2", "predictions")


def keras_resnet(model: Classifier) -> Iterator[str]:
    """torchvision's names in Keras' words: layer1.0.conv2 is conv2_block1_2_conv."""
    for name in resnet.torchvision(model):
        words = name.split(".")
        if len(words) == 1:
            yield {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}[name]
            continue
        unit = f"conv{int(words[0][-1]) + 1}_block{int(words[1]) + 1}"
        if words[2] == "downsample":
            yield f"{unit}_0_{'conv' if words[3] == '0' else 'bn'}"
        else:
            yield f"{unit}_{words[2][-1]}_{words[2][:-1]}"


def mobilenet(_model: Classifier) -> Iterator[str]:
    """conv1 conv1_bn, conv_dw_1 conv_dw_1_bn conv_pw_1 conv_pw_1_bn ... conv_preds."""
    yield from ("conv1", "conv1_bn")
    for number in range(1, 14):
        for kind in ("dw", "pw"):
            yield from (f"conv_{kind}_{number}", f"conv_{kind}_{number}_bn")
    yield "conv_preds"


def mobilenet_v2(model: Classifier) -> Iterator[str]:
    """Conv1 bn_Conv1, expanded_conv_depthwise ..., block_1_expand block_1_expand_BN ... Conv_1."""
    yield from ("Conv1", "bn_Conv1")
    for name, _ in running(model, "block_{}", first=0):
        place = "expanded_conv" if name == "block_0" else name
        steps = (
            ("depthwise", "project") if name == "block_0" else ("expand", "depthwise", "project")
        )
        for step in steps:
            yield from (f"{place}_{step}", f"{place}_{step}_BN")
    yield from ("Conv_1", "Conv_1_bn", "predictions")


def densenet(model: Classifier) -> Iterator[str]:
    """conv1_conv conv1_bn, conv2_block1_0_bn 1_conv 1_bn 2_conv, pool2_bn pool2_conv, bn."""
    yield from ("conv1_conv", "conv1_bn")
    for block, stage in enumerate(model.stages, 2):
        transition, *layers = stage.children()
        if parts(transition):
            yield from (f"pool{block - 1}_bn", f"pool{block - 1}_conv")
        for number in range(1, len(layers) + 1):
            name = f"conv{block}_block{number}"
            yield from (f"{name}_{part}" for part in ("0_bn", "1_conv", "1_bn", "2_conv"))
    yield from ("bn", "predictions")


def numbered(model: Classifier) -> Iterator[str]:
    """Inception v3: all convolutions by number, in the order of the paper's figures."""
    for number in range((len(parts(model)) - 1) // 2):
        yield from (f"conv2d_{number}", f"batch_normalization_{number}")
    yield "predictions"


def xception(model: Classifier) -> Iterator[str]:
    """block1_conv1, block2_sepconv1 with its two kernels, the shortcuts by number."""
    for number in (1, 2):
        yield from (f"block1_conv{number}", f"block1_conv{number}_bn")
    shortcuts = 0
    for name, unit in running(model, "block{}", first=2):
        if not hasattr(unit, "residual"):
            continue
        separables = 0
        for part in parts(unit):
            last = part.rpartition(".")[2]
            if part.startswith("shortcut"):
                kind = "conv2d" if last == "0" else "batch_normalization"
                yield f"{kind}_{shortcuts}"
            elif part.count(".") == 2:  # residual, its place, one of the separable's two layers
                separables += last == "0"
                kind = "depthwise" if last == "0" else "pointwise"
                yield f"{name}_sepconv{separables}.{kind}"
            else:
                yield f"{name}_sepconv{separables}_bn"
        shortcuts += any(part.startswith("shortcut") for part in parts(unit))
    for number in (1, 2):
        place = f"block14_sepconv{number}"
        yield from (f"{place}.depthwise", f"{place}.pointwise", f"{place}_bn")
    yield "predictions"


def efficientnet(model: Classifier) -> Iterator[str]:
    """stem_conv stem_bn, block2a_expand_conv expand_bn dwconv bn se_reduce ... top_conv top_bn."""
    yield from ("stem_conv", "stem_bn")
    for place, unit in units(model, "{}.{}"):
        stage, number = place.split(".")
        name = f"block{stage}{chr(ord('a') + int(number))}"
        layers = ["expand_conv", "expand_bn", "dwconv", "bn"]
        layers += ["se_reduce", "se_expand", "project_conv", "project_bn"]
        yield from (f"{name}_{layer}" for layer in layers[-len(parts(unit)) :])
    yield from ("top_conv", "top_bn", "predictions")
