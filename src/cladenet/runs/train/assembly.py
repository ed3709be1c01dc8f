"""What a run is made of, from its configuration and setting: batches, learner, loss, side-car."""

from dataclasses import replace

import torch

from cladenet import __version__, processor
from cladenet.checkpoints.card import Card
from cladenet.data.batches import TrainBatches
from cladenet.data.cache.store import OnProgress
from cladenet.kernels.checkpointing import checkpoint_activations
from cladenet.layers.classifier import Classifier
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.train.probe import fit_last_layer
from cladenet.runs.train.setup import Setting
from cladenet.training.learner import Learner, frozen_parts
from cladenet.training.objective import Objective, balanced_weights, count_labels, make_objective
from cladenet.training.precision import choose_precision, worth_measuring
from cladenet.world import World, together


def batches_of(
    config: RunConfig, setting: Setting, world: World, on_progress: OnProgress | None
) -> TrainBatches:
    """The training images as batches; `on_progress` hears of packing them."""
    return TrainBatches(
        setting.dataset.train,
        setting.preprocess,
        setting.augment,
        setting.recipe.batch_size,
        config.seed,
        world=world,
        workers=config.workers,
        cache_dir=config.cache_dir or None,
        cache_limit=config.cache_limit,
        on_progress=on_progress,
    )


def probed(model: Classifier, config: RunConfig, setting: Setting, world: World) -> tuple[str, ...]:
    """Fit the last layer by least squares before the first step; what came of it."""
    dataset, cache = setting.dataset, config.cache_dir or None
    said = fit_last_layer(
        model, dataset.train, dataset.val, setting.preprocess, world.device, cache
    )
    return (said,)


def with_precision(
    model: Classifier, config: RunConfig, setting: Setting, batches: TrainBatches, world: World
) -> tuple[RunConfig, tuple[str, ...]]:
    """The configuration with the precision that the first process has measured to be worth it.

    Where a processor has no bfloat16 nothing is measured.
    """
    said: tuple[str, ...] = ()
    if world.agree(int(not processor.has_bf16(world.device.type))):  # one would hold up all
        return replace(config, precision="fp32"), said
    view, (_, *paper) = setting.preprocess, setting.entry.input
    macs = setting.entry.macs * view.height * view.width // (paper[0] * paper[1])
    steps = setting.recipe.total_steps(batches.steps_per_epoch)
    with together(world):
        code = 0
        if world.leads and worth_measuring(macs, batches.batch_size, steps, world.device):
            share = max(1, batches.batch_size // (world.size * setting.recipe.accumulate))
            images = view.to_input(batches.first()[:share], world.device)
            classes = len(setting.dataset.classes)
            model = _placed(model, config, world)
            choice = choose_precision(model, setting.recipe, images, classes, macs)
            code, said = int(choice.precision == "bf16"), (choice.told(),)
    return replace(config, precision="bf16" if world.agree(code) else "fp32"), said


def learner_of(model: Classifier, config: RunConfig, setting: Setting, world: World) -> Learner:
    """The network on its device with its optimiser, frozen parts and average."""
    model = _placed(model, config, world)
    if config.checkpoint_activations != "none":
        checkpoint_activations(model, config.checkpoint_activations)
    return Learner(
        model,
        setting.recipe,
        world,
        freeze=frozen_parts(config.freeze, model),
        layer_decay=config.layer_decay,
        compiled=config.compile,
        sync_bn=config.sync_bn,
    )


def _placed(model: Classifier, config: RunConfig, world: World) -> Classifier:
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return model.to(world.device).to(memory_format=layout)  # type: ignore[call-overload]


def objective_of(config: RunConfig, setting: Setting, world: World) -> Objective:
    """The loss of the recipe, with class weights of the training images where it asks for them."""
    weights = None
    if setting.recipe.class_weights:
        labels = torch.from_numpy(setting.dataset.train.labels)
        counts = count_labels(labels, len(setting.dataset.classes))
        weights = balanced_weights(counts).to(world.device)
    recipe = setting.recipe
    return make_objective(recipe.label_smoothing, weights, recipe.auxiliary)


def card_of(config: RunConfig, setting: Setting) -> Card:
    """The side-car of every checkpoint of the run, at step 0."""
    dataset = setting.dataset
    return Card(
        network=config.network,
        arguments=setting.arguments,
        classes=dataset.classes,
        preprocess=setting.preprocess,
        data={
            "spec": dataset.spec,
            "name": dataset.name,
            "fingerprint": dataset.fingerprint(),
        },
        step=0,
        averaged=bool(setting.recipe.ema),
        versions={"cladenet": __version__, "torch": torch.__version__},
    )
