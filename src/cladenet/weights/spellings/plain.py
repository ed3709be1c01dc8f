"""AlexNet, VGG and SqueezeNet: torchvision's numbered `features`, timm's VGG beside them."""

from collections.abc import Iterator

from cladenet.layers.classifier import Classifier
from cladenet.weights.spelling import parts


def alexnet(model: Classifier) -> Iterator[str]:
    """torchvision's AlexNet."""
    return _numbered(model, ("classifier.1", "classifier.4", "classifier.6"))


def vgg(model: Classifier) -> Iterator[str]:
    """torchvision's VGG."""
    return _numbered(model, ("classifier.0", "classifier.3", "classifier.6"))


def vgg_timm(model: Classifier) -> Iterator[str]:
    """timm's VGG, whose linear layers are convolutions."""
    return _numbered(model, ("pre_logits.fc1", "pre_logits.fc2", "head.fc"))


def pretrained(model: Classifier) -> Iterator[str]:
    """AlexNet and VGG of pretrained-models.pytorch."""
    features = [f"_features.{place}" for place in _places(model)]
    return iter((*features, "linear0", "linear1", "last_linear"))


def squeezenet(model: Classifier) -> Iterator[str]:
    """torchvision's SqueezeNet: each pool takes a number among the fire modules."""
    yield "features.0"
    first = 3  # after convolution, ReLU, pool
    for stage in model.stages:
        fires = [unit for unit in stage.children() if parts(unit)]
        for number, _ in enumerate(fires, first):
            for part in ("squeeze", "expand1x1", "expand3x3"):
                yield f"features.{number}.{part}"
        first += len(fires) + 1
    yield "classifier.1"


def _numbered(model: Classifier, head: tuple[str, ...]) -> Iterator[str]:
    """Plain layers, all in one chain, each with its place in it."""
    yield from (f"features.{place}" for place in _places(model))
    yield from head


def _places(model: Classifier) -> Iterator[int]:
    layers = (layer for chain in (model.stem, *model.stages) for layer in chain.children())
    return (place for place, layer in enumerate(layers) if parts(layer))
