"""DenseNet: torchvision's and timm's names, and bearpaw's for CIFAR.

features.conv0  norm0  features.denseblock{1..4}.denselayer{1..}.norm1  conv1  norm2  conv2
features.transition{1..3}.norm  conv  features.norm5  classifier
"""

from collections.abc import Iterator

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts

_HALVES = ("norm1.BN", "norm1.IN")  # of a norm of IBN-Net's


def torchvision(model: Classifier) -> Iterator[str]:
    """torchvision's and timm's; IBN-Net's, whose first norms are two halves."""
    stem = ("features.conv0", "features.norm0")
    yield from stem[: len(parts(model.stem))]
    for block, stage in enumerate(model.stages, 1):
        transition, *layers = stage.children()
        if parts(transition):
            yield from (f"features.transition{block - 1}.{part}" for part in ("norm", "conv"))
        for number, layer in enumerate(layers, 1):
            name = f"features.denseblock{block}.denselayer{number}"
            halves = any(part.endswith("first") for part in parts(layer))
            yield from (f"{name}.{part}" for part in (_HALVES if halves else ("norm1",)))
            yield from (f"{name}.{part}" for part in ("conv1", "norm2", "conv2"))
    yield from ("features.norm5", "classifier")


def bearpaw(model: Classifier) -> Iterator[str]:
    """bearpaw/pytorch-classification, models/cifar/densenet.py."""
    yield "conv1"
    for block, stage in enumerate(model.stages, 1):
        transition, *layers = stage.children()
        if parts(transition):
            yield from (f"trans{block - 1}.{part}1" for part in ("bn", "conv"))
        for number, layer in enumerate(layers):
            for k in range(len(parts(layer)) // 2):
                yield from (f"dense{block}.{number}.{part}{k + 1}" for part in ("bn", "conv"))
    yield from ("bn", "fc")
