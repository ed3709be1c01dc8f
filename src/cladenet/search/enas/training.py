"""The alternation of ENAS: shared weights for an epoch, the controller for some steps, again.

Pham, Guan, Zoph, Le, Dean. ICML 2018. arXiv:1802.03268, Sec. 2.3, and the authors' code:

    an epoch    each batch trains the weights of a child that is drawn for it (M = 1)
    a step      several children, each scored on ONE minibatch of validation images;
                R = accuracy + w H, b <- 0.99 b + 0.01 R from 0 on, and along the mean gradient of
                -(R - b) log p, plus 0.8 times the penalty of the skips in the macro space
    the end     some children are drawn and ranked on one minibatch; the best are trained from
                scratch

The state is written after each epoch, and all draws follow from (seed, epoch, step), so that a
resumed search ends as another. The release scores children with dropout; here it is off.
"""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from cladenet.checkpoints.atomic import write_file
from cladenet.data.augment.draws import step_seed
from cladenet.data.batches import Batch, TrainBatches
from cladenet.data.dataset import ArrayImages
from cladenet.errors import CheckpointError, Interrupted
from cladenet.evaluation.forward import evaluating
from cladenet.recipes.schedule import lr_at
from cladenet.search.architecture import Architecture
from cladenet.search.enas.controllers import (
    EdgeController,
    EnasController,
    MacroController,
    MicroController,
    Sampled,
)
from cladenet.search.enas.settings import EnasSettings
from cladenet.search.enas.shared import SharedNetwork
from cladenet.search.searchers.searcher import Proposal, draws
from cladenet.search.spaces.cell_pairs import CellPairs
from cladenet.search.spaces.edge_cells import EdgeCells
from cladenet.search.spaces.macro import Macro
from cladenet.search.spaces.space import Scale, Space
from cladenet.search.trials.data import TrialData
from cladenet.search.trials.train import augment_of
from cladenet.training.engine import train
from cladenet.training.learner import Learner
from cladenet.training.objective import make_objective
from cladenet.training.optimizers import optimizer_tensors, restore_optimizer
from cladenet.training.signals import StopRequest
from cladenet.training.without_compiler import without_compiler
from cladenet.world import ALONE

FILE = "shared.safetensors"
CHILD, REWARD, FINAL = 11, 12, 13  # purposes of draws


class SharedTraining:
    """Shared weights and their controller, in training.

    Args:
        space: to search.
        data: images; selection sees those of validation alone.
        scale: of the network.
        settings: numbers.
        seed: of everything that is drawn.
    """

    def __init__(
        self, space: Space, data: TrialData, scale: Scale, settings: EnasSettings, seed: int
    ) -> None:
        self.space, self.data, self.settings, self.seed = space, data, settings, seed
        torch.manual_seed(seed)
        self.model = SharedNetwork(space, scale, settings.drop_rate)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.controller = controller_for(space, settings)
        self.optimizer = without_compiler(torch.optim.Adam)(
            self.controller.parameters(), lr=settings.controller_lr, eps=1e-3
        )
        recipe = settings.recipe
        self.batches = TrainBatches(
            data.train, data.preprocess, augment_of(recipe, data), recipe.batch_size, seed
        )
        self.epochs = max(1, round(recipe.epochs))
        self.total = self.epochs * self.batches.steps_per_epoch
        self.learner = Learner(self.model, recipe, ALONE, steps=self.total)
        self.epoch = 0
        self.baseline = 0.0
        self.history: list[dict[str, Any]] = []

    def run(self, folder: Path, stop: StopRequest, say: Callable[[str], None]) -> list[Proposal]:
        """Train to the end from wherever the folder's state is; the ranked children.

        Raises:
            Interrupted: a signal came; the epochs so far are saved.
            Diverged: the loss is not finite.
        """
        self.restore(folder)
        while self.epoch < self.epochs:
            row = self.one_epoch()
            self.save(folder)
            say(
                f"epoch {row['epoch']}/{self.epochs}  shared loss {row['loss']:.3f}  reward "
                f"{row['reward']:.3f}  baseline {row['baseline']:.3f}  entropy {row['entropy']:.1f}"
            )
            if stop.number and self.epoch < self.epochs:
                raise Interrupted(
                    f"stopped by a signal after epoch {self.epoch} of {self.epochs}; it is saved. "
                    f"Continue with `cladenet search --resume {folder}`",
                    stop.number,
                )
        return self.ranked()

    def one_epoch(self) -> dict[str, Any]:
        """Shared weights for an epoch, then the controller; the figures."""
        begin = time.process_time()
        loss = self._train_shared()
        rewards, entropies, penalty = [], [], 0.0
        for step in range(self.settings.controller_steps):
            reward, entropy, penalty = self._train_controller(step)
            rewards.append(reward)
            entropies.append(entropy)
        self.epoch += 1
        count = max(1, len(rewards))
        row = {
            "epoch": self.epoch,
            "loss": loss,
            "reward": sum(rewards) / count,
            "entropy": sum(entropies) / count,
            "penalty": penalty,
            "baseline": self.baseline,
            "seconds": round(time.process_time() - begin, 3),
        }
        self.history.append(row)
        return row

    def _train_shared(self) -> float:
        recipe = self.settings.recipe
        reports = train(
            self.learner,
            self._children_and_batches(),
            objective=make_objective(recipe.label_smoothing),
            preprocess=self.data.preprocess,
            rate=partial(_rate, recipe, self.total),
            seed=self.seed,
            ids=self.data.train.ids,
        )
        losses = [report.loss for report in reports]
        return float(torch.stack(losses).mean())

    def _children_and_batches(self) -> Iterator[Batch]:
        for batch in self.batches.epoch(self.epoch):
            self.model.choose(self.draw(CHILD, self.learner.taken).architecture)
            yield batch

    @torch.no_grad()
    def draw(self, purpose: int, number: int) -> Sampled:
        """A child, from the controller as it is."""
        return self.controller.sample(self._generator(purpose, number))

    def _generator(self, purpose: int, number: int) -> torch.Generator:
        generator = torch.Generator()
        return generator.manual_seed(step_seed(self.seed, number, purpose))

    def _train_controller(self, step: int) -> tuple[float, float, float]:
        settings = self.settings
        losses, rewards, entropies = [], [], []
        penalty = torch.zeros(())
        for child in range(settings.children):
            number = (self.epoch * settings.controller_steps + step) * settings.children + child
            sampled = self.controller.sample(self._generator(REWARD, number))
            accuracy = self.score(sampled.architecture, number)
            reward = accuracy + settings.entropy * float(sampled.entropy)
            self.baseline += (1 - settings.baseline) * (reward - self.baseline)
            loss = -sampled.log_prob * (reward - self.baseline)
            losses.append(loss + settings.skip_weight * sampled.penalty)
            rewards.append(accuracy)
            entropies.append(float(sampled.entropy))
            penalty = sampled.penalty.detach()
        self.optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        self.optimizer.step()
        return sum(rewards) / len(rewards), sum(entropies) / len(entropies), float(penalty)

    def score(
        self, architecture: Architecture, number: int, images: int = 0, purpose: int = REWARD
    ) -> float:
        """Accuracy of a child with the shared weights on one minibatch of validation images.

        Args:
            architecture: the child.
            number: of the minibatch.
            images: in it; 0 is as many as in training.
            purpose: minibatches of other purposes are others.
        """
        split = self.data.val
        assert isinstance(split.images, ArrayImages)  # noqa: S101  (trials have arrays)
        size = min(images or self.settings.recipe.batch_size, len(split))
        chosen = draws(self.seed, number, purpose).permutation(len(split))[:size]
        self.model.choose(architecture)
        with evaluating(self.model):
            batch = self.data.preprocess.to_input(
                torch.from_numpy(split.images.array[chosen]), ALONE.device
            )
            logits: Tensor = self.model(batch)
        labels = torch.from_numpy(split.labels[chosen])
        return float((logits.argmax(1) == labels).double().mean())

    def ranked(self) -> list[Proposal]:
        """Children of the trained controller, the best on one minibatch first."""
        drawn = [self.draw(FINAL, k).architecture for k in range(self.settings.candidates)]
        scored = [(self.score(child, 0, purpose=FINAL), child) for child in drawn]
        scored.sort(key=lambda pair: -pair[0])
        return [
            Proposal(architecture, None, "ranked", {"shared_val": score})
            for score, architecture in scored
        ]

    def save(self, folder: Path) -> None:
        """Write the whole state, or nothing.

        Raises:
            StorageError: the disk is full or fails.
        """
        tensors = {f"model/{k}": v for k, v in self.learner.weights().items()}
        tensors |= {f"learner/{k}": v for k, v in self.learner.state().items()}
        tensors |= {f"controller/{k}": v for k, v in self.controller.state_dict().items()}
        memory = optimizer_tensors(self.optimizer, self.controller)
        tensors |= {f"adam/{k}": v for k, v in memory.items()}
        facts = {"baseline": self.baseline, "history": self.history}
        content = save_tensors(
            {name: tensor.contiguous() for name, tensor in tensors.items()},
            {"facts": json.dumps(facts)},
        )
        write_file(folder / FILE, content)

    def restore(self, folder: Path) -> None:
        """Become what was saved, if anything was.

        Raises:
            CheckpointError: the file is damaged, or of another search.
        """
        path = folder / FILE
        if not path.exists():
            return
        try:
            data = path.read_bytes()
            facts = _facts(data)
            tensors = load_tensors(data)
            parts = {name: _under(f"{name}/", tensors) for name in ("model", "learner")}
            self.controller.load_state_dict(_under("controller/", tensors))
            restore_optimizer(self.optimizer, self.controller, _under("adam/", tensors))
            self.history, self.baseline = facts["history"], facts["baseline"]
            self.epoch = len(self.history)
            taken = self.epoch * self.batches.steps_per_epoch
            self.learner.restore(parts["model"], parts["learner"], taken)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise CheckpointError(f"{path} is damaged, or of another search: {error}") from error


def shared_seconds(folder: Path) -> float:
    """Processor time that a search has spent on shared weights and their controller; 0 for none."""
    path = folder / FILE
    if not path.exists():
        return 0.0
    return float(sum(row.get("seconds", 0.0) for row in _facts(path.read_bytes())["history"]))


def _facts(data: bytes) -> dict[str, Any]:
    """What the header of a state says."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"]["facts"])


def controller_for(space: Space, settings: EnasSettings) -> EnasController:
    """The controller of a space, with fresh weights from torch's global random state."""
    numbers = {"temperature": settings.temperature, "tanh": settings.tanh}
    if isinstance(space, CellPairs):
        return MicroController(space, **numbers)
    if isinstance(space, Macro):
        return MacroController(space, skip_target=settings.skip_target, **numbers)
    assert isinstance(space, EdgeCells)  # noqa: S101  (the methods allow no other)
    return EdgeController(space, **numbers)


def _rate(recipe: Any, total: int, step: int) -> float:
    return lr_at(recipe, step, total)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
