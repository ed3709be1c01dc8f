"""Which network a file's tensors are, by their names and shapes.

The networks whose layers but the last hold as many values as the file's are built without memory,
and the file is laid beside each. Equal shapes are not equal networks: a `resnet50` of torchvision's
names strides where our `resnet50_v1_5` does, and its weights are refused for our `resnet50`.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cladenet.errors import BadArgument, CheckpointError, CladeNetError
from cladenet.layers.classifier import Classifier
from cladenet.layers.init import Undrawn
from cladenet.plural import counted
from cladenet.registry import create_for_user, create_model, find, list_models
from cladenet.weights.first_layer import for_channels
from cladenet.weights.heads import with_last_layer
from cladenet.weights.source import Source
from cladenet.weights.sources import SOURCES, find_source
from cladenet.weights.spelling import COUNTER, Fit, Spelling, fit, names, parts

IMAGENET_AND_BACKGROUND = 1001  # TensorFlow's first class is none of the thousand
OURS = "cladenet"  # the library whose names a file has that is spelt as we do
SLACK = 10_000  # values that images of other channels add or leave out


class Recognised(NamedTuple):
    """A network of ours with somebody's weights in it.

    Args:
        model: in evaluation mode.
        network: its name in the registry.
        arguments: what it is built with, beside the name.
        source: whose names the file has, such as "torchvision/resnet50".
        notes: what was changed on the way.
    """

    model: Classifier
    network: str
    arguments: dict[str, Any]
    source: Source
    notes: tuple[str, ...]


def recognise(
    tensors: Mapping[str, Tensor],
    file: str,
    name: str = "",
    arguments: Mapping[str, Any] | None = None,
    *,
    wider: bool = True,
) -> Recognised:
    """Find the network and put the weights into it.

    Args:
        tensors: of a file, by its own names.
        file: what messages call it.
        name: a network of ours or "library/name"; empty looks for the only one that fits.
        arguments: what the network shall be built with besides; `in_channels` may differ from the
            file's.
        wider: where nothing fits, look among networks of any size too, which takes seconds, to say
            what it may be.

    Raises:
        BadArgument: nothing is called `name`, or what it means cannot be built with `arguments`.
        CheckpointError: no network fits, or several that compute differently do.
    """
    wanted = dict(arguments or {})
    channels = wanted.pop("in_channels", None)
    if wanted and not name:
        raise BadArgument(
            f"model.{next(iter(wanted))} is for a network that is named: add --as NAME"
        )
    asked = find(name).name if name and "/" not in name else ""
    likely = list(_likely(tensors, name, asked))
    tried = [_lay(source, tensors, wanted) for source in likely]
    fits = [each for each in tried if each.fit.whole]
    if not fits:
        others = _others(tensors, likely) if wider and "/" not in name else []
        tried += [_lay(source, tensors, wanted) for source in others]
        fits = [each for each in tried if each.fit.whole]
        _refuse_twin(fits, file, asked)
    if not fits:
        raise CheckpointError(_no_fit(tensors, file, name, tried))
    different = {(each.source.network, str(sorted(each.arguments.items()))) for each in fits}
    if len(different) > 1:
        called = " and ".join(sorted({_called(each.source) for each in fits}))
        raise CheckpointError(
            f"{file} fits {called}, which have the same tensors and compute differently; choose "
            "with --as the one that it was trained as"
        )
    return _loaded(fits[0], channels)


class _Laid(NamedTuple):
    """A candidate with the file laid beside it."""

    source: Source
    model: Classifier
    arguments: dict[str, Any]
    fit: Fit
    background: bool
    renamed: str


def _likely(tensors: Mapping[str, Tensor], name: str, asked: str) -> Iterator[Source]:
    """The network of that name in all spellings, or all that are as large as the file."""
    if "/" in name:
        yield find_source(name)
        return
    own = [asked] if asked else list_models()
    sources = [*(Source(OURS, network, parts) for network in own), *SOURCES.values()]
    if asked:
        sources = [source for source in sources if source.network == asked]
    known: dict[Any, set[tuple[int, int]]] = {}
    for source in _once(sources):
        if source.read not in known:  # a dialect may have tensors that the network has not
            given = source.read(tensors) if source.read else tensors
            known[source.read] = _sizes_without_last(given)
        sizes = known[source.read]
        if sizes and (asked or _as_large(source.network, sizes)):
            yield source


def _reads(source: Source, tensors: Mapping[str, Tensor]) -> bool:
    """Are the names of the kind that the source reads?"""
    return source.read is None or bool(source.read(tensors))


def _others(tensors: Mapping[str, Tensor], tried: list[Source]) -> list[Source]:
    """Networks in the spelling that knows most of the file's names; of its size, if any are."""
    known = _vocabularies()
    spelling = max(known, key=lambda each: len(known[each] & set(tensors)))
    if known[spelling].isdisjoint(tensors):
        return []
    found = [
        source
        for source in _once(SOURCES.values())
        if source.spelling is spelling and source not in tried and _reads(source, tensors)
    ]
    sizes = _sizes_without_last(tensors)
    return [source for source in found if _as_large(source.network, sizes)] or found


@cache
def _vocabularies() -> dict[Spelling, frozenset[str]]:
    """Each spelling's names for the largest of its networks, which has those of smaller ones."""
    ascending = sorted(SOURCES.values(), key=lambda source: find(source.network).params)
    largest = {source.spelling: source for source in ascending}
    known = {}
    for spelling, source in largest.items():
        with torch.device("meta"):
            model = create_model(source.network, **source.arguments)
        known[spelling] = frozenset(names(model, spelling).values())
    return known


def _once(sources: Iterable[Source]) -> Iterator[Source]:
    """Without those that would be laid out in the same way again."""
    seen = set()
    for source in sources:
        decided = str(sorted(source.arguments.items()))
        key = (source.network, decided, source.spelling, source.read)
        if key not in seen:
            seen.add(key)
            yield source


def _values(tensors: Mapping[str, Tensor]) -> int:
    """Values that are trained, as far as names tell."""
    aside = ("running_mean", "running_var", COUNTER, "_mask", "_count", "_stage")
    return sum(v.numel() for name, v in tensors.items() if not name.endswith(aside))


def _sizes_without_last(tensors: Mapping[str, Tensor]) -> set[tuple[int, int]]:
    """Values without those of the last layer, and what it reads, for each that it could be."""
    values = _values(tensors)
    shapes = {value.flatten(1).shape for value in tensors.values() if value.ndim in (2, 4)}
    return {(values - classes * (features + 1), features) for classes, features in shapes}


def _as_large(network: str, sizes: set[tuple[int, int]]) -> bool:
    entry = find(network)
    params = entry.train_params or entry.params
    return any(
        abs(params - entry.classes * (features + 1) - rest) < SLACK for rest, features in sizes
    )


def _lay(source: Source, tensors: Mapping[str, Tensor], wanted: Mapping[str, Any]) -> _Laid:
    given = {k: v for k, v in tensors.items() if not k.startswith(source.leaves_out or ("\0",))}
    given = source.read(given) if source.read else given
    arguments = {**source.arguments, **wanted}
    with torch.device("meta"):
        model = create_for_user(source.network, arguments, wanted)
        spelt = names(model, source.spelling)
        first, *_, last = spelt.items()
        layer, width = last[1].rpartition(".")[0], model.head_hidden_size
        given, renamed = with_last_layer(given, set(spelt.values()), layer, width)
        background = False
        head = given.get(last[1].rpartition(".")[0] + ".weight")
        if head is not None and head.ndim in (2, 4):
            classes = head.shape[0]
            background = classes == IMAGENET_AND_BACKGROUND
            arguments["num_classes"] = classes - background
        stem = given.get(first[1])
        if stem is not None and stem.ndim == 4 and stem.shape[1] in (1, 3, 4):
            arguments["in_channels"] = stem.shape[1]
        if background:
            prefix = last[1].rpartition(".")[0] + "."
            given = {k: v[1:] if k.startswith(prefix) else v for k, v in given.items()}
        try:
            model = create_model(source.network, **arguments)
        except CladeNetError:  # the file's numbers make no such network
            arguments = {**source.arguments, **wanted}
    fitted = fit(model, source.spelling, given, source.zeros)
    return _Laid(source, model, arguments, fitted, background, renamed)


def _loaded(laid: _Laid, channels: int | None) -> Recognised:
    source, model, _, fitted, background, renamed = laid
    weights, notes = fitted.weights, [renamed] if renamed else []
    arguments = {**laid.arguments, "num_classes": model.num_classes}
    arguments["in_channels"] = model.in_channels
    if background:
        notes.append("the first of 1,001 classes, TensorFlow's background, is left out")
    if channels not in (None, model.in_channels):
        weights, note = for_channels(weights, channels)
        notes.append(note)
        arguments["in_channels"] = channels
    if source.zeros:
        notes.append(f"{', '.join(source.zeros)} is zero: the file's network has none")
    with Undrawn():
        model = create_model(source.network, **arguments)
    model.load_state_dict(weights)
    return Recognised(model.eval(), source.network, arguments, source, tuple(notes))


def _refuse_twin(fits: list[_Laid], file: str, asked: str) -> None:
    if fits and asked:
        other = fits[0].source
        twin = ": the same tensors, computed differently" if other.network.startswith(asked) else ""
        raise CheckpointError(
            f"{file} has the names of {other.name}, which is our {other.network}, not {asked}"
            f"{twin}. Use --as {other.network}"
        )


def _no_fit(tensors: Mapping[str, Tensor], file: str, name: str, tried: list[_Laid]) -> str:
    held = (
        f"{file} holds {counted(len(tensors), 'tensor')} with {counted(_values(tensors), 'value')}"
    )
    near = min(tried, key=lambda each: _strange_and_missing(each.fit), default=None)
    if near is None or 2 * _strange_and_missing(near.fit)[0] > len(tensors):
        what = f"the tensors of {name}" if name else "those of any network known here"
        return f"{held}; they are not {what}. `cladenet models --weights` lists what is known"
    found, source = near.fit, near.source
    details = []
    if found.missing:
        details.append(f"{len(found.missing)} are missing, such as {found.missing[0]}")
    if found.other_shape:
        details.append(f"{len(found.other_shape)} have another shape, as {found.other_shape[0]}")
    if found.extra:
        details.append(f"{len(found.extra)} are left over, such as {found.extra[0]}")
    spelt = f" in the names of {source.name}" if source.name != OURS else ""
    return (
        f"{held}; it looks like {source.network}{spelt}, but {'; '.join(details)}. Get the file "
        "again from its source, or name another network with --as"
    )


def _called(source: Source) -> str:
    return source.network if source.name == OURS else source.name


def _strange_and_missing(found: Fit) -> tuple[int, int]:
    """How many tensors of the file, and how many of the network, find no partner."""
    return len(found.extra) + len(found.other_shape), len(found.missing)
