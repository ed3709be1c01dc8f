"""Names to networks: a name's ledger row, its family's module, the model."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, overload

from cladenet.errors import BadArgument
from cladenet.ledger import aliases, family_of, load, look_up
from cladenet.suggest import hint

if TYPE_CHECKING:
    from cladenet.layers.classifier import Classifier
    from cladenet.ledger.entry import Entry
    from cladenet.surgery.features import FeatureMaps
    from cladenet.surgery.normalisation import Finish

# What `create_model` does to any network once it is built, see `surgery.changes`.
_FOR_ANY = (
    *("exits_after", "norm", "se", "padding", "norm_eps", "norm_momentum"),
    *("drop_rate", "drop_path_rate", "global_pool"),
)


def list_models(pattern: str = "*") -> list[str]:
    """Names that match a shell pattern such as "resnet*_cifar", in the order of the tree.

    A network whose alias matches is listed too, by its name.
    """
    return [
        name
        for name, entry in load().items()
        if any(fnmatchcase(word, pattern) for word in (name, *entry.aliases))
    ]


def find(name: str) -> "Entry":
    """The ledger's row of a network, asked for by its name or an alias.

    Raises:
        BadArgument: no network has this name; the message has the nearest ones.
    """
    entry = look_up(name)
    if entry is not None:
        return entry
    from cladenet.ledger.elsewhere import ELSEWHERE

    if name in ELSEWHERE:
        library, ours = ELSEWHERE[name]
        raise BadArgument(
            f"no model is called {name!r}; {library}'s is {ours} here, and {library}/{name} is the "
            f"same with {library}'s constants and weights"
        )
    near = hint(name, [*load(), *aliases()])
    raise BadArgument(
        f"no model is called {name!r}; {near}`cladenet models` prints all {len(load())}"
    )


@overload
def create_model(
    name: str, *, features_only: Literal[False] = False, **overrides: Any
) -> "Classifier": ...


@overload
def create_model(
    name: str,
    *,
    features_only: Literal[True],
    out_indices: tuple[int, ...] | None = None,
    **overrides: Any,
) -> "FeatureMaps": ...


def create_model(
    name: str,
    *,
    features_only: bool = False,
    out_indices: tuple[int, ...] | None = None,
    **overrides: Any,
) -> "Classifier | FeatureMaps":
    """Build a network with fresh weights, drawn from torch's global random state.

    Args:
        name: a name of `list_models()`, or an alias of one.
        features_only: return the feature maps between the stages in place of logits, as timm does.
        out_indices: which feature maps, finest first and counted from 0; all of them by default.
        overrides: arguments of the family's class in place of the variant's: `num_classes`,
            `in_channels` (alias `in_chans`), `input_size` (alias `img_size`) where the head is
            tied to one, ...
            `norm` may be a name of `cladenet.surgery.normalisation`, such as "group". `se=16` gives
            any network squeeze-and-excitation, with that reduction; see `cladenet.surgery.excited`.
            `exits_after="stages.0.1,stages.1"` gives it exits on the way; see
            `cladenet.surgery.exits`. For weights of others, `padding="same"` puts the zeros of
            layers that stride where TensorFlow does, and `norm_eps` replaces the epsilon of all
            norms; `norm_momentum` is the share of a batch in their running statistics, 0.1 mostly.
            timm's `drop_rate`, `drop_path_rate` and `global_pool` work on any network that has a
            place for them: see `cladenet.surgery.heads` and `cladenet.surgery.drop_path`.

    Raises:
        BadArgument: an unknown name, an argument the network does not take, or a value it refuses.
    """
    from cladenet.kernels.in_place import keep_inputs
    from cladenet.layers.init import undrawn_on_meta

    own_name, variant = _variant(name)
    own = signature(variant).parameters
    arguments = dict(overrides)
    if not arguments.keys() <= own.keys():
        from cladenet.ledger.habits import as_ours

        arguments = as_ours(name, overrides, [*dict.fromkeys([*own, *_FOR_ANY])])
    changes: list[Finish] = []
    if not arguments.keys().isdisjoint(("activation", *_FOR_ANY)):
        from cladenet.surgery.changes import take_changes

        changes = take_changes(own, arguments)
    with undrawn_on_meta():
        model: Classifier = variant(**arguments)
        model.architecture = own_name
        for change in changes:
            change(model)
    keep_inputs(model)
    if features_only:
        from cladenet.surgery.features import FeatureMaps

        return FeatureMaps(model, out_indices)
    if out_indices is not None:
        raise BadArgument(f"out_indices is {out_indices}; it needs features_only=True")
    return model


def create_for_user(
    name: str, arguments: Mapping[str, Any], user_arguments: Mapping[str, Any]
) -> "Classifier":
    """`create_model` where some arguments are a user's, `user_arguments`, and may be of any type.

    Raises:
        BadArgument: the network cannot be built so.
    """
    try:
        return create_model(name, **arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, BadArgument) or not user_arguments:
            raise
        given = ", ".join(f"model.{key}={value}" for key, value in user_arguments.items())
        raise BadArgument(f"{name} cannot be built with {given}: {error}") from error


def accepts(name: str, argument: str) -> bool:
    """Does `create_model(name, argument=...)` work? Such as `input_size`, for tied heads alone."""
    return argument in signature(_variant(name)[1]).parameters


def offers(name: str, method: str) -> bool:
    """Has that network a method that not all have? Such as `start_from`."""
    _, variant = _variant(name)
    return hasattr(getattr(variant, "func", variant), method)


def _variant(name: str) -> tuple[str, Any]:
    """The network's own name, and what builds it: a class, mostly with some arguments given."""
    family = family_of(name)
    if not family:  # an alias, or nothing
        entry = find(name)
        name, family = entry.name, entry.family
    return name, import_module(f"cladenet.models.{family}").VARIANTS[name]
