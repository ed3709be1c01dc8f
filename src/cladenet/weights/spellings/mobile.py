"""MobileNets, MnasNet, EfficientNet: timm's names of all, torchvision's numbered ones.

timm          conv_stem  bn1  blocks.{stage}.{unit}.conv_pw  bn1  conv_dw  bn2  se.conv_reduce
              se.conv_expand  conv_pwl  bn3  conv_head  bn2  classifier
              where nothing is expanded: conv_dw  bn1  [se]  conv_pw  bn2
torchvision   MobileNetV2    features.{n}.conv.{i}      pairs in their own folders but the last
              MobileNetV3    features.{n}.block.{i}.{0 or 1}     se: fc1  fc2
              EfficientNet   features.{stage}.{unit}.block.{i}.{0 or 1}
              MnasNet        layers.{stage}.{unit}.layers.{i}
lukemelas     EfficientNet   _conv_stem  _bn0  _blocks.{n}._expand_conv  _bn0  _depthwise_conv  _bn1
              _se_reduce  _se_expand  _project_conv  _bn2  _conv_head  _bn1  _fc
"""

from collections.abc import Iterable, Iterator, Sequence

from torch import nn

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts
from cladenet.weights.spellings.walk import running, units


def timm(model: Classifier) -> Iterator[str]:
    """timm's MobileNetV2, MnasNet and EfficientNet."""
    return _timm(units(model, "blocks.{}.{}", stage=0), ("conv_head", "bn2", "classifier"))


def timm_v1(model: Classifier) -> Iterator[str]:
    """timm's MobileNet."""
    return _timm(units(model, "blocks.{}.{}", stage=0), ("classifier",))


def timm_v3(model: Classifier) -> Iterator[str]:
    """timm's MobileNetV3, in whose numbers the authors' stages count, not the sizes of maps."""
    blocks = [unit for stage in model.stages for unit in stage.children()]
    stages = (1, 2, 3, 4, 2, 3) if len(blocks) == 15 else (1, 2, 3, 2, 3)
    names = (f"blocks.{s}.{u}" for s, n in enumerate(stages) for u in range(n))
    last = f"blocks.{len(stages)}.0"
    head = (f"{last}.conv", f"{last}.bn1", "conv_head", "classifier")
    return _timm(zip(names, blocks, strict=True), head)


def torchvision_v2(model: Classifier) -> Iterator[str]:
    """torchvision's MobileNetV2."""
    yield from ("features.0.0", "features.0.1")
    for name, unit in running(model, "features.{}.conv", first=1):
        *pairs, _, _ = parts(unit)
        for i in range(len(pairs) // 2):
            yield from (f"{name}.{i}.0", f"{name}.{i}.1")
        yield from (f"{name}.{len(pairs) // 2}", f"{name}.{len(pairs) // 2 + 1}")
    yield from ("features.18.0", "features.18.1", "classifier.1")


def torchvision_v3(model: Classifier) -> Iterator[str]:
    """torchvision's MobileNetV3."""
    yield from ("features.0.0", "features.0.1")
    blocks = list(running(model, "features.{}.block", first=1))
    for name, unit in blocks:
        yield from _numbered(name, unit)
    last = f"features.{len(blocks) + 1}"
    yield from (f"{last}.0", f"{last}.1", "classifier.0", "classifier.3")


def torchvision_efficientnet(model: Classifier) -> Iterator[str]:
    """torchvision's EfficientNet."""
    yield from ("features.0.0", "features.0.1")
    for name, unit in units(model, "features.{}.{}.block"):
        yield from _numbered(name, unit)
    yield from ("features.8.0", "features.8.1", "classifier.1")


def torchvision_mnasnet(model: Classifier) -> Iterator[str]:
    """torchvision's MnasNet: the first unit's layers follow the stem's without a folder."""
    yield from ("layers.0", "layers.1", "layers.3", "layers.4", "layers.6", "layers.7")
    for name, unit in units(model, "layers.{}.{}.layers", stage=7):
        if not name.startswith("layers.7."):
            yield from (f"{name}.{i}" for i in (0, 1, 3, 4, 6, 7)[: len(parts(unit))])
    yield from ("layers.14", "layers.15", "classifier.1")


def lukemelas(model: Classifier) -> Iterator[str]:
    """EfficientNet-PyTorch, and efficientnet_lite_pytorch after it."""
    yield from ("_conv_stem", "_bn0")
    for name, unit in running(model, "_blocks.{}", first=0):
        layers = parts(unit)
        plain = [part for part in layers if "excite" not in part]
        steps = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
        steps = steps[-len(plain) :]
        if len(layers) > len(plain):
            steps[-2:-2] = ["_se_reduce", "_se_expand"]
        yield from (f"{name}.{step}" for step in steps)
    yield from ("_conv_head", "_bn1", "_fc")


def _timm(blocks: Iterable[tuple[str, nn.Module]], head: Sequence[str]) -> Iterator[str]:
    yield from ("conv_stem", "bn1")
    for name, unit in blocks:
        layers = parts(unit)
        plain = [part for part in layers if "excite" not in part]
        convs = ("conv_dw", "conv_pw") if len(plain) == 4 else ("conv_pw", "conv_dw", "conv_pwl")
        steps = [step for k, conv in enumerate(convs, 1) for step in (conv, f"bn{k}")]
        if len(layers) > len(plain):
            steps[-2:-2] = ["se.conv_reduce", "se.conv_expand"]
        yield from (f"{name}.{step}" for step in steps)
    yield from head


def _numbered(name: str, unit: nn.Module) -> Iterator[str]:
    """Pairs of convolution and norm, and the excitation, with their place in the block."""
    for place, first in enumerate(parts(unit)[::2]):
        leaves = ("fc1", "fc2") if "excite" in first else ("0", "1")
        yield from (f"{name}.{place}.{leaf}" for leaf in leaves)
