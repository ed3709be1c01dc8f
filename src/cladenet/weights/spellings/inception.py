"""GoogLeNet, Inception v3, v4, Inception-ResNet, Xception: torchvision's and timm's names.

Every convolution is a pair, `conv` and `bn`; a module's branches are named, by number in v4 and
Inception-ResNet, by their kernels in v3.
"""

from collections.abc import Iterable, Iterator

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings.walk import running, units


def googlenet(model: Classifier) -> Iterator[str]:
    """torchvision's GoogLeNet, without its auxiliary classifiers."""
    yield from _pairs(["conv1", "conv2", "conv3"])
    branches = ["branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"]
    for name, unit in units(model, "inception{}{}", stage=3):
        if parts(unit):
            letter = "abcde"[int(name[-1])]
            yield from _pairs(f"{name[:-1]}{letter}.{branch}" for branch in branches)
    yield "fc"


# Convolutions of the modules A to E, in the order of arXiv:1512.00567's figures.
_V3 = {
    "A": "1x1 5x5_1 5x5_2 3x3dbl_1 3x3dbl_2 3x3dbl_3 _pool",
    "B": "3x3 3x3dbl_1 3x3dbl_2 3x3dbl_3",
    "C": "1x1 7x7_1 7x7_2 7x7_3 7x7dbl_1 7x7dbl_2 7x7dbl_3 7x7dbl_4 7x7dbl_5 _pool",
    "D": "3x3_1 3x3_2 7x7x3_1 7x7x3_2 7x7x3_3 7x7x3_4",
    "E": "1x1 3x3_1 3x3_2a 3x3_2b 3x3dbl_1 3x3dbl_2 3x3dbl_3a 3x3dbl_3b _pool",
}
_V3_MODULES = (
    "5b A",
    "5c A",
    "5d A",
    "6a B",
    "6b C",
    "6c C",
    "6d C",
    "6e C",
    "7a D",
    "7b E",
    "7c E",
)


def v3(_model: Classifier) -> Iterator[str]:
    """torchvision's and timm's Inception v3, without the auxiliary classifier."""
    yield from _pairs(
        f"Conv2d_{place}" for place in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")
    )
    for module in _V3_MODULES:
        place, kind = module.split()
        yield from _pairs(f"Mixed_{place}.branch{conv}" for conv in _V3[kind].split())
    yield "fc"


def v4(model: Classifier) -> Iterator[str]:
    """timm's Inception v4, as in pretrained-models.pytorch."""
    stem = ["0", "1", "2", "3.conv", "4.branch0.0", "4.branch0.1"]
    stem += [*(f"4.branch1.{i}" for i in range(4)), "5.conv"]
    yield from _pairs(f"features.{place}" for place in stem)
    # The modules on 8x8, where branches fork.
    forked = ["0", "1_0", "1_1a", "1_1b", "2_0", "2_1", "2_2", "2_3a", "2_3b", "3.1"]
    for (place, _), (name, module) in zip(
        units(model, "{}.{}", stage=0), running(model, "features.{}", first=6), strict=True
    ):
        forks = place.startswith("2.") and place != "2.0"
        branches = (f"branch{conv}" for conv in forked) if forks else _branches(module)
        yield from _pairs(f"{name}.{branch}" for branch in branches)
    yield "last_linear"


def inception_resnet_v2(model: Classifier) -> Iterator[str]:
    """timm's Inception-ResNet v2, as in pretrained-models.pytorch."""
    yield from _pairs(f"conv2d_{place}" for place in ("1a", "2a", "2b", "3b", "4a"))
    firsts, repeats = ("mixed_5b", "mixed_6a", "mixed_7a"), ("repeat", "repeat_1", "repeat_2")
    for first, repeat, stage in zip(firsts, repeats, model.stages, strict=True):
        mixed, *others = stage.children()
        yield from _pairs(f"{first}.{branch}" for branch in _branches(mixed))
        inner = [unit.get_submodule("residual.0") for unit in others if hasattr(unit, "residual")]
        for number, branches in enumerate(inner):
            last = first == "mixed_7a" and number == len(inner) - 1
            name = "block8" if last else f"{repeat}.{number}"
            yield from _pairs(f"{name}.{branch}" for branch in _branches(branches))
            yield f"{name}.conv2d"
    yield from ("conv2d_7b.conv", "conv2d_7b.bn", "classif")


def xception(model: Classifier) -> Iterator[str]:
    """timm's legacy Xception, as in pretrained-models.pytorch."""
    yield from ("conv1", "bn1", "conv2", "bn2")
    for name, unit in running(model, "block{}", first=1):
        if not hasattr(unit, "residual"):
            continue
        for part in parts(unit):
            place, _, separable = part.removeprefix("residual.").partition(".")
            if part.startswith("shortcut"):
                yield f"{name}.{'skip' if part.endswith('0') else 'skipbn'}"
            else:
                leaf = {"": "", "0": ".conv1", "1": ".pointwise"}[separable]
                yield f"{name}.rep.{place}{leaf}"
    for number in (3, 4):
        yield from (f"conv{number}.conv1", f"conv{number}.pointwise", f"bn{number}")
    yield "fc"


def _pairs(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield from (f"{name}.conv", f"{name}.bn")


def _branches(module: nn.Module) -> Iterator[str]:
    """`branch0` or `branch1.2`: a branch, and the place in it where it has more than one layer."""
    for number, branch in enumerate(module.children()):
        convs = [part for part in parts(branch) if part.endswith("0")]
        if any(isinstance(layer, nn.AvgPool2d) for layer in branch.children()):
            yield f"branch{number}.1"
        elif len(convs) == 1:
            yield f"branch{number}"
        else:
            yield from (f"branch{number}.{i}" for i in range(len(convs)))
