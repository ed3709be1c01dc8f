"""What `create_model` takes for any network, and does to it once it is built.

activation                           a name -> the constructor that the family takes
norm                                 a name -> a constructor, or a change where it takes none
exits_after                          exits on the way
se                                   squeeze-and-excitation in its units
padding, norm_eps, norm_momentum     habits of other libraries
global_pool, drop_rate, drop_path_rate   timm's, where the family has none of its own
"""

from collections.abc import Mapping
from functools import partial
from inspect import Parameter
from typing import Any

from cladenet.errors import BadArgument
from cladenet.layers.classifier import Classifier
from cladenet.surgery.activation import activation_named
from cladenet.surgery.normalisation import Finish, is_batch_norm, normalisation, normalised


def take_changes(own: Mapping[str, Parameter], arguments: dict[str, Any]) -> list[Finish]:
    """Take out of `arguments` what the family does not know; what it means, in the order of doing.

    Args:
        own: the parameters of what builds the network.
        arguments: changed in place.

    Raises:
        BadArgument: a value that nothing here does.
    """
    activation, named = own.get("activation"), arguments.get("activation")
    if activation and callable(activation.default) and isinstance(named, str):
        arguments["activation"] = activation_named(named)
    norms, exits = _take_norm(own, arguments), _take_exits(arguments)
    heads = _take_head(own, arguments)
    changes = exits, norms, _take_se(arguments), _take_habits(arguments), *heads
    return [change for change in changes if change]


def _take_norm(own: Mapping[str, Parameter], arguments: dict[str, Any]) -> Finish | None:
    """Put a constructor in the place of a norm's name; what is left to do on the finished network.

    `batch` leaves a family its own batch norm, with the constants of its paper.
    """
    built_in = "norm" in own
    if "norm" not in arguments or (built_in and callable(arguments["norm"])):
        return None
    if not built_in:
        return normalised(arguments.pop("norm"))
    default = own["norm"].default
    if arguments["norm"] is None and default is None:
        return None
    chosen = normalisation(arguments.pop("norm"))
    if not (is_batch_norm(chosen.norm) and is_batch_norm(default)):
        arguments["norm"] = chosen.norm
    return chosen.finish


def _take_exits(arguments: dict[str, Any]) -> Finish | None:
    """Take `exits_after` out of the arguments; what it means for the finished network."""
    after = arguments.pop("exits_after", None)
    if after is None:
        return None
    from cladenet.surgery.exits import with_exits

    norm = arguments.get("norm")
    return partial(with_exits, after=after, **({"norm": norm} if callable(norm) else {}))


def _take_se(arguments: dict[str, Any]) -> Finish | None:
    """Take `se` out of the arguments; what it means for the finished network."""
    if "se" not in arguments:
        return None
    from cladenet.surgery.excited import add_squeeze_excite

    return partial(add_squeeze_excite, reduction=arguments.pop("se"))


def _take_habits(arguments: dict[str, Any]) -> Finish | None:
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

    def change(model: Classifier) -> None:
        from cladenet.surgery.same_padding import pad_as_tensorflow

        if padding == "same":
            pad_as_tensorflow(model)
        for module in model.modules():
            for name, value in constants.items():
                if hasattr(module, name):
                    setattr(module, name, value)

    return change


def _take_head(own: Mapping[str, Parameter], arguments: dict[str, Any]) -> list[Finish | None]:
    """Take timm's `global_pool`, `drop_rate`, `drop_path_rate` out, where they are not its own."""
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
