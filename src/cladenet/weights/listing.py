"""Which networks there are, by timm's habits: with weights, of a family, by a name."""

from cladenet import registry
from cladenet.ledger import look_up
from cladenet.weights.known import known_weights


def list_models(pattern: str = "*", *, pretrained: bool = False, module: str = "") -> list[str]:
    """Names that match a shell pattern such as "resnet*_cifar", in the order of the tree.

    Args:
        pattern: compared with names and aliases; a network whose alias matches is listed by its
            name.
        pretrained: only networks for which published weights are known, see `cladenet models
            --weights`.
        module: only those of a family, such as "vgg".
    """
    names = registry.list_models(pattern)
    if pretrained:
        with_weights = {weights.network for weights in known_weights().values()}
        names = [name for name in names if name in with_weights]
    if module:
        names = [name for name in names if registry.find(name).family == module]
    return names


def is_model(name: str) -> bool:
    """Does `create_model` know the name, or an alias, as one of ours?"""
    return look_up(name) is not None
