"""Names to networks: a name's ledger row, its family's module, the model."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, overload

from cladenet.errors import BadArgument
from cladenet.ledger import Entry, aliases, load, look_up
from cladenet.ledger.elsewhere import ELSEWHERE
from cladenet.ledger.habits import as_ours
from cladenet.suggest import hint

if TYPE_CHECKING:
    from cladenet.layers.classifier import Classifier
    from cladenet.surgery.features import FeatureMaps
    from cladenet.surgery.normalisation import Finish

# What `create_model` does to any network once it is built.
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


def find(name: str) -> Entry:
    """The ledger's row of a network, asked for by its name or an alias.

    Raises:
        BadArgument: no network has this name; the message has the nearest ones.
    """
    entry = look_up(name)
    if entry is None and name in ELSEWHERE:
        library, ours = ELSEWHERE[name]
        raise BadArgument(
            f"no model is called {name!r}; {library}'s is {ours} here, and {library}/{name} is the "
            f"same with {library}'s constants and weights"
        )
    if entry is None:
        near = hint(name, [*load(), *aliases()])
        raise BadArgument(
            f"no model is called {name!r}; {near}`cladenet models` prints all {len(load())}"
        )
    return entry


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

    variant = _variant(name)
    arguments = _known(name, variant, overrides)
    _take_activation(variant, arguments)
    norms, exits = _take_norm(variant, arguments), _take_exits(arguments)
    heads = _take_head(variant, arguments)
    changes = exits, norms, _take_se(arguments), _take_habits(arguments), *heads
    finish = [change for change in changes if change]
    model: Classifier = variant(**arguments)
    model.architecture = find(name).name
    for change in finish:
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
    from inspect import signature

    return argument in signature(_variant(name)).parameters


def offers(name: str, method: str) -> bool:
    """Has that network a method that not all have? Such as `start_from`."""
    variant = _variant(name)
    return hasattr(getattr(variant, "func", variant), method)


def _variant(name: str) -> Any:
    """What builds the network: a class, mostly with some of its arguments given."""
    entry = find(name)
    return import_module(f"cladenet.models.{entry.family}").VARIANTS[entry.name]


def _known(name: str, variant: Any, overrides: dict[str, Any]) -> dict[str, Any]:
    """`overrides` by their full names, once it is sure that the variant takes them all."""
    from inspect import signature

    takes = [*dict.fromkeys([*signature(variant).parameters, *_FOR_ANY])]
    return as_ours(name, overrides, takes)


def _take_norm(variant: Any, arguments: dict[str, Any]) -> "Finish | None":
    """Put a constructor in the place of a norm's name; what is left to do on the finished network.

    `batch` leaves a family its own batch norm, with the constants of its paper.
    """
    from inspect import signature

    built_in = "norm" in signature(variant).parameters
    if "norm" not in arguments or (built_in and callable(arguments["norm"])):
        return None
    from cladenet.surgery.normalisation import is_batch_norm, normalisation, normalised

    if not built_in:
        return normalised(arguments.pop("norm"))
    own = signature(variant).parameters["norm"].default
    if arguments["norm"] is None and own is None:
        return None
    chosen = normalisation(arguments.pop("norm"))
    if not (is_batch_norm(chosen.norm) and is_batch_norm(own)):
        arguments["norm"] = chosen.norm
    return chosen.finish


def _take_habits(arguments: dict[str, Any]) -> "Finish | None":
    """Take `padding`, `norm_eps`, `norm_momentum` out; what they mean for the network."""
    padding = arguments.pop("padding", "centred")
    constants = {
        name: arguments.pop(f"norm_{name}")
        for name in ("eps", "momentum")
        if arguments.get(f"norm_{name}") is not None
    }
    for name in ("norm_eps", "norm_momentum"):
        arguments.pop(name, None)
    if padding not in ("centred", "same"):
        raise BadArgument(f"padding is {padding!r}; expected centred or same")
    for name, value in constants.items():
        if not 0 < value < 1:
            such = "1e-5" if name == "eps" else "0.01"
            raise BadArgument(f"norm_{name} is {value}; expected a small number such as {such}")
    if padding == "centred" and not constants:
        return None

    def change(model: "Classifier") -> None:
        from cladenet.surgery.same_padding import pad_as_tensorflow

        if padding == "same":
            pad_as_tensorflow(model)
        for module in model.modules():
            for name, value in constants.items():
                if hasattr(module, name):
                    setattr(module, name, value)

    return change


def _take_activation(variant: Any, arguments: dict[str, Any]) -> None:
    """Put a constructor in the place of an activation's name, where the network takes one."""
    from inspect import signature

    own = signature(variant).parameters.get("activation")
    if own and callable(own.default) and isinstance(arguments.get("activation"), str):
        from cladenet.surgery.activation import activation_named

        arguments["activation"] = activation_named(arguments["activation"])


def _take_head(variant: Any, arguments: dict[str, Any]) -> "list[Finish | None]":
    """Take timm's `global_pool`, `drop_rate`, `drop_path_rate` out, where they are not its own."""
    from functools import partial
    from inspect import signature

    own = signature(variant).parameters
    pool = None if "global_pool" in own else arguments.pop("global_pool", None)
    rate = 0.0 if "drop_rate" in own else arguments.pop("drop_rate", 0.0)
    paths = arguments.pop("drop_path_rate", 0.0)
    if pool is None and not rate and not paths:
        return []
    from cladenet.surgery.drop_path import drop_paths
    from cladenet.surgery.heads import drop_before_last, pool_by

    return [
        None if pool is None else partial(pool_by, kind=pool),
        partial(drop_before_last, rate=rate) if rate else None,
        partial(drop_paths, rate=paths) if paths else None,
    ]


def _take_exits(arguments: dict[str, Any]) -> "Finish | None":
    """Take `exits_after` out of the arguments; what it means for the finished network."""
    from functools import partial

    after = arguments.pop("exits_after", None)
    if after is None:
        return None
    from cladenet.surgery.exits import with_exits

    norm = arguments.get("norm")
    return partial(with_exits, after=after, **({"norm": norm} if callable(norm) else {}))


def _take_se(arguments: dict[str, Any]) -> "Finish | None":
    """Take `se` out of the arguments; what it means for the finished network."""
    from functools import partial

    if "se" not in arguments:
        return None
    from cladenet.surgery.excited import add_squeeze_excite

    return partial(add_squeeze_excite, reduction=arguments.pop("se"))
