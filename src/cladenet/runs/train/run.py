"""One training as it was decided, and what follows from that: batches, learner, loss, metadata."""

from dataclasses import dataclass, replace

import torch

from cladenet import __version__
from cladenet.checkpoints.card import Card
from cladenet.data.batches import TrainBatches
from cladenet.data.dataset import Split
from cladenet.evaluation.options import PassOptions
from cladenet.evaluation.result import Evaluation
from cladenet.evaluation.single_scale import evaluate
from cladenet.layers.classifier import Classifier
from cladenet.recipes import Recipe
from cladenet.runs.folder.config import RunConfig
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.setup import Setting
from cladenet.training.learner import Learner, frozen_parts
from cladenet.training.objective import Objective, balanced_weights, count_labels, make_objective
from cladenet.world import World, together


@dataclass(frozen=True, eq=False)
class Run:
    """One process's view of one training.

    Args:
        config: all that was decided.
        setting: data, preprocessing and the recipe as it fits the data.
        world: the processes.
        folder: where the first of them writes.
    """

    config: RunConfig
    setting: Setting
    world: World
    folder: RunFolder

    def batches(self) -> TrainBatches:
        """The training images as batches."""
        config, setting = self.config, self.setting
        return TrainBatches(
            setting.dataset.train,
            setting.preprocess,
            setting.augment,
            setting.recipe.batch_size,
            config.seed,
            self.world,
            workers=config.workers,
            cache_dir=config.cache_dir or None,
            cache_limit=config.cache_limit,
        )

    def placed(self, model: Classifier) -> Classifier:
        """The network on its device, in the memory layout that it is trained in."""
        layout = torch.channels_last if self.config.channels_last else torch.contiguous_format
        return model.to(self.world.device).to(memory_format=layout)  # type: ignore[call-overload]

    def learner(self, model: Classifier, steps: int) -> Learner:
        """The network with its optimiser, frozen parts and averages, for a run of `steps` steps."""
        config, model = self.config, self.placed(model)
        if config.checkpoint_activations != "none":
            from cladenet.layers.methods.checkpointing import checkpoint_activations

            checkpoint_activations(model, config.checkpoint_activations)
        return Learner(
            model,
            self.setting.recipe,
            self.world,
            freeze=frozen_parts(config.freeze, model) if config.freeze else 0,
            layer_decay=config.layer_decay,
            steps=steps,
            compiled=config.compile,
            sync_bn=config.sync_bn,
        )

    def objective(self) -> Objective:
        """The loss of the recipe, with class weights of the training images where it wants them."""
        recipe, dataset = self.setting.recipe, self.setting.dataset
        weights = None
        if recipe.class_weights:
            counts = count_labels(torch.from_numpy(dataset.train.labels), len(dataset.classes))
            weights = balanced_weights(counts).to(self.world.device)
        return make_objective(recipe.label_smoothing, weights, recipe.auxiliary)

    def settled(self, config: RunConfig, recipe: Recipe | None = None) -> "Run":
        """The run with what was left open decided, written down by the first process.

        `recipe` is that of the setting, where it changes.
        """
        with together(self.world):
            if self.world.leads:
                self.folder.start(config)
        setting = self.setting if recipe is None else replace(self.setting, recipe=recipe)
        return replace(self, config=config, setting=setting)

    def card(self) -> Card:
        """The metadata of every checkpoint of the run, at step 0."""
        dataset = self.setting.dataset
        return Card(
            network=self.config.network,
            arguments=self.setting.arguments,
            classes=dataset.classes,
            preprocess=self.setting.preprocess,
            data={
                "spec": dataset.spec,
                "name": dataset.name,
                "fingerprint": dataset.fingerprint(),
            },
            step=0,
            averaged=bool(self.setting.recipe.ema),
            versions={"cladenet": __version__, "torch": torch.__version__},
        )

    def evaluate(
        self, model: Classifier, split: Split, *, precision: str = "fp32", worst: int = 0
    ) -> Evaluation:
        """Errors of the network on a split, the images shared by all processes."""
        options = PassOptions(
            precision=precision,
            worst=worst,
            workers=self.config.workers,
            cache_dir=self.config.cache_dir or None,
            cache_limit=self.config.cache_limit,
        )
        return evaluate(model, split, self.setting.preprocess, options, self.world)
