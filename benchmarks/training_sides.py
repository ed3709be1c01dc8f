"""One side of `training_step.py`, in a process of its own: a step of one library.

    python benchmarks/training_sides.py NETWORK BATCH SIZE TIMM TORCHVISION SIDE DEVICE THREADS

It answers as `cladenet.bench.apart` has it.
"""

import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import repeat
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import SGD

import cladenet
from cladenet.allocator import keep_freed_memory
from cladenet.bench.apart import Answers
from cladenet.vision import torchvision

TURN = 0.5  # seconds
LR, DECAY, SMOOTHING, AVERAGE = 0.01, 1e-4, 0.1, 0.9998


class Case(NamedTuple):
    """A network at one size; `timm` and `torchvision` are its names there."""

    network: str
    batch: int
    size: int
    timm: str = ""
    torchvision: str = ""


def main() -> None:
    """Tell the loss of the first step, then the seconds of a step whenever asked."""
    answers = Answers()
    network, batch, size, *names, name, device, threads = sys.argv[1:]
    case = Case(network, int(batch), int(size), *names)
    if name.startswith("cladenet") and "returned" not in name:
        keep_freed_memory()
    torch.set_num_threads(int(threads))
    build = ours if name.startswith("cladenet") else peers
    step = build(case, name, torch.device(device))
    begin = time.perf_counter()
    loss = step()
    count = max(1, round(TURN / (time.perf_counter() - begin)))

    def measure() -> float:
        begin = time.perf_counter()
        for _ in range(count):
            step()
        if device != "cpu":
            torch.cuda.synchronize()
        return (time.perf_counter() - begin) / count

    answers.serve(measure, {"first_loss": loss})


def fresh(case: Case) -> tuple[Any, Any, Any]:
    """Our network with its first weights, bytes of images and labels: alike in all processes."""
    torch.manual_seed(0)
    model = cladenet.create_model(case.network)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    images = torch.randint(256, (case.batch, case.size, case.size, 3), dtype=torch.uint8)
    return model, images, torch.randint(10, (case.batch,))


def preprocess(size: int) -> Any:
    from cladenet.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocess

    return Preprocess(size, size, 3, "none", IMAGENET_MEAN, IMAGENET_STD)


def ours(case: Case, name: str, device: Any) -> Callable[[], float]:
    """A step of `cladenet train`."""
    from cladenet.data.batches import Batch
    from cladenet.recipes import Recipe
    from cladenet.training.engine import Report, train
    from cladenet.training.learner import Learner
    from cladenet.training.objective import make_objective
    from cladenet.world import World

    recipe = Recipe(
        source="timm's train.py", epochs=1, lr=LR, momentum=0.9, nesterov=True,
        weight_decay=DECAY, label_smoothing=SMOOTHING, ema=AVERAGE,
    )  # fmt: skip
    model, images, labels = fresh(case)
    model = model.to(device).to(memory_format=torch.channels_last)
    world = World(device=device)
    reports: Iterator[Report] = train(
        Learner(model, recipe, world, compiled="compiled" in name),
        repeat(Batch(images, labels, torch.arange(case.batch))),
        objective=make_objective(SMOOTHING),
        preprocess=preprocess(case.size),
        rate=lambda _: LR,
        precision="bf16" if "bf16" in name else "fp32",
    )
    return lambda: next(reports).loss.item()


def peers(case: Case, name: str, device: Any) -> Callable[[], float]:
    """A step as the other library's training script does it."""
    torchvision()
    import timm
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2
    from timm.utils import ModelEmaV3
    from torchvision import models

    from cladenet.weights.exporting import in_their_words
    from cladenet.weights.sources import SOURCES

    model, images, labels = fresh(case)
    theirs = case.timm if name == "timm" else case.torchvision
    if theirs:
        library = "timm" if name == "timm" else "torchvision"
        weights = in_their_words(model, SOURCES[f"{library}/{theirs}"])
        make = timm.create_model if name == "timm" else models.get_model
        model = make(theirs)
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        model.load_state_dict(weights)
    model.to(device).train()
    x, y = preprocess(case.size).to_input(images, device).contiguous(), labels.to(device)
    if name == "timm":
        objective: Any = LabelSmoothingCrossEntropy(SMOOTHING)
        optimizer = create_optimizer_v2(model, "sgd", lr=LR, weight_decay=DECAY, momentum=0.9)
        average = ModelEmaV3(model, decay=AVERAGE)
    else:
        objective = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
        optimizer = SGD(model.parameters(), LR, momentum=0.9, weight_decay=DECAY)
        average = None
    if name == "lightning":
        return driven_by_lightning(model, objective, optimizer, (x, y))

    def step() -> float:
        optimizer.zero_grad()
        loss = objective(model(x), y)
        loss.backward()
        optimizer.step()
        if average is not None:
            average.update(model)
        return loss.item()

    return step


def driven_by_lightning(
    model: Any, objective: Any, optimizer: Any, batch: Any
) -> Callable[[], float]:
    """Its Trainer in a thread, which takes a step whenever it is asked for one."""
    lightning: Any = import_module("lightning")
    asked, taken = SimpleQueue[None](), SimpleQueue[float]()

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Any) -> Any:
            asked.get()
            return objective(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return optimizer

        def on_train_batch_end(self, outputs: Any, *_: Any) -> None:
            taken.put(outputs["loss"].item())

    class Same:
        def __iter__(self) -> Iterator[Any]:
            return repeat(batch)

    on = batch[0].device.type
    trainer = lightning.Trainer(
        max_steps=-1, max_epochs=-1, accelerator="cpu" if on == "cpu" else "gpu", devices=1,
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    Thread(target=trainer.fit, args=(Module(), Same()), daemon=True).start()

    def step() -> float:
        asked.put(None)
        return taken.get()

    return step


if __name__ == "__main__":
    main()
