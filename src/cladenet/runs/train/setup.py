"""From a configuration to what the network is trained on: data, preprocessing, augmentation."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from cladenet.checkpoints import Loaded
from cladenet.checkpoints.card import Card
from cladenet.data.augment.crops import Augment
from cladenet.data.check.duplicates import find_duplicates
from cladenet.data.dataset import DataSet
from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess
from cladenet.data.sources.open import open_dataset
from cladenet.data.split import write_index
from cladenet.errors import BadArgument, CheckpointError, DataError
from cladenet.ledger.entry import Entry
from cladenet.plural import counted
from cladenet.recipes import Recipe
from cladenet.registry import accepts, find
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.division import decide_division, divide, divided

if TYPE_CHECKING:
    from cladenet.data.shards.scanning.several import OnBytes
    from cladenet.data.survey.survey import Progress

# A mirrored 2 is no digit, and the numbers of houses do not run backwards.
NOT_MIRRORED = ("digits", "mnist", "svhn")


@dataclass(frozen=True, eq=False)
class Setting:
    """What a run works with; `dataset` has its validation split carved out already.

    `arguments` build the network that predicts; with `auxiliary` further classifiers are trained
    beside it.
    """

    entry: Entry
    dataset: DataSet
    preprocess: Preprocess
    augment: Augment
    recipe: Recipe
    arguments: dict[str, Any]
    auxiliary: bool
    notes: tuple[str, ...]


def prepare(
    config: RunConfig,
    weights: Loaded | None,
    index: Path,
    *,
    leads: bool,
    going_on: bool = False,
    indexing: "OnBytes | None" = None,
    progress: "Progress | None" = None,
) -> Setting:
    """Open and check the data and decide how images become inputs; no network is built yet.

    `weights` are those to fine-tune, whose images the network goes on seeing as it did. Images are
    held out as the file at `index` says; where it is missing, that is decided and, by the process
    that `leads`, written there. A run that is `going_on` keeps its division. `indexing` hears of
    shards that are read for an index, `progress` of files that are looked at.

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
        white_level=config.white_level,
        max_megapixels=config.max_megapixels,
        progress=progress,
        indexing=indexing,
        label_from=None if config.label_from == "folder" else config.label_from,
    )
    if index.exists():
        dataset = _divided_again(dataset, index) if going_on else divided(dataset, index)
    else:
        equal = find_duplicates(dataset)
        warnings: list[str] = []
        if equal.groups:
            from cladenet.data.check.judge import judge_duplicates

            warnings = judge_duplicates(dataset, equal)
        parts = decide_division(dataset, config.val, config.test, config.seed, equal.of["train"])
        if leads and parts:
            write_index(index, parts, dataset.train)
        dataset = divide(dataset, parts).with_splits({}, *warnings)
    exits = bool(entry.exits_params) or "exits_after" in config.arguments
    auxiliary = config.recipe.auxiliary > 0 and accepts(config.network, "auxiliary") and not exits
    recipe, notes = _fitting_recipe(config.recipe, dataset)
    if recipe.made_for:
        notes += _on_made_for(config)
    if recipe.auxiliary:
        notes += _on_auxiliary(recipe.auxiliary, entry.name, auxiliary, exits)
    if recipe.group_lasso and not entry.train_params:
        recipe = replace(recipe, group_lasso=0.0)
        notes += (f"{entry.name} has no learned group convolutions: group_lasso has no effect",)
    size = config.size or (source.preprocess.height if source else entry.input[1])
    preprocess = _preprocess(recipe, dataset, (dataset.channels, size, size), source)
    return Setting(
        entry=entry,
        dataset=dataset,
        preprocess=preprocess,
        augment=augment_of(recipe),
        recipe=recipe,
        arguments=_arguments(config, dataset, size),
        auxiliary=auxiliary,
        notes=(*dataset.notes, *notes),
    )


def refuse_lonely_batches(
    model: nn.Module, batch_size: int, recipe: Recipe, world_size: int
) -> None:
    """A batch norm cannot normalise one image by itself.

    Raises:
        BadArgument: a forward pass would see a single image and the network has a batch norm.
    """
    if batch_size // (world_size * recipe.accumulate) > 1:
        return
    norms = [n for n, m in model.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if norms:
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
        pad_mode=recipe.pad_mode,
        scale=recipe.scale,
        short_side=recipe.short_side,
        flip=recipe.flip,
        flips=recipe.flips,
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
            f"{counted(len(dataset.train), 'training image')}, fewer than a batch of "
            f"{recipe.batch_size}: each step sees all of them"
        )
    return recipe, tuple(notes)


def _on_made_for(config: RunConfig) -> tuple[str, ...]:
    """What of a recipe lies in its network."""
    made_for, own = config.recipe.made_for, find(config.network)
    if find(made_for).family == own.family:
        return ()
    return (
        f"the recipe was made for {made_for}; how that network begins (its whitened patches, its "
        f"partial identities) is its own, and {config.network} begins as its paper says",
    )


def _on_auxiliary(weight: float, network: str, built: bool, exits: bool) -> tuple[str, ...]:
    """What becomes of the recipe's weight for further classifiers."""
    if built:
        return (
            f"auxiliary classifiers are trained as well, each with {weight:g} of its loss, which "
            "the training loss includes; they take no part in predicting",
        )
    if exits:
        return (f"the training loss includes that of each earlier exit, times {weight:g}",)
    return (f"{network} has no auxiliary classifiers: auxiliary={weight:g} has no effect",)


def _preprocess(
    recipe: Recipe, dataset: DataSet, net_input: tuple[int, int, int], source: Card | None
) -> Preprocess:
    channels = net_input[0]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation = "bilinear"
    per_image = recipe.normalise == "gcn"
    if source is not None:
        mean, std = source.preprocess.mean, source.preprocess.std
        interpolation, per_image = source.preprocess.interpolation, source.preprocess.per_image
    elif recipe.normalise == "lenet":  # x in [0, 1] -> 1.275 x - 0.1
        mean, std = (0.1 / 1.275,) * channels, (1 / 1.275,) * channels
    elif recipe.normalise == "mean":  # the std is one level
        std = (1 / 255,) * channels
    elif recipe.normalise == "unit":
        mean, std = (0.0,) * channels, (1.0,) * channels
    elif recipe.normalise == "half":
        mean, std = (0.5,) * channels, (0.5,) * channels
    elif recipe.normalise == "imagenet":
        if channels != 3:
            raise BadArgument("normalise=imagenet needs colour images; use normalise=data")
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    return Preprocess.for_dataset(
        dataset,
        net_input,
        mean=mean,
        std=std,
        interpolation=interpolation,
        per_image=per_image,
    )


def _arguments(config: RunConfig, dataset: DataSet, size: int) -> dict[str, Any]:
    arguments = dict(config.arguments)
    if arguments.get("num_classes", len(dataset.classes)) != len(dataset.classes):
        raise BadArgument(
            f"model.num_classes is {arguments['num_classes']}, {dataset.name} has "
            f"{counted(len(dataset.classes), 'class')}; leave model.num_classes out"
        )
    if "auxiliary" in arguments:
        raise BadArgument(
            f"model.auxiliary is {arguments['auxiliary']}; give auxiliary=WEIGHT, what the loss of "
            "each auxiliary classifier counts, 0 for none"
        )
    if config.recipe.drop_rate != "network":
        arguments.setdefault("drop_rate", config.recipe.drop_rate)
    arguments["num_classes"] = len(dataset.classes)
    arguments["in_channels"] = dataset.channels
    if accepts(config.network, "input_size"):
        arguments["input_size"] = size
    return arguments


def _divided_again(dataset: DataSet, index: Path) -> DataSet:
    try:
        return divided(dataset, index)
    except DataError as error:
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
