"""fastai's models: a body, 0, cut from torchvision's network, and a head, 1, of fastai's own.

`learn.save` writes their tensors. Behind the body of a ResNet, MobileNetV2 or EfficientNet, a head
of one linear layer, as `custom_head` may be, is the network's own last layer by another name; what
`vision_learner` makes by default averages, takes maxima and has two linear layers and norms. In
DenseNet, VGG, AlexNet and SqueezeNet more follows the body than a head of one layer makes good.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from cladenet.errors import CheckpointError
from cladenet.plural import counted

BODY, HEAD = "0.", "1."
RESNET = (
    "conv1",
    "bn1",
    "",
    "",
    "layer1",
    "layer2",
    "layer3",
    "layer4",
)  # in place 2, 3: no weights
WAY_OUT = (
    "Where it comes from, train a ResNet, MobileNetV2 or EfficientNet with the head of the network "
    "itself, custom_head=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(FEATURES, "
    "CLASSES)) of vision_learner, and import what learn.save writes"
)


def in_torchvisions_names(
    tensors: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], str]:
    """A fastai model's tensors as its body's library has them, and a note; all others as they are.

    Raises:
        CheckpointError: body and head together are no network of torchvision's.
    """
    if not tensors or not all(name.startswith((BODY, HEAD)) for name in tensors):
        return dict(tensors), ""
    body = {k.removeprefix(BODY): v for k, v in tensors.items() if k.startswith(BODY)}
    head = {k.removeprefix(HEAD): v for k, v in tensors.items() if k.startswith(HEAD)}
    resnet = _resnet(body)
    last = "fc" if resnet else "classifier"
    renamed = resnet or _features(body)
    if not renamed or not head:
        return dict(tensors), ""
    layers = sum(value.ndim > 1 for value in head.values())
    norms = " and norms" if any(name.endswith("running_mean") for name in head) else ""
    if layers != 1 or norms:
        raise CheckpointError(
            f"{path} is a model of fastai with a head of "
            f"{counted(layers, 'linear layer')}{norms}, which no "
            f"network here has. {WAY_OUT}"
        )
    if "features.0.weight" in renamed or "features.conv0.weight" in renamed:
        raise CheckpointError(
            f"{path} is a model of fastai whose body, of AlexNet, VGG, SqueezeNet or DenseNet, is "
            f"followed by more in the network than by one linear layer. {WAY_OUT}"
        )
    named = {f"{last}.{name}": value for name, value in head.items()}
    return {**renamed, **named}, "0 is the body and 1 the head of a fastai model"


def _resnet(body: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """conv1 bn1 relu maxpool layer1 ... layer4, by their places in a Sequential; else nothing."""
    found = {}
    for name, value in body.items():
        place, _, inner = name.partition(".")
        number = int(place) if place.isdigit() else len(RESNET)
        if number >= len(RESNET) or not RESNET[number]:
            return {}
        found[f"{RESNET[number]}.{inner}"] = value
    return found if "conv1.weight" in found and "layer4.0.conv1.weight" in found else {}


def _features(body: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Networks of torchvision whose layers but the last are `features`, all of the body."""
    if not all(name.startswith("0.") for name in body):
        return {}
    return {f"features.{name.removeprefix('0.')}": value for name, value in body.items()}
