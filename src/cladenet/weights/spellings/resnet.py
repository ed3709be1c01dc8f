"""ResNet, ResNeXt, wide ResNet, SENet: torchvision's and timm's names, and those of CIFAR code.

torchvision's and timm's, after the units of Facebook's Torch code:

    conv1  bn1  layer{1..4}.{unit}.conv{1..3}  bn{1..3}  [se.fc1  se.fc2]  downsample.{0, 1}  fc

timm's legacy networks, from pretrained-models.pytorch, put the stem into `layer0`, call the
excitation `se_module` and the classifier `last_linear`. What others have instead:

    akamaster   CIFAR   linear for fc; shortcuts of option A, which hold nothing
    IBN-Net     bn1.IN and bn1.BN for the two halves of a norm; se.fc.0 and se.fc.2
    bearpaw     CIFAR   as torchvision; ResNeXt in words: stage_1.stage_1_bottleneck_0.conv_reduce
    xternalz    CIFAR   wide: block{1..3}.layer.{unit}.bn{1, 2}  conv{1, 2}  convShortcut
"""

from collections.abc import Iterable, Iterator

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings.walk import units


def torchvision(model: Classifier) -> Iterator[str]:
    """torchvision's and timm's ResNets."""
    return _resnet(model, ("conv1", "bn1"), "se.fc{}", "downsample.{}", "fc")


def ibn(model: Classifier) -> Iterator[str]:
    """IBN-Net's ResNets, ResNeXts and SE-ResNets."""
    for name in _resnet(model, ("conv1", "bn1"), "se.fc{}", "downsample.{}", "fc"):
        yield name.replace("se.fc1", "se.fc.0").replace("se.fc2", "se.fc.2")


def legacy(model: Classifier) -> Iterator[str]:
    """timm's legacy SENets, as in pretrained-models.pytorch."""
    convs = len(parts(model.stem)) // 2
    stem = (f"layer0.{kind}{k}" for k in range(1, convs + 1) for kind in ("conv", "bn"))
    return _resnet(model, stem, "se_module.fc{}", "downsample.{}", "last_linear")


def akamaster(model: Classifier) -> Iterator[str]:
    """akamaster/pytorch_resnet_cifar10."""
    return _resnet(model, ("conv1", "bn1"), "se.fc{}", "shortcut.{}", "linear")


def bearpaw_resnext(model: Classifier) -> Iterator[str]:
    """bearpaw/pytorch-classification, models/cifar/resnext.py."""
    words = {"conv1": "conv_reduce", "conv2": "conv_conv", "conv3": "conv_expand"}
    words |= {"bn1": "bn_reduce", "bn2": "bn", "bn3": "bn_expand"}
    words |= {"shortcut.0": "shortcut.shortcut_conv", "shortcut.1": "shortcut.shortcut_bn"}
    yield from ("conv_1_3x3", "bn_1")
    for name, unit in units(model, "stage_{0}.stage_{0}_bottleneck_{1}"):
        for part in _unit(unit, "se.fc{}", "shortcut.{}"):
            yield f"{name}.{words[part]}"
    yield "classifier"


def xternalz(model: Classifier) -> Iterator[str]:
    """xternalz/WideResNet-pytorch."""
    yield "conv1"
    for name, unit in units(model, "block{}.layer.{}"):
        for part in _unit(unit, "se.fc{}", "convShortcut"):
            yield f"{name}.{part}"
    yield from ("bn1", "fc")


def _resnet(
    model: Classifier, stem: Iterable[str], se: str, shortcut: str, last: str
) -> Iterator[str]:
    yield from stem
    for name, unit in units(model, "layer{}.{}"):
        for part in _unit(unit, se, shortcut):
            yield f"{name}.{part}"
    yield last


_HALVES = {"first": "IN", "last": "BN"}  # of a norm of IBN-Net's


def _unit(unit: nn.Module, se: str, shortcut: str) -> Iterator[str]:
    """A unit's convolutions and norms in turn, counted from 1."""
    convs, norms = 0, 0
    for part in parts(unit):
        last = part.rpartition(".")[2]
        if part.startswith(("shortcut", "project")):
            yield shortcut.format(last)
        elif "excite" in part:
            yield se.format(1 if last == "0" else 2)
        elif isinstance(unit.get_submodule(part), nn.Conv2d):
            convs += 1
            yield f"conv{convs}"
        elif part.startswith("act"):
            yield "IN"  # of IBN-b, behind the sum
        elif last in _HALVES:
            norms += last == "first"
            yield f"bn{norms}.{_HALVES[last]}"
        else:
            norms += 1
            yield f"bn{norms}"
