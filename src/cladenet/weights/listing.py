"""Which networks there are, by timm's habits: with weights, of a family, by a name."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from cladenet import registry
from cladenet.ledger import load, look_up
from cladenet.weights.known import known_weights


def list_models(
    pattern: str | Sequence[str] = "*",
    *,
    pretrained: bool = False,
    module: str = "",
    exclude_filters: str | Sequence[str] = (),
) -> list[str]:
    """Names that match a shell pattern such as "resnet*_cifar", in the order of the tree.

    Args:
        pattern: compared with names and aliases; a network whose alias matches is listed by its
            name. Of several patterns any will do.
        pretrained: only networks for which published weights are known, see `cladenet models
            --weights`.
        module: only those of a family, such as "vgg".
        exclude_filters: patterns of names to leave out.
    """
    patterns = [pattern] if isinstance(pattern, str) else pattern
    found = {name for each in patterns for name in registry.list_models(each)}
    without = [exclude_filters] if isinstance(exclude_filters, str) else exclude_filters
    names = [
        name for name in load() if name in found and not any(fnmatchcase(name, p) for p in without)
    ]
    if pretrained:
        with_weights = {weights.network for weights in known_weights().values()}
        names = [name for name in names if name in with_weights]
    if module:
        names = [name for name in names if registry.find(name).family == module]
    return names


def list_modules() -> list[str]:
    """The families, in the order of the tree: what `module` of `list_models` takes."""
    return list(dict.fromkeys(entry.family for entry in load().values()))


def is_model(name: str) -> bool:
    """Does `create_model` know the name, or an alias, as one of ours?"""
    return look_up(name) is not None
