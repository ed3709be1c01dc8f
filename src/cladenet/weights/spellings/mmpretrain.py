"""OpenMMLab's mmpretrain (mmclassification before it): a backbone, and a head with a linear layer.

ResNet         backbone.conv1  bn1  layer{1..4}.{unit}.conv{1..3}  bn{1..3}  downsample.{0, 1}
               se_layer.conv{1, 2}.conv  head.fc
VGG            features.{n}.conv  bn, a number for each convolution and pool; classifier.{0, 3, 6}
DenseNet       backbone.stem.{0, 1}  stages.{s}.block.{u}.norm1  transitions.{s}.norm  conv
               transitions.3.0, the last norm
MobileNetV2    backbone.conv1.conv  bn  layer{1..7}.{unit}.conv.{i}.conv  bn  conv2.conv  bn
MobileNetV3    backbone.layer{n}.expand_conv.conv  bn  depthwise_conv  se.conv{1, 2}.conv
               linear_conv  head.layers.{0, 1}.fc
EfficientNet   the same blocks as layers.{1..5}.{unit}: stages of one size of maps are one
ShuffleNetV2   backbone.layers.{s}.{unit}.branch{1, 2}.{i}.conv  bn
ViT            backbone.layers.{i}.ln1  attn.qkv  attn.proj  ln2  ffn.layers.0.0  ffn.layers.1  ln1
"""

from collections.abc import Iterator

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings import densenet as torchvision_densenet
from cladenet.weights.spellings import resnet as torchvision_resnet
from cladenet.weights.spellings import shufflenet as torchvision_shufflenet
from cladenet.weights.spellings.walk import running, units

PAIR = ("conv", "bn")
EFFICIENTNET_STAGES = (1, 1, 1, 2, 2)  # of the table, in each of theirs


def resnet(model: Classifier) -> Iterator[str]:
    """ResNet, ResNeXt, and both with squeeze-and-excitation."""
    for name in torchvision_resnet.torchvision(model):
        before, excitation, number = name.partition("se.fc")
        inner = f"{before}se_layer.conv{number}.conv" if excitation else name
        yield "head.fc" if name == "fc" else f"backbone.{inner}"


def vgg(model: Classifier) -> Iterator[str]:
    """VGG, with norms or without; its names all begin with `backbone.`, which is taken off."""
    number = 0
    for chain in (model.stem, *model.stages):
        for layer in chain.children():
            if isinstance(layer, nn.Conv2d):
                yield f"features.{number}.conv"
            elif isinstance(layer, nn.MaxPool2d):
                number += 1
            elif parts(layer):
                yield f"features.{number}.bn"
            number += isinstance(layer, nn.ReLU)
    yield from (f"classifier.{place}" for place in (0, 3, 6))


def densenet(model: Classifier) -> Iterator[str]:
    """torchvision's layers in other folders."""
    for name in torchvision_densenet.torchvision(model):
        folder, _, layer = name.removeprefix("features.").partition(".")
        if folder.startswith("denseblock"):
            unit, _, part = layer.removeprefix("denselayer").partition(".")
            yield f"backbone.stages.{int(folder[-1]) - 1}.block.{int(unit) - 1}.{part}"
        elif folder.startswith("transition"):
            yield f"backbone.transitions.{int(folder[-1]) - 1}.{layer}"
        else:
            places = {"conv0": "stem.0", "norm0": "stem.1", "norm5": "transitions.3.0"}
            yield f"backbone.{places[folder]}" if folder in places else "head.fc"


def mobilenet_v2(model: Classifier) -> Iterator[str]:
    """MobileNetV2 at any width."""
    yield from _pair("backbone.conv1")
    for name, unit in units(model, "backbone.layer{}.{}"):
        for place in range(len(parts(unit)) // 2):
            yield from _pair(f"{name}.conv.{place}")
    yield from (*_pair("backbone.conv2"), "head.fc")


def mobilenet_v3(model: Classifier) -> Iterator[str]:
    """MobileNetV3, whose head has two linear layers."""
    yield from _pair("backbone.layer0")
    blocks = list(running(model, "backbone.layer{}", first=1))
    for name, unit in blocks:
        yield from _inverted_residual(name, unit)
    yield from _pair(f"backbone.layer{len(blocks) + 1}")
    yield from ("head.layers.0.fc", "head.layers.1.fc")


def efficientnet(model: Classifier) -> Iterator[str]:
    """EfficientNet."""
    yield from _pair("backbone.layers.0")
    stages = iter(model.stages)
    for number, joined in enumerate(EFFICIENTNET_STAGES, 1):
        blocks = [unit for _ in range(joined) for unit in next(stages).children()]
        for place, unit in enumerate(blocks):
            yield from _inverted_residual(f"backbone.layers.{number}.{place}", unit)
    yield from (*_pair("backbone.layers.6"), "head.fc")


def shufflenet_v2(model: Classifier) -> Iterator[str]:
    """torchvision's layers, each with its norm in a folder."""
    for name in torchvision_shufflenet.torchvision(model):
        folder, *inner = name.split(".")
        if folder.startswith("stage"):
            unit, branch, place = inner
            norm, convs = int(place) in NORMS[branch], CONVS[branch]
            number = convs.index(int(place) - norm)
            kind = PAIR[norm]
            place = f"branch{branch[-1]}.{number}.{kind}"
            yield f"backbone.layers.{int(folder[-1]) - 2}.{unit}.{place}"
        elif inner:
            place = "conv1" if folder == "conv1" else "layers.3"
            yield f"backbone.{place}.{PAIR[int(inner[0])]}"
        else:
            yield "head.fc"


# Where torchvision's branches have convolutions and norms.
CONVS = {"branch1": (0, 2), "branch2": (0, 3, 5)}
NORMS = {"branch1": (1, 3), "branch2": (1, 4, 6)}


def vit(model: Classifier) -> Iterator[str]:
    """ViT."""
    yield from (f"backbone.{part}" for part in ("patch_embed.projection", "cls_token", "pos_embed"))
    layers = ("ln1", "attn.qkv", "attn.proj", "ln2", "ffn.layers.0.0", "ffn.layers.1")
    for i in range(len(model.stages)):
        yield from (f"backbone.layers.{i}.{layer}" for layer in layers)
    yield from ("backbone.ln1", "head.layers.head")


def _pair(name: str) -> Iterator[str]:
    return (f"{name}.{kind}" for kind in PAIR)


def _inverted_residual(name: str, unit: nn.Module) -> Iterator[str]:
    layers = parts(unit)
    excites = sum("excite" in part for part in layers)
    steps = ["expand_conv", "depthwise_conv", "linear_conv"][-(len(layers) - excites) // 2 :]
    for step in steps:
        if step == "linear_conv" and excites:
            yield from (f"{name}.se.conv1.conv", f"{name}.se.conv2.conv")
        yield from _pair(f"{name}.{step}")
