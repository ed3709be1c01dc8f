"""From a configuration to the things that train: data, preprocessing, augmentation, network."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cladenet.checkpoints import Loaded, load_into
from cladenet.checkpoints.card import Card
from cladenet.data.augment import Augment
from cladenet.data.dataset import DataSet
from cladenet.data.draws import sample_seeds
from cladenet.data.open import open_dataset
from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from cladenet.errors import BadArgument, CheckpointError, DataError
from cladenet.layers.anatomy import Classifier
from cladenet.ledger import Entry
from cladenet.recipes import Recipe
from cladenet.registry import accepts, create_model, find
from cladenet.runs.config import RunConfig
from cladenet.runs.division import decide_division, divide, divided, write_division

# A mirrored 2 is no digit, and the numbers of houses do not run backwards.
NOT_MIRRORED = ("digits", "mnist", "svhn")


@dataclass(frozen=True, eq=False)
class Setting:
    """What a run works with; `dataset` has its validation split carved out already."""

    entry: Entry
    dataset: DataSet
    preprocess: Preprocess
    augment: Augment
    recipe: Recipe
    arguments: dict[str, Any]
    notes: tuple[str, ...]


def prepare(
    config: RunConfig,
    weights: Loaded | None,
    index: Path,
    *,
    leads: bool,
    going_on: bool = False,
) -> Setting:
    """Open and check the data and decide how images become inputs; no network is built yet.

    `weights` are those to fine-tune, whose images the network goes on seeing as it did. Images are
    held out as the file at `index` says; where it is missing, that is decided and, by the process
    that `leads`, written there. A run that is `going_on` keeps its division.

    Raises:
        BadArgument, DataError, CheckpointError: as the parts do.
    """
    entry = find(config.network)
    source = None if weights is None else weights.card
    if source is not None and source.network != config.network:
        raise CheckpointError(
            f"{config.weights} holds weights of {source.network}, not of {config.network}; "
            f"fine-tune with `cladenet train {source.network} --weights {config.weights}`"
        )
    channels = _wanted_channels(config, source)
    dataset = open_dataset(
        config.data,
        channels=channels,
        on_unreadable=config.on_unreadable,
        exif=config.exif,
    )
    if index.exists():
        dataset = _divided_again(dataset, index) if going_on else divided(dataset, index)
    else:
        parts = decide_division(dataset, config.val, config.test, config.seed)
        if leads:
            write_division(index, parts, dataset)
        dataset = divide(dataset, parts)
    recipe, notes = _fitting_recipe(config.recipe, dataset)
    size = config.size or _size(source) or entry.input[1]
    preprocess = _preprocess(recipe, dataset, (dataset.channels, size, size), source)
    return Setting(
        entry=entry,
        dataset=dataset,
        preprocess=preprocess,
        augment=augment_of(recipe),
        recipe=recipe,
        arguments=_arguments(config, dataset, size),
        notes=(*dataset.notes, *notes),
    )


def build(
    config: RunConfig, setting: Setting, weights: Loaded | None
) -> tuple[Classifier, tuple[str, ...]]:
    """The network with its first weights, and what there is to say about them.

    Raises:
        CheckpointError: the weights to start from do not fit.
    """
    torch.manual_seed(int(sample_seeds(config.seed, 0, [0], "initialisation").item()) >> 1)
    try:
        model = create_model(config.network, **setting.arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, BadArgument) or not config.arguments:
            raise
        given = ", ".join(f"model.{name}={value}" for name, value in config.arguments.items())
        raise BadArgument(f"{config.network} cannot be built with {given}: {error}") from error
    if weights is None:
        return model, ()
    source, card, folder = weights
    new_head = card.classes != setting.dataset.classes
    skip = tuple(_last_layer(model)) if new_head else ()
    load_into(model, source.state_dict(), str(folder), skip)
    if not new_head:
        return model, (f"weights from {folder}, all of them",)
    return model, (
        f"weights from {folder}; {', '.join(skip)} start afresh for "
        f"{len(setting.dataset.classes)} classes (it had {len(card.classes)})",
    )


def refuse_lonely_batches(
    model: nn.Module, batch_size: int, recipe: Recipe, world_size: int
) -> None:
    """A batch norm cannot normalise one image by itself.

    Raises:
        BadArgument: a forward pass would see a single image and the network has a batch norm.
    """
    alone = batch_size // (world_size * recipe.accumulate) <= 1
    norms = [n for n, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if alone and norms:
        raise BadArgument(
            f"with batches of {batch_size} a forward pass would see 1 image, and {norms[0]} "
            "normalises over the batch; raise batch_size, lower accumulate, give more images, or "
            "choose a network without batch normalisation"
        )


def augment_of(recipe: Recipe) -> Augment:
    """The recipe's changes of the images."""
    return Augment(
        crop=recipe.crop,
        pad=recipe.pad,
        scale=recipe.scale,
        short_side=recipe.short_side,
        flip=recipe.flip,
        policy=recipe.policy,
        colour_jitter=recipe.colour_jitter,
        pca_colour=recipe.pca_colour,
        erasing=recipe.erasing,
    )


def _fitting_recipe(recipe: Recipe, dataset: DataSet) -> tuple[Recipe, tuple[str, ...]]:
    notes = []
    if recipe.flip and dataset.name in NOT_MIRRORED:
        recipe = replace(recipe, flip=0.0)
        notes.append(f"images of {dataset.name} are not mirrored: that would change their class")
    if len(dataset.train) < recipe.batch_size:
        notes.append(
            f"{len(dataset.train)} training images are fewer than a batch of {recipe.batch_size}: "
            "each step sees all of them"
        )
    return recipe, tuple(notes)


def _preprocess(
    recipe: Recipe, dataset: DataSet, net_input: tuple[int, int, int], source: Card | None
) -> Preprocess:
    channels = net_input[0]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation = "bilinear"
    if source is not None:
        mean, std = source.preprocess.mean, source.preprocess.std
        interpolation = source.preprocess.interpolation
    elif recipe.normalise == "lenet":  # x in [0, 1] -> 1.275 x - 0.1
        mean, std = (0.1 / 1.275,) * channels, (1 / 1.275,) * channels
    elif recipe.normalise == "half":
        mean, std = (0.5,) * channels, (0.5,) * channels
    elif recipe.normalise == "imagenet":
        if channels != 3:
            raise BadArgument("normalise=imagenet needs colour images; use normalise=data")
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    return Preprocess.for_dataset(
        dataset, net_input, mean=mean, std=std, interpolation=interpolation
    )


def _arguments(config: RunConfig, dataset: DataSet, size: int) -> dict[str, Any]:
    arguments = dict(config.arguments)
    if arguments.get("num_classes", len(dataset.classes)) != len(dataset.classes):
        raise BadArgument(
            f"model.num_classes is {arguments['num_classes']}, {dataset.name} has "
            f"{len(dataset.classes)} classes; leave model.num_classes out"
        )
    arguments["num_classes"] = len(dataset.classes)
    arguments["in_channels"] = dataset.channels
    if accepts(config.network, "input_size"):
        arguments["input_size"] = size
    return arguments


def _divided_again(dataset: DataSet, index: Path) -> DataSet:
    try:
        return divided(dataset, index)
    except (DataError, RecursionError) as error:
        raise CheckpointError(
            f"{index} is damaged, or the data have changed since the run began: it divides other "
            f"images than the {len(dataset.train):,} of {dataset.spec}. Restore the data, or start "
            f"a new run with --weights {index.parent}"
        ) from error


def _wanted_channels(config: RunConfig, source: Card | None) -> int | None:
    wanted = config.arguments.get("in_channels")
    if wanted not in (None, 1, 3):
        raise BadArgument(f"model.in_channels is {wanted}; expected 1 (grey) or 3 (colour)")
    if source is None:
        return wanted
    if wanted not in (None, source.preprocess.channels):
        raise BadArgument(
            f"model.in_channels is {wanted}, the weights in {config.weights} are for "
            f"{source.preprocess.channels}; leave model.in_channels out"
        )
    return source.preprocess.channels


def _size(source: Card | None) -> int:
    return 0 if source is None else source.preprocess.height


def _last_layer(model: Classifier) -> list[str]:
    last = f"head.{len(model.head) - 1}."
    return [name for name in model.state_dict() if name.startswith(last)]
